"""A Network Load Balancer: HAProxy passes connections on, and a stand-in for Elastic Load Balancing tells it where to.

The stand-in does what AWS's documentation and users say (each with its source below), and a minute of theirs takes it a
second, or more where a boot is slow. It knows the listeners and target groups of the evaluated template, and of the
instances their addresses.
"""

from __future__ import annotations

import json
import socket
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from threading import RLock, Thread
from typing import Any

from tests.boot.network import GATEWAY, Network
from tests.launches import LaunchedStack

MINUTE = 1.0
"""How many seconds a minute of AWS's takes here at least."""
LAUNCH = 15
"""How many of these minutes the launch of an instance may take: on a slow machine, they are longer."""
REGISTRATION = 2.5
"""Minutes, because it takes 90 to 180 seconds: https://github.com/kubernetes-sigs/aws-load-balancer-controller/issues/1834"""
STILL_CONNECTED = 2
"""How many minutes a target that is being deregistered still gets new connections, whatever its deregistration delay:
https://github.com/aws/containers-roadmap/issues/470"""
TARGETS = 15

CONFIG = """
global
    stats socket {folder}/haproxy.socket level admin
defaults
    mode tcp
    balance random
    retries 0
    timeout connect 5s
    timeout client 350s
    timeout server 350s
"""


class Target:
    """An instance in a target group."""

    def __init__(self, instance_id: str, address: str, server: str) -> None:
        self.id, self.address, self.server = instance_id, address, server
        self.state, self.reason = "initial", "Elb.RegistrationInProgress"
        self.deregistered: float | None = None
        self.gets_connections = False

    @property
    def known(self) -> bool:
        """Whether the load balancer has it already."""
        return self.reason != "Elb.RegistrationInProgress"


class TargetGroup:
    """Checks the health of its targets, and gives connections to the healthy ones, or to all when none is healthy."""

    def __init__(self, balancer: LoadBalancer, properties: dict[str, Any], name: str) -> None:
        self.balancer, self.name = balancer, name
        self.port = int(properties["Port"])
        self.check_port = properties.get("HealthCheckPort", "traffic-port")
        self.check_path = properties.get("HealthCheckPath", "/")
        self.interval = int(properties.get("HealthCheckIntervalSeconds", 30)) / 60
        self.thresholds = {
            True: int(properties.get("HealthyThresholdCount", 5)),
            False: int(properties.get("UnhealthyThresholdCount", 2)),
        }
        attributes = {each["Key"]: each["Value"] for each in properties.get("TargetGroupAttributes", [])}
        self.delay = int(attributes.get("deregistration_delay.timeout_seconds", 300)) / 60
        self.targets: dict[str, Target] = {}

    def register(self, instance_id: str, address: str) -> None:
        """Add a target: after a while its health is checked, and it gets connections when it is healthy."""
        with self.balancer.lock:
            number = 1 + len(self.targets)
            target = self.targets[instance_id] = Target(instance_id, address, f"{self.name}/target{number}")
            if self.name not in self.balancer.ports:
                self.set_state(target, "unused", "Target.NotInUse")
                return
            self.balancer.command(f"set server {target.server} addr {address} port {self.port}")
            self.set_state(target, target.state, target.reason)
        self.balancer.threads.append(self.balancer.network.thread(self.check, target))

    def deregister(self, instance_id: str) -> None:
        """Let a target drain: no new connections after a while, those that are open go on."""
        with self.balancer.lock:
            target = self.targets[instance_id]
            target.deregistered = time.monotonic()
            self.set_state(target, "draining", "Target.DeregistrationInProgress")

    def check(self, target: Target) -> None:
        """Send health checks until the target is no longer registered."""
        self.balancer.pause(self.balancer.registration)
        self.set_state(target, "initial", "Elb.InitialHealthChecking")
        last, times = None, 0
        while not self.balancer.over and target.deregistered is None:
            passed = self.passes(target)
            last, times = passed, times + 1 if passed == last else 1
            if times == self.thresholds[passed] and target.deregistered is None:
                self.set_state(target, *(("healthy", "") if passed else ("unhealthy", "Target.FailedHealthChecks")))
            self.balancer.pause(self.interval)
        # The last states come without the target's doing.
        while not self.balancer.over and target.state == "draining":
            assert target.deregistered is not None
            passed_since = (time.monotonic() - target.deregistered) / self.balancer.minute
            if passed_since > STILL_CONNECTED:
                self.route()
            if passed_since > self.delay:
                self.set_state(target, "unused", "Target.NotRegistered")
            self.balancer.pause(0.1)

    def passes(self, target: Target) -> bool:
        """Whether a health check gets one of the statuses that count unless the template says otherwise.

        Its host name is the load balancer's address and port:
        https://docs.aws.amazon.com/elasticloadbalancing/latest/network/target-group-health-checks.html
        """
        port = self.port if self.check_port == "traffic-port" else int(self.check_port)
        connection = HTTPConnection(target.address, port, timeout=5)
        try:
            connection.request("GET", self.check_path, headers={"Host": f"{GATEWAY}:{self.balancer.ports[self.name]}"})
            return 200 <= connection.getresponse().status < 400
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def set_state(self, target: Target, state: str, reason: str) -> None:
        """The state of a target from now on; connections to a target that becomes unhealthy are ended (ELB docs)."""
        with self.balancer.lock:
            if target.deregistered is not None and state not in ("draining", "unused"):
                return
            if state == "unhealthy" and target.state == "healthy":
                self.balancer.command(f"shutdown sessions server {target.server}")
            target.state, target.reason = state, reason
            self.route()
            self.balancer.publish()

    def route(self) -> None:
        """Tell HAProxy which targets get new connections: it fails open, without a healthy one all of them do.

        https://docs.aws.amazon.com/elasticloadbalancing/latest/network/target-group-health-checks.html
        """
        with self.balancer.lock:
            registered = [each for each in self.targets.values() if each.known and each.deregistered is None]
            healthy = [each for each in registered if each.state == "healthy"]
            now = time.monotonic()
            for target in self.targets.values():
                if target.deregistered is None:
                    target.gets_connections = target in (healthy or registered)
                elif now - target.deregistered > STILL_CONNECTED * self.balancer.minute:
                    target.gets_connections = False
                state = "ready" if target.gets_connections else "maint"
                self.balancer.command(f"set server {target.server} state {state}")


