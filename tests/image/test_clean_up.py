"""clean_up.sh on a root folder, and with stand-ins for what it calls on a running instance."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from quilt_cfn import image
from tests.image.faults import FAULTS, HASH
from tests.image.roots import make_root
from tests.image.test_check_image import check, places

CLEAN_UP = Path(image.__file__).parent / "clean_up.sh"


@pytest.fixture
def root(tmp_path):
    (tmp_path / "root").mkdir()
    return make_root(tmp_path / "root")


def clean_up(*arguments, path=os.environ["PATH"], **variables):
    environment = {"PATH": path, **variables}
    done = subprocess.run(["bash", *arguments], capture_output=True, text=True, check=False, env=environment)
    return done


def everything(root):
    """Path -> content and mode of every file, link and folder of the image."""
    found = {}
    for path in sorted(root.folder.rglob("*")):
        info = path.lstat()
        content = b""
        if stat.S_ISLNK(info.st_mode):
            content = bytes(path.readlink())
        elif stat.S_ISREG(info.st_mode) and path.name != "swapfile":
            content = path.read_bytes()
        found[str(path.relative_to(root.folder))] = (content, info.st_mode, info.st_uid)
    return found


def test_it_leaves_an_image_as_it_should_be_as_it_is(root):
    root.write("/root/.bash_history", "")
    before = everything(root)
    done = clean_up(CLEAN_UP, root.folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    after = everything(root)
    assert set(before) - set(after) == {"root/.bash_history"}
    assert {path for path in after if after[path] != before.get(path)} == set()


def test_of_all_planted_faults_only_those_stay_that_it_can_not_judge(root):
    """Each is planted where the one before it left room: some are about the same line of a file."""
    stays = []
    for name, planted in FAULTS.items():
        try:
            planted.plant(root)
        except (AssertionError, OSError):
            continue
        if not planted.cleaned:
            stays.append(name)
    for name in [name for name, planted in FAULTS.items() if not planted.cleaned]:
        assert name in stays or FAULTS[name].id in {FAULTS[each].id for each in stays}, name
    assert {fault.id for fault in check(root)} >= {planted.id for planted in FAULTS.values() if planted.cleaned}
    assert clean_up(CLEAN_UP, root.folder).returncode == 0
    left = {(FAULTS[name].id, FAULTS[name].path) for name in stays}
    assert set(places(check(root))) <= left


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", [name for name, planted in FAULTS.items() if planted.cleaned])
def test_it_removes(root, name):
    FAULTS[name].plant(root)
    done = clean_up(CLEAN_UP, root.folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert check(root) == []


def test_accounts_keep_all_but_their_password(root):
    root.write(
        "/etc/shadow",
        f"root:*LOCK*:1::::::\nbin:*:2:0:9:7:::\na:{HASH}:3::::::\nb::4::::::\nc:!{HASH}:5::::::\nd:!!:6::::::\n",
    )
    root.at("/etc/shadow").chmod(0o400)
    assert clean_up(CLEAN_UP, root.folder).returncode == 0
    assert stat.S_IMODE(root.at("/etc/shadow").stat().st_mode) == 0o400
    assert root.at("/etc/shadow").read_text() == (
        "root:*LOCK*:1::::::\nbin:*:2:0:9:7:::\na:!:3::::::\nb:!:4::::::\nc:!:5::::::\nd:!!:6::::::\n"
    )


def test_sshd_keeps_all_but_how_people_log_in(root):
    root.write("/etc/ssh/sshd_config", "Port 22\n  passwordauthentication yes\nSubsystem sftp internal-sftp\n")
    root.at("/etc/ssh/sshd_config").chmod(0o600)
    for _ in range(2):
        assert clean_up(CLEAN_UP, root.folder).returncode == 0
        lines = root.at("/etc/ssh/sshd_config").read_text().splitlines()
        assert lines[5:] == ["Port 22", "Subsystem sftp internal-sftp"]
        assert all(line.endswith(" no") for line in lines[:5])
    assert stat.S_IMODE(root.at("/etc/ssh/sshd_config").stat().st_mode) == 0o600


def test_a_link_is_not_followed(root, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    for name in ("authorized_keys", "system.journal", "x_history"):
        (outside / name).write_text("keep")
    root.link("/root/.ssh", str(outside))
    root.link("/var/log/elsewhere", str(outside))
    root.link("/var/tmp/link", str(outside))
    root.link("/var/log/file", str(outside / "system.journal"))
    root.link("/home/elsewhere", str(outside))
    root.at("/var/lib/cloud").rmdir()
    root.link("/var/lib/cloud", str(outside))
    assert clean_up(CLEAN_UP, root.folder).returncode == 0
    assert {path.read_text() for path in outside.iterdir()} == {"keep"}
    assert not root.at("/root/.ssh").is_symlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
def test_what_lies_in_memory_is_no_part_of_the_image(root):
    temporary = root.at("/tmp")
    script = (
        f"mount -t tmpfs none {temporary} && touch {temporary}/file && bash {CLEAN_UP} {root.folder} && ls {temporary}"
    )
    done = subprocess.run(["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "file\n", "")


def test_what_is_no_root_folder_is_refused(tmp_path):
    done = clean_up(CLEAN_UP, tmp_path)
    assert done.returncode == 1
    assert done.stderr == f"clean_up.sh: {tmp_path} is no root folder of a machine image.\n"


# On a running instance: the script works on /, of which a test makes its own root


@pytest.fixture
def instance(root, tmp_path):
    """The script with the test's root in place of /, and stand-ins that note how they are called."""
    text = CLEAN_UP.read_text()
    script = tmp_path / "clean_up.sh"
    (tmp_path / "run").mkdir()
    assert text.count('root=${root%/}\nrunning=\n[ "$root" ] || running=yes\n') == 1
    text = text.replace('running=\n[ "$root" ] || running=yes\n', f"running=yes\nroot={root.folder}\n")
    script.write_text(re.sub(r"/run/quilt", f"{tmp_path}/run/quilt", text))
    (tmp_path / "bin").mkdir()
    for name in ("systemctl", "systemd-run", "journalctl", "sync"):
        program = tmp_path / "bin" / name
        program.write_text(f'#!/bin/sh\necho {name} "$@" >>{tmp_path}/calls\n[ "$1" != is-active ]\n')
        program.chmod(0o755)
    return lambda **variables: clean_up(script, path=f"{tmp_path}/bin:{os.environ['PATH']}", **variables)


