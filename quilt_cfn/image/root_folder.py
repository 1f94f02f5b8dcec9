"""A machine image's root folder as check_image.py reads it: nothing leads out of it, what can't be read is noted."""

from __future__ import annotations

import io
import os
import re
import stat
from collections.abc import Iterator
from typing import NamedTuple

MOST = 1 << 18
"""So many bytes of a file are read."""


class Fault(NamedTuple):
    """What is not allowed in the image, and where."""

    id: str
    path: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.id} {self.path}: {self.sentence}".encode("unicode_escape").decode("ascii")


class Entry(NamedTuple):
    """A file or folder of the image, or of a layer of a container image in it."""

    tree: str
    """The layer's folder; empty for the image itself."""
    path: str
    """Its path as the image, or the container, has it."""
    info: os.stat_result

    @property
    def full(self) -> str:
        return self.tree + self.path


class Root:
    """A root folder, from which nothing leads out; notes what could not be read."""

    def __init__(self, folder: str) -> None:
        self.top = os.path.realpath(folder).rstrip("/")
        self.unread: list[str] = []

    def resolve(self, path: str) -> str:
        """Where a path leads, its links followed as the instance follows them; empty if in circles."""
        done: list[str] = []
        todo = path.split("/")[::-1]
        links = 0
        while todo:
            part = todo.pop()
            if part in ("", "."):
                continue
            if part == "..":
                done = done[:-1]
                continue
            here = "/".join(["", *done, part])
            if not os.path.islink(self.top + here):
                done.append(part)
                continue
            links += 1
            if links > 40:
                return ""
            target = os.readlink(self.top + here)
            done = [] if target.startswith("/") else done
            todo += target.split("/")[::-1]
        return "/".join(["", *done])

    def status(self, path: str) -> os.stat_result | None:
        """What lstat says about a path; None where nothing is."""
        if not path:
            return None
        folder, _, name = path.rpartition("/")
        try:
            return os.lstat(f"{self.top}{self.resolve(folder)}/{name}")
        except OSError:
            return None

    def open_file(self, path: str, follow: bool = True) -> io.FileIO | None:
        """A file to read; None for what is no file or can't be read."""
        place = self.top + (self.resolve(path) if follow else path)
        try:
            number = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            if isinstance(error, PermissionError):
                self.unread.append(path)
            return None
        if not stat.S_ISREG(os.fstat(number).st_mode):
            os.close(number)
            return None
        return io.FileIO(number)

    def read(self, path: str, follow: bool = True, most: int = MOST) -> str:
        """The first bytes of a file as text, a character each; empty where there is no such file."""
        file = self.open_file(path, follow)
        if file is None:
            return ""
        with file:
            return file.read(most).decode("latin-1")

    def names(self, folder: str) -> list[str]:
        try:
            return sorted(os.listdir(self.top + self.resolve(folder)))
        except PermissionError:
            self.unread.append(folder)
        except OSError:
            pass
        return []

    def walk(self) -> Iterator[Entry]:
        """Everything, folders before what is in them."""
        device = os.stat(self.top or "/").st_dev
        todo = [("", "")]
        while todo:
            tree, folder = todo.pop()
            try:
                entries = list(os.scandir(self.top + tree + folder or "/"))
            except FileNotFoundError:  # on a running instance, files come and go
                continue
            except OSError:
                self.unread.append(tree + folder or "/")
                continue
            for entry in entries:
                path = f"{folder}/{entry.name}"
                try:
                    info = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                inner = (tree + path, "") if LAYER.search(tree + path) else (tree, path)
                yield Entry(tree, path, info)
                if stat.S_ISDIR(info.st_mode) and info.st_dev == device and tree + path not in MEMORY:
                    todo.append(inner)


MEMORY = ("/proc", "/sys", "/dev", "/run")
"""File systems that lie in memory."""
LAYER = re.compile(
    r"/(overlay2?/[^/]+/diff|vfs/dir/[^/]+|io\.containerd\.snapshotter\.v1\.overlayfs/snapshots/[^/]+/fs"
    r"|io\.containerd\.snapshotter\.v1\.(?!overlayfs)\w+/snapshots/[^/]+)$"
)
"""Where Docker, containerd and Podman keep the layers of images."""
