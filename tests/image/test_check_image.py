"""The check of a machine image: a planted fault for each line of AWS's policy, and nothing where there is none."""

from __future__ import annotations

import datetime
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from quilt_cfn.image import PROGRAMS, check_image, read
from quilt_cfn.image.explanations import FAMILY
from quilt_cfn.image.root_folder import Fault
from tests.image.faults import ACCESS_KEY, FAULTS, PUBLIC_KEY
from tests.image.roots import ALPINE, DEBIAN, SSHD_CONFIG, Root, make_root

TODAY = datetime.date(2026, 11, 28)
is_root = os.geteuid() == 0


@pytest.fixture
def root(tmp_path):
    (tmp_path / "root").mkdir()
    return make_root(tmp_path / "root")


def check(root: Root, today: datetime.date = TODAY, *, live: bool = False) -> list[Fault]:
    return list(check_image.check(str(root.folder), today, live, owner=os.getuid()))


def places(faults: list[Fault]) -> list[tuple[str, str]]:
    return [(fault.id, fault.path) for fault in faults]


def test_an_image_as_it_should_be_has_no_fault(root):
    assert check(root) == []


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found_and_nothing_else(root, name):
    planted = FAULTS[name]
    planted.plant(root)
    assert places(check(root)) == [(planted.id, planted.path)]


def test_every_line_of_the_policy_has_a_planted_fault_and_an_explanation():
    explained = [each.id for each in FAMILY.explanations]
    assert explained == sorted({fault.id for fault in FAULTS.values()} | {"I30", "I31"})
    source = read("check_image.py") + read("system_checks.py")
    used = set(re.findall(r'"(I\d\d)"', source)) | {row["id"] for row in check_image.rows("forbidden.csv")}
    assert used == set(explained)


@pytest.mark.exhaustive
def test_every_rule_of_the_table_is_needed(tmp_path, monkeypatch):
    """Without it, a fault that is planted is not found."""
    roots = {}
    for name, planted in FAULTS.items():
        (tmp_path / name).mkdir()
        roots[name] = make_root(tmp_path / name)
        planted.plant(roots[name])
    table, ends = check_image.rows("forbidden.csv"), check_image.rows("ends_of_life.csv")
    for row in table:
        others = [each for each in table if each is not row]
        monkeypatch.setattr(check_image, "rows", {"forbidden.csv": others, "ends_of_life.csv": ends}.__getitem__)
        assert any(check(roots[name]) == [] for name, planted in FAULTS.items() if planted.id == row["id"]), row


def test_only_root_may_own_what_the_boot_trusts(root):
    found = [fault.path for fault in check_image.check(str(root.folder), TODAY, owner=os.getuid() + 1)]
    assert found == [f"/opt/quilt-image{name}" for name in ("", "/release", "/images", "/rds-certificates.pem")]


# Operating systems and programs


def test_support_that_ends_today_has_not_ended(root):
    ends = {row["version"]: row["ends"] for row in check_image.rows("ends_of_life.csv") if row["system"] == "amzn"}
    last = datetime.date.fromisoformat(ends["2023"])
    assert [fault for fault in check(root, last) if fault.id == "I01"] == []
    (fault,) = [fault for fault in check(root, last + datetime.timedelta(1)) if fault.id == "I01"]
    assert fault.sentence == f"amzn 2023 has had no support since {last}"


def test_a_version_is_no_other_one_that_begins_like_it():
    ends = {("debian", "1"): "2000-01-01", ("debian", "12"): "2028-06-30"}
    assert list(check_image.ended(("debian", "12"), "I01", "/", ends, TODAY)) == []
    (unknown,) = check_image.ended(("debian", "13"), "I01", "/", ends, TODAY)
    assert "add it" in unknown.sentence


def test_layers_of_which_none_names_its_system_are_a_fault(root):
    for tree in (DEBIAN, ALPINE):
        shutil.rmtree(root.at(tree))
    root.write(f"{DEBIAN}/opt/program")
    assert places(check(root)) == [("I02", DEBIAN)]


