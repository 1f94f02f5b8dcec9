"""The usage instructions say what the template says: change the template, and they say something else."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

from quilt_cfn.cloudformation.template.read import read_template
from quilt_cfn.delivery.marketplace.texts import USAGE_INSTRUCTIONS, mistakes
from quilt_cfn.delivery.marketplace.usage import page, usage_instructions
from tests.delivery.marketplace.checkouts import EDITIONS, TOP

TEMPLATES = {name: read_template(TOP / "templates" / f"{stem}.yaml").data for name, stem in EDITIONS.items()}
STRANGERS = sorted(each for each in (TOP / "tests/strangers/templates").iterdir() if each.is_file())
OF_IAM = "AWS::IAM::"


@pytest.fixture
def template():
    """A copy of the marketplace edition, to change."""
    return copy.deepcopy(TEMPLATES["marketplace"])


def paragraph(template, title):
    """The lines under a title."""
    (found,) = [each for each in usage_instructions(template).split("\n\n") if each.startswith(f"{title}\n")]
    return found.splitlines()[1:]


def line(template, title, beginning):
    (found,) = [each for each in paragraph(template, title) if each.startswith(beginning)]
    return found


def test_the_file_is_what_the_template_says():
    assert (TOP / "marketplace/usage-instructions.txt").read_text() == page(TEMPLATES["marketplace"])


@pytest.mark.parametrize("edition", EDITIONS)
def test_the_instructions_of_every_edition_can_be_sent(edition):
    assert not list(mistakes(usage_instructions(TEMPLATES[edition]), USAGE_INSTRUCTIONS))


@pytest.mark.parametrize("edition", EDITIONS)
def test_every_iam_entity_key_secret_and_security_group_is_named(edition):
    text = usage_instructions(TEMPLATES[edition])
    kinds = ("AWS::SecretsManager::Secret", "AWS::EC2::SecurityGroup", "AWS::KMS::Key")
    for name, resource in TEMPLATES[edition]["Resources"].items():
        if resource["Type"].startswith(OF_IAM) or resource["Type"] in kinds:
            assert name in text


@pytest.mark.parametrize("edition", EDITIONS)
def test_no_region_and_no_account_stands_in_them(edition):
    text = usage_instructions(TEMPLATES[edition])
    assert "us-east-1" not in text
    assert "111122223333" not in text


@pytest.mark.parametrize("file", STRANGERS, ids=lambda each: each.stem)
def test_anybodys_template_has_instructions(file):
    text = usage_instructions(read_template(Path(file)).data)
    assert text.startswith(("GETTING IN", "NETWORK"))
    assert "None" not in text


def test_the_way_in_is_told_with_its_outputs(template):
    told = paragraph(template, "GETTING IN")
    assert told[0].startswith("Output LoadBalancerDNSName: Target of both CNAME records")
    assert told[1].startswith("Output EC2InstanceIp: ")
    assert told[2].startswith("Connect to the instance with SSH as ec2-user, key pair KeyName, or with SSM Session")
    assert told[-1] == "Log in at https://CatalogHost."


def test_without_ssh_session_manager_is_the_way_in(template):
    del template["Resources"]["ServerTemplate"]["Properties"]["LaunchTemplateData"]["KeyName"]
    assert "Connect to the instance with SSM Session Manager." in paragraph(template, "GETTING IN")


def test_another_open_port_is_told(template):
    rules = template["Resources"]["ElbSecurityGroup"]["Properties"]["SecurityGroupIngress"]
    rules.append({"IpProtocol": "udp", "FromPort": 8443, "ToPort": 8450, "CidrIp": "198.51.100.0/24"})
    assert "; UDP 8443-8450 from 198.51.100.0/24." in line(template, "NETWORK", "ElbSecurityGroup (LoadBalancer)")


def test_who_is_let_in_is_told_by_parameter_group_or_range(template):
    assert line(template, "NETWORK", "SshS") == "SshSecurityGroup (Server): In TCP 22 from SshInputCIDR."
    assert line(template, "NETWORK", "Dat") == "DatabaseSecurityGroup (Database): In TCP 5432 from ServerSecurityGroup."
    assert "In TCP 443, 80 from 0.0.0.0/0 (everybody)" in line(template, "NETWORK", "ElbSecurityGroup")
    assert "Out TCP 5432 to DatabaseSecurityGroup; TCP 443, SmtpPort to 0.0.0.0/0" in line(
        template, "NETWORK", "Server"
    )


def test_a_group_that_lets_everything_in_is_told(template):
    rules = template["Resources"]["SshSecurityGroup"]["Properties"]["SecurityGroupIngress"]
    rules[0] = {"IpProtocol": "-1", "CidrIpv6": "::/0"}
    assert "In every protocol, every port from ::/0 (everybody)." in line(template, "NETWORK", "SshSecurityGroup")


def test_public_addresses_are_told(template):
    assert line(template, "NETWORK", "Public") == "Public addresses: LoadBalancer, ServerAddress."
    template["Resources"]["LoadBalancer"]["Properties"]["Scheme"] = "internal"
    template["Resources"]["Database"]["Properties"]["PubliclyAccessible"] = True
    assert line(template, "NETWORK", "Public") == "Public addresses: ServerAddress, Database."


def test_a_role_is_told_with_who_uses_it_and_what_it_may_do(template):
    role = line(template, "IAM", "NetworkLogsRole")
    assert role.startswith("NetworkLogsRole, role of NetworkFlowLog (for vpc-flow-logs). write-flow-log: ")
    assert "logs:CreateLogStream, PutLogEvents on NetworkLogs; " in role
    assert line(template, "IAM", "ServerRole").startswith("ServerRole, role of Server (for ec2). quilt-server: ")


def test_another_role_is_told_even_if_an_option_adds_it(template):
    template["Resources"]["ReportRole"] = {
        "Type": "AWS::IAM::Role",
        "Condition": "HasAlarmEmail",
        "Properties": {
            "AssumeRolePolicyDocument": {
                "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]
            },
            "ManagedPolicyArns": ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
            "Policies": [
                {
                    "PolicyName": "more",
                    "PolicyDocument": {
                        "Statement": [
                            {"Effect": "Deny", "Action": "s3:*", "Resource": "*"},
                            {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*", "Condition": {"Bool": {}}},
                        ]
                    },
                }
            ],
        },
    }
    assert line(template, "IAM", "ReportRole") == (
        "ReportRole, role (for *). more: denied: s3:* on *; everything but iam:* on * under conditions. "
        "Managed policy policy/ReadOnlyAccess."
    )


def test_a_permission_more_is_told(template):
    policies = template["Resources"]["ServerRole"]["Properties"]["Policies"]
    policies[1]["PolicyDocument"]["Statement"][0]["Action"].append("s3:PutObjectAcl")
    assert "PutObject, PutObjectAcl on PackageBucket/*" in line(template, "IAM", "ServerRole")


def test_few_secrets_are_named_where_they_are_read_and_many_are_counted(template):
    assert "secretsmanager:GetSecretValue on 6 secrets;" in line(template, "IAM", "ServerRole")
    statement = template["Resources"]["ServerRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"][0]
    del statement["Resource"][3:]
    named = "GetSecretValue on DBPasswordSecret, SmtpUsernameSecret, SmtpPasswordSecret;"
    assert named in line(template, "IAM", "ServerRole")


def test_an_access_key_is_told_and_how_to_rotate_it():
    registry = paragraph(TEMPLATES["registry"], "KEYS AND SECRETS")
    assert "RegistryUserKey: an access key of RegistryUser." in registry
    assert any("./rotate_key.sh" in each for each in registry)
    assert not any("No AWS access keys" in each for each in registry)
    assert any("No AWS access keys" in each for each in paragraph(TEMPLATES["marketplace"], "KEYS AND SECRETS"))


def test_a_secret_is_told_with_its_source_unless_its_name_says_it(template):
    template["Resources"]["TokenSecret"] = {
        "Type": "AWS::SecretsManager::Secret",
        "Properties": {"SecretString": {"Ref": "TeamId"}, "KmsKeyId": {"Ref": "TokenKey"}},
    }
    template["Resources"]["TokenKey"] = {"Type": "AWS::KMS::Key", "Properties": {}}
    told = line(template, "KEYS AND SECRETS", "In Secrets Manager: ")
    assert "DBPasswordSecret, " in told
    assert "QuiltSecretKey (generated), TokenSecret (TeamId)." in told
    assert "TokenKey: a KMS key of the stack." in paragraph(template, "KEYS AND SECRETS")
    assert "secrets (aws/secretsmanager), secrets (TokenKey)." in line(template, "ENCRYPTION", "Encrypted at rest")


def test_what_is_not_encrypted_is_told(template):
    assert not any("Not encrypted at rest" in each for each in paragraph(template, "ENCRYPTION"))
    resources = template["Resources"]
    resources["Archive"] = {"Type": "AWS::S3::Bucket", "Properties": {}}
    resources["Database"]["Properties"]["StorageEncrypted"] = False
    resources["ServerTemplate"]["Properties"]["LaunchTemplateData"]["BlockDeviceMappings"][0]["Ebs"] = {}
    told = line(template, "ENCRYPTION", "Not encrypted at rest")
    assert told == "Not encrypted at rest by this template: Archive, Database, Server /dev/xvda."
    assert "Packages: S3 bucket Archive, called what AWS generates." in paragraph(template, "DATA AND BACKUP")


def test_a_listener_without_tls_is_told(template):
    assert "HttpListener TCP 80; inside the VPC SitesTargetGroup" in line(template, "ENCRYPTION", "Unencrypted")
    template["Resources"]["HttpsListener"]["Properties"]["Protocol"] = "TCP"
    assert not any("Encrypted in transit" in each for each in paragraph(template, "ENCRYPTION"))
    assert "HttpsListener TCP 443, HttpListener TCP 80;" in line(template, "ENCRYPTION", "Unencrypted")


def test_what_refuses_connections_without_tls_is_told(template):
    assert line(template, "ENCRYPTION", "TLS only") == "TLS only: Bucket, Database."
    template["Resources"]["BucketPolicy"]["Properties"]["PolicyDocument"]["Statement"][0]["Effect"] = "Allow"
    template["Resources"]["DatabaseSettings16"]["Properties"]["Parameters"] = {}
    assert not any("TLS only" in each for each in paragraph(template, "ENCRYPTION"))


def test_backups_are_told_as_far_as_there_are_any(template):
    told = paragraph(template, "DATA AND BACKUP")
    assert "RDS backs Database up daily and keeps that for BackupRetentionDays days." in told
    assert any("launch a new stack with DBSnapshotIdentifier" in each for each in told)
    database = template["Resources"]["Database"]
    database["Properties"] |= {"BackupRetentionPeriod": 0}
    del database["Properties"]["DBSnapshotIdentifier"], database["DeletionPolicy"]
    template["Resources"]["Bucket"]["Properties"]["VersioningConfiguration"]["Status"] = "Suspended"
    told = paragraph(template, "DATA AND BACKUP")
    assert not any(word in each for each in told for word in ("backs", "restore", "every version", "snapshot"))
    assert told[-1] == "When the stack is deleted, Bucket stays, RegistryLogs stays."


def test_another_image_and_another_package_are_told(template):
    environment = template["Resources"]["ServerTemplate"]["Metadata"]["AWS::CloudFormation::Init"]["config"]["files"]
    digest = "sha256:" + "0" * 64
    stack = environment["/opt/quilt/config.json"]["content"]["Environments"]["stack"]
    stack["REGISTRY_IMAGE"] = f"registry.example.com:5000/quilt/registry:3.0@{digest}"
    boot = template["Mappings"]["Files"]["boot"]
    boot["Text"] = boot["Text"].replace("install docker", "install docker python3-pip")
    told = paragraph(template, "EXTERNAL DEPENDENCIES")
    assert told[1].startswith("Container images: registry.example.com:5000/quilt/registry:3.0, docker.io/quiltdata/cat")
    assert told[2] == "Packages, with dnf: docker, python3-pip."


def test_aws_apis_are_those_that_machines_and_users_may_call(template):
    wanted = "AWS APIs of the Region: cloudformation, logs, s3, secretsmanager, ssm, ssmmessages."
    for each in TEMPLATES.values():
        assert wanted in paragraph(each, "EXTERNAL DEPENDENCIES")
    statements = template["Resources"]["ServerRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    statements.append({"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"})
    assert line(template, "EXTERNAL DEPENDENCIES", "AWS APIs").endswith(" secretsmanager, sqs, ssm, ssmmessages.")


def test_the_mail_service_is_told(template):
    assert line(template, "EXTERNAL DEPENDENCIES", "Mail") == (
        "Mail goes to SmtpHost (if empty, email-smtp.REGION.amazonaws.com), port SmtpPort, with STARTTLS."
    )
    files = template["Resources"]["ServerTemplate"]["Metadata"]["AWS::CloudFormation::Init"]["config"]["files"]
    registry = files["/opt/quilt/config.json"]["content"]["Environments"]["registry"]
    registry |= {"SMTP_HOST": "smtp.example.com", "SMTP_PORT": "2525", "SMTP_USE_TLS": "false"}
    assert line(template, "EXTERNAL DEPENDENCIES", "Mail") == "Mail goes to smtp.example.com, port 2525."


def test_health_is_what_the_load_balancer_asks_and_the_alarms(template):
    template["Resources"]["SitesTargetGroup"]["Properties"]["HealthCheckPath"] = "/alive"
    del template["Resources"]["CertificateAlarm"]
    told = paragraph(template, "HEALTH")
    assert told[:2] == [
        "SitesTargetGroup is healthy when /alive answers.",
        "CloudWatch alarms: UnhealthyAlarm, DatabaseStorageAlarm; mailed to AlarmEmail.",
    ]
