"""What is installed on the instance, as the real files that run there.

Nothing here knows CloudFormation, and this package imports nothing of ``quilt_cfn``. Every file is installed as it is;
what differs from stack to stack reaches the instance as /opt/quilt/config.json and as secrets.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

_HERE = Path(__file__).parent


class InstanceFile(NamedTuple):
    """A file of this folder and where it goes; it belongs to root unless it has another owner."""

    source: str
    path: str
    executable: bool = False
    owner: str | None = None

    @property
    def text(self) -> str:
        """What is installed."""
        return read(self.source)


def without_comments(text: str) -> str:
    """A file's text without the comment lines below its first ones."""
    head, *lines = re.split(r"(?<=\n)(?!#)", text, maxsplit=1)
    return head + re.sub(r"(?m)^ *#.*\n", "", "".join(lines))


def read(source: str) -> str:
    """The text of a file of this folder."""
    return (_HERE / source).read_text(encoding="ascii")


FILES = (
    InstanceFile("boot", "/opt/quilt/boot"),
    InstanceFile("steps.sh", "/opt/quilt/steps.sh"),
    InstanceFile("configure.py", "/opt/quilt/configure.py"),
    InstanceFile("database.py", "/opt/quilt/database.py"),
    InstanceFile("credentials.py", "/opt/quilt/credentials.py"),
    InstanceFile("try_mail.py", "/opt/quilt/try_mail.py"),
    InstanceFile("ship_log.py", "/opt/quilt/ship_log.py"),
    InstanceFile("watch.py", "/opt/quilt/watch.py"),
    InstanceFile("start.sh", "/home/ec2-user/start.sh", executable=True, owner="ec2-user"),
    InstanceFile("create_admin.sh", "/home/ec2-user/create_admin.sh", executable=True, owner="ec2-user"),
    InstanceFile("nginx.conf", "/opt/quilt/nginx.conf"),
    InstanceFile("aws-config", "/opt/quilt/aws/config"),
    InstanceFile("quilt-refresh.service", "/etc/systemd/system/quilt-refresh.service"),
    InstanceFile("quilt-termination.service", "/etc/systemd/system/quilt-termination.service"),
)
"""What every edition's instance gets."""

ROTATE_KEY = InstanceFile("rotate_key.sh", "/home/ec2-user/rotate_key.sh", executable=True, owner="ec2-user")
"""What an instance gets in addition where an IAM user signs URLs."""
