"""nginx's configuration: whether nginx would read it, and what it answers to a request, as far as the files say.

crossplane, nginx's own parser in Python, does the reading. A server and a location are chosen as nginx does:
https://nginx.org/en/docs/http/request_processing.html
https://nginx.org/en/docs/http/server_names.html
https://nginx.org/en/docs/http/ngx_http_core_module.html#location
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from quilt_cfn.cloudformation.analysis.spelling import meant

Statement = dict[str, Any]
"""A directive as crossplane reads it: ``directive``, ``args``, ``line``, and ``block`` if it has one."""

_NEWER = {
    *("http2", "http3", "http3_hq", "http3_max_concurrent_streams", "http3_stream_buffer_size"),
    *("quic_active_connection_id_limit", "quic_bpf", "quic_gso", "quic_host_key", "quic_retry", "ssl_key_log"),
    *("early_hints", "keepalive_min_timeout", "max_headers", "mgmt", "pass", "ssl_object_cache_inheritable"),
}
"""Directives of nginx that are younger than crossplane's list: https://nginx.org/en/docs/dirindex.html"""

_HARMLESS = re.compile(r"(_params|mime\.types|\.types)$")
"""Names of included files that have neither servers nor locations."""


class Parsed(NamedTuple):
    """A file as crossplane reads it."""

    statements: list[Statement]
    context: str
    """Where nginx would read them: ``main``, ``http`` for a file of servers, or ``unknown``."""
    faults: tuple[tuple[int, str], ...]
    """(line, what is wrong there) of what nginx refuses, the first alone, without a capital letter and a full stop."""


class Answer(NamedTuple):
    """What nginx answers by itself, without asking another server and without reading a file."""

    status: int
    file: str
    line: int


@lru_cache(maxsize=64)
def parse(text: str) -> Parsed:
    """Read one file; what it includes is not read."""
    # Only templates with nginx's files need it.
    import crossplane  # type: ignore[import-untyped]
    from crossplane.analyzer import DIRECTIVES  # type: ignore[import-untyped]

    top = _read(crossplane, text, check=False)["config"][0]["parsed"]
    context = _context(top)
    # In one line with the file's first, so that lines keep their numbers.
    payload = _read(crossplane, f"http {{ {text}\n}}" if context == "http" else text, check=context != "unknown")
    statements = payload["config"][0]["parsed"]
    faults = [(error["line"] or text.count("\n") + 1, _reason(error["error"])) for error in payload["errors"]]
    if not faults:
        for each in _every(statements):
            known = DIRECTIVES.keys() | _NEWER
            near = meant(each["directive"], sorted(known)) if each["directive"] not in known else None
            if near and each["inside"] in _WITH_DIRECTIVES:
                faults.append((each["line"], f"there is no directive {each['directive']}; {near} is one"))
    inner = statements[0].get("block", []) if context == "http" and statements else statements
    return Parsed(inner, context, tuple(faults[:1]))


def _context(top: list[Statement]) -> str:
    directives = {each["directive"] for each in top}
    if directives & {"http", "events", "stream", "mail"}:
        return "main"
    # In a server of HTTP, proxy_pass stands in a location: this is one of a stream.
    inner = {each["directive"] for block in _blocks(top, "server") for each in block}
    return "http" if "server" in directives and not inner & {"proxy_pass", "protocol"} else "unknown"


_WITH_DIRECTIVES = ("", "http", "server", "location", "events", "upstream", "if", "limit_except")
"""Blocks whose entries are directives; those of others, such as ``map``, are values."""


def _read(crossplane: Any, text: str, check: bool) -> dict[str, Any]:
    with TemporaryDirectory() as folder:
        file = Path(folder, "nginx.conf")
        file.write_text(text if text.endswith("\n") else f"{text}\n", encoding="utf-8", errors="replace")
        payload: dict[str, Any] = crossplane.parse(str(file), single=True, check_ctx=check, check_args=check)
    return payload


def _reason(error: str) -> str:
    """An error of crossplane without the name of the temporary file and the number of the line."""
    return re.sub(r" in \S+nginx\.conf(:\d+)?$", "", error) or "the file ends within a directive"


def _every(statements: Iterable[Statement], inside: str = "") -> Iterator[Statement]:
    for each in statements:
        yield {**each, "inside": inside}
        yield from _every(each.get("block", ()), each["directive"])


class _NotDecidable(Exception):
    """The files don't say what nginx answers."""


def answer(texts: Mapping[str, str], port: int, host: str, path: str) -> Answer | None:
    """What nginx answers by itself to a GET of a path at a port, with an IPv4 address as its host's name.

    ``texts`` are all of nginx's files that are known, by path. None if it hands the request on, reads a file, or if the
    files don't say; conditions (``if``) are taken not to hold.
    """
    try:
        servers, complete = _servers(texts)
        file, server, outer = _choose_server(servers, complete, port, host)
        return _of_server(file, server, outer, path.partition("?")[0])
    except _NotDecidable:
        return None


_Server = tuple[str, Statement, list[Statement]]
"""The path of the file, the server, and what surrounds it in ``http``."""


