"""The files of a trial: those that cfn-init and the boot would write on an instance, in a folder that stands for its /.

They are taken from the template of the ``registry`` edition, evaluated with sample parameters. What only AWS has is
replaced by what stands for it; all of that is here, in ``_KNOWN``, and in ``stand_ins/services.py``.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from quilt_cfn.cloudformation.launch import Launch, evaluate, values_for
from quilt_cfn.delivery.images.trial_docker import find_program, run
from quilt_cfn.editions import REGISTRY
from quilt_cfn.errors import UserError
from quilt_cfn.inputs.release import Release

STAND_INS = Path(__file__).parent / "stand_ins"

REGION = "us-east-1"
HOSTS = {"RegistryHost": "quilt-registry.localhost", "CatalogHost": "quilt.localhost"}
"""Names that a browser on this computer finds: https://www.rfc-editor.org/rfc/rfc6761#section-6.3"""
TEAM_NAME = "Größe & Co: #1 (R/D) +"
"""As hard to quote as the form of the template allows."""

_DATABASE = "database"
_KNOWN = {
    "<Database.Endpoint.Address>": _DATABASE,
    "<Database.Endpoint.Port>": "5432",
    "<Bucket>": "quilt-cfn-trial",
}
"""What an evaluated template has for values that only AWS knows -> what stands for them here."""

# What start.sh asks of its computer, in a trial: the memory and swap of a t3.small, nobody else who starts containers,
# and no step that takes root.
_COMMANDS = {
    "readlink": """printf '%s\\n' "$TRIAL_FOLDER/home/ec2-user/start.sh" """,
    "awk": "case $1 in *MemTotal*) echo 1638400 ;; *) echo 4194304 ;; esac",
    "flock": ":",
    "sudo": ":",
}


class Files(NamedTuple):
    """The folder of a trial, and what is in it."""

    folder: Path
    environments: dict[str, dict[str, str]]
    """Name of an environment file -> variable -> value."""
    keys: dict[str, str]
    """The access keys that S3 knows: id -> secret. The registry signs with the first one."""
    line: Callable[[str, str, Mapping[str, str]], str]
    """configure.py's: the line of an environment file, from a variable's name and a text with placeholders."""

    @property
    def authority(self) -> Path:
        """The certificate of the trial's authority, which signed everybody else's."""
        return self.folder / "opt/quilt/aws/rds-certificates.pem"

    @property
    def registry_host(self) -> str:
        return HOSTS["RegistryHost"]

    @property
    def catalog_host(self) -> str:
        return HOSTS["CatalogHost"]

    @property
    def s3_host(self) -> str:
        return self.environments["registry"]["S3_ENDPOINT"].removeprefix("https://")

    @property
    def bucket(self) -> str:
        return self.environments["registry"]["PACKAGE_BUCKET_NAME"]

    def use_key(self, number: int) -> None:
        """Write the credentials file with one of the access keys, as credentials.py does on an instance."""
        key, secret = list(self.keys.items())[number]
        text = f"[default]\naws_access_key_id={key}\naws_secret_access_key={secret}\n"
        _write(self.folder / "opt/quilt/aws/credentials", text)

    def write_environments(self, port: int, without: str | None = None) -> None:
        """Write the environment files; the public addresses get a port, and the registry's may lack one variable."""
        for name, variables in self.environments.items():
            lines = []
            for variable, value in variables.items():
                if variable in ("REGISTRY_URL", "CATALOG_URL"):
                    value = f"{value}:{port}"
                if variable != without:
                    lines.append(self.line(variable, "{Value}", {"Value": value}) + "\n")
            _write(self.folder / "home/ec2-user/env" / name, "".join(lines), 0o600)


