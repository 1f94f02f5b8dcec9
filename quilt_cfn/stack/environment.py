"""The environment variables of the three containers; their names and meaning are those of the container images.

Everything that the product decides about a container stands here. Where a value has ``{Name}``, the instance inserts
the secret or text of that name (see ``quilt_cfn/instance/configure.py``), so that neither secrets nor free text of
customers are part of the template's metadata.
"""

from __future__ import annotations

from typing import Any

from troposphere import Equals, FindInMap, If, Join, Not, Ref, Sub, Template

from quilt_cfn.cloudformation.facts.rds_certificates import RDS_CERTIFICATES
from quilt_cfn.editions import Edition, Signer
from quilt_cfn.stack.address import Address
from quilt_cfn.stack.container_images import ContainerImages
from quilt_cfn.stack.database import Database
from quilt_cfn.stack.load_balancer import LoadBalancer
from quilt_cfn.stack.parameters import CATALOG_HOST, REGISTRY_HOST, SMTP_HOST, SMTP_PORT, TEAM_ID
from quilt_cfn.stack.pseudo_parameters import endpoint
from quilt_cfn.stack.security_groups import REDIRECT_PORT, SITES_PORT
from quilt_cfn.stack.storage import PackageBucket

Variables = dict[str, Any]

_TEAM: Variables = {"TEAM_ID": TEAM_ID.ref, "TEAM_NAME": "{TeamName}"}
_REGISTRY_URL = Sub(f"https://${{{REGISTRY_HOST.name}}}")
_CATALOG_URL = Sub(f"https://${{{CATALOG_HOST.name}}}")
# Several of the containers' switches are on for any value at all, "false" included: off is leaving them out.
_ON = "true"

# A user's key is here to be seen and edited; it reaches the registry in the credentials file, as the role's do.
_KEY: Variables = {"AWS_ACCESS_KEY_ID": "{AccessKeyId}", "AWS_SECRET_ACCESS_KEY": "{SecretAccessKey}"}

# The registry's own database and its user there, both made by the boot.
_DATABASE = "quilt"
_DATABASE_USER = "registry"

_CERTIFICATES = "RdsCertificates"
_HAS_CERTIFICATES = "HasRdsCertificates"


def add_environments(
    t: Template,
    edition: Edition,
    images: ContainerImages,
    database: Database,
    bucket: PackageBucket,
    load_balancer: LoadBalancer,
    address: Address,
) -> dict[str, Variables]:
    """What the instance writes to ``env/NAME``, by name."""
    t.add_mapping(_CERTIFICATES, {partition: {"Address": address} for partition, address in RDS_CERTIFICATES.items()})
    # Where RDS publishes its certificates in the European Sovereign Cloud, no public page says.
    t.add_condition(_HAS_CERTIFICATES, Not(Equals(Ref("AWS::Partition"), "aws-eusc")))
    return {
        "registry": _registry(edition, database, bucket.name),
        "catalog": _catalog(),
        "database": _database_preparation(database),
        "stack": _stack(images, load_balancer, address),
    }


# With the certificates the server is verified: libpq compares its name as well, which the Region's authority signed.
# https://www.postgresql.org/docs/16/libpq-ssl.html
_DATABASE_CONNECTION: Variables = {
    "PGSSLMODE": If(_HAS_CERTIFICATES, "verify-full", "require"),
    "PGSSLROOTCERT": "/etc/quilt/aws/rds-certificates.pem",
    "PGCONNECT_TIMEOUT": "10",
}


def _database_uri(database: Database, user: str, password: str, name: str) -> Sub:
    """A connection whose other end is gone without a word is noticed after half a minute instead of two hours.

    https://www.postgresql.org/docs/16/libpq-connect.html#LIBPQ-KEEPALIVES-IDLE
    """
    keepalives = "keepalives_idle=10&keepalives_interval=5&keepalives_count=3"
    uri = f"postgresql://{user}:{{{password}}}@${{Host}}:${{Port}}/{name}?{keepalives}"
    return Sub(uri, Host=database.host, Port=database.port)


def _registry(edition: Edition, database: Database, bucket: If) -> Variables:
    """The registry's configuration, read by its env_config.py, by libpq and by botocore."""
    return {
        **_TEAM,
        "QUILT_SERVER_CONFIG": "env_config.py",
        "REGISTRY_URL": _REGISTRY_URL,
        "CATALOG_URL": _CATALOG_URL,
        "SQLALCHEMY_DATABASE_URI": _database_uri(database, _DATABASE_USER, "RegistryDatabasePassword", _DATABASE),
        **_DATABASE_CONNECTION,
        "PACKAGE_BUCKET_NAME": bucket,
        "S3_ENDPOINT": endpoint("s3", "https://"),
        "AWS_DEFAULT_REGION": Ref("AWS::Region"),
        "AWS_CONFIG_FILE": "/etc/quilt/aws/config",
        **(_KEY if edition.signer is Signer.USER else {}),
        "AWS_SHARED_CREDENTIALS_FILE": "/etc/quilt/aws/credentials",
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
        # The variables and headers of a request, and the requests that wait for a worker: cookies of a whole company,
        # and many clients while the registry reloads.
        "UWSGI_BUFFER_SIZE": "32768",
        "UWSGI_LISTEN": "1024",
        # In MB: a worker that a large request has made so large is replaced after its answer.
        "UWSGI_RELOAD_ON_RSS": "256",
        # nginx logs the requests, without what is secret in them.
        "UWSGI_DISABLE_LOGGING": _ON,
    }


def _catalog() -> Variables:
    """What the catalog shows to browsers, so nothing in it is secret."""
    return {
        **_TEAM,
        "REGISTRY_URL": _REGISTRY_URL,
        "ALWAYS_REQUIRES_AUTH": _ON,
        # Set but empty: no payment pages, no crash reports, no statistics.
        "STRIPE_KEY": "",
        "SENTRY_DSN": "",
        "MIXPANEL_TOKEN": "",
    }


def _database_preparation(database: Database) -> Variables:
    """What the boot needs to make the registry's database and its user; a new database has only ``postgres``."""
    return {
        "ADMIN_DATABASE_URI": _database_uri(database, database.master_user, "DBPassword", "postgres"),
        "DATABASE_NAME": _DATABASE,
        "DATABASE_USER": _DATABASE_USER,
        "DATABASE_PASSWORD": "{RegistryDatabasePassword}",
        **_DATABASE_CONNECTION,
    }


def _stack(images: ContainerImages, load_balancer: LoadBalancer, address: Address) -> Variables:
    """What the instance's own programs have to know about this stack."""
    certificates = Sub(
        "${Address}/${AWS::Region}/${AWS::Region}-bundle.pem",
        Address=FindInMap(_CERTIFICATES, Ref("AWS::Partition"), "Address"),
    )
    return {
        "REGISTRY_IMAGE": images.registry,
        "CATALOG_IMAGE": images.catalog,
        "NGINX_IMAGE": images.nginx,
        "CATALOG_HOST": CATALOG_HOST.ref,
        "REGISTRY_HOST": REGISTRY_HOST.ref,
        "SITES_PORT": str(SITES_PORT),
        "REDIRECT_PORT": str(REDIRECT_PORT),
        "REGION": Ref("AWS::Region"),
        "TARGET_GROUPS": Join(" ", list(load_balancer.target_groups)),
        "ADDRESS": address.ip,
        "ALLOCATION_ID": address.allocation_id,
        "RDS_CERTIFICATES": If(_HAS_CERTIFICATES, certificates, ""),
    }
