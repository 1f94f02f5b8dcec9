"""The instance: what it is, what is installed on it, and the group that keeps exactly one of it running.

An instance is never changed in place. Everything that its boot depends on is in the launch template, as the image, the
type or the user data; a change makes the group start another instance beside the old one. The new one waits until the
load balancer calls it healthy, takes the fixed address over, and signals; only then does the old one go. An instance
that ends or fails its health checks is replaced by the group itself.
"""

from __future__ import annotations

from typing import Any

from troposphere import Base64, FindInMap, GetAtt, Ref, Sub, Template, autoscaling, ec2, encode_to_dict, iam, policies
from troposphere.logs import LogGroup

from quilt_cfn import instance as installed
from quilt_cfn.cloudformation.facts.replacement import resource_page
from quilt_cfn.cloudformation.template.immutable import ImmutableProperty
from quilt_cfn.cloudformation.template.walk import references
from quilt_cfn.editions import Edition, MachineImage, Signer
from quilt_cfn.inputs.release import Release
from quilt_cfn.stack.environment import Variables
from quilt_cfn.stack.load_balancer import LoadBalancer
from quilt_cfn.stack.network import Network
from quilt_cfn.stack.parameters import INSTANCE_TYPE, KEY_NAME, ami_parameter
from quilt_cfn.stack.permissions import INSTANCE_TAG
from quilt_cfn.stack.security_groups import SecurityGroups

# The deadlines of all boot steps together stay below this; a test adds them up.
_LONGEST_BOOT_MINUTES = 60
_DISK_GIB = 20

IMMUTABLE = (
    ImmutableProperty(
        "ServerGroup",
        "AutoScalingGroupName",
        "Absent: a generated name, because CloudFormation can't replace a group that has one of its own.",
        (resource_page("AWS::AutoScaling::AutoScalingGroup"),),
    ),
)
"""What must never change."""


def add_launch_template(
    t: Template,
    edition: Edition,
    release: Release,
    groups: SecurityGroups,
    profile: iam.InstanceProfile,
    logs: LogGroup,
    environments: dict[str, Variables],
    values: dict[str, dict[str, Ref]],
) -> ec2.LaunchTemplate:
    """What every instance is made from.

    ``environments`` are the files of variables that the instance writes, by name; ``values`` are the secrets and texts
    that it reads for their placeholders.
    """
    configuration = {"Region": Ref("AWS::Region"), "LogGroup": Ref(logs), **values, "Environments": environments}
    files = [*installed.FILES, *([installed.ROTATE_KEY] if edition.signer is Signer.USER else [])]
    t.add_mapping(FILES_MAPPING, {_key(file): {"Text": file.text} for file in files})
    return t.add_resource(
        ec2.LaunchTemplate(
            "ServerTemplate",
            # Here and not at the group: when an update starts another instance, CloudFormation is done with this.
            Metadata=_metadata(edition, release, files, configuration, logs),
            LaunchTemplateData=ec2.LaunchTemplateData(
                ImageId=ami_parameter(edition, release).ref,
                InstanceType=INSTANCE_TYPE.ref,
                KeyName=KEY_NAME.ref,
                IamInstanceProfile=ec2.IamInstanceProfile(Arn=GetAtt(profile, "Arn")),
                SecurityGroupIds=[groups.instance, groups.ssh],
                # Version 2 only, and not from inside the containers: an answer makes a single hop.
                MetadataOptions=ec2.MetadataOptions(HttpTokens="required", HttpPutResponseHopLimit=1),
                BlockDeviceMappings=[
                    ec2.LaunchTemplateBlockDeviceMapping(
                        DeviceName="/dev/xvda",
                        Ebs=ec2.EBSBlockDevice(
                            VolumeType="gp3",
                            VolumeSize=_DISK_GIB,
                            Encrypted=True,
                            # Left out, it would be the account's default key, which may be a customer's own that Auto
                            # Scaling's service role can't use: its instances then end at once.
                            # https://github.com/aws/karpenter-provider-aws/issues/1407
                            KmsKeyId="alias/aws/ebs",
                        ),
                    )
                ],
                UserData=Base64(Sub(_user_data(release, environments))),
            ),
        )
    )


def add_server_group(
    t: Template, network: Network, load_balancer: LoadBalancer, template: ec2.LaunchTemplate
) -> autoscaling.AutoScalingGroup:
    """The Auto Scaling group of one.

    An update replaces the instance without a gap: a second one is started beside it. MaxSize leaves room for that,
    because CloudFormation raises the other two sizes only. If the second one fails, the newest instance is the one that
    goes. DesiredCapacity is in the template because a failed update would otherwise leave two.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-updatepolicy.html
    """
    return t.add_resource(
        autoscaling.AutoScalingGroup(
            "ServerGroup",
            LaunchTemplate=autoscaling.LaunchTemplateSpecification(
                LaunchTemplateId=Ref(template), Version=GetAtt(template, "LatestVersionNumber")
            ),
            MinSize="1",
            MaxSize="2",
            DesiredCapacity="1",
            VPCZoneIdentifier=list(network.public_subnets),
            TargetGroupARNs=list(load_balancer.target_groups),
            HealthCheckType="ELB",
            # Counted from the start of the instance, long before its boot has ended.
            HealthCheckGracePeriod=_LONGEST_BOOT_MINUTES * 60,
            TerminationPolicies=["NewestInstance"],
            Tags=[
                autoscaling.Tag("Name", Sub("${AWS::StackName}-server"), True),
                autoscaling.Tag(INSTANCE_TAG, Ref("AWS::StackId"), True),
            ],
            CreationPolicy=policies.CreationPolicy(
                ResourceSignal=policies.ResourceSignal(Count=1, Timeout=f"PT{_LONGEST_BOOT_MINUTES}M")
            ),
            UpdatePolicy=policies.UpdatePolicy(
                AutoScalingRollingUpdate=policies.AutoScalingRollingUpdate(
                    MinInstancesInService="1",
                    MaxBatchSize="1",
                    PauseTime=f"PT{_LONGEST_BOOT_MINUTES}M",
                    WaitOnResourceSignals=True,
                    # Nothing else starts or ends an instance meanwhile.
                    SuspendProcesses=[
                        "HealthCheck",
                        "ReplaceUnhealthy",
                        "AZRebalance",
                        "AlarmNotification",
                        "ScheduledActions",
                    ],
                )
            ),
        )
    )


# The files stand among the mappings, near the left edge of the template, where they can be read; the metadata refers
# to them there.
FILES_MAPPING = "Files"


def _key(file: installed.InstanceFile) -> str:
    """A file's key in the mapping, where CloudFormation allows letters, digits, dots and hyphens."""
    return file.source.replace("_", "-")


def _metadata(
    edition: Edition,
    release: Release,
    files: list[installed.InstanceFile],
    configuration: dict[str, Any],
    logs: LogGroup,
) -> dict[str, Any]:
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
    if edition.machine_image is MachineImage.BAKED:
        # Not among the environment files, which a later step writes: the boot compares it with the image's own first.
        contents["/opt/quilt/image-release"] = {"content": release.version}
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
