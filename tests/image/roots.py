"""The root folder of a machine image as it should be, small: Amazon Linux 2023, baked and cleaned up."""

from __future__ import annotations

import os
from pathlib import Path

DIGEST = "sha256:" + "ab" * 32
IMAGE = f"docker.io/library/nginx@{DIGEST}"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"

SSHD_CONFIG = """\
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitEmptyPasswords no
HostbasedAuthentication no
PermitRootLogin no
#\t$OpenBSD: sshd_config,v 1.104 2021/07/02 05:11:21 dtucker Exp $
Include /etc/ssh/sshd_config.d/*.conf
#PermitRootLogin prohibit-password
AuthorizedKeysFile .ssh/authorized_keys
#PasswordAuthentication yes
AuthorizedKeysCommand /opt/aws/bin/eic_run_authorized_keys %u %f
AuthorizedKeysCommandUser ec2-instance-connect
"""
CLOUD_CONFIG = """\
users:
 - default
disable_root: true
ssh_pwauth:   false
cloud_config_modules:
 - set-passwords
system_info:
  default_user:
    name: ec2-user
    lock_passwd: True
    groups: [wheel, adm, systemd-journal]
    sudo: ["ALL=(ALL) NOPASSWD:ALL"]
    shell: /bin/bash
"""
ELF = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\x00\x3e\x00" + bytes(44)
"""The header of a program for x86-64."""
SWAP = bytes(4086) + b"SWAPSPACE2"
"""The first page of a swap file."""

LAYERS = "/var/lib/docker/overlay2"
DEBIAN, ALPINE = f"{LAYERS}/{'a' * 64}/diff", f"{LAYERS}/{'b' * 64}/diff"

FILES: dict[str, str | bytes] = {
    "/usr/lib/os-release": 'NAME="Amazon Linux"\nID="amzn"\nID_LIKE="fedora"\nVERSION_ID="2023"\n',
    "/usr/bin/bash": ELF,
    "/usr/bin/sudo": ELF,
    "/usr/sbin/sshd": ELF,
    "/usr/lib/python3.9/test/key.pem": "-----BEGIN PRIVATE KEY-----\n" + "A" * 64 + "\n-----END PRIVATE KEY-----\n",
    "/usr/local/lib/python3.9/site-packages/tornado/test/test.key": "-----BEGIN PRIVATE KEY-----\n" + "A" * 64,
    "/etc/passwd": "root:x:0:0:root:/root:/bin/bash\nec2-user:x:1000:1000:EC2 Default User:/home/ec2-user:/bin/bash\n",
    "/etc/shadow": "root:*LOCK*:14600::::::\nbin:*:18353:0:99999:7:::\nsshd:!!:19000::::::\nec2-user:!!:19000::::::\n",
    "/etc/ssh/sshd_config": SSHD_CONFIG,
    "/etc/ssh/sshd_config.d/50-redhat.conf": "ChallengeResponseAuthentication no\nX11Forwarding yes\n",
    "/etc/cloud/cloud.cfg": CLOUD_CONFIG,
    "/etc/cloud/cloud.cfg.d/10_aws_dnfvars.cfg": "write_metadata:\n - path: /etc/dnf/vars/awsregion\n",
    "/etc/sudoers": "%wheel ALL=(ALL) ALL\n",
    "/etc/machine-id": "",
    "/etc/fstab": "UUID=1-2 / xfs defaults,noatime 1 1\n/swapfile none swap nofail 0 0\n",
    "/etc/dnf/vars/awsregion": "default\n",
    "/etc/environment": "",
    "/etc/sysconfig/sshd": "# SSH_USE_STRONG_RNG=24\nOPTIONS=\n",
    "/etc/profile.d/lang.sh": "LANG_TOKEN=$(locale)\n",
    "/etc/pki/tls/certs/ca-bundle.crt": CERTIFICATE,
    "/opt/quilt-image/release": "1.1.0\n",
    "/opt/quilt-image/images": f"{IMAGE}\n",
    "/opt/quilt-image/rds-certificates.pem": CERTIFICATE,
    "/opt/aws/bin/cfn-init": "#!/usr/bin/python3\n# 169.254.169.254/latest/meta-data/ with x-aws-ec2-metadata-token\n",
    "/root/.bashrc": "alias rm='rm -i'\n",
    "/root/.bash_history": "",
    "/home/ec2-user/.bashrc": "export PATH\n",
    "/var/log/README": "journalctl has the logs.\n",
    "/var/log/dnf.log": "",
    "/var/lib/rpm/rpmdb.sqlite": b"SQLite format 3\0",
    f"{DEBIAN}/usr/lib/os-release": 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nVERSION_ID="13"\nID=debian\n',
    f"{DEBIAN}/usr/local/lib/python3.13/os.py": "import abc\n",
    f"{DEBIAN}/usr/local/lib/python3.9/dist-packages/pip/__init__.py": "import sys\n",
    f"{DEBIAN}/etc/shadow": "root:*:20000:0:99999:7:::\n",
    f"{DEBIAN}/var/log/dpkg.log": "2026-11-01 configure libc6\n",
    f"{DEBIAN}/var/lib/dpkg/status": "Package: libc6\nVersion: 2.41\n\nPackage: nginx\nMaintainer: NGINX Packaging "
    "<nginx-packaging@f5.com>\nVersion: 1.30.4-1~trixie\n",
    f"{ALPINE}/etc/os-release": "ID=alpine\nVERSION_ID=3.23.3\n",
    f"{ALPINE}/lib/apk/db/installed": "P:musl\nV:1.2\n\nP:nginx\nV:1.20.1-r1\nm:Natanael <ncopa@alpinelinux.org>\n",
}
LINKS = {
    "/bin": "usr/bin",
    "/sbin": "usr/sbin",
    "/etc/os-release": "../usr/lib/os-release",
    "/etc/systemd/system/multi-user.target.wants/sshd.service": "/usr/lib/systemd/system/sshd.service",
    f"{DEBIAN}/etc/os-release": "../usr/lib/os-release",
}
FOLDERS = (*("/proc", "/run", "/tmp", "/var/tmp", "/var/lib/cloud", "/var/lib/amazon/ssm", "/var/log/journal"),)


def make_root(folder: Path) -> Root:
    """A root folder in an empty folder."""
    root = Root(folder)
    for path, content in FILES.items():
        root.write(path, content)
    for path, target in LINKS.items():
        root.link(path, target)
    for path in FOLDERS:
        root.at(path).mkdir(parents=True)
    root.at("/usr/bin/sudo").chmod(0o4755)
    with root.at("/swapfile").open("wb") as file:
        file.write(SWAP)
        file.truncate(1 << 24)
    return root


class Root:
    """A root folder to plant faults in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def at(self, path: str) -> Path:
        """Where a path of the image lies."""
        return self.folder / path.lstrip("/")

    def write(self, path: str, content: str | bytes = "x\n") -> None:
        self.at(path).parent.mkdir(parents=True, exist_ok=True)
        self.at(path).write_bytes(content.encode() if isinstance(content, str) else content)

    def append(self, path: str, text: str) -> None:
        self.write(path, self.at(path).read_text() + text if self.at(path).exists() else text)

    def replace(self, path: str, old: str, new: str) -> None:
        text = self.at(path).read_text()
        assert old in text
        self.write(path, text.replace(old, new))

    def link(self, path: str, target: str) -> None:
        self.at(path).parent.mkdir(parents=True, exist_ok=True)
        os.symlink(target, self.at(path))
