"""Verdicts about templates: the rules by family, the engine that runs them, the linters, suppressions and reports.

A check takes a template and returns findings; who calls it decides what they mean for the exit code. This package may
import ``quilt_cfn.cloudformation.analysis`` and what is below it.
"""
