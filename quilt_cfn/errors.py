"""The error that is meant for the user: a sentence about what is wrong, and one about what to do next.

It is caught once, in ``cli.main``, which prints both sentences and exits with 2.
"""


class UserError(Exception):
    """Something that stops a command.

    ``what`` is a sentence about what is wrong, ``next_step`` a sentence about what the user can do now.
    """

    def __init__(self, what: str, next_step: str) -> None:
        super().__init__(what, next_step)  # the arguments with which another process unpickles it
        self.what = what
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.what} {self.next_step}"
