"""The usage instructions say what the template says: change the template, and they say something else."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from quilt_cfn.cloudformation.template.read import read_template
from quilt_cfn.delivery.marketplace.text_limits import USAGE_INSTRUCTIONS, violations
from quilt_cfn.delivery.marketplace.usage import usage_instructions
from quilt_cfn.editions import EDITIONS, MARKETPLACE, REGISTRY
from quilt_cfn.errors import UserError
from tests.delivery.marketplace.checkouts import TOP

TEMPLATES = {name: read_template(TOP / "templates" / edition.file).data for name, edition in EDITIONS.items()}


@pytest.fixture
def template() -> Any:
    """A copy of the edition for AWS Marketplace, to change."""
    return copy.deepcopy(TEMPLATES[MARKETPLACE.name])


def paragraph(template: dict[str, Any], title: str) -> list[str]:
    """The lines under a title."""
    (found,) = [each for each in usage_instructions(template).split("\n\n") if each.startswith(f"{title}\n")]
    return found.splitlines()[1:]


def line(template: dict[str, Any], title: str, beginning: str) -> str:
    (found,) = [each for each in paragraph(template, title) if each.startswith(beginning)]
    return found


def test_the_instructions_are_accepted_by_aws_marketplace(template):
    """Only those of its own edition are submitted; the other one's access key is refused anyway."""
    assert not list(violations(usage_instructions(template), USAGE_INSTRUCTIONS))


@pytest.mark.parametrize("edition", EDITIONS)
def test_every_iam_entity_key_secret_and_security_group_is_named_and_no_region_or_account(edition):
    text = usage_instructions(TEMPLATES[edition])
    for name, resource in TEMPLATES[edition]["Resources"].items():
        types = ("AWS::SecretsManager::Secret", "AWS::EC2::SecurityGroup")
        if resource["Type"].startswith("AWS::IAM::") or resource["Type"] in types:
            assert name in text
    assert "us-east-1" not in text
    assert "111122223333" not in text
    assert "None" not in text


def role_policy(template: dict[str, Any]) -> Any:
    return template["Resources"]["ServerRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"][0]


def add_key(template: Any) -> None:
    template["Resources"]["Key"] = {"Type": "AWS::KMS::Key", "Condition": "HasAlarmEmail", "Properties": {}}


def add_managed_policy(template: Any) -> None:
    template["Resources"]["ServerRole"]["Properties"]["ManagedPolicyArns"] = ["arn:aws:iam::aws:policy/ReadOnlyAccess"]


def add_condition(template: Any) -> None:
    role_policy(template)["Condition"] = {"Bool": {"aws:SecureTransport": "true"}}


def deny(template: Any) -> None:
    role_policy(template)["Effect"] = "Deny"


def open_udp(template: Any) -> None:
    template["Resources"]["SshSecurityGroup"]["Properties"]["SecurityGroupIngress"][0]["IpProtocol"] = "udp"


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (add_key, r"AWS::KMS::Key \(Key\)"),
        (add_managed_policy, "the ManagedPolicyArns of ServerRole"),
        (add_condition, "a statement of ServerRole with .*, Condition"),
        (deny, "a statement of ServerRole with "),
        (open_udp, "the protocol udp in a rule of SshSecurityGroup"),
    ],
)
def test_what_has_no_sentence_is_an_error_that_says_where_to_add_one(template, change, what):
    change(template)
    with pytest.raises(UserError, match=f"have no sentence about {what}") as raised:
        usage_instructions(template)
    assert "quilt_cfn/delivery/marketplace/usage.py" in raised.value.next_step


def test_the_way_in_is_described_with_its_outputs(template):
    lines = paragraph(template, "GETTING IN")
    assert lines[0].startswith("Output LoadBalancerDNSName: Target of both CNAME records")
    assert lines[1].startswith("Output EC2InstanceIp: ")
    assert lines[2].startswith("Connect to the instance by SSH as ec2-user with key pair KeyName, or by SSM Session")
    command = template["Outputs"]["AdminCommand"]["Value"]
    assert lines[3] == f'First administrator: run "{command}" there.'
    assert lines[4:] == ["Log in at https://CatalogHost."]


