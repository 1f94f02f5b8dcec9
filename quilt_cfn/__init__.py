"""Generate, prove and publish the CloudFormation templates of the Quilt Teams Registry.

The arrows go one way: a release becomes a template (``stack``), a template is a plain dict, and everything that
judges or prints (``checks``, ``render``) takes that dict and knows nothing of how it was made.
"""

__version__ = "1.0.0"
