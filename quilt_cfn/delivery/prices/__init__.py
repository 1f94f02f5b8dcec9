"""Asks AWS what it charges: the only package that does. The prices that are known lie in ``cloudformation.facts``."""
