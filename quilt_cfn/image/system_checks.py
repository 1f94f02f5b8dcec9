"""What check_image.py asks of the system as a whole: who may log in, what was baked, swap, processor, metadata."""

from __future__ import annotations

import fnmatch
import os
import re
import stat
import subprocess
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING or __package__:
    from quilt_cfn.image.root_folder import Fault, Root
else:  # on the instance, where the programs lie in one folder
    from root_folder import Fault, Root

MARKETPLACE_PORT = 22
"""Where AWS Marketplace's scan logs in, as marketplace/listing.yaml says."""
METADATA = "http://169.254.169.254/latest/meta-data/"

Setting = tuple[str, str, str, bool]
"""A line of sshd's configuration: keyword in lower case, value, file, and whether it depends on a Match."""


def check(root: Root, sshd: list[Setting], live: bool, owner: int) -> Iterator[Fault]:
    """Everything of this module; ``owner`` has to own /opt/quilt-image, and ``live`` instances are asked themselves."""
    yield from remote_logins(root, sshd)
    yield from own_files(root, owner)
    yield from swap(root)
    yield from machine(root)
    if live:
        yield from metadata()


def sshd_settings(
    root: Root, path: str = "/etc/ssh/sshd_config", match: bool = False, depth: int = 0
) -> Iterator[Setting]:
    """The settings in the order in which sshd reads them. An included file ends the Match that is in it."""
    for line in root.read(path).splitlines():
        found = re.match(r"\s*([A-Za-z]\w*)(?:\s*=\s*|\s+)(.*?)\s*(?:\s#.*)?$", line)
        if not found:
            continue
        keyword, value = found[1].lower(), found[2].replace('"', "")
        if keyword == "match":
            match = value.lower() != "all"
        elif keyword == "include" and depth < 16:
            for pattern in value.split():
                folder, _, name = os.path.join("/etc/ssh", pattern).rpartition("/")
                for each in root.names(folder):
                    if fnmatch.fnmatchcase(each, name) and not each.startswith("."):
                        yield from sshd_settings(root, f"{folder}/{each}", match, depth + 1)
        else:
            yield keyword, value, path, match


def remote_logins(root: Root, sshd: list[Setting]) -> Iterator[Fault]:
    """Whether sshd lets in who should get in, by a key, and nobody else. The first value of a keyword holds."""
    same = {"challengeresponseauthentication": "kbdinteractiveauthentication"}
    default = "/etc/ssh/sshd_config"
    first: dict[str, tuple[str, str]] = {}
    everywhere: list[tuple[str, str, str]] = []
    for keyword, value, path, match in sshd:
        keyword = same.get(keyword, keyword)
        if match:
            everywhere.append((keyword, value, path))
        else:
            first.setdefault(keyword, (value, path))
    for keyword, usual in DEFAULTS.items():
        value, path = first.get(keyword, (usual, default))
        everywhere.append((keyword, value, path))
    for keyword, value, path in everywhere:
        if keyword in DEFAULTS and value.lower() not in ALLOWED[keyword]:
            yield Fault(
                "I07" if keyword == "permitrootlogin" else "I06", path, f"sshd takes {keyword} {value} from here"
            )
    ports = [value for keyword, value, _, _ in sshd if keyword == "port"] or ["22"]
    addresses = [value for keyword, value, _, _ in sshd if keyword == "listenaddress"]
    wants = root.names("/etc/systemd/system/multi-user.target.wants")
    if root.status(root.resolve("/usr/sbin/sshd")) is None:
        yield Fault("I23", "/usr/sbin/sshd", "is missing: buyers have to be able to administer the instance by SSH")
    elif not {"sshd.service", "ssh.service"} & set(wants):
        yield Fault("I23", "/etc/systemd/system/multi-user.target.wants", "does not start sshd with the instance")
    elif addresses and all(re.match(r"127\.|\[?::1|localhost", each) for each in addresses):
        yield Fault("I23", default, "sshd listens on the instance's own address only")
    elif str(MARKETPLACE_PORT) not in ports:
        yield Fault("I23", default, f"sshd listens on {', '.join(ports)}, and AWS Marketplace tries {MARKETPLACE_PORT}")


DEFAULTS = {
    "passwordauthentication": "yes",
    "kbdinteractiveauthentication": "yes",
    "permitemptypasswords": "no",
    "hostbasedauthentication": "no",
    "permitrootlogin": "prohibit-password",
}
"""What sshd does without a setting: https://man.openbsd.org/sshd_config."""
ALLOWED = {keyword: {"no"} for keyword in DEFAULTS}
ALLOWED["permitrootlogin"] = {"no", "prohibit-password", "without-password", "forced-commands-only"}


