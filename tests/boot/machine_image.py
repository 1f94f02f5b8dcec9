"""The machine image of a release, baked on an instance by the programs that bake the real one."""

from __future__ import annotations

from subprocess import CompletedProcess

from quilt_cfn import image
from quilt_cfn.inputs.release import Release
from tests.boot.instance import Instance

PROGRAMS = "/run/quilt-build"
"""Where the programs lie on the instance: in memory, which is no part of its image."""


def run(instance: Instance, program: str, *arguments: str, variables: str = "") -> CompletedProcess[str]:
    """Run one of the programs, as Image Builder does, with NAME=VALUE environment variables if there are any."""
    for name in image.PROGRAMS:
        instance.run(f"mkdir -p {PROGRAMS} && cat >{PROGRAMS}/{name}", input=image.read(name))
    interpreter = "python3" if program.endswith(".py") else "bash"
    return instance.run(f"cd / && exec env {variables} {interpreter} {PROGRAMS}/{program} {' '.join(arguments)}")


def bake(instance: Instance, release: Release, variables: str = "") -> CompletedProcess[str]:
    """Bake a release on an instance of plain Amazon Linux."""
    references = [each.reference for each in release.images.values()]
    return run(instance, "bake.sh", release.version, *references, variables=variables)


def make(instance: Instance, release: Release) -> None:
    """Make an instance of plain Amazon Linux a machine image, which its folder has when it is ended."""
    for done in (bake(instance, release), run(instance, "clean_up.sh"), instance.run("systemctl poweroff")):
        assert done.returncode == 0, done.stdout + done.stderr
