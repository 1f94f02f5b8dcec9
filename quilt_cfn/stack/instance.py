"""The instance: what it is, what is installed on it, and how CloudFormation learns that it works.

An instance is never changed in place. Everything that its boot depends on is in the launch template, as the image, the
type or the user data; a change gives the stack a new instance, which has to report success before it takes over.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from troposphere import Base64, FindInMap, GetAtt, Ref, Sub, Template, ec2, encode_to_dict, iam, policies, s3
from troposphere.logs import LogGroup

from quilt_cfn import instance as installed
from quilt_cfn.cloudformation.template.walk import references
from quilt_cfn.editions import Edition, Signer
from quilt_cfn.inputs.release import Release
from quilt_cfn.stack.database import Database
from quilt_cfn.stack.environment import Variables, catalog_environment, registry_environment, stack_environment
from quilt_cfn.stack.network import Network, named
from quilt_cfn.stack.parameters import AMI_ID, INSTANCE_TYPE, KEY_NAME
from quilt_cfn.stack.security_groups import SecurityGroups

HEALTH_CHECK_PATH = "/healthcheck"

# The deadlines of all boot steps together stay below this; a test adds them up.
_LONGEST_BOOT = "PT30M"
_DISK_GIB = 20


class Instance(NamedTuple):
    """What other parts need to know of the instance."""

    id: Ref
    address: Ref
    """The fixed IPv4 address."""


def add_instance(
    t: Template,
    edition: Edition,
    release: Release,
    network: Network,
    groups: SecurityGroups,
    database: Database,
    bucket: s3.Bucket,
    secrets: dict[str, Ref],
    profile: iam.InstanceProfile,
    logs: LogGroup,
) -> Instance:
    """The launch template, the instance made from it, and the address that outlives it."""
    environments = {
        "registry": registry_environment(edition, database, Ref(bucket)),
        "catalog": catalog_environment(),
        "stack": stack_environment(release),
    }
    configuration = {
        "Region": Ref("AWS::Region"),
        "LogGroup": Ref(logs),
        "Secrets": secrets,
        "Environments": environments,
    }
    files = [*installed.FILES, installed.CREDENTIALS if edition.signer is Signer.ROLE else installed.ROTATE_KEY]
    t.add_mapping(FILES_MAPPING, {_key(file): {"Text": file.text} for file in files})
    template = t.add_resource(
        ec2.LaunchTemplate(
            "ServerTemplate",
            # Here and not at the instance: when an update makes another instance, CloudFormation is done with this.
            Metadata=_metadata(files, configuration, logs),
            LaunchTemplateData=ec2.LaunchTemplateData(
                ImageId=AMI_ID.ref,
                InstanceType=INSTANCE_TYPE.ref,
                KeyName=KEY_NAME.ref,
                IamInstanceProfile=ec2.IamInstanceProfile(Arn=GetAtt(profile, "Arn")),
                SecurityGroupIds=[groups.instance, groups.ssh],
                # Version 2 only, and not from inside the containers: an answer makes a single hop.
                MetadataOptions=ec2.MetadataOptions(HttpTokens="required", HttpPutResponseHopLimit=1),
                BlockDeviceMappings=[
                    ec2.LaunchTemplateBlockDeviceMapping(
                        DeviceName="/dev/xvda",
                        Ebs=ec2.EBSBlockDevice(VolumeType="gp3", VolumeSize=_DISK_GIB, Encrypted=True),
                    )
                ],
                TagSpecifications=[ec2.TagSpecifications(ResourceType="instance", Tags=named("server"))],
                UserData=Base64(Sub(_user_data(release, environments))),
            ),
        )
    )
    server = t.add_resource(
        ec2.Instance(
            "Server",
            # What its boot needs and nothing in it refers to; the way to the database is open before there is one
            # (order.py).
            DependsOn=list(network.internet),
            CreationPolicy=policies.CreationPolicy(
                ResourceSignal=policies.ResourceSignal(Count=1, Timeout=_LONGEST_BOOT)
            ),
            LaunchTemplate=ec2.LaunchTemplateSpecification(
                LaunchTemplateId=Ref(template), Version=GetAtt(template, "LatestVersionNumber")
            ),
            SubnetId=network.public_subnets[0],
        )
    )
    address = t.add_resource(
        ec2.EIP("ServerAddress", DependsOn=list(network.internet), Domain="vpc", Tags=named("server"))
    )
    t.add_resource(
        ec2.EIPAssociation(
            "ServerAddressAssociation", AllocationId=GetAtt(address, "AllocationId"), InstanceId=Ref(server)
        )
    )
    return Instance(id=Ref(server), address=Ref(address))


# The files stand among the mappings, near the left edge of the template, where they can be read; the metadata refers
# to them there.
FILES_MAPPING = "Files"


def _key(file: installed.InstanceFile) -> str:
    """A file's key in the mapping, where CloudFormation allows letters, digits, dots and hyphens."""
    return file.source.replace("_", "-")


def _metadata(files: list[installed.InstanceFile], configuration: dict[str, Any], logs: LogGroup) -> dict[str, Any]:
    """What cfn-init writes on the instance: the files, and as JSON what differs from stack to stack."""
    contents: dict[str, dict[str, Any]] = {}
    for file in files:
        contents[file.path] = {"content": FindInMap(FILES_MAPPING, _key(file), "Text")}
        if file.executable:
            contents[file.path]["mode"] = "000755"
        if file.owner:
            contents[file.path]["owner"] = file.owner
    contents["/opt/quilt/config.json"] = {"content": configuration}
    contents["/etc/docker/daemon.json"] = {"content": _docker_settings(logs)}
    return {"AWS::CloudFormation::Init": {"config": {"files": contents}}}


def _docker_settings(logs: LogGroup) -> dict[str, Any]:
    """Every container's output goes to CloudWatch Logs.

    ``docker logs`` reads Docker's own copy of the last 100 MB (cache-max-size 20m, cache-max-file 5 by default).

    In non-blocking mode a container starts and runs on while CloudWatch Logs can't be reached.
    https://docs.docker.com/engine/logging/drivers/awslogs/
    """
    return {
        "live-restore": True,
        "log-driver": "awslogs",
        "log-opts": {
            "awslogs-region": Ref("AWS::Region"),
            "awslogs-group": Ref(logs),
            "tag": "{{.Name}}-{{.ID}}",
            "mode": "non-blocking",
        },
    }


def _user_data(release: Release, environments: dict[str, Variables]) -> str:
    """The script that cloud-init runs, for ``Fn::Sub``.

    It names the release and every value that CloudFormation fills into the environments, so that a new one makes a new
    version of the launch template, and with it a new instance.
    """
    inputs = dict.fromkeys(
        str(reference)
        for reference in references(encode_to_dict(environments))
        if not reference.name.startswith("AWS::")
    )
    return (
        installed.read("user-data.sh")
        .replace("${RELEASE}", release.version)
        .replace("${INPUTS}", " ".join(f"${{{name}}}" for name in inputs))
        .replace("${STACK}", "${AWS::StackName}")
        .replace("${REGION}", "${AWS::Region}")
    )