def test_every_row_of_the_table_has_a_date_and_a_source():
    rows = check_image.rows("ends_of_life.csv")
    assert len({(row["system"], row["version"]) for row in rows}) == len(rows) > 30
    for row in rows:
        datetime.date.fromisoformat(row["ends"])
        assert row["source"].startswith("https://"), row
        assert re.fullmatch(r"\d+(\.\d+)?", row["version"]), row


# sshd reads its configuration in this order


def logins(root: Root) -> list[tuple[str, str]]:
    return [place for place in places(check(root)) if place[0] in ("I06", "I07", "I08")]


def test_sshd_takes_the_first_value(root):
    """The included file of a lower name comes first, and what stands before the Include before it."""
    included = "/etc/ssh/sshd_config.d/10-first.conf"
    root.write(included, "PasswordAuthentication yes\n")
    assert logins(root) == []
    root.write("/etc/ssh/sshd_config", SSHD_CONFIG.replace("PasswordAuthentication no\n", "", 1))
    assert logins(root) == [("I06", included)]
    root.write("/etc/ssh/sshd_config.d/.00-hidden.conf", "PasswordAuthentication no\n")
    assert logins(root) == [("I06", included)], "a * matches no file with a dot before its name"
    root.write("/etc/ssh/sshd_config.d/05-before.conf", "PasswordAuthentication no\n")
    assert logins(root) == []


def test_a_setting_has_an_old_name(root):
    root.replace("/etc/ssh/sshd_config", "KbdInteractiveAuthentication no", "ChallengeResponseAuthentication no")
    root.at("/etc/ssh/sshd_config.d/50-redhat.conf").unlink()
    assert logins(root) == []


def test_an_include_may_include_and_may_be_absolute(root):
    root.append("/etc/ssh/sshd_config.d/50-redhat.conf", "Include /etc/crypto/*.txt more\n")
    root.write("/etc/crypto/a.txt", "Match User admin\nPermitRootLogin yes\n")
    root.write("/etc/ssh/more", "Match all\nX11Forwarding no\n")
    assert logins(root) == [("I07", "/etc/crypto/a.txt")]


def test_a_configuration_may_be_an_absolute_link(root):
    root.write("/etc/crypto/a.txt", "Match User admin\nPermitRootLogin yes\n")
    root.link("/etc/ssh/sshd_config.d/60.conf", "/etc/crypto/a.txt")
    assert logins(root) == [("I07", "/etc/ssh/sshd_config.d/60.conf")]


def test_a_match_ends_with_the_file_that_it_is_in_and_with_match_all(root):
    root.append("/etc/ssh/sshd_config.d/50-redhat.conf", "Match User a\nX11Forwarding no\n")
    root.append(
        "/etc/ssh/sshd_config", "PasswordAuthentication yes\nMatch User b\nBanner x\nMatch all\nPermitRootLogin yes\n"
    )
    assert logins(root) == [], "the first values of the global section hold"


def test_a_file_that_includes_itself_ends(root):
    root.append("/etc/ssh/sshd_config", "Include sshd_config\n")
    assert check(root) == []


def test_authorized_keys_are_found_where_sshd_looks_for_them(root):
    root.write("/etc/keys/ec2-user", PUBLIC_KEY)
    root.write("/home/ec2-user/keys/1000", PUBLIC_KEY)
    assert check(root) == []
    root.append("/etc/ssh/sshd_config", "AuthorizedKeysFile /etc/keys/%u %h/keys/%U\n")
    assert sorted(logins(root)) == [("I08", "/etc/keys/ec2-user"), ("I08", "/home/ec2-user/keys/1000")]


# What is read


