"""An EC2 instance on this computer: boots the user data of an evaluated template, and leaves nothing behind.

What can be real is real: AWS's cfn-init and cfn-signal, bash, the docker command, nginx, PostgreSQL. The programs in
``stand_ins`` take the place of AWS and of the images, and record every call.
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
from contextlib import suppress
from functools import cache
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.boot import images
from tests.boot.control_groups import controllers, limit_memory, make_groups
from tests.launches import LaunchedStack

if TYPE_CHECKING:
    from tests.boot.network import Network

HERE = Path(__file__).parent
TOOLS = HERE.parent.parent / ".venv-boot"
INSTANCE_ID = "i-0123456789abcdef0"
FAKETIME = "/usr/lib/*/faketime/libfaketime.so.1"

ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
"""Of every program here and on the instance, whatever the test run's own is."""
PROGRAMS = (
    *("unshare", "nsenter", "pivot_root", "runuser", "usermod", "sysctl", "pkill", "ip", "iptables", "sudo", "openssl"),
    *(
        "setpriv",
        "pgrep",
        "mkswap",
        "curl",
        "docker",
        "docker-registry",
        "podman",
        "conmon",
        "runc",
        "nginx",
        "haproxy",
    ),
)
FILES = {
    "netavark": "/usr/lib/podman/netavark",
    "aardvark-dns": "/usr/lib/podman/aardvark-dns",
    "a PostgreSQL server": "/usr/lib/postgresql/*/bin/initdb",
    "libfaketime": FAKETIME,
    "AWS's cfn-init (bin/set-up-boot-tests .venv-boot)": f"{TOOLS}/ready",
    "uwsgi (bin/set-up-boot-tests .venv-boot)": f"{TOOLS}/registry/bin/uwsgi",
}
FEATURES = {
    "file systems in memory": "mount -t tmpfs tmpfs /tmp && mkdir /tmp/upper /tmp/work /tmp/root /tmp/cgroup",
    "overlay file systems": "mount -t overlay overlay -o lowerdir=/,upperdir=/tmp/upper,workdir=/tmp/work /tmp/root",
    "control groups": "mount -t cgroup2 cgroup2 /tmp/cgroup",
    "virtual network devices": "ip link add one arp off type veth peer name two",
    "network address translation": "iptables --table nat --list-rules",
}
"""What the kernel has to allow root in new namespaces -> a command that tries it."""

NAMESPACES = ("unshare", "--mount", "--pid", "--fork", "--net", "--uts", "--ipc", "--cgroup")

ON_IT = "/run/harness"
"""Where an instance has the checkout, its own folder and that of its stack: checkout, folder, stack."""
COMMANDS_TRACED = f"BASH_ENV={ON_IT}/checkout/tests/boot/stand_ins/at_each_command.sh"
PROGRAMS_TRACED = "PATH=/run/traced:/usr/local/bin:/usr/bin:/usr/sbin"
"""Environment variables with which each command of bash, and each call of a program, is recorded; see ``trace``."""

ADDRESS = "203.0.113.10"
"""The fixed address of every stack."""
UNKNOWN_ATTRIBUTES = {
    "<Database.Endpoint.Address>": "10.42.1.10",
    "<Database.Endpoint.Port>": "5432",
    "<ServerAddress.AllocationId>": "eipalloc-0123456789abcdef0",
    "<ServerAddress>": ADDRESS,
}
"""What an evaluated template has for attributes that only AWS knows -> their values here."""


DISCARD = 9
"""The port that marks a place in the record of connections; see stand_ins/connections.py."""

SUCCESS = ("SUCCESS", INSTANCE_ID)
"""A signal to CloudFormation: its status and its unique ID."""


def failure(step: str, instance_id: str = INSTANCE_ID) -> tuple[str, str]:
    """The signal that says which step of the boot failed."""
    return "FAILURE", f"{instance_id}-failed-in-step-{step}"


