"""Rehearses a release in a real AWS account: what only AWS can answer, tried out, with a report.

``plan`` says which steps there are, what they prove and what they cost; ``execute`` asks whether they may be taken,
takes them in order, and removes everything at the end; ``steps`` is what each one does. ``journal`` remembers on the
disk what is made, before it is made, so that ``clean_up`` can remove it after a crash. ``account`` is the only module
that calls AWS, ``web`` opens the sites, and ``images`` asks the registries of images. This package may import what
every package of ``delivery`` may.
"""
