"""Every command of the AWS CLI in the documentation exists, with its options, and what it shows is in the answer."""

from __future__ import annotations

import itertools
import re
import shlex
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import jmespath  # type: ignore[import-untyped]  # it ships no types
import pytest
from awscli.customizations.cloudformation.deploy import DeployCommand  # type: ignore[import-untyped]
from awscli.customizations.ecr import ECRGetLoginPassword  # type: ignore[import-untyped]
from botocore import xform_name
from botocore.model import OperationModel, Shape

DOCS = sorted((Path(__file__).resolve().parent.parent / "docs").rglob("*.md"))
GLOBAL_OPTIONS = {"--output", "--query", "--region"}
"""What every command takes: https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-options.html."""
OF_THE_CLI_ALONE = {"s3": None, "cloudformation deploy": DeployCommand, "ecr get-login-password": ECRGetLoginPassword}
"""Commands that are no operations of an API -> what says which options they have."""


def code(text: str) -> Iterator[str]:
    """The indented code blocks of a Markdown page, with continued lines joined."""
    for block in re.findall(r"(?m)(?:^    .*\n)+", text):
        yield re.sub(r"\\\n\s*", " ", re.sub("(?m)^    ", "", block))


def commands(text: str) -> Iterator[list[str]]:
    """The words of every command of the AWS CLI in the code blocks of a page; what the shell computes is ``VALUE``."""
    waiting = list(code(text))
    for script in waiting:
        while inner := _SUBSTITUTION.search(script):
            waiting.append(inner[1])
            script = script.replace(inner[0], "VALUE")
        for line in script.splitlines():
            if re.match(r"\s*aws [a-z]", line):
                words = shlex.shlex(line, posix=True, punctuation_chars="|")
                words.whitespace_split = True
                yield list(itertools.takewhile(lambda word: word != "|", words))[1:]


# A command substitution, with others in it that have none.
_SUBSTITUTION = re.compile(r"\$\(([^()]*(?:\([^()]*\)[^()]*)*)\)")


FOUND = [(page.name, words) for page in DOCS for words in commands(page.read_text(encoding="utf-8"))]


@cache
def service(name: str) -> Any:
    return botocore.session.get_session().get_service_model("s3" if name == "s3api" else name)


def operation(words: list[str]) -> OperationModel:
    """The operation that a command calls; of a waiter, the one that it repeats."""
    names = {xform_name(each, "-"): each for each in service(words[0]).operation_names}
    if words[1] == "wait":
        waiters = botocore.session.get_session().get_waiter_model(words[0])
        known = {xform_name(each, "-"): each for each in waiters.waiter_names}
        assert words[2] in known, f"{words[0]} has no waiter {words[2]}"
        return service(words[0]).operation_model(waiters.get_waiter(known[words[2]]).operation)
    assert words[1] in names, f"{words[0]} has no command {words[1]}"
    return service(words[0]).operation_model(names[words[1]])


def options(shape: Shape | None) -> set[str]:
    """The options of an operation's members; a switch has its opposite."""
    found = set()
    for name, member in (shape.members if shape else {}).items():
        option = xform_name(name, "-")
        found |= {f"--{option}", f"--no-{option}"} if member.type_name == "boolean" else {f"--{option}"}
    return found


def example(shape: Shape | None, seen: tuple[str, ...] = ()) -> Any:
    """An answer of a shape, with one member in each list."""
    if shape is None or shape.name in seen:
        return None
    inside = (*seen, shape.name)
    if shape.type_name == "structure":
        return {name: example(member, inside) for name, member in shape.members.items()}
    if shape.type_name == "list":
        return [example(shape.member, inside)]
    return {"string": "text", "boolean": True, "timestamp": "2027-01-01"}.get(shape.type_name, 1)


@pytest.mark.parametrize(("page", "words"), FOUND, ids=[f"{page}: {' '.join(words[:3])}" for page, words in FOUND])
def test_a_command_exists_with_its_options_and_what_it_shows(page, words):
    given = {word for word in words if word.startswith("--")}
    command = next((each for each in OF_THE_CLI_ALONE if f"{' '.join(words)} ".startswith(f"{each} ")), None)
    if command:
        table = getattr(OF_THE_CLI_ALONE[command], "ARG_TABLE", None)
        known = {f"--{each['name']}": each.get("required", False) for each in table or ()}
        assert table is None or given - GLOBAL_OPTIONS <= known.keys()
        assert {option for option, required in known.items() if required} <= given
        return
    model = operation(words)
    assert given - GLOBAL_OPTIONS <= options(model.input_shape)
    required = model.input_shape.required_members if model.input_shape else []
    made_up = set(model.idempotent_members)  # tokens, which the CLI generates
    for option in (xform_name(name, "-") for name in required if name not in made_up):
        assert given & {f"--{option}", f"--no-{option}"}, f"--{option} is missing"
    if "--query" in given:
        query = words[words.index("--query") + 1]
        # A filter by a value finds nothing in an example.
        shown = jmespath.search(re.sub(r"\[\?.*?\]", "[]", query), example(model.output_shape))
        assert shown not in (None, []), query
        assert not re.search(r"\bNone\b", str(shown)), query


@pytest.mark.parametrize("name", ["recovery.md", "releasing.md", "rehearsal.md"])
def test_every_command_of_a_page_is_found(name):
    found = [words for page, words in FOUND if page == name]
    written = next(page for page in DOCS if page.name == name).read_text(encoding="utf-8")
    assert found
    assert len(found) == sum(len(re.findall(r"\baws (?=[a-z0-9-]+ [a-z])", block)) for block in code(written))


def test_the_commands_of_a_recovery_are_valid_for_the_shell():
    page = next(page for page in DOCS if page.name == "recovery.md")
    script = "".join(code(page.read_text(encoding="utf-8")))
    subprocess.run(["bash", "-n"], input=script, text=True, check=True, timeout=10)
