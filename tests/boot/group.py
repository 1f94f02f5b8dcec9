"""An Auto Scaling group on this computer, and what CloudFormation does with it when a stack is created or updated.

Both do what was measured in https://github.com/guardian/testing-asg-rolling-update. Numbers come from the evaluated
template, and a minute of theirs is one of the load balancer's here. A boot takes as long as it takes; that
CloudFormation and the group wait for longer than any boot is proved elsewhere (tests/stack/test_instance.py).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from threading import Thread

from tests.boot.instance import Instance
from tests.boot.load_balancer import LoadBalancer
from tests.launches import LaunchedStack


class Member:
    """An instance of the group, and what was seen of it."""

    def __init__(self, instance: Instance) -> None:
        self.instance, self.id = instance, instance.id
        self.halted = False
        self.boots: list[str] = []
        """What each boot that has ended printed."""
        self.health_when_signaled: dict[str, str] = {}
        """Target group -> state, when the first signal came."""
        self.connections_at_the_end: int | None = None
        """How many connections to it were open when the group ended it."""

    @property
    def runs(self) -> bool:
        """Whether the instance itself is still there."""
        return not self.instance.ended

    def set_lifecycle_state(self, state: str) -> None:
        """The state in its instance metadata from now on."""
        self.instance.write("lifecycle-state", state)

    def halt(self) -> None:
        """Kill every process; those of systemd, which would start some again, as well."""
        self.halted = True
        self.instance.run("kill -KILL -1")

    def boot(self) -> None:
        """Run the user data until that ends, or the instance."""
        try:
            done = self.instance.boot()
        except (AssertionError, OSError):
            if self.runs:
                raise
        else:
            self.boots.append(done.stdout + done.stderr)

    def refresh(self, balancer: LoadBalancer) -> None:
        """Run, every two minutes, what systemd runs from the moment on when the boot enables it."""
        while self.runs and not self.halted:
            if "quilt-refresh" in self.instance.run("cat /run/systemctl").stdout:
                try:
                    self.instance.refresh()
                except KeyError:  # nobody reads the unit's file any more
                    if self.runs and not self.halted:
                        raise
            balancer.pause(2)


class Group:
    """``with Group(...)`` as long as there is a stack with the group; it ends its instances.

    ``start`` starts the instance of a number; ``database`` is the instance whose database it has.
    """

    def __init__(
        self, stack: LaunchedStack, start: Callable[[int], Instance], balancer: LoadBalancer, database: Instance
    ) -> None:
        self.start, self.balancer, self.database = start, balancer, database
        (group,) = [each for each in stack.resources.values() if each["Type"] == "AWS::AutoScaling::AutoScalingGroup"]
        self.properties, self.policy = group["Properties"], group["UpdatePolicy"]["AutoScalingRollingUpdate"]
        self.target_groups = [str(arn).strip("<>") for arn in self.properties["TargetGroupARNs"]]
        self.members: list[Member] = []
        self.leaving: list[Member] = []
        """Those that the group is ending or has ended, the last one last."""
        self.threads: list[Thread] = []
        self.over = False

    def __enter__(self) -> Group:
        self.set_status("REVIEW_IN_PROGRESS")
        self.watch = self._in_background(self._replace_what_is_unhealthy)
        return self

    def __exit__(self, *_: object) -> None:
        self.over = True
        self.watch.join()
        for member in self.members + self.leaving:
            member.instance.end()
        for thread in self.threads:
            thread.join()

    def set_status(self, status: str) -> None:
        """The stack's status from now on, which decides whether it can be signaled."""
        self.status = status
        self.database.write("stack-status", status)

    def create(self) -> bool:
        """Create the stack: whether that succeeds. What failed stays, as when rollback is disabled."""
        self.set_status("CREATE_IN_PROGRESS")
        began = time.monotonic()
        created = self._is_signaled(self.launch())
        self.balancer.launched_in(time.monotonic() - began)
        self.set_status("CREATE_COMPLETE" if created else "CREATE_FAILED")
        return created

    def update(self, prepare: Callable[[Instance], object] = lambda _: None) -> bool:
        """A rolling update of the one instance, and the rollback when it fails: whether it succeeds.

        ``prepare`` is called with the new instance before that boots.
        """
        assert int(self.policy["MinInstancesInService"]) == 1 < int(self.properties["MaxSize"]), "else it is refused"
        (old,) = self.members
        self.set_status("UPDATE_IN_PROGRESS")
        updated = self._is_signaled(self.launch(prepare))
        if updated:
            self.end(old)
        else:
            self.set_status("UPDATE_ROLLBACK_IN_PROGRESS")
            newest_first = self.properties["TerminationPolicies"] == ["NewestInstance"]
            self.end(self.members[-1 if newest_first else 0])
        self.set_status("UPDATE_COMPLETE" if updated else "UPDATE_ROLLBACK_COMPLETE")
        return updated

    def launch(self, prepare: Callable[[Instance], object] = lambda _: None) -> Member:
        """Launch a member: it is registered at once, and boots."""
        member = Member(self.start(1 + len(self.members) + len(self.leaving)))
        member.set_lifecycle_state("InService")
        prepare(member.instance)
        for name in self.target_groups:
            self.balancer.groups[name].register(member.id, member.instance.address)
        self.members.append(member)
        self._in_background(member.boot)
        self._in_background(member.refresh, self.balancer)
        return member

    def end(self, member: Member) -> None:
        """End a member: it is deregistered, its metadata says so, and when the deregistration delay is over it goes."""
        self.deregister(member)
        self.end_when_drained(member)

    def deregister(self, member: Member) -> None:
        """Begin to end a member."""
        self.members.remove(member)
        self.leaving.append(member)
        member.set_lifecycle_state("Terminated")
        for name in self.target_groups:
            self.balancer.groups[name].deregister(member.id)

    def end_when_drained(self, member: Member) -> None:
        """End a member that has been deregistered, when all its connections have had their time."""
        while not self.over and set(self.balancer.states(member.id).values()) != {"unused"}:
            time.sleep(0.02)
        member.connections_at_the_end = self.balancer.connections(member.id)
        self.kill(member)

    def kill(self, member: Member) -> None:
        """End an instance as if its host had failed; EC2 takes its address away."""
        member.instance.end()
        if member.instance.holder() == member.id:
            self.free_address()

    def free_address(self) -> None:
        """From now on nobody has the fixed address."""
        self.database.write("address.json", json.dumps({"holder": None}))

    def _is_signaled(self, member: Member) -> bool:
        """Wait for the first signal of an instance: whether it says success."""
        deadline = time.monotonic() + 600
        while time.monotonic() < deadline:
            if signals := member.instance.signals():
                member.health_when_signaled = self.balancer.states(member.id)
                return signals[0] == ("SUCCESS", member.id)
            time.sleep(0.02)
        return False

    def _replace_what_is_unhealthy(self) -> None:
        """Keep one member in service, except during an update, which suspends these processes."""
        while not self.over:
            time.sleep(0.05)
            if self.status.endswith("_IN_PROGRESS"):
                continue
            for member in list(self.members):
                if not member.runs or self._fails_health_checks(member):
                    self.deregister(member)
                    self._in_background(self.end_when_drained, member)
                    self.launch()

    def _fails_health_checks(self, member: Member) -> bool:
        """Whether the group learns from a target group that an instance is unhealthy: not while that boots."""
        return (
            self.properties["HealthCheckType"] == "ELB"
            and member.boots != []
            and "unhealthy" in self.balancer.states(member.id).values()
        )

    def _in_background(self, target: Callable[..., object], *arguments: object) -> Thread:
        thread = Thread(target=target, args=arguments)
        thread.start()
        self.threads.append(thread)
        return thread
