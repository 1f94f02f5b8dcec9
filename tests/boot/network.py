"""A network of its own for several instances: a bridge to which each is connected with an address of its own."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from tests.boot.instance import ENVIRONMENT

if TYPE_CHECKING:
    from tests.boot.instance import Instance

GATEWAY = "10.42.0.1"
"""Where the load balancer listens, and where clients send from."""


class Network:
    """``with Network():`` as long as it is there; instances that are connected go by themselves."""

    def __enter__(self) -> Network:
        setup = "ip link set lo up; ip link add bridge type bridge; ip link set bridge up"
        script = f"{setup}; ip address add {GATEWAY}/24 dev bridge; echo; exec sleep infinity"
        command = ["unshare", "--net", "sh", "-ec", script]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, env=ENVIRONMENT, cwd="/")
        assert self.process.stdout is not None
        with self.process.stdout as output:
            assert output.read(1), "the network is up"
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    def run(self, *command: str | Path) -> subprocess.Popen[bytes]:
        """Start a program here."""
        enter = ["nsenter", f"--net=/proc/{self.process.pid}/ns/net"]
        return subprocess.Popen([*enter, *command], env=ENVIRONMENT, cwd="/")

    def thread(self, target: Callable[..., object], *arguments: object) -> Thread:
        """Start a thread whose connections come from here: a network namespace is a thread's own."""
        namespace = f"/proc/{self.process.pid}/ns/net"

        def run() -> None:
            descriptor = os.open(namespace, os.O_RDONLY)
            assert ctypes.CDLL(None).setns(descriptor, 0) == 0
            os.close(descriptor)
            target(*arguments)

        thread = Thread(target=run)
        thread.start()
        return thread

    def connect(self, instance: Instance) -> None:
        """Lay a cable between the bridge and an instance's eth0; over it the instance also reaches its database."""
        cable, peer = f"cable{instance.number}", ["type", "veth", "peer", "name", "eth0", "netns", instance.init]
        assert self.run("ip", "link", "add", cable, "master", "bridge", "up", *peer).wait() == 0
        commands = [
            f"ip address add {instance.address}/24 dev eth0",
            "ip link set eth0 up",
            f"ip route add default via {GATEWAY}",
        ]
        if instance.database_of is not None:
            commands.append(f"ip route add 10.42.1.10 via {instance.database_of.address}")
        done = instance.run(" && ".join(commands))
        assert done.returncode == 0, done.stderr
