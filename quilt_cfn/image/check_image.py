"""Finds what AWS Marketplace does not allow in a machine image: check_image.py [--live] [ROOT]

Prints a line for each fault, ``I07 /path: sentence``; exits with 1 when there are any. Every id stands for a line of
https://docs.aws.amazon.com/marketplace/latest/userguide/product-and-ami-policies.html or of
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/building-shared-amis.html, see explanations.py. Needs Python 3.9.

ROOT is the image's root folder. Nothing outside of it is read: links lead where they would on the instance, and other
file systems are left out. With --live, ROOT is the instance that becomes the image and still runs: what its services
write until it shuts down is left out, and its metadata service is asked.
"""

from __future__ import annotations

import csv
import datetime
import os
import re
import stat
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING or __package__:
    from quilt_cfn.image import system_checks
    from quilt_cfn.image.root_folder import Entry, Fault, Root
else:  # on the instance, where the programs lie in one folder
    import system_checks
    from root_folder import Entry, Fault, Root

Version = tuple[str, str]
"""(name, version) of a system or program."""
MOST_LINES = 20
"""So many faults with one id are printed."""
SEARCHED = (
    r"^/(root|home|etc|opt|srv|var|tmp|usr/local)/(?!.*/(lib/python[\d.]+|site-packages|dist-packages|node_modules)/)"
)
"""Where people and programs keep files of their own. What public packages bring along, such as keys for their tests, is
no secret."""
AUTHORIZED = "is an authorized key: whoever has its other half can log in"


def rows(name: str) -> list[dict[str, str]]:
    """The rows of a table beside this file."""
    with open(Path(__file__).parent / name, encoding="ascii", newline="") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


class Rule(NamedTuple):
    """A row of forbidden.csv."""

    id: str
    where: str
    path: re.Pattern[str]
    content: re.Pattern[str] | None
    sentence: str

    @classmethod
    def read(cls, row: dict[str, str]) -> Rule:
        path = re.compile(row["path"].replace("SEARCHED", SEARCHED))
        return cls(
            row["id"], row["where"], path, re.compile(row["content"]) if row["content"] else None, row["sentence"]
        )


def check(folder: str, today: datetime.date, live: bool = False, owner: int = 0) -> Iterator[Fault]:
    """Everything that is not allowed in a root folder; ``owner`` is the user who has to own /opt/quilt-image."""
    root = Root(folder)
    sshd = list(system_checks.sshd_settings(root))
    yield from system_checks.check(root, sshd, live, owner)
    rules = [Rule.read(row) for row in rows("forbidden.csv") if not (live and row["where"] == "off")]
    rules.append(Rule("I08", "image", system_checks.authorized_keys(sshd), None, AUTHORIZED))
    ends = {(row["system"], row["version"]): row["ends"] for row in rows("ends_of_life.csv")}
    layer = ""
    systems = set()
    for entry in root.walk():
        layer = layer or entry.tree
        if stat.S_ISREG(entry.info.st_mode) and entry.info.st_size:
            yield from forbidden(root, entry, rules)
            if re.match(r"/etc/(shadow|passwd)-?$", entry.path):
                yield from passwords(root, entry)
            for name, version in software(root, entry):
                if name in ("nginx", "python"):
                    yield from ended((name, version), "I03", entry.full, ends, today)
                else:
                    systems.add(entry.tree != "")
                    yield from ended((name, version), "I02" if entry.tree else "I01", entry.full, ends, today)
    if False not in systems:
        yield Fault("I01", "/etc/os-release", "does not say which operating system this is")
    if layer and True not in systems:
        yield Fault("I02", layer, "is of a container image, and no layer of any says which operating system it has")
    for path in dict.fromkeys(root.unread):
        yield Fault("I30", path, "could not be read, so nobody knows what is in it: run this as root")