def make_files(folder: Path, release: Release, parameters: Mapping[str, str]) -> Files:
    """Fill a new folder. ``release`` has the images to try; ``parameters`` are those of any launch."""
    from quilt_cfn.stack import BUILDERS  # late: troposphere costs 0.1 s

    openssl = find_program("openssl", "makes the throw-away certificates")
    template = BUILDERS[REGISTRY.name](release)
    launch = evaluate(template, {**values_for(template, parameters), **HOSTS, "TeamName": TEAM_NAME}, REGION)
    metadata = json.dumps(launch.resources["ServerTemplate"]["Metadata"])
    for unknown, value in _KNOWN.items():
        metadata = metadata.replace(unknown, value)
    installed = json.loads(metadata)["AWS::CloudFormation::Init"]["config"]["files"]
    for path, file in installed.items():
        if isinstance(file["content"], str):
            _write(folder / path.lstrip("/"), file["content"], 0o755 if file.get("mode") == "000755" else 0o644)
    config = installed["/opt/quilt/config.json"]["content"]
    keys = {f"AKIATRIAL{number}": secrets.token_urlsafe(24) for number in (1, 2)}
    configure: dict[str, Any] = {"__name__": "configure"}
    exec(compile(installed["/opt/quilt/configure.py"]["content"], "configure.py", "exec"), configure)
    environments = _environments(configure, config, launch, keys)
    for link, target in (("access.log", "/dev/null"), ("error.log", "/dev/stderr")):
        _parent(folder / "opt/quilt/catalog-log" / link).symlink_to(target)
    _write(folder / "opt/quilt/state/open", "")
    for name, line in _COMMANDS.items():
        _write(folder / "bin" / name, f"#!/bin/sh\n{line}\n", 0o755)
    _parent(folder / "trial/server.pem")
    for name in ("services.py", "database.sh", "docker.sh"):
        where = {"docker.sh": "bin/docker", "database.sh": "database/database.sh"}.get(name, f"trial/{name}")
        shutil.copy(STAND_INS / name, _parent(folder / where))
        (folder / where).chmod(0o755)
    files = Files(folder, environments, keys, configure["line"])
    files.use_key(0)
    _write(folder / "trial/master-password", str(launch.parameters["DBPassword"]) + "\n")
    mail = [environments["registry"][name] for name in ("SMTP_USERNAME", "SMTP_PASSWORD")]
    settings = {"bucket": files.bucket, "s3": files.s3_host, "region": REGION, "keys": keys, "mail": mail}
    _write(folder / "trial/settings.json", json.dumps(settings))
    names = [_DATABASE, files.s3_host, f"*.{files.s3_host}", environments["registry"]["SMTP_HOST"], *HOSTS.values()]
    _certify(openssl, folder, names)
    for each in folder.rglob("*"):  # containers read below it whatever this user's umask is
        if each.is_dir() and not each.is_symlink():
            each.chmod(0o755)
    return files


def _environments(
    configure: dict[str, Any], config: dict[str, Any], launch: Launch, keys: Mapping[str, str]
) -> dict[str, dict[str, str]]:
    """The environments with their values, read by the instance's own program from what stands for AWS."""
    generated = {name: secrets.token_urlsafe(24).replace("-", "x") for name in config["Secrets"]}
    generated["RegistryUserKey"] = ":".join(next(iter(keys.items())))

    def ask(_: object, *command: str) -> dict[str, Any]:
        of = command[-1]
        if command[0] == "ssm":
            (text,) = (each for name, each in launch.of_type("AWS::SSM::Parameter").items() if f"<{name}>" == of)
            return {"Parameter": {"Value": text["Value"]}}
        (name,) = (name for name, arn in config["Secrets"].items() if arn == of)
        (secret,) = (each for key, each in launch.of_type("AWS::SecretsManager::Secret").items() if f"<{key}>" == of)
        given = name != "RegistryUserKey" and "SecretString" in secret
        return {"SecretString": secret["SecretString"] if given else generated[name]}

    configure["ask"] = ask
    values = configure["read"](config)
    return {
        name: {
            variable: re.sub(r"\{(\w+)\}", lambda match: values[match[1]], str(text))
            for variable, text in variables.items()
        }
        for name, variables in config["Environments"].items()
    }


def _certify(openssl: str, folder: Path, names: list[str]) -> None:
    """Make an authority for this trial, and one certificate of its for all that stands for AWS; for two days."""
    extensions = (
        "[req]\ndistinguished_name=name\nprompt=no\n[name]\nCN=quilt-cfn trial\n"
        "[authority]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\nsubjectKeyIdentifier=hash\n"
        "[server]\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
        "extendedKeyUsage=serverAuth\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
        f"subjectAltName={','.join(f'DNS:{name}' for name in names)}\n"
    )
    _write(folder / "openssl.cnf", extensions)
    key = "-nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -config openssl.cnf"
    for command in (
        f"req -x509 {key} -days 2 -extensions authority -keyout authority.key -out authority.pem",
        f"req {key} -keyout trial/server.key -out server.csr",
        "x509 -req -in server.csr -CA authority.pem -CAkey authority.key -set_serial 2 -days 2 -extfile openssl.cnf "
        "-extensions server -out trial/server.pem",
    ):
        done = run([openssl, *command.split()], folder=folder, seconds=60)
        if done.code:
            raise UserError(
                f"openssl made no certificate ({done.last_words}).", "Check openssl version, then try again."
            )
    shutil.copy(folder / "authority.pem", folder / "opt/quilt/aws/rds-certificates.pem")
    # The containers' users read them, who are not this one; nobody else gets into the trial's folder.
    for path in ("trial/server.key", "trial/server.pem", "opt/quilt/aws/rds-certificates.pem"):
        (folder / path).chmod(0o644)


def _parent(path: Path) -> Path:
    """The path, in a folder that there is now."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    _parent(path).write_text(text, encoding="utf-8")
    path.chmod(mode)


def variables(files: Files, name: str, docker: str, path: str) -> dict[str, str]:
    """The environment in which the instance's own scripts work in a trial."""
    trial = {"TRIAL": name, "TRIAL_FOLDER": str(files.folder), "TRIAL_DOCKER": docker}
    return {**trial, "PATH": f"{files.folder / 'bin'}:{path}", "LC_ALL": "C.UTF-8" if sys.platform == "linux" else "C"}
