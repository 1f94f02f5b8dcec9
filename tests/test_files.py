"""A file is the old one or the new one, whatever happens while it is written; what is no file is not replaced."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import tty
from pathlib import Path

import pytest

from quilt_cfn.errors import UserError
from quilt_cfn.files import replace_file, write_atomically


def test_the_new_bytes_replace_the_old(tmp_path):
    path = tmp_path / "a" / "b" / "file"
    for content in (b"old", b"new", b""):
        assert write_atomically(path, content)
        assert not write_atomically(path, content)
        assert path.read_bytes() == content
        assert [each.name for each in path.parent.iterdir()] == ["file"]


def test_a_full_disk_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    script = (
        "import resource, signal, sys; from pathlib import Path; from quilt_cfn.errors import UserError\n"
        "from quilt_cfn.files import write_atomically\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: write_atomically(Path(sys.argv[1]), b'x' * 5000)\n"
        "except UserError as error: print(error.what)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True)
    assert "could not be written" in done.stdout
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_killed_run_leaves_the_old_file_and_the_next_one_succeeds(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    script = (
        "import os, signal, sys; from pathlib import Path; from quilt_cfn import files\n"
        "os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)\n"
        "files.write_atomically(Path(sys.argv[1]), b'new')\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old"
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"


def test_permissions_and_links_are_kept(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"old")
    target.chmod(0o640)
    link.symlink_to(target)
    write_atomically(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert target.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("by_link", [False, True])
def test_a_device_gets_the_bytes_and_stays_a_device(tmp_path, by_link):
    reader, writer = os.openpty()
    tty.setraw(writer)
    device = path = Path(os.ttyname(writer))
    if by_link:
        path = tmp_path / "link"
        path.symlink_to(device)
    try:
        assert write_atomically(path, b"new")
        assert os.read(reader, 10) == b"new"
        assert stat.S_ISCHR(device.stat().st_mode)
        assert path.is_symlink() == by_link
    finally:
        os.close(reader)
        os.close(writer)


def test_a_pipe_gets_the_bytes_and_stays_a_pipe(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    content, got = b"new" * 100_000, b""
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)
    writer = threading.Thread(target=write_atomically, args=(path, content))
    writer.start()
    while (some := os.read(reader, 100_000)) or writer.is_alive():
        got += some
    os.close(reader)
    assert got == content
    assert path.is_fifo()
    assert os.listdir(tmp_path) == ["pipe"]


def test_a_pipe_that_nobody_reads_is_an_error_and_no_wait(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="Nobody reads from the pipe"):
        write_atomically(tmp_path / "pipe", b"new")
    assert (tmp_path / "pipe").is_fifo()


def test_a_socket_is_refused_and_stays_a_socket(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the name of a socket has at most 107 bytes
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        with pytest.raises(UserError, match="is a socket"):
            write_atomically(Path("socket"), b"new")
        with pytest.raises(OSError, match="no regular file"):
            replace_file(Path("socket"), b"new", ".new")
        assert Path("socket").is_socket()
        assert os.listdir() == ["socket"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices")
def test_a_disk_is_refused_and_stays_a_disk(tmp_path):
    disk = tmp_path / "disk"
    os.mknod(disk, stat.S_IFBLK | 0o600, os.makedev(259, 4095))
    with pytest.raises(UserError, match="is a disk"):
        write_atomically(disk, b"new")
    assert disk.is_block_device()


def test_what_its_owner_has_protected_is_not_replaced():
    me = os.geteuid()
    ordinary = me or 65534  # root may write to every file
    with tempfile.TemporaryDirectory() as folder:  # pytest's own is root's alone
        path = Path(folder, "file")
        path.write_bytes(b"old")
        path.chmod(0o400)
        for each in (path.parent, path):
            os.chown(each, ordinary, -1)
        os.seteuid(ordinary)
        try:
            with pytest.raises(UserError, match="Permission denied"):
                write_atomically(path, b"new")
        finally:
            os.seteuid(me)
        assert path.read_bytes() == b"old"


def test_a_folder_in_the_way_is_an_error_with_a_next_step(tmp_path):
    with pytest.raises(UserError) as error:
        write_atomically(tmp_path, b"new")
    assert f"{tmp_path} is a folder" in error.value.what
    assert "Name a file" in error.value.next_step
