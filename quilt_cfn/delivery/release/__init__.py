"""Makes a released version: its files, manifest, hashes, bill of materials and signature.

Everything that is published is decided here, once; a released version never changes. This package imports no other
package of ``quilt_cfn.delivery``.
"""
