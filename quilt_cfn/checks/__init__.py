"""What is said about a template; it is a value, and the template may be anybody's.

The rule: nothing here imports the stack. A check takes a template and yields findings; who calls it decides what a
finding means for the exit code.
"""
