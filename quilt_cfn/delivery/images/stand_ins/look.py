"""Prints what a trial wants to know of the registry's image or container, as JSON. It runs in it: Python 3.5.

look.py image        the user's number, whether the folder has what the boot runs in it, and what is missing
look.py processes    whether the first process takes SIGHUP, and its children: uwsgi's workers, and their OpenSSL
"""

import json
import os
import re
import shutil
import signal
import sys
from importlib.util import find_spec

SSL = re.compile(r"libssl[-\w]*\.so[.0-9]*")


def image():
    missing = [name for name in ("python3", "flask", "id", "timeout") if not shutil.which(name)]
    missing += [] if find_spec("sqlalchemy") else ["SQLAlchemy for that python3"]
    here = {"create_admin": os.access("scripts/create_admin.py", os.X_OK), "folder": os.getcwd()}
    return dict(here, uid=os.getuid(), missing=missing)


def workers():
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            state, parent = read(pid, "stat").rpartition(")")[2].split()[:2]
            if parent != "1" or state == "Z":
                continue
            maps = {line.split()[-1] for line in read(pid, "maps").splitlines() if SSL.search(line)}
            with open("/proc/{}/exe".format(pid), "rb") as file:
                program = set(SSL.findall(file.read().decode("latin-1")))
            preloaded = re.findall("(?:^|\0)LD_PRELOAD=([^\0]*)", read(pid, "environ"))
            yield {"pid": pid, "loaded": sorted(maps), "first": sorted(program | set(SSL.findall(" ".join(preloaded))))}
        except FileNotFoundError:
            pass  # it has ended
        except PermissionError:
            yield {"pid": pid, "loaded": None, "first": []}


def read(pid, name):
    with open("/proc/{}/{}".format(pid, name), errors="replace") as file:
        return file.read()


def processes():
    caught = int(re.search("SigCgt:\\s*([0-9a-f]+)", read("1", "status")).group(1), 16)
    return {"takes_hangup": bool(caught & 1 << signal.SIGHUP - 1), "workers": list(workers())}


print(json.dumps(image() if sys.argv[1] == "image" else processes()))