class LoadBalancer:
    """``with LoadBalancer(...)`` as long as it runs; it listens at ``GATEWAY`` of the network.

    FOLDER/targets.json says what DescribeTargetHealth would answer: target group -> instance -> health.
    """

    def __init__(
        self,
        folder: Path,
        network: Network,
        listeners: dict[int, str],
        target_groups: dict[str, dict[str, Any]],
    ) -> None:
        self.folder, self.network = folder, network
        self.ports = {group: port for port, group in listeners.items()}
        self.groups = {name: TargetGroup(self, each, name) for name, each in target_groups.items()}
        self.lock = RLock()
        self.threads: list[Thread] = []
        self.registration, self.minute = REGISTRATION, MINUTE
        self.over = False

    @classmethod
    def of(cls, stack: LaunchedStack, folder: Path, network: Network) -> LoadBalancer:
        """The load balancer of an evaluated template."""
        listeners = {
            int(each["Port"]): str(each["DefaultActions"][0]["TargetGroupArn"]).strip("<>")
            for each in stack.of_type("AWS::ElasticLoadBalancingV2::Listener").values()
        }
        groups = json.loads(json.dumps(stack.of_type("AWS::ElasticLoadBalancingV2::TargetGroup"), default=str))
        return cls(folder, network, listeners, groups)

    def __enter__(self) -> LoadBalancer:
        config = CONFIG.format(folder=self.folder)
        for name in self.groups:
            config += f"backend {name}\n    server-template target 1-{TARGETS} 0.0.0.0:1 disabled\n"
        for name, port in self.ports.items():
            config += f"frontend {name}\n    bind {GATEWAY}:{port}\n    default_backend {name}\n"
        path = self.folder / "haproxy.cfg"
        path.write_text(config)
        self.publish()
        self.process = self.network.run("haproxy", "-q", "-db", "-f", path)
        deadline = time.monotonic() + 60
        while not (self.folder / "haproxy.socket").exists():
            assert self.process.poll() is None, "HAProxy runs"
            assert time.monotonic() < deadline, "HAProxy listens"
            time.sleep(0.02)
        return self

    def __exit__(self, *_: object) -> None:
        self.over = True
        for thread in self.threads:
            thread.join()
        self.process.kill()
        self.process.wait()

    def command(self, text: str) -> str:
        """Send a command to HAProxy's runtime API: its answer."""
        with socket.socket(socket.AF_UNIX) as runtime:
            runtime.connect(str(self.folder / "haproxy.socket"))
            runtime.sendall(f"{text}\n".encode())
            answer = b"".join(iter(lambda: runtime.recv(65536), b"")).decode()
        assert not answer.startswith(("Unknown", "No such", "Invalid", "Require")), f"{text}: {answer}"
        return answer

    def launched_in(self, seconds: float) -> None:
        """Make minutes as long as this machine needs, which has launched an instance in so many seconds."""
        self.minute = max(MINUTE, seconds / LAUNCH)

    def pause(self, minutes: float) -> None:
        """Sleep, but not longer than the load balancer runs."""
        deadline = time.monotonic() + minutes * self.minute
        while not self.over and time.monotonic() < deadline:
            time.sleep(0.05)

    def publish(self) -> None:
        """Let the stand-in of AWS's APIs know the health of the targets."""
        health = {
            name: {each.id: {"State": each.state, "Reason": each.reason} for each in group.targets.values()}
            for name, group in self.groups.items()
        }
        new = self.folder / "targets.json.new"
        new.write_text(json.dumps(health))
        new.rename(self.folder / "targets.json")

    def states(self, instance_id: str) -> dict[str, str]:
        """Target group -> state of an instance in it."""
        return {name: target.state for name, target in self.registrations(instance_id).items()}

    def registrations(self, instance_id: str) -> dict[str, Target]:
        """Target group -> an instance's registration in it."""
        return {name: each.targets[instance_id] for name, each in self.groups.items() if instance_id in each.targets}

    def connections(self, instance_id: str) -> int:
        """How many connections are open to an instance."""
        servers = {target.server for target in self.registrations(instance_id).values()}
        header, *lines = self.command("show stat -1 4 -1").strip().splitlines()
        rows = [dict(zip(header.lstrip("# ").split(","), line.split(","), strict=False)) for line in lines]
        return sum(int(row["scur"]) for row in rows if f"{row['pxname']}/{row['svname']}" in servers)
