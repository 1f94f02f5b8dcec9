"""What lands on the machine, as the real files that run there.

The rule: nothing here knows CloudFormation, and every file is delivered line by line as it is, but for the comments
after its first ones: a template has 51,200 bytes. What differs from stack to stack reaches the machine as
/opt/quilt/config.json and as secrets.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

_HERE = Path(__file__).parent


class InstanceFile(NamedTuple):
    """A file of this folder and where it goes; it belongs to root unless it is the administrator's."""

    source: str
    path: str
    executable: bool = False
    owner: str | None = None

    @property
    def text(self) -> str:
        """What is delivered: the file without the comment lines inside it."""
        head, *lines = re.split(r"(?<=\n)(?!#)", read(self.source), maxsplit=1)
        return head + re.sub(r"(?m)^ *#.*\n", "", "".join(lines))


def read(source: str) -> str:
    """The text of a file of this folder."""
    return (_HERE / source).read_text(encoding="ascii")


FILES = (
    InstanceFile("boot", "/opt/quilt/boot"),
    InstanceFile("configure.py", "/opt/quilt/configure.py"),
    InstanceFile("ship_log.py", "/opt/quilt/ship_log.py"),
    InstanceFile("start.sh", "/home/ec2-user/start.sh", executable=True, owner="ec2-user"),
    InstanceFile("create_admin.sh", "/home/ec2-user/create_admin.sh", executable=True, owner="ec2-user"),
    InstanceFile("nginx.conf", "/opt/quilt/nginx.conf"),
    InstanceFile("aws-config", "/opt/quilt/aws/config"),
    InstanceFile("quilt-refresh.service", "/etc/systemd/system/quilt-refresh.service"),
)
"""What every edition's instance gets."""

CREDENTIALS = InstanceFile("credentials.py", "/opt/quilt/credentials.py")
"""What an instance gets in addition whose role signs URLs."""

ROTATE_KEY = InstanceFile("rotate_key.sh", "/home/ec2-user/rotate_key.sh", executable=True, owner="ec2-user")
"""What an instance gets in addition where an IAM user signs URLs."""
