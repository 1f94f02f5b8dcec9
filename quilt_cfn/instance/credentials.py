"""Brings what signs URLs to the registry, in a file that a graceful reload reads again.

That is the access key in env/registry, if there is one, and else the role's credentials: the registry's botocore is too
old for version 2 of the metadata service. With --role it brings the role's only: a key that was edited by hand counts
from the next start on. A failure changes nothing: the old credentials stay, and the next run tries again.
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import ProxyHandler, Request, build_opener

from configure import write

FILE = Path("/opt/quilt/aws/credentials")
# Holds the hash of the file that the registry has read, or will read when it starts.
LOADED = Path("/opt/quilt/loaded-credentials")
KEY = "[default]\naws_access_key_id={AccessKeyId}\naws_secret_access_key={SecretAccessKey}\n"
TOKEN = "aws_session_token={Token}\n"
KEY_OF_USER = r'. /home/ec2-user/env/registry; printf "%s\n" "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY"'
HALF = (
    "env/registry has one half of an access key: set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, then run "
    "./start.sh again."
)
USER = '. /home/ec2-user/env/stack; docker run --rm --network none --entrypoint id "$REGISTRY_IMAGE" -u'


def ask(path, method="GET", **headers):
    request = Request("http://169.254.169.254/latest/" + path, method=method, headers=headers)
    with build_opener(ProxyHandler({})).open(request, timeout=10) as reply:
        return reply.read().decode()


def run(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout


def of_user():
    """The file with the key in env/registry; nothing if there is none."""
    key, secret = run("env", "-i", "bash", "-c", KEY_OF_USER).decode().split("\n")[:2]
    if bool(key) != bool(secret):
        sys.exit(HALF)
    return key and KEY.format(AccessKeyId=key, SecretAccessKey=secret)


def of_role():
    """The file with the credentials that the role has now."""
    token = {"X-aws-ec2-metadata-token": ask("api/token", "PUT", **{"X-aws-ec2-metadata-token-ttl-seconds": "60"})}
    role = "meta-data/iam/security-credentials/"
    return (KEY + TOKEN).format(**json.loads(ask(role + ask(role, **token).split()[0], **token)))


def children(process):
    """The processes that uwsgi's master has started."""
    found = subprocess.run(["pgrep", "--parent", str(process)], stdout=subprocess.PIPE)
    if found.returncode not in (0, 1):
        raise ChildProcessError("pgrep was ended")
    return set(found.stdout.split())


def reload(master):
    """uwsgi's workers end after their requests, and others start; returns when those from before are gone."""
    before = children(master)
    os.kill(master, signal.SIGHUP)
    deadline = time.monotonic() + 90
    while before & children(master):
        if time.monotonic() > deadline:
            raise TimeoutError("the registry was not reloaded in 90 seconds")
        time.sleep(0.2)


def main():
    text = of_user()
    if text and "--role" in sys.argv:
        return
    text = text or of_role()
    loaded = hashlib.sha256(text.encode()).hexdigest()
    if FILE.exists() and FILE.read_text() == text and LOADED.exists() and LOADED.read_text() == loaded:
        return
    write(FILE, text, int(run("bash", "-c", USER)))
    # At SIGHUP uwsgi reloads gracefully; at boot it does not run yet. Not with docker kill: whatever the signal, Docker
    # would not start the container again after a crash or a reboot (https://github.com/moby/moby/issues/41302).
    for container in run("docker", "ps", "--quiet", "--filter", "name=^registry$").split():
        master = int(run("docker", "inspect", "--format={{.State.Pid}}", container))
        if master:
            reload(master)
    write(LOADED, loaded, 0)


try:
    main()
except (OSError, LookupError, ValueError, subprocess.SubprocessError) as error:
    sys.exit(
        f"The registry's credentials could not be renewed, the old ones stay, and the next run tries again: {error!r}"
    )
