"""Programs and configuration files in a template, each with the language that it is in.

They are user data, what cfn-init writes, and the code of functions; and in shell scripts the programs that ``python3
-c`` and ``bash -c`` run and the files that a here-document writes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from email import message_from_string
from functools import lru_cache
from typing import Any, NamedTuple

from quilt_cfn.cloudformation.analysis.instances import INIT, cfn_init, decoded_user_data, user_data
from quilt_cfn.cloudformation.analysis.systemd_units import UNITS
from quilt_cfn.cloudformation.launch import Launch, is_known, origins_of
from quilt_cfn.cloudformation.template.coerce import as_text, dict_or_empty, map_at
from quilt_cfn.cloudformation.template.walk import Path


class Embedded(NamedTuple):
    """A program or a configuration file."""

    path: Path
    """Its place in the template, or that of the script that it is a part of."""
    name: str
    """For a sentence: the path of the file on the instance, ``the user data`` or ``the code``."""
    file: str
    """The path of the file on the instance; empty for what is none."""
    kind: str
    """Its language, a key of ``syntax.KINDS``."""
    text: str
    """What it says; in place of every value that only AWS knows stands the number 1."""
    line: int
    """The number, less one, of its first line in what ``name`` names."""


@lru_cache(maxsize=1)
def embedded(launch: Launch) -> tuple[Embedded, ...]:
    """Every program and configuration file of a launch whose language is known."""
    return tuple(inner for each in _embedded(launch) for inner in (each, *_parts(each)) if inner.kind)


def _embedded(launch: Launch) -> Iterator[Embedded]:
    for path, data in user_data(launch):
        text = decoded_user_data(data)
        if text is not None:
            yield from _of_user_data(path, _plain(launch, text))
    for name in launch.resources:
        for config, sections in cfn_init(launch, name).items():
            for file, settings in map_at(sections, "files").items():
                content = dict_or_empty(settings).get("content")
                if isinstance(content, str) and "encoding" not in settings:
                    text = _plain(launch, content)
                    path = ("Resources", name, "Metadata", INIT, config, "files", file, "content")
                    yield Embedded(path, file, file, _kind(file, text), text, 0)
    for name, properties in launch.of_type("AWS::Lambda::Function").items():
        code = map_at(properties, "Code").get("ZipFile")
        if isinstance(code, str) and as_text(properties.get("Runtime", "")).startswith("python3"):
            path = ("Resources", name, "Properties", "Code", "ZipFile")
            yield Embedded(path, "the code", "", "Python 3", _plain(launch, code), 0)


def _of_user_data(path: Path, text: str) -> Iterator[Embedded]:
    """User data, or each part of it: https://docs.cloud-init.io/en/latest/explanation/format.html"""
    if not re.match(r"(?i)(content-type:\s*multipart/|mime-version:)", text):
        yield Embedded(path, "the user data", "", _kind_by_content(text), text, 0)
        return
    for part in message_from_string(text).walk():
        content = part.get_payload()
        if isinstance(content, str) and not part.get("Content-Transfer-Encoding", "7bit").lower().startswith("base"):
            line = text[: text.find(content)].count("\n")
            yield Embedded(path, "the user data", "", _kind_by_content(content), content, line)


_COMPUTED = re.compile(
    r"(?<!<)<(Ref|joined|member|part|block|GetAZs|Fn::[A-Za-z]+|[A-Za-z]+\?|[A-Za-z0-9.-]+\[[0-9]+\])>"
)
"""What stands in a text for the result of a function that could not be computed."""


def _plain(launch: Launch, text: str) -> str:
    """A text without placeholders. The Region is always the same one, so that a text is read once for all Regions."""
    plain = str(text)
    if not is_known(text):
        for origin in sorted(origins_of(text)):
            name = f"{origin.name}.{origin.attribute}" if origin.attribute else origin.name
            plain = re.sub(rf"<{re.escape(name)}(\[[0-9]+\])?>", "1", plain)
        plain = _COMPUTED.sub("1", plain)
    return plain.replace(launch.region, "us-east-1")


_SHELLS = re.compile(r"#! *(/usr)?/bin/(env +)?(ba|da)?sh\b")
_PYTHONS = re.compile(r"#! *\S*/(?:env +(?:-S +)?)?(python|python3[0-9.]*)(?:\s|$)")


