"""Reads what people write: release.yaml, listing.yaml, contract.yaml, suppressions.yaml, the changelog, parameters.

All YAML is loaded by ``fields.read_yaml``. Every error names the file and the field or line. This package may import
``quilt_cfn.cloudformation``, whose value types it fills, and ``quilt_cfn.editions``.
"""
