"""The one kind of error that a user is meant to read.

The rule: an error is a sentence that says what is wrong, and a sentence that says what to do next. It is caught once,
at the edge (``cli.main``), which prints both and exits with 2.
"""


class UserError(Exception):
    """Something that keeps a command from doing its work; nothing was changed.

    ``what`` is one sentence about what is wrong, ``next_step`` one sentence about what to do now.
    """

    def __init__(self, what: str, next_step: str) -> None:
        super().__init__(what, next_step)  # what pickling hands on from one process to another
        self.what = what
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.what} {self.next_step}"