def _kind_by_content(text: str) -> str:
    first = text.partition("\n")[0]
    if _SHELLS.match(first):
        return "shell"
    if found := _PYTHONS.match(first):
        return _language(found[1])
    return "YAML" if first.startswith("#cloud-config") else ""


def _kind(file: str, text: str) -> str:
    """The language of a file, by its shebang, and else by its name; empty if that isn't known."""
    if text.startswith("#!"):
        return _kind_by_content(text)
    folder, _, name = file.rpartition("/")
    _, dot, extension = name.rpartition(".")
    if "{{" in text or "{%" in text:  # a template, as for cfn-init's "context"
        return ""
    if "/systemd/" in f"{file}/" and (name.endswith(UNITS) or (extension == "conf" and folder.endswith(".d"))):
        return "systemd" if "/systemd/system" in file or "/systemd/user" in file else ""
    if "nginx" in file and (extension == "conf" or re.search("/sites-(available|enabled)$", folder)):
        return "nginx"
    return {"py": "Python", "sh": "shell", "json": "JSON", "yaml": "YAML", "yml": "YAML"}.get(
        extension if dot else "", ""
    )


_HERE_DOCUMENT = re.compile(
    r"^(?P<command>[^#\n]*?)(?<!<)<<(?P<strip>-?) *(?P<quote>['\"]?)(?P<word>[A-Za-z_][A-Za-z0-9_]*)(?P=quote)"
    r"(?P<rest>[^\n]*)\n(?P<body>.*?)^\t*(?P=word)$",
    re.MULTILINE | re.DOTALL,
)
_PROGRAM = re.compile(
    r"(?<![\w/.-])(?P<program>python3?|python3\.[0-9]+|bash|sh) +(-[A-Za-z]+ +)*-[a-z]*c +"
    r"'(?P<body>[^']*)'(?=[\s;&|)]|$)"
)
_INTERPRETER = re.compile(r"(?:^|[|;&(]|\bsudo )\s*(python3(?:\.[0-9]+)?|bash|sh)\s*(?:-s?\s*)?$")
_TARGET = re.compile(r"(?:>>?|\btee(?: -a)?) *[\"']?(/[A-Za-z0-9_./@-]+)")


def _parts(outer: Embedded) -> Iterator[Embedded]:
    """The programs and files that are written inside a shell script."""
    if outer.kind != "shell":
        return
    for file, kind, text, line in _parts_of(outer.text):
        yield outer._replace(file=file, kind=kind, text=text, line=outer.line + line)


@lru_cache(maxsize=128)
def _parts_of(script: str) -> tuple[tuple[str, str, str, int], ...]:
    """(file, kind, text, line) of each of them; only of those in which the shell replaces nothing."""
    found: list[tuple[str, str, str, int]] = []
    for match in _HERE_DOCUMENT.finditer(script) if "<<" in script else ():
        body = match["body"]
        if not match["quote"]:
            if re.search(r"(?<!\\)[$`]", body):
                continue
            body = re.sub(r"\\([$`\\])", r"\1", body)
        if match["strip"]:
            body = re.sub(r"(?m)^\t+", "", body)
        words = f"{match['command']}{match['rest']}"
        target = _TARGET.search(words)
        reads = _INTERPRETER.search(match["command"].rstrip())
        kind = _kind(target[1], body) if target else _language(reads[1]) if reads else ""
        is_appended = ">>" in words or "tee -a" in words
        if kind and not (target and is_appended):
            found.append((target[1] if target else "", kind, body, script[: match.start("body")].count("\n")))
    for match in _PROGRAM.finditer(script) if " -" in script else ():
        kind = _language(match["program"])
        if re.search(r"\\[\"$`]", match["body"]):  # what a shell around it reads first
            continue
        found.append(("", kind, match["body"], script[: match.start("body")].count("\n")))
    return tuple(found)


def _language(program: str) -> str:
    return {"python": "Python", "bash": "shell", "sh": "shell"}.get(program, "Python 3")


def nginx_files(launch: Launch, *names: str) -> dict[str, str]:
    """Path -> text of nginx's files that are written on an instance whose properties are in these resources."""
    found: dict[str, Any] = {}
    for each in embedded(launch):
        if each.kind == "nginx" and each.path[1] in names:
            found[each.file] = each.text
    return found