def test_a_link_leads_where_it_does_on_the_instance(root, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/credentials").write_text(f"{ACCESS_KEY}\n")
    (tmp_path / "outside/sshd").touch()
    root.link("/root/.aws", str(tmp_path / "outside"))
    root.link("/home/ec2-user/up", "../../../../../../../../../../../..")
    root.at("/usr/sbin/sshd").unlink()
    root.link("/usr/sbin/sshd", str(tmp_path / "outside/sshd"))
    assert places(check(root)) == [("I23", "/usr/sbin/sshd")]


def test_what_was_baked_is_not_looked_for_outside(root, tmp_path):
    shutil.move(root.at("/opt"), tmp_path / "outside")
    root.link("/opt", str(tmp_path / "outside"))
    assert places(check(root)) == [("I29", "/opt/quilt-image")]
    root.at("/opt").unlink()
    shutil.move(tmp_path / "outside", root.at("/srv/opt"))
    root.link("/opt", "/srv/opt")
    assert check(root) == [], "on the instance, the link leads into the image"


def test_the_root_folder_may_be_named_by_a_link(root, tmp_path):
    (tmp_path / "link").symlink_to(root.folder)
    assert list(check_image.check(str(tmp_path / "link"), TODAY, owner=os.getuid())) == []


def test_links_in_a_circle_pipes_and_sockets_keep_nobody_waiting(root):
    root.at("/etc/ssh/sshd_config.d/99.conf").symlink_to("99.conf")
    root.link("/etc/a", "b")
    root.link("/etc/b", "a")
    root.at("/usr/sbin/sshd").unlink()
    root.link("/usr/sbin/sshd", "sshd")
    os.mkfifo(root.at("/root/.bash_history.fifo"))
    os.mkfifo(root.at("/etc/ssh/sshd_config.d/60.conf"))
    assert places(check(root)) == [("I23", "/usr/sbin/sshd")]


def test_what_is_no_text_has_its_place_in_a_sentence(root):
    root.append("/etc/shadow", "e\x1bvil::1::::::\n")
    root.write("/root/a\x1b[2J\n/.viminfo", "x")
    root.write(f"/root/{os.fsdecode(bytes([255]))}/.viminfo", "x")
    lines = sorted(str(fault) for fault in check(root))
    assert [line.rpartition(":")[0] for line in lines[1:]] == [
        r"I15 /root/\udcff/.viminfo",
        r"I15 /root/a\x1b[2J\n/.viminfo",
    ]
    assert lines[0] == r"I05 /etc/shadow: the account e\x1bvil has a blank password"
    assert all(line.isprintable() for line in lines)


def test_other_file_systems_are_left_out(root):
    if not is_root:
        pytest.skip("only root can mount")
    script = f"mount -t tmpfs none {root.at('/tmp')} && touch {root.at('/tmp')}/x && echo y >{root.at('/tmp')}/x && "
    command = f"{sys.executable} {Path(check_image.__file__)} {root.folder}"
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script + command], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_what_can_not_be_read_is_named(root):
    if not is_root:
        pytest.skip("everybody else can't read root's files anyway")
    root.write("/etc/secret/file", ACCESS_KEY)
    for path in ("/etc/secret", "/etc/shadow", "/swapfile"):
        root.at(path).chmod(0)
    for folder in (root.folder, *root.folder.parents[:3]):
        folder.chmod(0o755)
    command = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", sys.executable, check_image.__file__, root.folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert sorted(line.split(": ")[0] for line in done.stdout.splitlines()) == [
        "I30 /etc/secret",
        "I30 /etc/shadow",
        "I30 /swapfile",
    ]
    assert "run this as root" in done.stdout


def test_a_folder_that_is_gone_when_it_is_read_was_never_there(root, monkeypatch):
    gone = root.at("/var/tmp/systemd-private-1")
    gone.mkdir()
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: scandir(f"{path}x" if path == str(gone) else path))
    assert check(root) == []


def test_a_large_swap_file_with_holes_costs_nothing(root):
    with root.at("/swapfile").open("r+b") as file:
        file.truncate(1 << 40)
    assert check(root) == []


# A running instance


def stand_in_curl(folder: Path, answer: str) -> None:
    folder.mkdir(exist_ok=True)
    program = folder / "curl"
    program.write_text(f'#!/bin/sh\necho "$@" >{folder}/arguments\nprintf {answer}\n')
    program.chmod(0o755)


