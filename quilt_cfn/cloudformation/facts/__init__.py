"""Facts about AWS that are true without any template: partitions, Regions, availability, quotas, IAM actions.

Each says where it was read. This package imports no other of ``quilt_cfn.cloudformation``.
"""