@pytest.mark.parametrize("program", ["create_admin.sh", "rotate_key.sh"])
def test_the_programs_that_are_named_are_on_the_instance(program):
    server = TEMPLATES[REGISTRY.name]["Resources"]["ServerTemplate"]["Metadata"]["AWS::CloudFormation::Init"]
    assert f"/home/ec2-user/{program}" in {path for config in server.values() for path in config.get("files", {})}
    assert f"/{program}" in usage_instructions(TEMPLATES[REGISTRY.name])


def test_who_is_let_in_is_described_by_parameter_group_or_range(template):
    rules = template["Resources"]["ElbSecurityGroup"]["Properties"]["SecurityGroupIngress"]
    rules.append({"IpProtocol": "tcp", "FromPort": 8443, "ToPort": 8450, "CidrIp": "198.51.100.0/24"})
    assert paragraph(template, "NETWORK") == [
        "DatabaseSecurityGroup (Database): In TCP 5432 from ServerSecurityGroup.",
        "SshSecurityGroup (ServerGroup): In TCP 22 from SshInputCIDR.",
        "ServerSecurityGroup (ServerGroup): In TCP 80, 8080 from ElbSecurityGroup. "
        "Out TCP 5432 to DatabaseSecurityGroup; TCP 443, SmtpPort to 0.0.0.0/0.",
        "ElbSecurityGroup (LoadBalancer): In TCP 443, 80 from HttpsInputCIDR; TCP 8443-8450 from 198.51.100.0/24"
        ". Out TCP 80, 8080 to ServerSecurityGroup.",
        "Public addresses: LoadBalancer, ServerAddress.",
    ]


def test_a_role_is_described_with_who_uses_it_and_what_it_may_do(template):
    role = line(template, "IAM", "NetworkLogsRole")
    assert role.startswith("NetworkLogsRole (vpc-flow-logs role, for NetworkFlowLog): logs:")
    assert role.endswith("logs:CreateLogStream, DescribeLogStreams, PutLogEvents on NetworkLogs.")
    assert line(template, "IAM", "ServerRole").startswith("ServerRole (ec2 role by ServerProfile, for ServerGroup): ")
    policies = template["Resources"]["ServerRole"]["Properties"]["Policies"]
    actions = policies[1]["PolicyDocument"]["Statement"][0]["Action"]
    actions[0] = "s3:PutObjectAcl"
    assert "s3:PutObjectAcl, GetObject, PutObject on PackageBucket/*" in line(template, "IAM", "ServerRole")
    actions.append("s3:DeleteObject")
    assert "4 actions of s3 on PackageBucket/*" in line(template, "IAM", "ServerRole")


def test_a_role_is_described_with_its_separate_policies_and_under_which_condition_it_may_do_something(template):
    assert line(template, "IAM", "ProtectionRole").endswith(
        ", with ProtectionPolicy): cloudformation:UpdateTerminationProtection, DescribeStackResource on this "
        "stack; rds:ModifyDBInstance on Database."
    )
    assert (
        "ec2:AssociateAddress on elastic-ip/ServerAddress, network-interface/*, and where quilt:stack is this stack on "
        "instance/*; "
    ) in line(template, "IAM", "ServerRole")
    assert line(template, "IAM", "DatabaseLogsRole").endswith(
        " on /aws/rds/instance/Database/postgresql, /aws/rds/instance/Database/upgrade."
    )


def test_few_secrets_are_named_where_they_are_read_and_many_are_counted(template):
    assert "secretsmanager:GetSecretValue on 5 secrets;" in line(template, "IAM", "ServerRole")
    del role_policy(template)["Resource"][3:]
    names = "GetSecretValue on DBPasswordSecret, SmtpUsernameSecret, SmtpPasswordSecret;"
    assert names in line(template, "IAM", "ServerRole")


