"""Generate, prove and publish the CloudFormation templates of the Quilt Teams Registry.

Three kinds of code, and imports in one direction only: ``delivery`` acts, ``stack`` builds, ``cloudformation`` checks
and describes any template and knows no product. docs/architecture.md shows how they work together.
"""

__version__ = "1.1.0"
