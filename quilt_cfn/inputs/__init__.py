"""Reads what people write: release.yaml, listing.yaml, contract.yaml, suppressions.yaml, the changelog, parameters.

YAML goes through one reader, ``fields``, which names the file and the field in every complaint. This package may import
``quilt_cfn.cloudformation``, whose value types it fills.
"""