def test_no_curl_is_a_fault(root, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    (fault,) = check(root, live=True)
    assert "there is no curl" in fault.sentence


@pytest.mark.parametrize(("answer", "found"), [("401", []), ("200", ["I31"]), ("000", ["I31"])])
def test_the_metadata_service_has_to_refuse_who_brings_no_token(root, tmp_path, monkeypatch, answer, found):
    stand_in_curl(tmp_path / "bin", answer)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    assert [fault.id for fault in check(root, live=True)] == found
    arguments = (tmp_path / "bin/arguments").read_text()
    assert arguments.strip().endswith("http://169.254.169.254/latest/meta-data/")
    assert "token" not in arguments


def test_what_its_services_still_write_is_no_fault_while_it_runs(root, tmp_path, monkeypatch):
    stand_in_curl(tmp_path / "bin", "401")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    written = {
        "/var/lib/amazon/ssm/i-0/document/state": "I21",
        "/var/log/amazon/ssm/amazon-ssm-agent.log": "I17",
        "/var/log/audit/audit.log": "I17",
        "/var/log/sa/sa28": "I17",
        "/var/log/journal/0123/system.journal": "I17",
        "/tmp/TOE_2026/detailedoutput.json": "I19",
        "/tmp/imagebuilder_service/ssm_installed": "I19",
    }
    for path in written:
        root.write(path)
    assert check(root, live=True) == []
    assert sorted(places(check(root))) == sorted((id, path) for path, id in written.items())


# As a program, which is what the pipeline runs


@pytest.mark.skipif(not is_root, reason="/opt/quilt-image belongs to root, so it takes root to make it")
def test_the_program_needs_only_its_own_folder(root, tmp_path):
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in PROGRAMS:
        (folder / name).write_text(read(name))
    root.write("/root/.viminfo")
    root.at("/opt/quilt-image/release").unlink()
    command = [sys.executable, "-Es", folder / "check_image.py", root.folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    assert (done.returncode, done.stderr) == (1, "2 faults.\n")
    assert done.stdout.splitlines() == [
        "I29 /opt/quilt-image/release: is missing: bake.sh did not end",
        "I15 /root/.viminfo: is a history of what somebody typed",
    ]


def test_of_many_faults_of_a_kind_some_are_printed_and_all_are_counted(root, capsys):
    for number in range(50):
        root.write(f"/var/tmp/{number}")
    assert check_image.main([str(root.folder)]) == 1
    out, err = capsys.readouterr()
    lines = [line for line in out.splitlines() if line.startswith("I19")]
    assert len(lines) == 21
    assert lines[-1] == "I19: and 30 more"
    assert err.startswith("50 faults") or not is_root


@pytest.mark.parametrize("arguments", [["a", "b"], ["/nowhere/at/all"], ["--life"]])
def test_other_arguments_are_refused(arguments, capsys):
    assert check_image.main(arguments) == 2
    assert "usage: check_image.py [--live] [ROOT]" in capsys.readouterr().err


# Real files


@pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="this is no Debian")
def test_the_files_of_a_real_distribution_are_no_faults(tmp_path):
    """What Debian's packages install where people's own files are searched, and in the logs and caches."""
    listed = subprocess.run(["dpkg-query", "--listfiles", "base-files", "bash", "passwd", "apt", "dpkg", "openssl",
        "libc-bin", "login", "curl", "git", "python3-minimal", "perl-base", "util-linux", "systemd", "ca-certificates"],
        capture_output=True, text=True, check=False).stdout.split("\n")  # fmt: skip
    count = 0
    for path in dict.fromkeys(listed):
        if (
            path.startswith(("/etc/", "/var/", "/opt/", "/root/", "/usr/local/", "/usr/lib/os-release"))
            and Path(path).is_file()
        ):
            target = tmp_path / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
            count += 1
    assert count > 40
    os_and_files = {"I23", "I24", "I28", "I29"}
    found = [fault for fault in check_image.check(str(tmp_path), TODAY) if fault.id not in os_and_files]
    assert places(found) == [("I06", "/etc/ssh/sshd_config")] * 2, "only that there is no sshd"
