"""Brings the role's credentials to the registry, whose botocore is too old for version 2 of the metadata service.

A failure changes nothing: the old ones are used while they last, and the next run tries again.
"""

import json
import subprocess
from pathlib import Path
from urllib.request import ProxyHandler, Request, build_opener

from configure import write

FILE = Path("/opt/quilt/aws/credentials")
TEXT = (
    "[default]\naws_access_key_id={AccessKeyId}\naws_secret_access_key={SecretAccessKey}\naws_session_token={Token}\n"
)
USER = '. /home/ec2-user/env/stack; docker run --rm --network none --entrypoint id "$REGISTRY_IMAGE" -u'


def ask(path, method="GET", **headers):
    request = Request("http://169.254.169.254/latest/" + path, method=method, headers=headers)
    with build_opener(ProxyHandler({})).open(request, timeout=10) as reply:
        return reply.read().decode()


token = {"X-aws-ec2-metadata-token": ask("api/token", "PUT", **{"X-aws-ec2-metadata-token-ttl-seconds": "60"})}
role = "meta-data/iam/security-credentials/"
text = TEXT.format(**json.loads(ask(role + ask(role, **token).split()[0], **token)))
if not FILE.exists() or FILE.read_text() != text:
    user = subprocess.run(["bash", "-c", USER], stdout=subprocess.PIPE, check=True).stdout
    write(FILE, text, int(user))
    # uwsgi reloads gracefully; at boot it does not run yet.
    subprocess.run(["docker", "kill", "--signal=HUP", "registry"], stderr=subprocess.DEVNULL)