def authorized_keys(sshd: list[Setting]) -> re.Pattern[str]:
    """Where else than in ~/.ssh/authorized_keys sshd looks for authorized keys."""
    usual = ("none", ".ssh/authorized_keys", ".ssh/authorized_keys2")
    values = [value for keyword, value, _, _ in sshd if keyword == "authorizedkeysfile"]
    patterns = ["(?!)"]  # matches nothing
    for pattern in " ".join(values).split():
        if pattern not in usual:
            home = "" if pattern.startswith(("/", "%h")) else "%h/"
            escaped = re.escape(home + pattern).replace("%%", "%")
            patterns.append("^" + escaped.replace("%h", "/.+").replace("%u", "[^/]+").replace("%U", r"\d+") + "$")
    return re.compile("|".join(patterns))


def own_files(root: Root, owner: int) -> Iterator[Fault]:
    """Whether /opt/quilt-image is complete, and only root can change it."""
    folder = "/opt/quilt-image"
    wanted = {
        "": ".*",
        "/release": r"\d+\.\d+\.\d+\S*\n",
        "/images": r"([^\s@]+@sha256:[0-9a-f]{64}\n)+",
        "/rds-certificates.pem": r"(?s).*-----END CERTIFICATE-----\s*",
    }
    for name in [*wanted, *(f"/{each}" for each in root.names(folder) if f"/{each}" not in wanted)]:
        path = folder + name
        info = root.status(path)
        if info is None:
            yield Fault("I29", path, "is missing: bake.sh did not end")
            return
        if info.st_uid != owner or info.st_mode & 0o022:  # a link is writable by everybody
            yield Fault("I29", path, "has to belong to root, to be no link, and to be writable by nobody else")
        elif name and not re.fullmatch(wanted.get(name, "(?!)"), root.read(path)):
            yield Fault("I29", path, "is not what bake.sh writes there")


def swap(root: Root) -> Iterator[Fault]:
    """Whether a swap file holds memory of the instance that was baked: all but its first page has to be zero."""
    table = re.findall(r"(?m)^\s*(/\S+)\s+\S+\s+swap\s", root.read("/etc/fstab"))
    for path in dict.fromkeys(["/swapfile", *table]):
        file = root.open_file(path)
        if file:
            with file:
                if file.read(4096)[4086:] != b"SWAPSPACE2" or not empty(file.fileno()):
                    yield Fault("I20", path, "is swap that was used: it holds memory of the instance that was baked")


def empty(number: int) -> bool:
    """Whether a file is zero from its second page on; its holes are not read."""
    zeros = bytes(1 << 22)
    place = 4096
    while True:
        try:
            place = max(place, os.lseek(number, place, os.SEEK_DATA))
        except OSError:
            return True
        block = os.pread(number, len(zeros), place)
        if block != zeros[: len(block)]:
            return False
        place += len(block)


def machine(root: Root) -> Iterator[Fault]:
    """Whether the image is for a 64-bit processor, and its user may become root."""
    program = root.read("/usr/bin/bash")[:20].encode("latin-1")
    if program[:5] != b"\x7fELF\x02" or int.from_bytes(program[18:20], "little") not in (62, 183):
        yield Fault("I28", "/usr/bin/bash", "is no program for x86-64 or 64-bit ARM")
    sudo = root.status(root.resolve("/usr/bin/sudo"))
    configuration = [root.read("/etc/cloud/cloud.cfg"), root.read("/etc/sudoers")]
    configuration += [root.read(f"/etc/sudoers.d/{name}") for name in root.names("/etc/sudoers.d")]
    if sudo is None or not sudo.st_mode & stat.S_ISUID:
        yield Fault("I24", "/usr/bin/sudo", "is missing or not setuid: the buyer can't become root")
    elif not any(
        re.search(r"(?m)^[^#\n]*(ec2-user|%wheel|%sudo|\bsudo:).*NOPASSWD:\s*ALL", text) for text in configuration
    ):
        yield Fault("I24", "/etc/cloud/cloud.cfg", "lets no user become root with sudo and without a password")


def metadata() -> Iterator[Fault]:
    """Whether the metadata service of this instance refuses who comes without a token."""
    command = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "5", "--noproxy", "*", METADATA]
    try:
        answer = subprocess.run(command, stdout=subprocess.PIPE, check=False).stdout.decode()
    except OSError:
        answer = "nothing, because there is no curl,"
    if answer != "401":
        yield Fault("I31", METADATA, f"answers {answer} without a token instead of 401: HttpTokens has to be required")