@cache
def missing() -> str:
    """Why no instance can be started on this computer, in a sentence; empty when one can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "booting an instance takes root on Linux"
    absent = [name for name in PROGRAMS if shutil.which(name, path=ENVIRONMENT["PATH"]) is None]
    absent += [name for name, pattern in FILES.items() if not glob(pattern)]
    if not absent:
        tries = [f"{{ {command}; }} >/dev/null 2>&1 || echo '{name}'" for name, command in FEATURES.items()]
        done = _run(*NAMESPACES, "sh", "-c", "\n".join(tries))
        kernel = done.stdout.splitlines() if done.returncode == 0 else [f"namespaces ({done.stderr.strip()})"]
        absent += [f"a kernel that lets root have {name}" for name in kernel]
    return f"to boot an instance, this computer lacks {', '.join(absent)}; .ci/run installs programs" if absent else ""


def _run(*command: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, env=ENVIRONMENT, **options)


class Connection(NamedTuple):
    """What was sent from one address to another, over TCP or UDP; the name that a name server was asked, else None."""

    protocol: str
    source: str
    address: str
    port: int
    name: str | None = None


class Instance:
    """A running instance that has not booted yet; ``with Instance(...)`` ends it and whatever runs on it.

    ``disk`` is its size, as mount writes it, or "real" where it shall not take memory; ``memory`` is what all of it may
    use, in MiB, and the swap beside it; with ``database_of``, another instance, it has no database of its own.
    ``baked`` is its machine image, which another instance has made of itself with ``become_image``; without one it is
    plain Amazon Linux. With ``record``, every connection is recorded from the beginning.
    Instances of one stack differ by their ``number``, and have the ``network`` and the folder ``common`` in common, by
    default that of the instance with the database.
    """

    def __init__(
        self,
        folder: Path,
        stack: LaunchedStack,
        disk: str = "2g",
        database_of: Instance | None = None,
        number: int = 0,
        network: Network | None = None,
        common: Path | None = None,
        memory: tuple[int, int] | None = None,
        baked: Path | None = None,
        record: bool = False,
    ) -> None:
        self.folder = folder
        self.common: Path = common or (database_of.common if database_of else folder)
        self.number, self.network = number, network
        self.id, self.address = f"{INSTANCE_ID[:-1]}{number:x}", f"10.42.0.{10 + number}"
        self.database_of = database_of
        (folder / "disk").mkdir()
        (folder / "calls").touch()
        metadata = _with_known_attributes(json.dumps(stack.resources["ServerTemplate"]["Metadata"]))
        files = json.loads(metadata)["AWS::CloudFormation::Init"]["config"]["files"]
        config = files["/opt/quilt/config.json"]["content"]
        self.environments: dict[str, dict[str, str]] = config["Environments"]
        references = {
            name.removesuffix("_IMAGE").lower(): value
            for name, value in self.environments["stack"].items()
            if name.endswith("_IMAGE")
        }
        for image, reference in references.items():
            images.store(self.common / "images", image, reference)
        settings = {name: self.environments["registry"][name] for name in ("SMTP_HOST", "SMTP_PORT")}
        settings |= {"DISK": disk, "STACK": str(self.common), "DATABASE": "elsewhere" if database_of else "here"}
        settings |= {"BAKED": str(baked or ""), "RECORD": "yes" if record else ""}
        settings["REGISTRIES"] = f"({' '.join({images.host(reference) for reference in references.values()})})"
        settings["CONTROLLERS"] = f"'{' '.join(controllers())}'"
        self.memory = memory
        self.outputs = stack.outputs
        self.control_group = f"boot-test-{os.getpid()}-{folder.name}"
        self.write("instance-id", self.id)
        self.write("metadata.json", metadata)
        self.write("user-data", _with_known_attributes(stack.user_data))
        self.write("settings", "".join(f"{name}={value}\n" for name, value in settings.items()))
        self.write("password", stack.parameters["DBPassword"] + "\n")
        secrets = {
            name: each.get("SecretString", f"Generated{name}").replace(
                "<RegistryUserKey>:<RegistryUserKey.SecretAccessKey>", "AKIAFIRST:s/e+c"
            )
            for name, each in stack.of_type("AWS::SecretsManager::Secret").items()
        }
        texts = {f"<{name}>": each["Value"] for name, each in stack.of_type("AWS::SSM::Parameter").items()}
        self.write("secrets.json", "{}")
        self.write("texts.json", json.dumps(texts))
        self.store(secrets)
        self.create_access_keys(("AKIAFIRST", "s/e+c"))
        self.create_buckets({self.environments["registry"]["PACKAGE_BUCKET_NAME"]: "us-east-1"})
        self.renew_credentials("ASIAFIRST")
        self.refuse()
        self.smtp_user = {"Username": stack.parameters["SmtpUsername"], "Password": stack.parameters["SmtpPassword"]}
        self.answer_mail()
        self.write("mail-commands", "")
        if baked and not database_of:
            # The certificates in the image are to fit the database.
            for name in ("rds-ca.key", "rds-certificates.pem"):
                shutil.copy(baked.parent / name, self.common)
        if self.common == self.folder:
            self.write("stack-status", "CREATE_IN_PROGRESS")
            self.write("address.json", json.dumps({"holder": None}))

    def __enter__(self) -> Instance:
        guard: list[str | Path] = ["bash", HERE / "guard.sh", self.folder, *make_groups(self.control_group), "--"]
        if self.memory:
            limit_memory(self.control_group, *self.memory)
        command = [*guard, *NAMESPACES, "--kill-child", "bash", HERE / "instance.sh", self.folder]
        with (self.folder / "log").open("wb") as log:
            options: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": log, "stderr": log, "env": ENVIRONMENT}
            self.guard = subprocess.Popen(command, cwd="/", start_new_session=True, **options)
        self.wait_for(lambda: (self.folder / "ready").exists(), "the instance is up")
        process = (self.folder / "process").read_text().strip()
        (self.init,) = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        if self.network is not None:
            self.network.connect(self)
        elif self.database_of is not None:
            self._connect(self.database_of)
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """End it at once, and whatever runs on it."""
        assert self.guard.stdin is not None
        self.guard.stdin.close()
        self.guard.wait()

    @property
    def ended(self) -> bool:
        """Whether it is being ended, or nothing runs on it any more."""
        assert self.guard.stdin is not None
        return self.guard.stdin.closed or self.guard.poll() is not None

    def run(self, command: str, user: str = "root", **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a bash command on the instance, as if over SSH."""
        # What it starts counts as the instance's.
        join = f"echo $$ >/sys/fs/cgroup/memory/{self.control_group}/cgroup.procs; " if self.memory else ""
        enter = [
            "sh",
            "-c",
            f'{join}exec "$@"',
            "sh",
            "nsenter",
            "--target",
            self.init,
            "--mount",
            "--pid",
            "--net",
            "--uts",
            "--ipc",
            "--cgroup",
        ]
        path = "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
        shell = ["env", "-i", path, "runuser", "--user", user, "--", "env", path, "bash", "-c", command]
        return _run(*enter, *shell, cwd="/", **options)

    def boot(self, *variables: str) -> subprocess.CompletedProcess[str]:
        """Run the user data, as cloud-init does, with NAME=VALUE environment variables if there are any.

        Comes back when nothing of it runs any more, not even the process that sends the signal.
        """
        script = f"{ON_IT}/folder/user-data"
        to_files = f">{ON_IT}/folder/boot.out 2>{ON_IT}/folder/boot.err"
        done = self.run(f"exec env {' '.join(variables)} /bin/bash {script} {to_files}")
        self.wait_for(lambda: not self.runs(script, "cfn-signal"), "the boot has ended")
        out, err = ((self.folder / name).read_text() for name in ("boot.out", "boot.err"))
        return subprocess.CompletedProcess(done.args, done.returncode, out, err)

    def runs(self, *words: str) -> bool:
        """Whether the command line of a process has one of these words in it."""
        for process in self.file("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):  # it has ended meanwhile
                line = process.read_bytes().decode(errors="replace")
                if any(word in line for word in words):
                    return True
        return False

    def file(self, path: str) -> Path:
        """Where this computer has a file of the instance; no part of the path may be a link."""
        return Path(f"/proc/{self.init}/root{path}")

    def refresh(self, *variables: str) -> subprocess.CompletedProcess[str]:
        """Run what systemd runs every two minutes, with NAME=VALUE environment variables if there are any."""
        unit = configparser.ConfigParser(interpolation=None)
        unit.read_string(self.run("cat /etc/systemd/system/quilt-refresh.service").stdout)
        service = unit["Service"]
        return self.run(f"cd {service['WorkingDirectory']}; env {' '.join(variables)} {service['ExecStart']}")

    def get(self, host: str, path: str = "/", port: int = 80) -> tuple[int, str]:
        """Send the request that the load balancer would send: status (0 without an answer), and body or location."""
        write_out = "%{stderr}%{http_code} %{redirect_url}"
        url = f"http://127.0.0.1:{port}{path}"
        done = self.run(f"curl --silent --max-time 60 --write-out '{write_out}' --header 'Host: {host}' '{url}'")
        status, _, location = done.stderr.partition(" ")
        return int(status), location or done.stdout

    def healthy(self) -> bool:
        """Whether the load balancer would send requests here."""
        return self.get("10.42.0.17", "/healthcheck") == (200, "ok")

    def packages(self) -> int:
        """The status of a request that needs the database."""
        return self.get(self.environments["stack"]["REGISTRY_HOST"], "/api/packages")[0]

    def registry_container(self) -> str:
        """ID and start of the registry's container."""
        return self.run("docker inspect --format '{{.Id}} {{.State.StartedAt}}' registry").stdout

    def shorten_pauses(self) -> None:
        """Shorten the pauses between tries in the next boots, and those between signals and boots."""
        self.change("metadata.json", {"for pause in 2 4 8 16 30;": "for pause in 0 0 0 0 1;"})
        self.change("user-data", {"sleep 5\n": "sleep 0.5\n", "sleep 60\n": "sleep 2\n"})

    def sql(self, commands: str, superuser: bool = False, database: str = "quilt") -> str:
        """What the database answers to its master user, or to RDS's own superuser."""
        connect = "psql --quiet --no-align --tuples-only --set ON_ERROR_STOP=1"
        user = "--host /run/postgresql --username rdsadmin" if superuser else "--host 10.42.1.10 --username quilt"
        password = f"PGPASSWORD=$(cat {ON_IT}/folder/password)"
        done = self.run(f"{password} {connect} {user} --dbname {database}", input=commands)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def holder(self) -> str | None:
        """The instance that has the fixed address."""
        found: str | None = json.loads((self.common / "address.json").read_text())["holder"]
        return found

    def trace(self) -> None:
        """Prepare to record in /run/commands and /run/programs, and to kill what /run/victim names."""
        before = f"{ON_IT}/checkout/tests/boot/stand_ins/before_each_program.sh"
        done = self.run(
            f"""
            mkdir /run/traced && cd /run/traced && python3 - <<END
import os
names = {{name for folder in ("/usr/local/bin", "/usr/bin", "/usr/sbin") for name in os.listdir(folder)}}
for name in names:
    os.symlink("{before}", name)
END
            ln -sf {before} /opt/aws/bin/cfn-init
            ln -sf {before} /opt/aws/bin/cfn-signal
            install -m 666 /dev/null /run/commands
            install -m 666 /dev/null /run/programs
            install -m 666 /dev/null /run/victim
            """
        )
        assert done.returncode == 0, done.stderr

    def wait_for(self, fact: Callable[[], Any], what: str, seconds: float = 300) -> None:
        """Wait until something is so; an error when the instance has ended, or it takes longer than on any machine."""
        deadline = (began := time.monotonic()) + seconds
        while not fact():
            if self.ended or time.monotonic() > deadline:
                raise AssertionError(f"not in {seconds} s: {what}: {(self.folder / 'log').read_text()}")
            # A look that takes processes shall not keep a processor busy.
            time.sleep(0.02 + 3 * (time.monotonic() - began))
            began = time.monotonic()

    def calls(self, *actions: str) -> list[dict[str, Any]]:
        """Every call of these AWS actions, in order."""
        # The last line may be half written.
        lines = (self.folder / "calls").read_text().split("\n")[:-1]
        return [call for call in map(json.loads, lines) if call["Action"] in actions]

    def signals(self) -> list[tuple[str, str]]:
        """Status and unique ID of every signal that CloudFormation got."""
        return [(call["Status"], call["UniqueId"]) for call in self.calls("SignalResource")]

    def become_image(self) -> Path:
        """Shut down, as before a snapshot of the disk: what was written there becomes the machine image of others."""
        pack = f"tar --create --xattrs --xattrs-include='*' --sparse --file {ON_IT}/folder/image.tar"
        done = self.run(f"systemctl poweroff && {pack} --directory {ON_IT}/disk .")
        assert done.returncode == 0, done.stdout + done.stderr
        return self.folder / "image.tar"

    def connections(self) -> list[Connection]:
        """Everything that has been sent so far, in order, but for what containers sent themselves; see ``record``."""
        mark = f"{time.monotonic_ns()}"
        lines: list[dict[str, Any]] = []

        def marked() -> bool:
            lines[:] = map(json.loads, (self.folder / "connections").read_text().split("\n")[:-1])
            return any(line.get("mark") == mark for line in lines)

        assert self.run(f"printf %s {mark} >/dev/udp/127.0.0.1/{DISCARD}").returncode == 0
        self.wait_for(marked, "every packet is recorded")
        assert not any(line.get("lost") for line in lines), "packets were lost"
        return [Connection(**line) for line in lines if "mark" not in line]

    def stored(self, logical_id: str) -> str:
        """The value of a secret in Secrets Manager."""
        value: str = json.loads((self.folder / "secrets.json").read_text())[f"<{logical_id}>"]
        return value

    def store(self, values: dict[str, str]) -> None:
        """Give secrets other values, as a stack update does; logical ID -> value."""
        current = json.loads((self.folder / "secrets.json").read_text())
        self.write("secrets.json", json.dumps(current | {f"<{name}>": value for name, value in values.items()}))

    def refuse(self, *actions: str) -> None:
        """The AWS actions that fail from now on."""
        self.write("refused", " ".join(actions))

    def answer_signals(self, status: int, code: str, message: str, unique_id: str = "") -> None:
        """Answer signals with this error from now on, or those whose ID has this pattern in it."""
        error = {"Status": status, "Code": code, "Message": message, "UniqueId": unique_id}
        self.write("signal-error.json", json.dumps(error))

    def answer_mail(self, refuses: str = "", seconds: float = 0) -> None:
        """The command of SMTP that the mail service refuses from now on, and how long it takes for each answer."""
        self.write("mail.json", json.dumps({**self.smtp_user, "Refuses": refuses, "Seconds": seconds}))

    def mail_commands(self) -> list[str]:
        """Every command that the mail service got; AUTH without what it says."""
        return (self.folder / "mail-commands").read_text().splitlines()

    def create_access_keys(self, *pairs: tuple[str, str]) -> None:
        """The access keys that IAM knows from now on: ID and secret."""
        self.write("keys.json", json.dumps(pairs))

    def create_buckets(self, buckets: dict[str, str]) -> None:
        """The buckets that S3 has from now on: name -> Region, or "Forbidden" for one of another account."""
        self.write("buckets.json", json.dumps(buckets))

    def renew_credentials(self, key_id: str) -> None:
        """The role's credentials in the instance metadata from now on."""
        credentials = {"AccessKeyId": key_id, "SecretAccessKey": f"secret of {key_id}", "Token": f"token of {key_id}"}
        self.write("credentials.json", json.dumps({"Code": "Success", **credentials}))

    def change(self, name: str, texts: dict[str, str]) -> None:
        """Replace texts in a file of the folder; an error if one is not there."""
        file = (self.folder / name).read_text()
        for old, new in texts.items():
            assert old in file
            file = file.replace(old, new)
        self.write(name, file)

    def write(self, name: str, text: str) -> None:
        """Write a file of the folder in one step: a stand-in may be reading it."""
        new = self.folder / f"{name}.new"
        new.write_text(text)
        new.rename(self.folder / name)

    def _connect(self, other: Instance) -> None:
        """A network cable to another instance, over which its database is reached."""
        done = _run(
            *["ip", "link", "add", "eth0", "netns", other.init, "type", "veth", "peer", "eth0", "netns", self.init]
        )
        assert done.returncode == 0, done.stderr
        other.run("ip address add 10.42.0.1/24 dev eth0; ip link set eth0 up")
        self.run("ip address add 10.42.0.2/24 dev eth0; ip link set eth0 up; ip route add 10.42.1.10 via 10.42.0.1")


def _with_known_attributes(text: str) -> str:
    for unknown, value in UNKNOWN_ATTRIBUTES.items():
        text = text.replace(unknown, value)
    return text


if __name__ == "__main__":
    sys.exit(missing() or 0)
