"""An EC2 instance on this machine: boots a rendered template's user data, and is gone without a trace.

The rule: everything that can be real is (AWS's cfn-init and cfn-signal, bash, the docker command line, nginx,
PostgreSQL); what stands in for AWS and for the images writes down every call.
"""

from __future__ import annotations

import configparser
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.launches import LaunchedStack

HERE = Path(__file__).parent
CFN_TOOLS = HERE.parent.parent / ".venv-cfn"
PROGRAMS = ("docker", "podman", "runc", "nginx", "psql", "iptables", "unshare", "nsenter", "ip", "openssl", "sudo")
FAKETIME = str(next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), "libfaketime"))
# What is not on the PATH: the containers' network, the database server, what the registry's stand-in imports, and what
# makes a clock wrong.
FILES = (
    "/usr/lib/podman/netavark",
    "/usr/lib/podman/aardvark-dns",
    "/usr/lib/postgresql",
    "/usr/lib/python3/dist-packages/sqlalchemy",
    "/usr/lib/python3/dist-packages/psycopg2",
    FAKETIME,
)
COMMANDS_TRACED = f"BASH_ENV={HERE}/stand_ins/at_each_command.sh"
PROGRAMS_TRACED = "PATH=/run/traced:/usr/local/bin:/usr/bin:/usr/sbin"
"""Environment variables under which what ``Machine.trace`` prepared sees each command, and each program's call."""
DATABASE = {"<Database.Endpoint.Address>": "10.42.1.10", "<Database.Endpoint.Port>": "5432"}


