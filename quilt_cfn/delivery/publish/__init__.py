"""Publish a release, and check what was published.

The rule: everything is decided when a version is released. What is published are the bytes of its folder in
``templates/releases``, so that any machine publishes the same, at any time, as often as it likes.

An ``artifact`` is such a folder; a ``store`` is where artifacts are published to, or read from. ``planning`` compares
the two and says what is to be done, as a value; ``carrying_out`` does it; ``verifying`` asks whether it is true.
"""
