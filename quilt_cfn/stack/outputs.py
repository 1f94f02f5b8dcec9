"""The stack's outputs, in the order in which one needs them; their names are documented and never change.

Each description says what to do with the value; its first clause, which the usage instructions show, says what it is.
No output holds a secret or what somebody typed as free text.
"""

from __future__ import annotations

from troposphere import Output, Ref, Sub, Template
from troposphere.logs import LogGroup

from quilt_cfn.cloudformation.facts.partitions import CONSOLES
from quilt_cfn.stack.address import Address
from quilt_cfn.stack.identity import UserKey
from quilt_cfn.stack.load_balancer import LoadBalancer
from quilt_cfn.stack.parameters import CATALOG_HOST, REGISTRY_HOST
from quilt_cfn.stack.pseudo_parameters import CONSOLE_HOSTS, console
from quilt_cfn.stack.storage import PackageBucket


def add_outputs(
    t: Template,
    load_balancer: LoadBalancer,
    address: Address,
    logs: LogGroup,
    bucket: PackageBucket,
    user_key: UserKey | None,
    dashboard: Ref,
) -> None:
    """What leads on from here: names to publish, pages to open, the first command to run."""
    t.add_mapping(CONSOLE_HOSTS, {partition: {"Host": host} for partition, host in CONSOLES.items()})
    outputs = {
        "LoadBalancerDNSName": (
            "Target of both CNAME records: point CatalogHost and RegistryHost here",
            load_balancer.dns_name,
        ),
        "EC2InstanceIp": (
            "Address to SSH to as ec2-user; it stays the same when the instance is replaced",
            address.ip,
        ),
        "CatalogUrl": (
            "The catalog: open it once the records of both host names are there, and log in",
            Sub(f"https://${{{CATALOG_HOST.name}}}"),
        ),
        "RegistryUrl": (
            "The registry: the address that everybody's quilt command has to know",
            Sub(f"https://${{{REGISTRY_HOST.name}}}"),
        ),
        "AdminCommand": (
            "Command that creates the first administrator: run it on the instance, by SSH or by Session Manager",
            "sudo /home/ec2-user/create_admin.sh",
        ),
        "SessionManagerUrl": (
            "Page that opens a shell on the instance without SSH: choose the instance with the name of this stack and "
            "-server behind it, then Start session",
            console("systems-manager/session-manager/start-session?region=${AWS::Region}"),
        ),
        "DashboardUrl": (
            "Page with the alarms and graphs of this stack: look here first when people report trouble",
            console("cloudwatch/home?region=${AWS::Region}#dashboards:name=${Dashboard}", Dashboard=dashboard),
        ),
        "LogGroup": (
            "Log of the instance and its containers: look here, in CloudWatch Logs, when something does not work",
            Ref(logs),
        ),
        "PackageBucketName": (
            "Bucket that the registry works with: it holds the packages, and is what to back up beside the database",
            bucket.name,
        ),
    }
    if user_key:
        outputs["RegistryUserName"] = (
            "IAM user that signs the URLs of packages: to rotate its access key, create a second one for it in IAM",
            user_key.user,
        )
    for name, (description, value) in outputs.items():
        t.add_output(Output(name, Description=description, Value=value))