def test_an_access_key_is_described_and_how_to_rotate_it():
    registry = paragraph(TEMPLATES[REGISTRY.name], "KEYS AND SECRETS")
    assert "RegistryUserKey: an access key of RegistryUser." in registry
    assert any("./rotate_key.sh" in each for each in registry)
    assert not any("No AWS access keys" in each for each in registry)
    assert line(TEMPLATES[MARKETPLACE.name], "KEYS AND SECRETS", "No AWS access keys")


def test_a_secret_is_described_with_its_source_unless_its_name_says_it(template):
    template["Resources"]["TokenSecret"] = {
        "Type": "AWS::SecretsManager::Secret",
        "Properties": {"SecretString": {"Ref": "TeamId"}},
    }
    secrets = line(template, "KEYS AND SECRETS", "In Secrets Manager: ")
    assert "DBPasswordSecret, " in secrets
    assert "; generated: QuiltSecretKey, RegistryDatabasePassword; from TeamId: TokenSecret." in secrets


def test_what_encrypts_stored_data_is_named_and_what_is_not_encrypted(template):
    assert "NOT ENCRYPTED" not in usage_instructions(template)
    resources = template["Resources"]
    resources["Database"]["Properties"]["KmsKeyId"] = {"Ref": "TeamId"}
    encrypted = line(template, "ENCRYPTION", "Encrypted at rest: Bucket (AES256), Database (TeamId; ")
    assert encrypted.endswith("ServerGroup /dev/xvda (alias/aws/ebs), secrets (aws/secretsmanager).")
    resources["Archive"] = {"Type": "AWS::S3::Bucket", "Properties": {}}
    resources["Database"]["Properties"]["StorageEncrypted"] = False
    resources["ServerTemplate"]["Properties"]["LaunchTemplateData"]["BlockDeviceMappings"][0]["Ebs"] = {}
    assert line(template, "ENCRYPTION", "Encrypted at rest").count("NOT ENCRYPTED") == 3


def test_connections_with_and_without_tls_are_named(template):
    assert line(template, "ENCRYPTION", "Encrypted in transit: HttpsListener TLS 443 (ELBSecurityPolicy-")
    assert "HttpListener TCP 80; in the VPC SitesTargetGroup" in line(template, "ENCRYPTION", "Unencrypted")
    template["Resources"]["HttpsListener"]["Properties"]["Protocol"] = "TCP"
    assert line(template, "ENCRYPTION", "Encrypted in transit") == "Encrypted in transit: none."
    assert "HttpsListener TCP 443" in line(template, "ENCRYPTION", "Unencrypted")


def test_what_refuses_connections_without_tls_is_named(template):
    assert line(template, "ENCRYPTION", "TLS only") == "TLS only: Bucket, Database."
    template["Resources"]["BucketPolicy"]["Properties"]["PolicyDocument"]["Statement"][0]["Effect"] = "Allow"
    template["Resources"]["DatabaseSettings16"]["Properties"]["Parameters"] = {}
    assert line(template, "ENCRYPTION", "TLS only") == "TLS only: none."


def test_backups_are_described_as_far_as_there_are_any(template):
    lines = paragraph(template, "DATA AND BACKUP")
    assert (
        "RDS backs Database up daily and keeps backups for BackupRetentionDays days, in BackupRegion too if given."
    ) in lines
    assert "Bucket keeps every version of an object, for OldVersionDays days if not 0." in lines
    assert any("launch a stack with DBSnapshotIdentifier" in each for each in lines)
    database = template["Resources"]["Database"]
    database["Properties"] |= {"BackupRetentionPeriod": 0}
    del database["Properties"]["DBSnapshotIdentifier"], database["DeletionPolicy"]
    template["Resources"]["Bucket"]["Properties"]["VersioningConfiguration"]["Status"] = "Suspended"
    lines = paragraph(template, "DATA AND BACKUP")
    assert not any(word in each for each in lines for word in ("backs", "restore", "every version", "snapshot"))
    assert lines[-1] == "When the stack is deleted, NetworkLogs, Bucket, RegistryLogs stay."


