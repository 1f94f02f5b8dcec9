"""Faults to plant in a machine image: each is one line of AWS's policy that is not kept, in one place."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tests.image.roots import ALPINE, DEBIAN, ELF, SWAP, Root

PRIVATE_KEY = f"-----BEGIN RSA PRIVATE KEY-----\n{'A' * 64}\n-----END RSA PRIVATE KEY-----\n"
ENCRYPTED_KEY = f"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: x\n\n{'A' * 64}\n-----END"
# In two parts, so that whoever searches this repository for secrets finds none.
ACCESS_KEY = "AKIA" + "Z" * 16
PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 somebody\n"
HASH = "$6$salt$" + "a" * 86
PODMAN = "/var/lib/instance/containers/vfs/dir/" + "c" * 64
CONTAINERD = "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/7/fs"
NATIVE = "/var/lib/docker/containerd/daemon/io.containerd.snapshotter.v1.native/snapshots/7"
OLD_UBUNTU = 'ID=ubuntu\nVERSION_ID="16.04"\n'


class Planted(NamedTuple):
    id: str
    path: str
    """Where the check finds it."""
    plant: Callable[[Root], None]
    cleaned: bool
    """Whether clean_up.sh removes it; what it can't judge it leaves, for the check to refuse."""


def file(id: str, path: str, content: str | bytes = "x\n", *, cleaned: bool = False) -> Planted:
    return Planted(id, path, lambda root: root.write(path, content), cleaned)


def line(id: str, path: str, text: str, *, cleaned: bool = False) -> Planted:
    return Planted(id, path, lambda root: root.append(path, text), cleaned)


def change(id: str, path: str, old: str, new: str, *, cleaned: bool = False) -> Planted:
    return Planted(id, path, lambda root: root.replace(path, old, new), cleaned)


def gone(id: str, path: str, found: str | None = None) -> Planted:
    return Planted(id, found or path, lambda root: root.at(path).unlink(), False)


def _link(root: Root) -> None:
    root.at("/opt/quilt-image/images").unlink()
    root.link("/opt/quilt-image/images", "/etc/fstab")


