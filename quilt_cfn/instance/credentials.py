"""Brings the role's credentials to the registry, whose botocore is too old for version 2 of the metadata service.

A failure changes nothing: the old credentials are used until they expire, and the next run tries again.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import ProxyHandler, Request, build_opener

from configure import write

FILE = Path("/opt/quilt/aws/credentials")
# Holds the access key ID of the credentials that the registry has read, or will read when it starts.
LOADED = Path("/opt/quilt/loaded-key-id")
TEXT = (
    "[default]\naws_access_key_id={AccessKeyId}\naws_secret_access_key={SecretAccessKey}\naws_session_token={Token}\n"
)
USER = '. /home/ec2-user/env/stack; docker run --rm --network none --entrypoint id "$REGISTRY_IMAGE" -u'


def ask(path, method="GET", **headers):
    request = Request("http://169.254.169.254/latest/" + path, method=method, headers=headers)
    with build_opener(ProxyHandler({})).open(request, timeout=10) as reply:
        return reply.read().decode()


def run(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout


def main():
    token = {"X-aws-ec2-metadata-token": ask("api/token", "PUT", **{"X-aws-ec2-metadata-token-ttl-seconds": "60"})}
    role = "meta-data/iam/security-credentials/"
    new = json.loads(ask(role + ask(role, **token).split()[0], **token))
    text = TEXT.format(**new)
    if FILE.exists() and LOADED.exists() and LOADED.read_text() == new["AccessKeyId"]:
        return
    write(FILE, text, int(run("bash", "-c", USER)))
    # At SIGHUP uwsgi reloads gracefully; at boot it does not run yet. Not with docker kill: whatever the signal, Docker
    # would not start the container again after a crash or a reboot (https://github.com/moby/moby/issues/41302).
    for container in run("docker", "ps", "--quiet", "--filter", "name=^registry$").split():
        pid = int(run("docker", "inspect", "--format={{.State.Pid}}", container))
        if pid:
            os.kill(pid, signal.SIGHUP)
    write(LOADED, new["AccessKeyId"], 0)


try:
    main()
except (OSError, LookupError, ValueError, subprocess.SubprocessError) as error:
    sys.exit(f"The role's credentials could not be renewed, the old ones stay, and the next run tries again: {error!r}")
