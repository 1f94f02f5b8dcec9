"""Values that the instance may read and nobody else should see.

The rule: one plain value a secret, so nothing needs quoting; and every free text of the form travels this way, secret
or not, so that no text that a person typed is ever part of a script, of metadata or of a log. Names are generated: a
retry never meets a name that Secrets Manager still holds for deletion.
"""

from __future__ import annotations

from typing import Any

from troposphere import Ref, Sub, Template, secretsmanager

from quilt_cfn.stack.identity import USER_KEY, UserKey
from quilt_cfn.stack.parameters import DB_PASSWORD, SMTP_DEFAULT_SENDER, SMTP_PASSWORD, SMTP_USERNAME, TEAM_NAME


def add_secrets(t: Template, key: UserKey | None) -> dict[str, Ref]:
    """The secrets by the names under which the instance asks for them; the values are their ARNs."""
    typed = {
        "DBPassword": DB_PASSWORD,
        "SmtpUsername": SMTP_USERNAME,
        "SmtpPassword": SMTP_PASSWORD,
        "SmtpDefaultSender": SMTP_DEFAULT_SENDER,
        "TeamName": TEAM_NAME,
    }
    secrets = {name: _add(t, f"{field.name}Secret", SecretString=field.ref) for name, field in typed.items()}
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