def test_docker_is_stopped_before_anything_is_removed_and_the_rest_goes_when_the_instance_does(
    instance, root, tmp_path
):
    agent = "/var/lib/amazon/ssm/i-0/state"
    root.write(agent)
    root.write("/tmp/TOE_1/console.log")
    root.write("/var/log/journal/1/system.journal")
    done = instance()
    assert (done.returncode, done.stderr) == (0, "")
    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls[:4] == [f"systemctl stop {unit}" for unit in ("*.timer", "docker.socket", "docker", "containerd")]
    (unit,) = [call for call in calls if call.startswith("systemd-run")]
    before = re.search("Before=(.*?) --", unit)
    assert before
    written_by = {"amazon-ssm-agent", "auditd", "systemd-random-seed", "systemd-update-utmp"}
    assert {f"{name}.service" for name in written_by} | {"shutdown.target"} <= set(before[1].split())
    assert "--property=DefaultDependencies=no --property=Conflicts=shutdown.target" in unit, "a circle otherwise"
    assert "RemainAfterExit=yes" in unit
    assert f"ExecStop=/usr/bin/env QUILT_CLEAN_UP=last bash {tmp_path}/run/quilt-clean-up.sh" in unit
    assert "journalctl --quiet --relinquish-var" in calls
    assert root.at(agent).exists(), "Image Builder works through the agent"
    assert root.at("/tmp/TOE_1/console.log").exists()
    assert check(root) != []
    assert list(root.at("/var/log/journal").iterdir()) == [], "journald would take empty files for damaged ones"
    # The instance shuts down.
    (tmp_path / "calls").unlink()
    root.write("/var/log/amazon/ssm/amazon-ssm-agent.log")
    command = unit.partition("ExecStop=")[2].split()[:-1]
    assert command[:2] == ["/usr/bin/env", "QUILT_CLEAN_UP=last"]
    done = clean_up(*command[3:], path=f"{tmp_path}/bin:{os.environ['PATH']}", QUILT_CLEAN_UP="last")
    assert (done.returncode, done.stderr) == (0, "")
    assert check(root) == []
    assert "stop" not in (tmp_path / "calls").read_text()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_can_start_and_stop_the_unit(instance, tmp_path):
    """Written down as systemd-run makes it; systemd tells of a circle in the order."""
    assert instance().returncode == 0
    (unit,) = [call for call in (tmp_path / "calls").read_text().splitlines() if call.startswith("systemd-run")]
    settings = re.findall("--property=(.*?=.*?)(?= --property=| true$)", unit)
    of_services = ("Type=", "RemainAfterExit=", "ExecStop=")
    service = [each for each in settings if each.startswith(of_services)]
    path = tmp_path / "quilt-clean-up.service"
    lines = [
        "[Unit]",
        *(each for each in settings if each not in service),
        "[Service]",
        *service,
        "ExecStart=/bin/true",
    ]
    path.write_text("\n".join(lines))
    assert len(settings) == 6
    done = subprocess.run(["systemd-analyze", "verify", path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_run_twice_it_waits_for_the_end_once(instance, tmp_path):
    for _ in range(2):
        assert instance().returncode == 0
        (tmp_path / "bin/systemctl").write_text('#!/bin/sh\n[ "$*" != "is-active --quiet docker" ]\n')
    assert (tmp_path / "calls").read_text().count("systemd-run") == 1


def test_a_docker_that_does_not_stop_is_named_before_anything_is_removed(instance, root, tmp_path):
    (tmp_path / "bin/systemctl").write_text("#!/bin/sh\nexit 0\n")
    before = everything(root)
    done = instance()
    assert done.returncode == 1
    assert done.stderr == "clean_up.sh: docker does not stop; journalctl --unit docker says why.\n"
    assert everything(root) == before
