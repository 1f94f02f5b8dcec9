"""Publishes a released version to S3 or to a folder, and checks what was published.

Everything is decided when a version is released: what is published are the bytes of its folder in
``templates/releases``, so that any machine publishes the same, at any time, as often as it likes.

    artifact (release) ──▶ plan ──▶ execute ──▶ store ──▶ verify

``publish`` connects these for the commands. ``bucket`` checks whether customers can read what is published.
"""