def missing() -> str:
    """Why this machine can't play an instance, in a sentence; empty when it can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "booting an instance takes root on Linux"
    absent = [name for name in PROGRAMS if shutil.which(name) is None]
    absent += [name for name in FILES if not Path(name).exists()]
    absent += [] if (CFN_TOOLS / "python2.7").exists() else ["AWS's cfn-init (bin/set-up-cfn-tools .venv-cfn)"]
    return f"booting an instance takes {', '.join(absent)}; .ci/run installs that" if absent else ""


class Machine:
    """A started instance; ``with Machine(...)`` ends it and whatever runs on it.

    ``disk`` is its size, as mount writes it; with ``database_of``, another machine, it has no database of its own.
    """

    def __init__(
        self, folder: Path, stack: LaunchedStack, disk: str = "2g", database_of: Machine | None = None
    ) -> None:
        self.folder = folder
        self.neighbour = database_of
        (folder / "disk").mkdir()
        (folder / "calls").touch()
        metadata = self._known(json.dumps(stack.resources["ServerTemplate"]["Metadata"]))
        self.config = json.loads(metadata)["AWS::CloudFormation::Init"]["config"]["files"]["/opt/quilt/config.json"]
        images = {name: value for name, value in stack.environments["stack"].items() if name.endswith("_IMAGE")}
        settings = {**images, "DISK": disk, "DATABASE": "elsewhere" if database_of else "here"}
        self._put("metadata.json", metadata)
        self._put("user-data", self._known(stack.user_data))
        self._put("settings", "".join(f"{name}={value}\n" for name, value in settings.items()))
        self._put("password", stack.parameters["DBPassword"] + "\n")
        self._put("keys.json", json.dumps([]))
        secrets = {
            f"<{name}>": each.get("SecretString", "a generated key").replace(
                "<RegistryUserKey>:<RegistryUserKey.SecretAccessKey>", "AKIAFIRST:s/e+c"
            )
            for name, each in stack.of_type("AWS::SecretsManager::Secret").items()
        }
        self._put("secrets.json", json.dumps(secrets))
        self.renew_credentials("ASIAFIRST")
        self.refuse()

    def __enter__(self) -> Machine:
        command = ["unshare", "--mount", "--pid", "--fork", "--net", "--uts", "--ipc", "--kill-child", "bash"]
        script = [HERE / "instance.sh", self.folder, HERE / "stand_ins", CFN_TOOLS]
        self.log = (self.folder / "log").open("wb")
        self.process = subprocess.Popen([*command, *script], stdout=self.log, stderr=self.log)
        self.wait_for(lambda: (self.folder / "ready").exists(), "the instance is up")
        (child,) = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        self.init = child
        if self.neighbour is not None:
            self._reach(self.neighbour)
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

    def boot(self, *variables: str) -> subprocess.CompletedProcess[str]:
        """Run the user data, as cloud-init does, with NAME=VALUE environment variables if any are given.

        Comes back when nothing of it runs any more, not even what outlives it to report.
        """
        script = f"{self.folder}/user-data"
        out, err = self.folder / "boot.out", self.folder / "boot.err"
        done = self.run(f"exec env {' '.join(variables)} /bin/bash {script} >{out} 2>{err}")
        self.wait_for(lambda: not self.runs(script, "cfn-signal"), "the boot has ended")
        return subprocess.CompletedProcess(done.args, done.returncode, out.read_text(), err.read_text())

    def runs(self, *words: str) -> bool:
        """Whether one of these words is in the command line of a process."""
        lines = self.run("cat /proc/*/cmdline").stdout
        return any(word in lines for word in words)

    def refresh(self, *variables: str) -> subprocess.CompletedProcess[str]:
        """Run what systemd runs every two minutes, with NAME=VALUE environment variables if any are given."""
        unit = configparser.ConfigParser(interpolation=None)
        unit.read_string(self.run("cat /etc/systemd/system/quilt-refresh.service").stdout)
        return self.run(f"env {' '.join(variables)} {unit['Service']['ExecStart']}")

    def get(self, host: str, path: str = "/", port: int = 80) -> tuple[int, str]:
        """What comes back from where the load balancer sends a request: status (0 for none), and body or location."""
        form = "%{stderr}%{http_code} %{redirect_url}"
        done = self.run(
            f"curl --silent --max-time 60 --write-out '{form}' --header 'Host: {host}' 'http://127.0.0.1:{port}{path}'"
        )
        status, _, location = done.stderr.partition(" ")
        return int(status), location or done.stdout

    def healthy(self) -> bool:
        """Whether the load balancer would send requests here."""
        return self.get("10.42.0.17", "/healthcheck") == (200, "ok")

    def sql(self, command: str) -> str:
        """What the database answers."""
        connect = f"PGPASSWORD=$(cat {self.folder}/password) psql --quiet --no-align --tuples-only --host 10.42.1.10"
        done = self.run(f'{connect} --username quilt --dbname quilt --command "{command}"')
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def trace(self) -> None:
        """Get ready to write down, in /run/commands and /run/programs, what a script does; and to kill /run/victim."""
        before = HERE / "stand_ins/before_each_program.sh"
        done = self.run(
            f"""
            mkdir /run/traced
            for folder in /usr/local/bin /usr/bin /usr/sbin; do
                cd $folder && printf '%s\\0' * | xargs -0 -I NAME ln -sf {before} /run/traced/NAME
            done
            ln -sf {before} /opt/aws/bin/cfn-init
            ln -sf {before} /opt/aws/bin/cfn-signal
            for file in commands programs victim; do install -m 666 /dev/null /run/$file; done
            """
        )
        assert done.returncode == 0, done.stderr

    def wait_for(self, fact: Callable[[], Any], what: str, seconds: float = 60) -> None:
        """Wait until something is so; an error when it isn't in time, or when the machine has ended."""
        deadline = time.monotonic() + seconds
        while not fact():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"not in {seconds} s: {what}: {(self.folder / 'log').read_text()}")
            time.sleep(0.02)

    def calls(self, action: str) -> list[dict[str, Any]]:
        """Every call of an AWS action, in order."""
        lines = (self.folder / "calls").read_text().splitlines()
        return [call for call in map(json.loads, lines) if call["Action"] == action]

    def signals(self) -> list[tuple[str, str]]:
        """Status and unique ID of every signal that CloudFormation got."""
        return [(call["Status"], call["UniqueId"]) for call in self.calls("SignalResource")]

    def stored(self, logical_id: str) -> str:
        """What Secrets Manager holds."""
        value: str = json.loads((self.folder / "secrets.json").read_text())[f"<{logical_id}>"]
        return value

    def store(self, values: dict[str, str]) -> None:
        """Give secrets other values, as a stack update does; logical ID -> value."""
        current = json.loads((self.folder / "secrets.json").read_text())
        self._put("secrets.json", json.dumps(current | {f"<{name}>": value for name, value in values.items()}))

    def refuse(self, *actions: str) -> None:
        """The AWS actions that fail from now on."""
        self._put("refused", " ".join(actions))

    def create_access_keys(self, *pairs: tuple[str, str]) -> None:
        """The access keys that IAM knows from now on: ID and secret."""
        self._put("keys.json", json.dumps(pairs))

    def renew_credentials(self, key_id: str) -> None:
        """What the metadata service hands out from now on."""
        credentials = {"AccessKeyId": key_id, "SecretAccessKey": f"secret of {key_id}", "Token": f"token of {key_id}"}
        self._put("credentials.json", json.dumps({"Code": "Success", **credentials}))

    def _reach(self, other: Machine) -> None:
        """A cable to another machine, over which its database is reached."""
        subprocess.run(
            ["ip", "link", "add", "eth0", "netns", other.init, "type", "veth", "peer", "eth0", "netns", self.init],
            check=True,
        )
        other.run("ip address add 10.42.0.1/24 dev eth0; ip link set eth0 up")
        self.run("ip address add 10.42.0.2/24 dev eth0; ip link set eth0 up; ip route add 10.42.1.10 via 10.42.0.1")

    def _known(self, text: str) -> str:
        for unknown, value in DATABASE.items():
            text = text.replace(unknown, value)
        return text

    def _put(self, name: str, text: str) -> None:
        """Write a file in one step: a stand-in may be reading it."""
        new = self.folder / f"{name}.new"
        new.write_text(text)
        new.rename(self.folder / name)
