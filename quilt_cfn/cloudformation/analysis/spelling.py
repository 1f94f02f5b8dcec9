"""Which known name somebody probably meant by another one."""

from __future__ import annotations

from collections.abc import Iterable


def meant(name: str, known: Iterable[str]) -> str | None:
    """The known name that a name becomes by one slip of a typist, or by other capitals; None if there is none.

    A slip leaves out, adds or replaces one character, or swaps two. Names of fewer than five characters are too much
    alike for that.
    """
    lower = name.lower()
    return next((each for each in known if min(len(name), len(each)) > 4 and _is_one_slip(lower, each.lower())), None)


def _is_one_slip(a: str, b: str) -> bool:
    if abs(len(a) - len(b)) > 1:
        return False
    same = next((index for index, (left, right) in enumerate(zip(a, b, strict=False)) if left != right), None)
    if same is None:
        return True
    rest_a, rest_b = a[same:], b[same:]
    swapped = rest_a[1:2] + rest_a[:1] + rest_a[2:]
    return rest_b in (rest_a[1:], swapped) or rest_a == rest_b[1:] or rest_a[1:] == rest_b[1:]
