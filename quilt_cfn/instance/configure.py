"""Writes the containers' environment files, from the stack's configuration, its secrets and its texts.

A value that was edited by hand stays until the stack's own value changes. With --restart, the containers are
restarted when the stack's values changed; another access key alone is read by a reload. No value is ever printed.
"""

import fcntl
import json
import os
import re
import subprocess
import sys
from pathlib import Path


def ask(config, *command):
    """The AWS CLI's answer. The role's credentials are renewed in the same process: it must not wait for long."""
    command = ["aws", *command, "--region", config["Region"], "--output", "json"]
    command += ["--cli-connect-timeout", "10", "--cli-read-timeout", "10"]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def read(config):
    """Placeholder -> value."""
    secret, text = ("secretsmanager", "get-secret-value", "--secret-id"), ("ssm", "get-parameter", "--name")
    values = {name: ask(config, *secret, arn)["SecretString"] for name, arn in config["Secrets"].items()}
    values.update({name: ask(config, *text, of)["Parameter"]["Value"] for name, of in config["Texts"].items()})
    if "RegistryUserKey" in values:
        values["AccessKeyId"], values["SecretAccessKey"] = values["RegistryUserKey"].split(":")
    return values


def line(name, template, values):
    """A line that bash reads as exactly this value; its {placeholders} are filled in one pass."""
    value = re.sub(r"\{(\w+)\}", lambda match: values[match[1]], str(template))
    return "export {}='{}'".format(name, value.replace("'", "'\\''"))


def merge(old, written, ours):
    """The stack's lines (ours), except that a line of the file (old) stays while ours is the one written last."""
    edited = {match[1]: text for text in old for match in [re.match(r"(?:export )?(\w+)=", text)] if match}
    return {**ours, **{name: text for name, text in edited.items() if written.get(name) == ours.get(name)}}


def without_key(environments):
    """Environments without the access key, which does not reach the container as variables."""
    key = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    return {name: {each: lines[each] for each in lines if each not in key} for name, lines in environments.items()}


def write(path, text, owner):
    """Replaces a file in one step, readable by its owner only; does nothing if the file has this text."""
    if path.exists() and path.read_text() == text:
        return
    new = Path(f"{path}.new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        os.fsync(file.fileno())
    os.chown(new, owner, owner)
    os.replace(new, path)


def main(root=Path("/")):
    # One run at a time; the lock ends with the process.
    lock = (root / "opt/quilt/lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    config = json.loads((root / "opt/quilt/config.json").read_text())
    home = root / "home/ec2-user"
    # The stack's lines that were written last: a line that differs from them was edited.
    state = root / "opt/quilt/written.json"
    values = read(config)
    written = json.loads(state.read_text()) if state.exists() else {}
    owner = home.stat().st_uid
    ours = {}
    for environment, variables in config["Environments"].items():
        ours[environment] = {name: line(name, template, values) for name, template in variables.items()}
        path = home / "env" / environment
        path.parent.mkdir(exist_ok=True)
        os.chown(path.parent, owner, owner)
        old = path.read_text().splitlines() if path.exists() else []
        write(path, "\n".join([*merge(old, written.get(environment, {}), ours[environment]).values(), ""]), owner)
    if "--restart" not in sys.argv or ours == written:
        pass
    elif without_key(ours) == without_key(written):
        subprocess.run([sys.executable, root / "opt/quilt/credentials.py"], check=True)
    else:
        start = ["runuser", "--user", "ec2-user", "--", home / "start.sh"]
        # The database's user gets its new password before the registry connects with it.
        if ours["database"] != written.get("database"):
            subprocess.run([*start, "--create-database"], check=True)
        subprocess.run(start, check=True)
    write(state, json.dumps(ours), 0)


if __name__ == "__main__":
    main()
