"""Finds what is wrong with a template: the rules by family, the engine that runs them, two linters, and the report.

A check takes templates and returns findings; its caller decides what they mean for the exit code. This package may
import ``quilt_cfn.cloudformation.analysis`` and what is below it.
"""