def _servers(texts: Mapping[str, str]) -> tuple[list[_Server], bool]:
    """Every server in nginx's order, and whether there can be no others."""
    parsed = {path: parse(text) for path, text in texts.items()}
    if any(each.faults for each in parsed.values()):
        raise _NotDecidable
    mains = [path for path, each in parsed.items() if each.context == "main"]
    parts = sorted(path for path, each in parsed.items() if each.context == "http")
    if len(mains) > 1:
        raise _NotDecidable
    found: list[_Server] = []
    complete = bool(mains)
    for main in mains:
        for block in _blocks(parsed[main].statements, "http"):
            for each in block:
                if each["directive"] == "server":
                    found.append((main, each, block))
                elif _adds_directives(each):
                    included = [path for path in parts if fnmatch.fnmatchcase(path, each["args"][0])]
                    complete = complete and each["args"][0] in included
                    found += [(path, server, block) for path in included for server in _own_servers(parsed[path])]
    if not mains:
        found = [(path, server, parsed[path].statements) for path in parts for server in _own_servers(parsed[path])]
    return found, complete


def _adds_directives(statement: Statement) -> bool:
    """Whether it includes a file that may have servers, locations or anything else that decides about an answer."""
    return statement["directive"] == "include" and not _HARMLESS.search(statement["args"][0])


def _own_servers(parsed: Parsed) -> list[Statement]:
    return [each for each in parsed.statements if each["directive"] == "server"]


def _blocks(statements: Iterable[Statement], directive: str) -> list[list[Statement]]:
    return [each.get("block", []) for each in statements if each["directive"] == directive]


def _values(block: Iterable[Statement], directive: str) -> list[list[str]]:
    """The arguments of every statement of a directive in a block."""
    return [each["args"] for each in block if each["directive"] == directive]


def _choose_server(servers: list[_Server], complete: bool, port: int, host: str) -> _Server:
    here = [(each, default) for each in servers for default in _listens(each[1]["block"], port)]
    names = [(name, each) for each, _ in here for args in _values(each[1]["block"], "server_name") for name in args]
    for name, each in names:
        if name == host:
            return each
    for name, each in names:
        if name.startswith("~") and _search(name[1:], host):
            return each
    defaults = [each for each, default in here if default]
    if not defaults and not (complete and here):
        raise _NotDecidable
    return defaults[0] if defaults else here[0][0]


def _listens(block: list[Statement], port: int) -> list[bool]:
    """Whether a server is the default one, if it listens on a port of the instance's IPv4 addresses; else empty."""
    found = []
    for args in _values(block, "listen") or [["80"]]:
        place, options = args[0], args[1:]
        address, _, number = place.rpartition(":") if not place.startswith("[") else ("::", "", "")
        if place.startswith(("[", "unix:", "127.", "localhost")):
            continue
        if not number.isdigit():
            address, number = place, "80"
        if number != str(port):
            continue
        if address not in ("", "*", "0.0.0.0"):
            raise _NotDecidable
        found.append(bool({"default_server", "default"} & set(options)))
    return [any(found)] if found else []


def _of_server(file: str, server: Statement, outer: list[Statement], path: str) -> Answer | None:
    block = server["block"]
    returned = _returned(block, [*block, *outer])
    if returned:
        return Answer(returned[0], file, returned[1])
    location = _location(block, path)
    if location:
        returned = _returned(location["block"], [*location["block"], *block, *outer])
        return Answer(returned[0], file, returned[1]) if returned else None
    # A file could be there under a root that is set; nginx's own has but these.
    scope = [*block, *outer]
    elsewhere = any(_values(scope, each) for each in ("root", "try_files", "error_page", "rewrite", "index"))
    if elsewhere or path in ("/", "/index.html", "/50x.html"):
        return None
    return Answer(404, file, server["line"])


def _returned(block: list[Statement], scope: list[Statement]) -> tuple[int, int] | None:
    """(status, line) of what a server or a location returns in any case."""
    for each in block:
        if each["directive"] == "rewrite" or _adds_directives(each):
            raise _NotDecidable
        if each["directive"] == "return":
            first = each["args"][0]
            status = int(first) if re.fullmatch("[0-9]{3}", first) else 302
            if first.startswith("$") or any(str(status) in args for args in _values(scope, "error_page")):
                raise _NotDecidable
            return status, each["line"]
    return None


def _location(block: list[Statement], path: str) -> Statement | None:
    """The location of a block that answers a path; nested ones included."""
    if any(map(_adds_directives, block)):
        raise _NotDecidable
    locations = [(*_modifier(each["args"]), each) for each in block if each["directive"] == "location"]
    for modifier, pattern, each in locations:
        if modifier == "=" and pattern == path:
            return each
    prefixes = [each for each in locations if each[0] in ("", "^~") and path.startswith(each[1])]
    best = max(prefixes, key=lambda each: len(each[1]), default=None)
    inner = _location(best[2]["block"], path) if best else None
    is_final = (best and best[0] == "^~") or (inner and _modifier(inner["args"])[0].startswith("~"))
    regex = None if is_final else _first_regex(locations, path)
    return regex or inner or (best[2] if best else None)


def _first_regex(locations: list[tuple[str, str, Statement]], path: str) -> Statement | None:
    for modifier, pattern, each in locations:
        if modifier in ("~", "~*") and _search(pattern, path, modifier == "~*"):
            return _location(each["block"], path) or each
    return None


def _modifier(args: list[str]) -> tuple[str, str]:
    """(modifier, pattern) of a location; nginx takes them in one word as well."""
    if len(args) > 1:
        return args[0], args[1]
    found = re.match(r"(=|\^~|~\*|~|@)", args[0])
    return (found[0], args[0][found.end() :]) if found else ("", args[0])


def _search(pattern: str, text: str, ignore_case: bool = False) -> bool:
    try:
        return bool(re.search(pattern, text, re.IGNORECASE if ignore_case else 0))
    except re.error:  # a pattern that only PCRE knows
        raise _NotDecidable from None
