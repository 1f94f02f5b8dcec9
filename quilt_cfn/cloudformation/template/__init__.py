"""A template as text and as a plain dict: reading it, writing it, and walking through it.

Nothing is evaluated here. This package may import ``quilt_cfn.cloudformation.facts``.
"""
