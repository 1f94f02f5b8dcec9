"""A template as text and as a plain dict: read, written, walked through.

Nothing is evaluated here. This package may import ``quilt_cfn.cloudformation.facts``.
"""
