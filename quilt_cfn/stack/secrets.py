"""The values that only the instance reads: secrets in Secrets Manager, and other free texts as SSM parameters.

Each is one plain value, so that nothing needs quoting. No text that a person typed is ever part of a script, of
metadata or of a log. Names are generated, so that a retried launch never meets a name that Secrets Manager still
reserves for a deleted secret.
"""

from __future__ import annotations

from typing import Any

from troposphere import Ref, Sub, Template, secretsmanager, ssm

from quilt_cfn.cloudformation.facts.replacement import resource_page
from quilt_cfn.cloudformation.template.immutable import ImmutableProperty
from quilt_cfn.stack.identity import USER_KEY, UserKey
from quilt_cfn.stack.parameters import DB_PASSWORD, SMTP_DEFAULT_SENDER, SMTP_PASSWORD, SMTP_USERNAME, TEAM_NAME

_SECRET = resource_page("AWS::SecretsManager::Secret")
_REGENERATED = "https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/2210"
_UNNAMED = (
    "Absent: Secrets Manager reserves the name of a deleted secret for up to 30 days, and another name replaces the "
    "secret and generates a new value."
)
IMMUTABLE = (
    ImmutableProperty(
        "QuiltSecretKey",
        "GenerateSecretString",
        "Any edit may generate a new value: everybody is logged out, and the links in mails that were sent die. "
        "64 letters and digits are 381 bits, and need no quoting.",
        (_REGENERATED,),
    ),
    ImmutableProperty("QuiltSecretKey", "Name", _UNNAMED, (_SECRET,)),
    ImmutableProperty(
        "RegistryDatabasePassword",
        "GenerateSecretString",
        "Any edit may generate a new value, and the registry restarts with it. 40 letters and digits are 238 bits, "
        "and need no escaping in a URI.",
        (_REGENERATED,),
    ),
    ImmutableProperty("RegistryDatabasePassword", "Name", _UNNAMED, (_SECRET,)),
)
"""What must never change."""


def add_secrets(t: Template, key: UserKey | None) -> dict[str, Ref]:
    """The secrets by the names under which the instance asks for them; the values are their ARNs."""
    fields = {
        "DBPassword": DB_PASSWORD,
        "SmtpUsername": SMTP_USERNAME,
        "SmtpPassword": SMTP_PASSWORD,
    }
    secrets = {name: _add(t, f"{field.name}Secret", SecretString=field.ref) for name, field in fields.items()}
    generated = {
        "QuiltSecretKey": (64, "Signs the registry's tokens: another value logs everybody out"),
        "RegistryDatabasePassword": (40, "Password of the registry's own database user, to whom the instance gives it"),
    }
    for name, (length, purpose) in generated.items():
        generate = secretsmanager.GenerateSecretString(PasswordLength=length, ExcludePunctuation=True)
        secrets[name] = _add(t, name, Description=purpose, GenerateSecretString=generate)
    if key is not None:
        # One value for ID and secret: they are only ever replaced together.
        pair = Sub("${Id}:${Secret}", Id=key.id, Secret=key.secret)
        secrets[USER_KEY] = _add(t, f"{USER_KEY}Secret", SecretString=pair)
    return secrets


def add_texts(t: Template) -> dict[str, Ref]:
    """Free texts that are no secrets, by the names under which the instance asks for them; the values are the names
    of SSM parameters, which carry every character that the form accepts.
    """
    fields = {"TeamName": TEAM_NAME, "SmtpDefaultSender": SMTP_DEFAULT_SENDER}
    return {
        # Whatever tier the account has as its default: Standard costs nothing.
        name: Ref(t.add_resource(ssm.Parameter(f"{name}Text", Type="String", Tier="Standard", Value=field.ref)))
        for name, field in fields.items()
    }


def _add(t: Template, name: str, **content: Any) -> Ref:
    return Ref(t.add_resource(secretsmanager.Secret(name, **content)))
