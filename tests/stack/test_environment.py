"""The containers' environment variables; their names, and what breaks without them, are the container images' own."""

from __future__ import annotations

import re

import pytest

from tests.launches import DOCUMENTED, launch_stack

# Without one of these the registry answers 500 to everything, or refuses pushes, or loses the administrator's pages.
NEEDED = {
    "ALLOW_TEAM_ACCESS",
    "AWS_DEFAULT_REGION",
    "CATALOG_URL",
    "ENABLE_USER_ENDPOINTS",
    "MIXPANEL_PROJECT_TOKEN",
    "PACKAGE_BUCKET_NAME",
    "QUILT_DEFAULT_SENDER",
    "QUILT_SECRET_KEY",
    "QUILT_SERVER_CONFIG",
    "REGISTRY_URL",
    "S3_ENDPOINT",
    "SMTP_HOST",
    "SMTP_PASSWORD",
    "SMTP_PORT",
    "SMTP_USERNAME",
    "SMTP_USE_TLS",
    "SQLALCHEMY_DATABASE_URI",
    "TEAM_ID",
    "TEAM_NAME",
}
# On for any value, "false" included: leaving them out is the only way to switch them off.
ON_FOR_ANY_VALUE = {"ALLOW_ANONYMOUS_ACCESS"}


def test_the_registry_has_everything_that_it_needs(stack):
    registry = stack.environments["registry"]
    assert set(registry) >= NEEDED
    assert not ON_FOR_ANY_VALUE & set(registry), "a private registry has no anonymous readers"


def test_urls_are_public_https_without_a_trailing_slash(stack):
    registry = stack.environments["registry"]
    assert registry["REGISTRY_URL"] == f"https://{DOCUMENTED['RegistryHost']}"
    assert registry["CATALOG_URL"] == f"https://{DOCUMENTED['CatalogHost']}"
    assert stack.environments["catalog"]["REGISTRY_URL"] == registry["REGISTRY_URL"]


def test_the_database_is_reached_over_tls_with_the_secret_password(stack):
    registry = stack.environments["registry"]
    assert registry["SQLALCHEMY_DATABASE_URI"] == (
        "postgresql://registry:{RegistryDatabasePassword}@<Database.Endpoint.Address>:<Database.Endpoint.Port>/quilt"
        "?keepalives_idle=10&keepalives_interval=5&keepalives_count=3"
    )


def test_the_boot_prepares_the_database_that_the_registry_uses_as_its_master_user(stack):
    uri = stack.environments["registry"]["SQLALCHEMY_DATABASE_URI"]
    preparation = stack.environments["database"]
    assert uri.startswith(f"postgresql://{preparation['DATABASE_USER']}:{preparation['DATABASE_PASSWORD']}@")
    assert f"/{preparation['DATABASE_NAME']}?" in uri
    master = stack.properties("Database")["MasterUsername"]
    assert preparation["ADMIN_DATABASE_URI"].startswith(f"postgresql://{master}:{{DBPassword}}@")
    assert "/postgres?" in preparation["ADMIN_DATABASE_URI"], "the database that every new one has"
    assert master != preparation["DATABASE_USER"], "the registry is not the master user"


@pytest.mark.parametrize(
    ("region", "url"),
    [
        ("eu-central-1", "https://truststore.pki.rds.amazonaws.com/eu-central-1/eu-central-1-bundle.pem"),
        (
            "us-gov-east-1",
            "https://truststore.pki.us-gov-west-1.rds.amazonaws.com/us-gov-east-1/us-gov-east-1-bundle.pem",
        ),
    ],
)
def test_the_database_has_to_show_a_certificate_of_rds_in_its_region(template, region, url):
    environments = launch_stack(template, region=region).environments
    assert environments["stack"]["RDS_CERTIFICATES"] == url
    for name in ("registry", "database"):
        assert environments[name]["PGSSLMODE"] == "verify-full"
        assert environments[name]["PGSSLROOTCERT"] == "/etc/quilt/aws/rds-certificates.pem"


def test_where_rds_publishes_no_certificates_the_connection_is_encrypted_all_the_same(template):
    stack = launch_stack(template, DOCUMENTED | {"SmtpHost": "smtp.example.com"}, "eusc-de-east-1")
    assert stack.environments["stack"]["RDS_CERTIFICATES"] == ""
    assert stack.environments["registry"]["PGSSLMODE"] == "require"


