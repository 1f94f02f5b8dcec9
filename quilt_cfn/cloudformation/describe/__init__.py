"""Pages about a template for people: the rules, and what a stack leaves behind.

Diagrams, costs and timelines of a template belong here too. This package may import everything else in
``quilt_cfn.cloudformation``.
"""