def forbidden(root: Root, entry: Entry, rules: list[Rule]) -> Iterator[Fault]:
    """What the rules say about a file. It is read once, and only if a rule asks for its content."""
    text: str | None = None
    for rule in rules:
        if (rule.where == "all" or not entry.tree) and rule.path.search(entry.path):
            if rule.content and text is None:
                text = root.read(entry.full, follow=False)
                # Of programs and archives, only what they are: there is nothing to read in them.
                text = text[:64] if "\0" in text[:4096] else text
            if not rule.content or rule.content.search(text or ""):
                yield Fault(rule.id, entry.full, rule.sentence)


def software(root: Root, entry: Entry) -> Iterator[Version]:
    """The system or the programs that a file tells of. Distributions support their own packages; those of nginx.org,
    and Python in /usr/local, come from elsewhere."""
    python = re.match(r"/usr/local/lib/python(\d\.\d+)/os\.py$", entry.path)
    if python:
        yield "python", python[1]
    elif entry.path in ("/usr/lib/os-release", "/etc/os-release"):
        yield system(root.read(entry.full, follow=False))
    elif re.match(r"/var/lib/dpkg/status$|(/usr)?/lib/apk/db/installed$", entry.path):
        for package in root.read(entry.full, follow=False, most=1 << 24).split("\n\n"):
            if re.search(r"(?m)^(Package: |P:)nginx$", package) and "nginx-packaging@" in package:
                found = re.search(r"(?m)^(?:Version: |V:)(\d+\.\d+)", package)
                yield "nginx", found[1] if found else "without a version"


def ended(version: Version, id: str, path: str, ends: dict[Version, str], today: datetime.date) -> Iterator[Fault]:
    """A fault if a system or program, (name, version), is unknown or not supported any more."""
    name, number = version
    known = [each for each in ends if each[0] == name and f"{number}.".startswith(f"{each[1]}.")]
    if not known:
        yield Fault(id, path, f"{name} {number} is not in ends_of_life.csv: look up when its support ends, and add it")
    elif ends[known[0]] < today.isoformat():
        yield Fault(id, path, f"{name} {number} has had no support since {ends[known[0]]}")


def system(text: str) -> Version:
    """(ID, VERSION_ID) of an os-release file."""
    values = dict(re.findall(r"(?m)^(ID|VERSION_ID)=[\"']?([^\"'\n]*)", text))
    return values.get("ID", "an unnamed system"), values.get("VERSION_ID", "without a version")


def passwords(root: Root, entry: Entry) -> Iterator[Fault]:
    """Accounts with a password, its hash included, and accounts with a blank one."""
    for line in root.read(entry.full, follow=False).splitlines():
        name, password = f"{line}::".split(":")[:2]
        if name.startswith("#") or not name or re.fullmatch(r"x|!+|!*\*.*", password):
            continue
        what = f"the account {name} has a {'password, locked or not' if password else 'blank password'}"
        if name == "root" and not entry.tree:
            yield Fault("I07", entry.full, f"{what}: lock it with passwd --lock root, and remove the hash")
        else:
            yield Fault("I04" if password else "I05", entry.full, what)


def main(arguments: list[str]) -> int:
    words = [each for each in arguments if each != "--live"]
    if len(words) > 1 or (words and not os.path.isdir(words[0])):
        print("usage: check_image.py [--live] [ROOT]; ROOT is a folder, and / without it", file=sys.stderr)
        return 2
    counts: Counter[str] = Counter()
    for fault in check(words[0] if words else "/", datetime.date.today(), live="--live" in arguments):
        counts[fault.id] += 1
        if counts[fault.id] <= MOST_LINES:
            print(fault, flush=True)
    for id, count in sorted(counts.items()):
        if count > MOST_LINES:
            print(f"{id}: and {count - MOST_LINES} more")
    print(f"{sum(counts.values()) or 'No'} fault{'' if sum(counts.values()) == 1 else 's'}.", file=sys.stderr)
    return 1 if counts else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
