"""The secrets in Secrets Manager, which only the instance reads.

Each secret is one plain value, so that nothing needs quoting. Every free text of the form is a secret, confidential or
not, so that no text that a person typed is ever part of a script, of metadata or of a log. Names are generated, so that
a retried launch never meets a name that Secrets Manager still reserves for a deleted secret.
"""

from __future__ import annotations

from typing import Any

from troposphere import Ref, Sub, Template, secretsmanager

from quilt_cfn.stack.identity import USER_KEY, UserKey
from quilt_cfn.stack.parameters import DB_PASSWORD, SMTP_DEFAULT_SENDER, SMTP_PASSWORD, SMTP_USERNAME, TEAM_NAME


def add_secrets(t: Template, key: UserKey | None) -> dict[str, Ref]:
    """The secrets by the names under which the instance asks for them; the values are their ARNs."""
    fields = {
        "DBPassword": DB_PASSWORD,
        "SmtpUsername": SMTP_USERNAME,
        "SmtpPassword": SMTP_PASSWORD,
        "SmtpDefaultSender": SMTP_DEFAULT_SENDER,
        "TeamName": TEAM_NAME,
    }
    secrets = {name: _add(t, f"{field.name}Secret", SecretString=field.ref) for name, field in fields.items()}
    # Signs the registry's tokens: another one would log everybody out.
    generated = secretsmanager.GenerateSecretString(PasswordLength=64, ExcludePunctuation=True)
    secrets["QuiltSecretKey"] = _add(t, "QuiltSecretKey", GenerateSecretString=generated)
    if key is not None:
        # One value for ID and secret: they are only ever replaced together.
        pair = Sub("${Id}:${Secret}", Id=key.id, Secret=key.secret)
        secrets[USER_KEY] = _add(t, f"{USER_KEY}Secret", SecretString=pair)
    return secrets


def _add(t: Template, name: str, **content: Any) -> Ref:
    return Ref(t.add_resource(secretsmanager.Secret(name, **content)))
