"""Facts about AWS that don't depend on a template: partitions, Regions, availability, quotas, IAM actions.

Each module names its source. This package imports no other of ``quilt_cfn.cloudformation``.
"""
