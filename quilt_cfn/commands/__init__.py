"""The commands of ``quilt-cfn``, one module each: its arguments, the call that does the work, and what is printed.

A module has ``add_to(commands)``, which adds its parser, and ``run(options)``, which returns the exit code. It may
import everything below it, heavy packages only inside ``run``: every command's module is imported by each call.
"""
