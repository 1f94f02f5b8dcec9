"""The components of the machine image: the programs of ``quilt_cfn.image`` as documents of EC2 Image Builder.

Each document has one phase with one step, and shows what it runs as it is. Image Builder runs the phase ``build`` of
every component in the recipe's order, then ``validate`` of every component, and then its own clean-up; the phase
``test`` runs on an instance that was launched from the new image.
https://docs.aws.amazon.com/imagebuilder/latest/userguide/manage-components.html
https://docs.aws.amazon.com/imagebuilder/latest/userguide/security-best-practices.html

Two opening braces would begin a variable of Image Builder's, so that no program may have them.
https://github.com/aws/ec2-image-builder-roadmap/issues/114
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from textwrap import indent
from typing import Any, NamedTuple

from troposphere import GetAtt, Template, imagebuilder

from quilt_cfn import image
from quilt_cfn.inputs.release import Release
from quilt_cfn.stack.image_names import image_version, named_by_content

LARGEST_DOCUMENT = 16_000
"""Characters of a document in a template.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-imagebuilder-component.html"""

_MINUTE = 60
_BESIDE = tuple(each for each in image.PROGRAMS if each != "check_image.py" and not each.endswith(".sh"))
"""The modules and tables that check_image.py needs beside it."""
_END = "END_OF_FILE"
_FOLDER = "/run/quilt-build"
"""Where the programs lie while they run: in memory, so that none gets into the image."""


class Components(NamedTuple):
    """The components in the recipe's order. ``content`` is all that they are made of: it changes whenever one does."""

    arns: list[GetAtt]
    content: list[dict[str, Any]]


class _Program(NamedTuple):
    """What one or several components do: the files that it needs, of which the last component runs the first one."""

    name: str
    purpose: str
    phase: str
    interpreter: str
    files: tuple[str, ...]
    arguments: tuple[str, ...]
    minutes: int


def add_components(t: Template, release: Release) -> Components:
    """The components of a release's image."""
    components = Components([], [])
    for logical_id, purpose, document in _documents(release):
        properties = {
            "Description": purpose,
            "Platform": "Linux",
            "Version": image_version(release.version),
            "Data": document,
        }
        name = named_by_content(f"quilt-{logical_id.removesuffix('Component').lower()}", properties)
        component = t.add_resource(imagebuilder.Component(logical_id, Name=name, **properties))
        components.arns.append(GetAtt(component, "Arn"))
        components.content.append(properties)
    return components


def _programs(release: Release) -> Iterator[_Program]:
    images = [each.reference for each in release.images.values()]
    yield _Program(
        "Bake",
        f"Installs what an instance of release {release.version} needs, with the container images.",
        "build",
        "bash",
        ("bake.sh",),
        (release.version, *images),
        minutes=60,
    )
    yield _Program(
        "CleanUp",
        "Removes what the build left behind, before Image Builder removes what is its own.",
        "build",
        "bash",
        ("clean_up.sh",),
        (),
        minutes=10,
    )
    yield _Program(
        "Check",
        "Refuses an image that AWS Marketplace would refuse.",
        "validate",
        "python3",
        ("check_image.py", *_BESIDE),
        ("--live",),
        minutes=20,
    )
    yield _Program(
        "Test",
        f"Tries an instance that was launched from the new image of release {release.version}.",
        "test",
        "bash",
        ("test_image.sh",),
        (release.version,),
        minutes=20,
    )


def _documents(release: Release) -> Iterator[tuple[str, str, str]]:
    """(logical ID, purpose, document) of every component."""
    for program in _programs(release):
        *others, last = _groups(program)
        for number, files in enumerate(others, 1):
            name = f"{program.name}Files{number}Component"
            purpose = f"Writes what {program.name}Component needs beside its program."
            yield name, purpose, _document(program, name, "".join(map(_write, files)))
        name = f"{program.name}Component"
        yield name, program.purpose, _document(program, name, _commands(program, last))


def _groups(program: _Program) -> list[list[str]]:
    """A program's files, as many together as fit into one document; the last group has the program itself."""
    groups: list[list[str]] = [[]]
    for file in reversed(program.files):
        together = _document(program, f"{program.name}Files1Component", _commands(program, [*groups[-1], file]))
        if groups[-1] and len(together) > LARGEST_DOCUMENT:
            groups.append([])
        groups[-1].append(file)
    return groups


def _commands(program: _Program, files: list[str]) -> str:
    """Commands that write these files, run the program, and leave nothing behind."""
    run = " ".join([program.interpreter, f'"$folder/{program.files[0]}"', *map(shlex.quote, program.arguments)])
    return "".join(map(_write, files)) + f"trap 'rm -rf \"$folder\"' EXIT\n{run}\n"


def _document(program: _Program, name: str, commands: str) -> str:
    """A document whose step runs the commands; the first one that fails ends the step, and the build."""
    return f"""\
name: {name}
schemaVersion: 1.0
phases:
- name: {program.phase}
  steps:
  - name: {name.removesuffix("Component")}
    action: ExecuteBash
    timeoutSeconds: {program.minutes * _MINUTE}
    inputs:
      commands:
      - |
{indent(_PREAMBLE + commands, " " * 8)}"""


_PREAMBLE = f"""\
set -euo pipefail
folder={_FOLDER}
mkdir -p "$folder"
"""


def _write(file: str) -> str:
    """Commands that write a file of ``quilt_cfn.image`` into the folder."""
    return f"cat >\"$folder/{file}\" <<'{_END}'\n{image.read(file)}{_END}\n"
