"""Acts: makes releases, publishes them, submits them to AWS Marketplace.

    release ──▶ publish ──▶ marketplace

Everything here first makes a plan as a value, which can be printed, and then executes it. It is the only package that
touches AWS and the network. It may import everything but ``quilt_cfn.commands`` and ``quilt_cfn.cli``.
"""
