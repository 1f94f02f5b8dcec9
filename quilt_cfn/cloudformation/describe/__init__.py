"""Pages and pictures of a template for people: the rules, what a stack leaves behind; diagram, cost and timeline to
come.

This package may import everything else in ``quilt_cfn.cloudformation``.
"""
