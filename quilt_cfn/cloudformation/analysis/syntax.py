"""Whether a text is valid Python, shell, JSON, YAML, nginx configuration or a systemd unit; it is never run.

A result is kept, because a check sees the same text in every Region and with every parameter set.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable
from functools import cache, lru_cache

import yaml

from quilt_cfn.cloudformation.analysis import nginx, systemd_units
from quilt_cfn.cloudformation.analysis.systemd_units import Fault

_NEWER_PYTHON = {
    (3, 11): r"^\s*except\s*\*",
    (3, 12): r"^\s*type \w+.*=|\b(def|class) \w+\[",
    (3, 14): r"^\s*except [\w.]+, [\w.]+.*:|\b[rR]?[tT][\"'].*\{",
}
"""Version of Python -> syntax that is new in it, which an older one refuses: https://docs.python.org/3/whatsnew/"""

_PYTHON_2 = re.compile(r"^\s*print\b\s*[^(\s=]|^\s*except [\w.]+, \w+:|^\s*(exec|raise \w+,) |`|\b0[0-7]+\b|<>")
"""Lines that only Python 2 accepts, which is /usr/bin/python on Amazon Linux 2."""


def faults(kind: str, name: str, text: str) -> tuple[Fault, ...]:
    """Everything that is wrong with a text of this kind, a key of ``KINDS``; ``name`` is a file's path or empty."""
    return _faults(kind, name if kind == "systemd" else "", text)


@lru_cache(maxsize=512)
def _faults(kind: str, name: str, text: str) -> tuple[Fault, ...]:
    return KINDS[kind](name, text)


def _python(name: str, text: str) -> tuple[Fault, ...]:
    lines = text.splitlines()
    return tuple(each for each in _python_3(name, text) if not _PYTHON_2.search("".join(lines[each[0] - 1 : each[0]])))


def _python_3(name: str, text: str) -> tuple[Fault, ...]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(text, "file", "exec", dont_inherit=True)
    except SyntaxError as error:
        # The program may be for a newer Python than this one. Before 3.12 f-strings could hold less.
        newer = [pattern for version, pattern in _NEWER_PYTHON.items() if sys.version_info < version]
        is_newer = any(re.search(pattern, text, re.MULTILINE) for pattern in newer)
        if not is_newer and not (sys.version_info < (3, 12) and error.msg.startswith("f-string")):
            return ((error.lineno or 1, error.msg),)
    except (ValueError, RecursionError, MemoryError):  # null bytes, or nested too deeply for this Python
        pass
    return ()


@cache
def _bash() -> str | None:
    return shutil.which("bash")


def _shell(name: str, text: str) -> tuple[Fault, ...]:
    """bash reads commands without running them (``-n``). Without a bash on this machine nothing is found."""
    bash = _bash()
    if not bash:
        return ()
    # With -n, shopt is not run either.
    options = ["-O", "extglob"] if "extglob" in text else []
    environment = {"LC_ALL": "C", "PATH": "/usr/bin:/bin"}
    command = [bash, "--norc", "--noprofile", *options, "-n"]
    script = text.encode(errors="replace")
    read = subprocess.run(command, input=script, capture_output=True, env=environment, check=False)
    found = re.search(r"line ([0-9]+): (.*)", read.stderr.decode(errors="replace")) if read.returncode else None
    return ((int(found[1]), found[2].replace("`", "'").replace("syntax error: ", "")),) if found else ()


def _json(name: str, text: str) -> tuple[Fault, ...]:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return ((error.lineno, f"{error.msg[:1].lower()}{error.msg[1:]}"),)
    except RecursionError:
        pass
    return ()


def _yaml(name: str, text: str) -> tuple[Fault, ...]:
    try:
        for _ in yaml.compose_all(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            pass
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        return ((line, error.problem or error.context or "not readable"),)
    except (yaml.YAMLError, RecursionError):
        pass
    return ()


def _nginx(name: str, text: str) -> tuple[Fault, ...]:
    return nginx.parse(text).faults


def _systemd(name: str, text: str) -> tuple[Fault, ...]:
    return tuple(systemd_units.faults(name, text))


KINDS: dict[str, Callable[[str, str], tuple[Fault, ...]]] = {
    "Python": _python,
    "Python 3": _python_3,
    "shell": _shell,
    "JSON": _json,
    "YAML": _yaml,
    "nginx": _nginx,
    "systemd": _systemd,
}
"""Kind of text -> what finds everything that is wrong with a text, by its name and itself."""
