"""An EC2 instance on this machine: boots a rendered template's user data, and is gone without a trace.

The rule: everything that can be real is (AWS's cfn-init and cfn-signal, bash, the docker command line, nginx,
PostgreSQL); what stands in for AWS and for the images writes down every call.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.cloudformation import Launch

HERE = Path(__file__).parent
CFN_TOOLS = HERE.parent.parent / ".venv-cfn"
PROGRAMS = ("docker", "podman", "runc", "nginx", "psql", "iptables", "unshare", "nsenter", "ip", "openssl")
# What is not on the PATH: the containers' network, the database server, what the registry's stand-in imports.
FILES = (
    "/usr/lib/podman/netavark",
    "/usr/lib/podman/aardvark-dns",
    "/usr/lib/postgresql",
    "/usr/lib/python3/dist-packages/sqlalchemy",
    "/usr/lib/python3/dist-packages/psycopg2",
)
DATABASE = {"<Database.Endpoint.Address>": "10.42.1.10", "<Database.Endpoint.Port>": "5432"}


def missing() -> str:
    """Why this machine can't play an instance, in a sentence; empty when it can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "booting an instance takes root on Linux"
    absent = [name for name in PROGRAMS if shutil.which(name) is None]
    absent += [name for name in FILES if not Path(name).exists()]
    absent += [] if (CFN_TOOLS / "python2.7").exists() else ["AWS's cfn-init (bin/set-up-cfn-tools .venv-cfn)"]
    return f"booting an instance takes {', '.join(absent)}" if absent else ""


class Machine:
    """A started instance; ``with Machine(...)`` ends it and whatever runs on it."""

    def __init__(self, folder: Path, stack: Launch) -> None:
        self.folder = folder
        (folder / "disk").mkdir()
        metadata = self._known(json.dumps(stack.resources["ServerTemplate"]["Metadata"]))
        images = stack.environments["stack"]
        self._put("metadata.json", metadata)
        self._put("user-data", self._known(stack.user_data))
        self._put("images", "".join(f"{name}={value}\n" for name, value in images.items() if name.endswith("_IMAGE")))
        self._put("password", stack.parameters["DBPassword"] + "\n")
        self.secrets = {
            f"<{name}>": each.get("SecretString", "a generated key").replace(
                "<RegistryUserKey.SecretAccessKey>", "s/e+c"
            )
            for name, each in stack.of_type("AWS::SecretsManager::Secret").items()
        }
        self._put("secrets.json", json.dumps(self.secrets))
        self.renew_credentials("ASIAFIRST")

    def __enter__(self) -> Machine:
        command = ["unshare", "--mount", "--pid", "--fork", "--net", "--uts", "--ipc", "--kill-child", "bash"]
        script = [HERE / "instance.sh", self.folder, HERE / "stand_ins", sys.executable, CFN_TOOLS]
        self.log = (self.folder / "log").open("wb")
        self.process = subprocess.Popen([*command, *script], stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + 60
        while not (self.folder / "ready").exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the instance did not start: {(self.folder / 'log').read_text()}")
            time.sleep(0.02)
        (child,) = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        self.init = child
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self.log.close()

    def run(self, command: str, user: str = "root", **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a shell command on the instance, as if over SSH."""
        enter = ["nsenter", "--target", self.init, "--mount", "--pid", "--net", "--uts", "--ipc"]
        path = "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
        shell = ["env", "-i", path, "runuser", "--user", user, "--", "env", path, "bash", "-c", command]
        return subprocess.run([*enter, *shell], capture_output=True, text=True, check=False, cwd="/", **options)

    def boot(self) -> subprocess.CompletedProcess[str]:
        """Run the user data, as cloud-init does."""
        return self.run(f"bash {self.folder}/user-data")

    def get(self, host: str, path: str = "/", port: int = 80) -> tuple[int, str]:
        """What comes back from where the load balancer sends a request: status (0 for none), and body or location."""
        form = "%{stderr}%{http_code} %{redirect_url}"
        done = self.run(
            f"curl --silent --max-time 20 --write-out '{form}' --header 'Host: {host}' 'http://127.0.0.1:{port}{path}'"
        )
        status, _, location = done.stderr.partition(" ")
        return int(status), location or done.stdout

    def calls(self, action: str) -> list[dict[str, Any]]:
        """Every call of an AWS action, in order."""
        lines = (self.folder / "calls").read_text().splitlines()
        return [call for call in map(json.loads, lines) if call["Action"] == action]

    def renew_credentials(self, key_id: str) -> None:
        """What the metadata service hands out from now on."""
        credentials = {"AccessKeyId": key_id, "SecretAccessKey": f"secret of {key_id}", "Token": f"token of {key_id}"}
        self._put("credentials.json", json.dumps({"Code": "Success", **credentials}))

    def _known(self, text: str) -> str:
        for unknown, value in DATABASE.items():
            text = text.replace(unknown, value)
        return text

    def _put(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)
