"""The environment variables of the three containers; their names and meaning are those of the container images.

Everything that the product decides about a container stands here. Where a value has ``{Name}``, the instance inserts
the secret of that name (see ``quilt_cfn/instance/configure.py``), so that neither secrets nor free text of customers
are part of the template's metadata.
"""

from __future__ import annotations

from typing import Any

from troposphere import Ref, Sub

from quilt_cfn.editions import Edition, Signer
from quilt_cfn.inputs.release import Release
from quilt_cfn.stack.database import Database
from quilt_cfn.stack.parameters import CATALOG_HOST, REGISTRY_HOST, SMTP_HOST, SMTP_PORT, TEAM_ID
from quilt_cfn.stack.pseudo_parameters import endpoint
from quilt_cfn.stack.security_groups import REDIRECT_PORT, SITES_PORT

Variables = dict[str, Any]

_TEAM: Variables = {"TEAM_ID": TEAM_ID.ref, "TEAM_NAME": "{TeamName}"}
_REGISTRY_URL = Sub(f"https://${{{REGISTRY_HOST.name}}}")
_CATALOG_URL = Sub(f"https://${{{CATALOG_HOST.name}}}")
# Several of the containers' switches are on for any value at all, "false" included: off is leaving them out.
_ON = "true"
# A connection whose other end is gone without a word is noticed after half a minute instead of two hours.
# https://www.postgresql.org/docs/16/libpq-connect.html#LIBPQ-KEEPALIVES-IDLE
_KEEPALIVES = "keepalives_idle=10&keepalives_interval=5&keepalives_count=3"

_SIGNER: dict[Signer, Variables] = {
    Signer.USER: {"AWS_ACCESS_KEY_ID": "{AccessKeyId}", "AWS_SECRET_ACCESS_KEY": "{SecretAccessKey}"},
    Signer.ROLE: {"AWS_SHARED_CREDENTIALS_FILE": "/etc/quilt/aws/credentials"},
}


def registry_environment(edition: Edition, database: Database, bucket: Ref) -> Variables:
    """``env/registry``: the registry's configuration, read by its env_config.py and by botocore."""
    return {
        **_TEAM,
        "QUILT_SERVER_CONFIG": "env_config.py",
        "REGISTRY_URL": _REGISTRY_URL,
        "CATALOG_URL": _CATALOG_URL,
        "SQLALCHEMY_DATABASE_URI": Sub(
            f"postgresql://{database.user}:{{DBPassword}}@${{Host}}:${{Port}}/{database.name}?{_KEEPALIVES}",
            Host=database.host,
            Port=database.port,
        ),
        "PGSSLMODE": "require",
        "PGCONNECT_TIMEOUT": "10",
        "PACKAGE_BUCKET_NAME": bucket,
        "S3_ENDPOINT": endpoint("s3", "https://"),
        "AWS_DEFAULT_REGION": Ref("AWS::Region"),
        "AWS_CONFIG_FILE": "/etc/quilt/aws/config",
        **_SIGNER[edition.signer],
        "SMTP_HOST": SMTP_HOST.if_set(SMTP_HOST.ref, endpoint("email-smtp")),
        "SMTP_PORT": SMTP_PORT.ref,
        "SMTP_USE_TLS": _ON,
        "SMTP_USERNAME": "{SmtpUsername}",
        "SMTP_PASSWORD": "{SmtpPassword}",
        "QUILT_DEFAULT_SENDER": "{SmtpDefaultSender}",
        "QUILT_SECRET_KEY": "{QuiltSecretKey}",
        "ALLOW_TEAM_ACCESS": _ON,
        "ENABLE_USER_ENDPOINTS": _ON,
        "DISABLE_SIGNUP": _ON,
        # Set but empty: no statistics go to the vendor.
        "MIXPANEL_PROJECT_TOKEN": "",
    }


def catalog_environment() -> Variables:
    """``env/catalog``: what the catalog shows to browsers, so nothing in it is secret."""
    return {
        **_TEAM,
        "REGISTRY_URL": _REGISTRY_URL,
        "ALWAYS_REQUIRES_AUTH": _ON,
        # Set but empty: no payment pages, no crash reports, no statistics.
        "STRIPE_KEY": "",
        "SENTRY_DSN": "",
        "MIXPANEL_TOKEN": "",
    }


def stack_environment(release: Release) -> Variables:
    """``env/stack``: what start.sh has to know about this stack."""
    return {
        "REGISTRY_IMAGE": release.registry.reference,
        "CATALOG_IMAGE": release.catalog.reference,
        "NGINX_IMAGE": release.nginx.reference,
        "CATALOG_HOST": CATALOG_HOST.ref,
        "REGISTRY_HOST": REGISTRY_HOST.ref,
        "SITES_PORT": str(SITES_PORT),
        "REDIRECT_PORT": str(REDIRECT_PORT),
    }
