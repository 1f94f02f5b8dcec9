"""Every topic of the document from which this product was made has its place in the guide, with the facts that make it
one. The topics stand in the document's order and in our own words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guide"


class Topic(NamedTuple):
    """What a reader of the original document finds, where in the guide, and what has to be said there."""

    about: str
    page: str
    section: str
    """The heading; empty for the page as a whole."""
    facts: tuple[str, ...]
    """Patterns, each of which is found in the section."""


def topic(about: str, where: str, *facts: str) -> Topic:
    page, _, section = where.partition(" > ")
    return Topic(about, page, section, facts)


TOPICS = (
    topic("what the product is", "index.md", "private registry and web catalog", "your own AWS account"),
    topic("which permissions a launch takes", "permissions.md", "AdministratorAccess", r"iam:PassRole"),
    topic("a stack, a bucket, a user and a database are created", "permissions.md", "bucket", r"IAM user", "RDS"),
    topic("a valid certificate for the domain is needed", "certificate.md", "both.*host names", "issued"),
    topic(
        "a new certificate can be requested", "certificate.md > Request one", "DNS validation", "aws acm request-cert"
    ),
    topic("an existing certificate can be imported", "certificate.md > Or import one", "private key and chain"),
    topic("the registry sends mail by SMTP", "mail.md", "invitations", "set a password"),
    topic("the form asks for SMTP credentials", "mail.md > What to fill in", "SmtpUsername", "SmtpPassword"),
    topic("how to set up Amazon SES", "mail.md > Amazon SES, step by step", "sandbox", "SMTP credentials", "DKIM"),
    topic("subscribe and accept the terms", "launch.md > From AWS Marketplace", "Subscribe", "accept the terms"),
    topic("configure: choose the Region", "launch.md > From AWS Marketplace", "Continue to Configuration", "Region"),
    topic("launch the template from the listing", "launch.md > From AWS Marketplace", "Launch CloudFormation"),
    topic("the template's address", "launch.md > From its address in S3", r"quilt-registry\.yaml"),
    topic("the stack's name", "launch.md > The form", r"\*\*Stack name:\*\* the name under which you find the stack"),
    topic("CatalogHost", "dns.md > Choose them", r"`CatalogHost` \| `quilt\.example\.com`", "in a browser"),
    topic("CatalogHost in the form", "parameters.md > Host names", r"`CatalogHost` \| Host name at which people"),
    topic(
        "the certificate's ARN, in the stack's Region", "parameters.md > Host names", "`CertificateArn`", "this Region"
    ),
    topic(
        "DBInstanceType, small or large",
        "parameters.md > Sizes (optional: all of it may stay as it is)",
        r"`DBInstanceType` .*below 1000 users, db\.m5\.large for very active",
    ),
    topic(
        "InstanceType, small or large",
        "parameters.md > Sizes (optional: all of it may stay as it is)",
        r"`InstanceType` .*below 1000 users, m5\.large for very active",
    ),
    topic("which size to choose", "launch.md > The form", "fewer than 1000 users", "m5.large", "very active"),
    topic("DBPassword", "parameters.md > Database", r"`DBPassword` \| \*\*Hidden\.\*\*"),
    topic("KeyName for SSH", "parameters.md > Access to the instance", r"`KeyName` .*by SSH"),
    topic(
        "PackageBucket, a new bucket", "parameters.md > Package data", "`PackageBucket`", "no other bucket in AWS has"
    ),
    topic("RegistryHost, covered by the certificate", "dns.md > Choose them", "`RegistryHost`", r"both covered by the"),
    topic("SmtpDefaultSender", "parameters.md > Mail", r"`SmtpDefaultSender` \| Address from which the registry sends"),
    topic("SmtpPassword", "parameters.md > Mail", r"`SmtpPassword` \| \*\*Hidden\.\*\* Password at the mail service"),
    topic("SmtpUsername", "parameters.md > Mail", r"`SmtpUsername` \| User name at the mail service"),
    topic("SshInputCIDR", "parameters.md > Access to the instance", r"`SshInputCIDR` \| IPv4 addresses"),
    topic("TeamId", "parameters.md > Team", r"`TeamId` \| One short word"),
    topic("TeamName on the front page", "parameters.md > Team", r"`TeamName` .*front page"),
    topic("acknowledge that IAM resources are created", "launch.md > The form", "acknowledge", "IAM", "a user"),
    topic(
        "why a user: URLs that live long, for large uploads",
        "security.md > Identities and permissions",
        "Why the edition `registry` has an IAM user",
        "very large files",
    ),
    topic(
        "why a role in the listing",
        "security.md > Identities and permissions",
        "Why the edition `marketplace` has a role",
    ),
    topic("create the stack", "launch.md > The form", "Execute the change set"),
    topic("how long it takes, once said to be 45 minutes", "time.md", "about 17 minutes", "45 minutes"),
    topic("what is created: an instance", "resources.md > Resources", "ServerGroup", "ServerTemplate"),
    topic("what is created: a bucket", "resources.md > Resources", r"`S3::Bucket` \| 1 \| `Bucket`"),
    topic("what is created: a PostgreSQL", "resources.md > Resources", r"`RDS::DBInstance` \| 1 \| `Database`"),
    topic("what is created: a load balancer", "resources.md > Resources", r"LoadBalancer` \| 1 \| `LoadBalancer`"),
    topic(
        "what is created: a VPC with three subnets",
        "resources.md > Resources",
        r"`EC2::VPC` \| 1",
        r"`EC2::Subnet` \| 3",
    ),
    topic("what is created: security groups", "resources.md > Resources", "SshSecurityGroup", "ElbSecurityGroup"),
    topic(
        "what is created: the user",
        "resources.md > Resources",
        r"`IAM::User` \| 1 \| `RegistryUser` \(only in \*registry\*\)",
    ),
    topic(
        "the user's permissions on the bucket",
        "security.md",
        "s3:DeleteObject",
        "s3:GetObject",
        "s3:PutObject",
        "s3:ListBucket",
    ),
    topic(
        "s3:HeadObject is none that there is", "security.md > The packages in S3", "`s3:HeadObject`.* is no permission"
    ),
    topic(
        "two CNAME records to the load balancer",
        "dns.md > After the launch",
        "two CNAME records",
        "LoadBalancerDNSName",
    ),
    topic(
        "the load balancer's name is an output",
        "resources.md > Outputs",
        r"`LoadBalancerDNSName` \| Target of both CNAME",
    ),
    topic("the instance's address is an output", "resources.md > Outputs", r"`EC2InstanceIp` \| Address to SSH to"),
    topic(
        "log in to the instance by SSH",
        "first-administrator.md > By SSH",
        r"ssh -i key\.pem ec2-user@",
        "EC2InstanceIp",
    ),
    topic(
        "or without SSH",
        "first-administrator.md > By Session Manager",
        "SessionManagerUrl",
        "ssm-user",
        "sudo su - ec2-user",
    ),
    topic("the environment is in env/registry", "first-administrator.md > By SSH", r"\. env/registry"),
    topic("create the first administrator", "first-administrator.md > What it asks", "Username", "Email", "Password"),
    topic("try the account in the catalog", "first-administrator.md > Log in", "CatalogUrl", "log in"),
    topic("how people get accounts", "people.md > Invite somebody", "quilt user create", "sends a mail"),
    topic(
        "what invited people do",
        "people.md > What an invited person does",
        r"quilt config example quilt login example",
        r"quilt build example:ada/weather weather quilt push example:ada/weather --team",
        "Python 3.9 or older",
    ),
    topic("how long an invitation is good", "people.md > Invite somebody", "once and for .24 hours"),
    topic("why sign-up is off", "people.md > Why nobody can sign up", "DISABLE_SIGNUP"),
    topic("all data is in the bucket", "security.md > The packages in S3", "`PackageBucket`, and nowhere else"),
    topic(
        "the bucket's CORS, headers and age",
        "resources.md > The bucket's configuration",
        "AllowedHeaders",
        "Authorization",
        "3000",
    ),
    topic("versioning of the bucket", "security.md > The packages in S3", r"\*\*Versions\*\*: every version is kept"),
    topic("who gets at the bucket", "security.md > The packages in S3", "the registry's identity", "other identities"),
    topic("any origin, for signed URLs", "security.md > The packages in S3", r"\*\*CORS\*\*.*from any origin"),
    topic(
        "access only through the registry is recommended",
        "security.md > The packages in S3",
        "Recommended: all access through the registry",
    ),
    topic(
        "instance and database are in a VPC", "security.md > Network and VPC", "network of its own", "internet gateway"
    ),
    topic(
        "what the security groups let in",
        "security.md > Network and VPC",
        "`SshSecurityGroup`",
        "`ElbSecurityGroup`",
        "443",
    ),
    topic("SshInputCIDR is the user's choice", "security.md > Network and VPC", "`SshInputCIDR` has no default"),
    topic("the user signs URLs for keys of the bucket", "security.md > Signed URLs", "signs it with its own"),
    topic(
        "the policy quilt-registry-s3", "security.md", "RegistryUser: what it may do", r"quilt-registry-s3|s3:PutObject"
    ),
    topic("the key is in env/registry", "security.md > Secrets", "access key of `RegistryUser`", "/home/ec2-user/env"),
    topic(
        "rotate the key in the console",
        "rotation.md > The access key of RegistryUser",
        "create a second access key",
        "RegistryUserName",
    ),
    topic(
        "rotate the key in env/registry by hand",
        "rotation.md > The access key of RegistryUser",
        "AWS_ACCESS_KEY_ID",
        r"docker rm -f registry catalog registry-nginx",
    ),
    topic(
        "AWS_SECRET_KEY is not the name",
        "rotation.md > The access key of RegistryUser",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SECRET_KEY",
    ),
    topic(
        "the diagram that was missing", "index.md", r"pictures/registry-light\.svg", r"pictures/marketplace-light\.svg"
    ),
    topic("state and metadata are in the database", "index.md", "accounts and package metadata"),
    topic("back up and restore the database", "backup.md", "snapshot", "restore"),
    topic("a new registry from a backup", "recovery.md", "DBSnapshotIdentifier", "ExistingBucket"),
    topic(
        "versions and replication protect objects",
        "backup.md > The packages in another Region",
        "put-bucket-replication",
    ),
    topic("build and run the open-source code", "open-source.md", "github.com/quiltdata/quilt", "Dockerfile"),
)


def section(page: str, heading: str) -> str:
    """The text below a heading, to the next one of its level; that of the whole page without a heading."""
    text = (GUIDE / page).read_text(encoding="utf-8")
    if not heading:
        return text
    found = re.search(rf"(?ms)^(#+) {re.escape(heading)}\n(.*?)(?=^\1 |^#{{1,2}} |\Z)", text)
    assert found, f"{page} has no section {heading}"
    return found[2]


@pytest.mark.parametrize("each", TOPICS, ids=lambda each: each.about)
def test_a_topic_has_its_place_and_its_facts(each):
    text = section(each.page, each.section)
    in_a_line = " ".join(text.split())
    for fact in each.facts:
        assert re.search(fact, in_a_line), f"{each.page}, {each.section or 'the page'}: {fact}"


def test_no_topic_is_there_twice():
    assert len({each.about for each in TOPICS}) == len(TOPICS)