def test_smtp_works_from_ec2_with_the_configuration_that_knows_the_port(stack):
    registry = stack.environments["registry"]
    assert registry["QUILT_SERVER_CONFIG"] == "env_config.py", "prod_config.py is fixed at port 25"
    assert registry["SMTP_PORT"] == "587"
    assert registry["SMTP_USE_TLS"] == "true"


@pytest.mark.parametrize(
    ("region", "endpoint"),
    [
        ("us-east-1", "email-smtp.us-east-1.amazonaws.com"),
        ("eu-central-1", "email-smtp.eu-central-1.amazonaws.com"),
        ("us-gov-west-1", "email-smtp.us-gov-west-1.amazonaws.com"),
    ],
)
def test_mail_goes_to_the_regions_ses_unless_a_host_is_given(template, region, endpoint):
    assert launch_stack(template, region=region).environments["registry"]["SMTP_HOST"] == endpoint
    chosen = launch_stack(template, DOCUMENTED | {"SmtpHost": "smtp.example.com"}, region)
    assert chosen.environments["registry"]["SMTP_HOST"] == "smtp.example.com"


@pytest.mark.parametrize(
    ("region", "endpoint"),
    [("us-west-2", "https://s3.us-west-2.amazonaws.com"), ("eusc-de-east-1", "https://s3.eusc-de-east-1.amazonaws.eu")],
)
def test_urls_are_signed_for_the_buckets_own_region(template, region, endpoint):
    stack = launch_stack(template, DOCUMENTED | {"SmtpHost": "smtp.example.com"}, region)
    registry = stack.environments["registry"]
    assert registry["S3_ENDPOINT"] == endpoint
    assert registry["AWS_DEFAULT_REGION"] == region
    assert "AWS_REGION" not in registry, "the registry's botocore does not read it"


def test_signature_version_4_is_forced(stack):
    assert stack.environments["registry"]["AWS_CONFIG_FILE"] == "/etc/quilt/aws/config"
    assert "signature_version = s3v4" in stack.file("/opt/quilt/aws/config")


def test_whose_credentials_sign(edition, stack):
    """Both reach the registry in the file, which a reload reads again; a container's environment never changes."""
    variables = {name for name in stack.environments["registry"] if re.search("ACCESS_KEY|CREDENTIALS", name)}
    key = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} if edition == "registry" else set()
    assert variables == {"AWS_SHARED_CREDENTIALS_FILE"} | key


def test_uwsgi_takes_the_cookies_of_a_company_and_a_queue_as_long_as_start_sh_allows(stack):
    registry = stack.environments["registry"]
    assert registry["UWSGI_BUFFER_SIZE"] == "32768"
    assert f"--sysctl net.core.somaxconn={registry['UWSGI_LISTEN']} " in stack.file("/home/ec2-user/start.sh")


def test_the_catalog_shows_no_payment_pages_and_sends_no_reports(stack):
    catalog = stack.environments["catalog"]
    assert catalog["ALWAYS_REQUIRES_AUTH"] == "true"
    assert {catalog[name] for name in ("STRIPE_KEY", "SENTRY_DSN", "MIXPANEL_TOKEN")} == {""}


def test_nothing_that_browsers_see_is_secret(stack):
    secrets = {"DBPassword", "SmtpPassword", "SmtpUsername", "QuiltSecretKey", "AccessKeyId", "SecretAccessKey"}
    placeholders = set(re.findall(r"\{(\w+)\}", str(stack.environments["catalog"])))
    assert not placeholders & secrets


def test_every_placeholder_is_a_secret_or_text_that_the_instance_has(stack):
    config = stack.file("/opt/quilt/config.json")
    known = {*config["Secrets"], *config["Texts"]}
    if "RegistryUserKey" in known:
        known |= {"AccessKeyId", "SecretAccessKey"}
    for environment in stack.environments.values():
        for value in environment.values():
            assert set(re.findall(r"\{(\w+)\}", value)) <= known


def test_images_are_the_releases(stack, release):
    images = stack.environments["stack"]
    assert images["REGISTRY_IMAGE"] == release.registry.reference
    assert images["CATALOG_IMAGE"] == release.catalog.reference
    assert images["NGINX_IMAGE"] == release.nginx.reference