def changed_boot(template: Any) -> None:
    """Another image of the registry, and another package that is installed."""
    files = template["Resources"]["ServerTemplate"]["Metadata"]["AWS::CloudFormation::Init"]["config"]["files"]
    stack = files["/opt/quilt/config.json"]["content"]["Environments"]["stack"]
    stack["REGISTRY_IMAGE"] = f"registry.example.com:5000/quilt/registry:3.0@sha256:{'0' * 64}"
    steps = template["Mappings"]["Files"]["steps.sh"]
    steps["Text"] = steps["Text"].replace("install docker", "install docker python3-pip")


def test_where_instances_run_from_the_releases_own_image_nothing_is_downloaded_and_what_is_in_it_is_named(template):
    changed_boot(template)
    first, *others = paragraph(template, "EXTERNAL DEPENDENCIES")
    assert first.startswith(
        "Nothing is downloaded at boot. In the machine image: registry.example.com:5000/quilt/registry:3.0, docker"
    )
    assert first.endswith(", docker, python3-pip, certificates of RDS.")
    assert [each.split()[0] for each in others] == ["Mail"]


def test_where_they_run_from_amazon_linux_what_the_boot_downloads_is_named(template):
    """The boot checks the image, and downloads nothing, exactly where this file says of which release it has to be."""
    changed_boot(template)
    files = template["Resources"]["ServerTemplate"]["Metadata"]["AWS::CloudFormation::Init"]["config"]["files"]
    del files["/opt/quilt/image-release"]
    lines = paragraph(template, "EXTERNAL DEPENDENCIES")
    assert lines[0].startswith(
        "Downloaded at boot: registry.example.com:5000/quilt/registry:3.0, docker.io/quiltdata/cat"
    )
    assert lines[0].endswith("; with dnf docker, python3-pip.")
    assert lines[1] == "Certificates of RDS: https://truststore.pki.rds.amazonaws.com."


def test_both_buckets_are_named_and_how_to_restore(template):
    lines = paragraph(template, "DATA AND BACKUP")
    assert "Packages: S3 bucket Bucket, named PackageBucket, or ExistingBucket if given." in lines
    assert any(each.endswith("a stack with DBSnapshotIdentifier and ExistingBucket.") for each in lines)


def test_the_mail_service_is_named(template):
    assert line(template, "EXTERNAL DEPENDENCIES", "Mail") == (
        "Mail goes to SmtpHost (if empty, email-smtp.REGION.amazonaws.com), port SmtpPort, with STARTTLS."
    )
    files = template["Resources"]["ServerTemplate"]["Metadata"]["AWS::CloudFormation::Init"]["config"]["files"]
    registry = files["/opt/quilt/config.json"]["content"]["Environments"]["registry"]
    registry |= {"SMTP_HOST": "smtp.example.com", "SMTP_PORT": "2525", "SMTP_USE_TLS": "false"}
    assert line(template, "EXTERNAL DEPENDENCIES", "Mail") == "Mail goes to smtp.example.com, port 2525."


def test_health_is_what_the_load_balancer_requests_and_the_alarms(template):
    template["Resources"]["SitesTargetGroup"]["Properties"]["HealthCheckPath"] = "/alive"
    del template["Resources"]["CertificateAlarm"], template["Resources"]["Dashboard"]
    alarms = [each for each in template["Resources"].values() if each["Type"] == "AWS::CloudWatch::Alarm"]
    assert paragraph(template, "HEALTH") == [
        "Healthy when /alive answers: SitesTargetGroup.",
        "Healthy when /healthcheck answers: RedirectTargetGroup.",
        "ServerGroup replaces an instance that fails.",
        f"{len(alarms)} CloudWatch alarms are mailed to AlarmEmail.",
    ]


def test_where_alarms_and_logs_are_seen_is_named(template):
    assert paragraph(template, "HEALTH")[-1].endswith(" are mailed to AlarmEmail; Dashboard shows them.")
    assert line(template, "DATA AND BACKUP", "Logs, in CloudWatch Logs for LogRetentionDays days: ").endswith(
        "NetworkLogs, RegistryLogs, those of Database."
    )