SSHD = "/etc/ssh/sshd_config"
FAULTS: dict[str, Planted] = {
    "an operating system without support": change("I01", "/usr/lib/os-release", "amzn", "ubuntu"),
    "a release without support": change("I01", "/usr/lib/os-release", "2023", "2"),
    "no name of the operating system": gone("I01", "/usr/lib/os-release", "/etc/os-release"),
    "an old base": change("I02", f"{ALPINE}/etc/os-release", "3.23.3", "3.20.1"),
    "an unknown base": change("I02", f"{DEBIAN}/usr/lib/os-release", "ID=debian", "ID=slackware"),
    "an old base in Podman's storage": file("I02", f"{PODMAN}/etc/os-release", OLD_UBUNTU),
    "an old base in containerd's storage": file("I02", f"{CONTAINERD}/usr/lib/os-release", OLD_UBUNTU),
    "an old base in containerd's plain storage": file("I02", f"{NATIVE}/usr/lib/os-release", OLD_UBUNTU),
    "an old nginx": change("I03", f"{DEBIAN}/var/lib/dpkg/status", "1.30.4-1", "1.28.0-1"),
    "an old Python": file("I03", f"{ALPINE}/usr/local/lib/python3.6/os.py"),
    "a password": change("I04", "/etc/shadow", "ec2-user:!!:", f"ec2-user:{HASH}:", cleaned=True),
    "a locked password": change("I04", "/etc/shadow", "ec2-user:!!:", f"ec2-user:!!{HASH}:", cleaned=True),
    "a password in passwd": change("I04", "/etc/passwd", "ec2-user:x:", "ec2-user:aaXcheGZV/fzc:", cleaned=True),
    "a password in the copy": file("I04", "/etc/shadow-", f"ec2-user:{HASH}:19000::::::\n", cleaned=True),
    "a password in a container": file("I04", f"{ALPINE}/etc/shadow", f"root:{HASH}:19000::::::\n"),
    "a blank password": change("I05", "/etc/shadow", "bin:*:", "bin::", cleaned=True),
    "a blank password in passwd": change("I05", "/etc/passwd", "ec2-user:x:", "ec2-user::", cleaned=True),
    "a blank password in a container": file("I05", f"{ALPINE}/etc/shadow", "root:::0:::::\n"),
    "passwords over SSH": change(
        "I06", SSHD, "PasswordAuthentication no\nK", "PasswordAuthentication yes\nK", cleaned=True
    ),
    "passwords by default": change("I06", SSHD, "PasswordAuthentication no\nK", "K", cleaned=True),
    "passwords by keyboard": change(
        "I06", SSHD, "KbdInteractiveAuthentication no", "ChallengeResponseAuthentication yes", cleaned=True
    ),
    "blank passwords over SSH": change(
        "I06", SSHD, "PermitEmptyPasswords no", "permitemptypasswords=yes", cleaned=True
    ),
    "trusted hosts": change("I06", SSHD, "HostbasedAuthentication no", 'HostbasedAuthentication "yes"', cleaned=True),
    "passwords for some": line("I06", SSHD, "Match Address 10.0.0.0/16\n  PasswordAuthentication yes\n"),
    "root over SSH": change("I07", SSHD, "PermitRootLogin no", "PermitRootLogin yes # for now", cleaned=True),
    "root over SSH for some": line("I07", SSHD, "Match Group wheel\nPermitRootLogin yes\n"),
    "root's password": change("I07", "/etc/shadow", "root:*LOCK*:", f"root:{HASH}:", cleaned=True),
    "root's blank password": change("I07", "/etc/shadow", "root:*LOCK*:", "root::", cleaned=True),
    "root's key": file("I08", "/root/.ssh/authorized_keys", PUBLIC_KEY, cleaned=True),
    "ec2-user's key": file("I08", "/home/ec2-user/.ssh/authorized_keys2", PUBLIC_KEY, cleaned=True),
    "a key in another home": file("I08", "/srv/build/.ssh/authorized_keys", PUBLIC_KEY),
    "a private key": file("I09", "/home/ec2-user/key.pem", PRIVATE_KEY),
    "a private key with a password": file("I09", "/etc/pki/tls/private/localhost.key", ENCRYPTED_KEY),
    "a private key in a container": file("I09", f"{DEBIAN}/etc/ssl/private/site.pem", PRIVATE_KEY),
    "a store of keys": file("I09", "/opt/app/store.p12"),
    "PuTTY's key": file("I09", "/root/key", "PuTTY-User-Key-File-3: ssh-ed25519\n"),
    "a host key": file("I10", "/etc/ssh/ssh_host_ed25519_key", PRIVATE_KEY, cleaned=True),
    "a host key's public half": file("I10", "/etc/ssh/ssh_host_rsa_key.pub", PUBLIC_KEY, cleaned=True),
    "AWS credentials": file("I11", "/root/.aws/credentials", "[default]\n", cleaned=True),
    "an access key": line("I11", "/home/ec2-user/.bashrc", f"# {ACCESS_KEY}\n"),
    "an access key in a container": file(
        "I11", f"{ALPINE}/home/quilt/config.py", f"AWS_SECRET_ACCESS_KEY = '{'a' * 40}'"
    ),
    "a login at a container registry": file(
        "I12", "/root/.docker/config.json", '{"auths": {"r.example": {"auth": "eDp5"}}}', cleaned=True
    ),
    "a netrc": file("I12", "/home/ec2-user/.netrc", "machine x\n", cleaned=True),
    "git's credentials": file("I12", "/root/.git-credentials", "https://x\n", cleaned=True),
    "PostgreSQL's password": file("I12", "/home/ec2-user/.pgpass", "*:*:*:*:x\n", cleaned=True),
    "a login at a package registry": file("I12", "/root/.npmrc", "//r.example/:_authToken=x\n", cleaned=True),
    "Kubernetes": file("I12", "/root/.kube/config", "users:\n", cleaned=True),
    "a token": file("I12", "/opt/app/settings.ini", "token = ghp_" + "a" * 36 + "\n"),
    "a secret variable": line("I13", "/etc/environment", "SMTP_PASSWORD=hunter22\n"),
    "a secret variable in a container": file(
        "I13", f"{DEBIAN}/home/quilt/env/registry", "export QUILT_SECRET_KEY='abcd1'\n"
    ),
    "passwords by cloud-init": change("I14", "/etc/cloud/cloud.cfg", "ssh_pwauth:   false", "ssh_pwauth: True"),
    "an unlocked account by cloud-init": file(
        "I14", "/etc/cloud/cloud.cfg.d/99.cfg", "users: [{lock_passwd: false}]\n"
    ),
    "bash's history": file("I15", "/root/.bash_history", "ls\n", cleaned=True),
    "Python's history": file("I15", "/home/ec2-user/.python_history", cleaned=True),
    "MySQL's history": file("I15", "/root/.mysql_history", cleaned=True),
    "PostgreSQL's history": file("I15", "/home/ec2-user/.psql_history", cleaned=True),
    "Lua's history": file("I15", "/home/ec2-user/.lua_hist", cleaned=True),
    "vim's history": file("I15", "/root/.viminfo", cleaned=True),
    "less's history": file("I15", "/root/.lesshst", cleaned=True),
    "a history in a container": file("I15", f"{DEBIAN}/root/.bash_history"),
    "cloud-init's memory": file("I16", "/var/lib/cloud/data/instance-id", "i-0123456789abcdef0\n", cleaned=True),
    "cloud-init's log": file("I16", "/var/log/cloud-init-output.log", cleaned=True),
    "a log": file("I17", "/var/log/dnf.log", cleaned=True),
    "a journal": file("I17", "/var/log/journal/0123/system.journal", b"LPKSHHRH", cleaned=True),
    "a log of logins": file("I17", "/var/log/wtmp", bytes(384), cleaned=True),
    "a machine id": file("I18", "/etc/machine-id", "0123456789abcdef0123456789abcdef\n", cleaned=True),
    "a random seed": file("I18", "/var/lib/systemd/random-seed", bytes(512), cleaned=True),
    "a lease": file("I18", "/var/lib/dhclient/dhclient--eth0.lease", cleaned=True),
    "a host name": file("I18", "/etc/hostname", "ip-10-0-0-7.ec2.internal\n", cleaned=True),
    "Docker's id": file("I18", "/var/lib/docker/engine-id", cleaned=True),
    "a temporary file": file("I19", "/var/tmp/download", cleaned=True),
    "Image Builder's files": file("I19", "/tmp/TOE_2026-11-28/console.log", cleaned=True),
    "Image Builder's documents": file("I19", "/var/lib/amazon/toe/TOE_2026-11-28/document.yaml", cleaned=True),
    "a core dump": file("I20", "/var/lib/systemd/coredump/core.x.zst", cleaned=True),
    "a core dump beside its program": file("I20", "/opt/app/core.17", ELF[:16] + b"\x04\x00" + bytes(99)),
    "used swap": Planted(
        "I20", "/swapfile", lambda root: root.write("/swapfile", SWAP + bytes(9000) + b"secret"), False
    ),
    "a sleeping system": Planted(
        "I20", "/swapfile", lambda root: root.write("/swapfile", bytes(4086) + b"S1SUSPEND\0" + bytes(9000)), False
    ),
    "the SSM agent's registration": file("I21", "/var/lib/amazon/ssm/Vault/Store/RegistrationKey", cleaned=True),
    "a cache of packages": file("I22", "/var/cache/dnf/amazonlinux/packages/docker.rpm", cleaned=True),
    "no sshd": gone("I23", "/usr/sbin/sshd"),
    "sshd that does not start": gone(
        "I23",
        "/etc/systemd/system/multi-user.target.wants/sshd.service",
        "/etc/systemd/system/multi-user.target.wants",
    ),
    "sshd on another port": line("I23", SSHD, "Port 2222\n"),
    "sshd for itself alone": line("I23", SSHD, "ListenAddress 127.0.0.1\n"),
    "no sudo": gone("I24", "/usr/bin/sudo"),
    "sudo without its power": Planted(
        "I24", "/usr/bin/sudo", lambda root: root.at("/usr/bin/sudo").chmod(0o755), False
    ),
    "sudo for nobody": change("I24", "/etc/cloud/cloud.cfg", '    sudo: ["ALL=(ALL) NOPASSWD:ALL"]\n', ""),
    "version 1 of the metadata service": file(
        "I25", "/opt/app/region.sh", "curl http://169.254.169.254/latest/meta-data/placement/region\n"
    ),
    "an encrypted file system": file("I26", "/etc/crypttab", "data UUID=1 none luks\n"),
    "an encrypted mount": line("I26", "/etc/fstab", "/srv/.private /srv/private ecryptfs defaults 0 0\n"),
    "the repositories' Region": file("I27", "/etc/dnf/vars/awsregion", "us-east-1\n", cleaned=True),
    "a Region for programs": line("I27", "/etc/environment", "AWS_REGION=us-east-1\n"),
    "a Region for the AWS CLI": file(
        "I27", "/home/ec2-user/.aws/config", "[default]\nregion = eu-west-1\n", cleaned=True
    ),
    "another processor": file("I28", "/usr/bin/bash", ELF.replace(b"\x3e", b"\x28")),
    "no release": gone("I29", "/opt/quilt-image/release"),
    "an image without digest": file("I29", "/opt/quilt-image/images", "docker.io/library/nginx:1.30\n"),
    "no certificates": file("I29", "/opt/quilt-image/rds-certificates.pem", "<html>\n"),
    "a file for everybody": Planted(
        "I29", "/opt/quilt-image/images", lambda root: root.at("/opt/quilt-image/images").chmod(0o666), False
    ),
    "a link in the folder": Planted("I29", "/opt/quilt-image/images", _link, False),
    "another file in the folder": file("I29", "/opt/quilt-image/notes"),
}
"""What is wrong -> the planted fault. I30 and I31 are no files; they have tests of their own."""
