"""Checks and describes any CloudFormation template; knows no product and could be a library of its own.

    describe ──▶ checks ──▶ analysis ──▶ launch ──▶ template ──▶ facts

Imports go along the arrows only. A template comes in as a plain dict, what is special about a product (its contract,
its suppressions) as a value. This package imports ``quilt_cfn.errors`` and ``quilt_cfn.finding`` and nothing else of
ours.
"""
