"""Writes the usage instructions of a delivery option: what AWS requires that buyers are told about the stack.

Every name, port, permission and image is read from the template; only the words between them are written here. What
AWS requires: https://docs.aws.amazon.com/marketplace/latest/userguide/product-and-ami-policies.html and rule M25.

Nothing is left out silently: for a type of resource in neither ``DESCRIBED`` nor ``NOT_DESCRIBED``, and for a form of
permission or security group rule that no template of ours has, ``usage_instructions`` raises ``UserError``. A new
sentence belongs into one of the ``SECTIONS``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from quilt_cfn.cloudformation.analysis.instances import files, instances, scripts
from quilt_cfn.cloudformation.analysis.network import INTERNET, NOWHERE, SecurityGroupRule, network_of
from quilt_cfn.cloudformation.analysis.parameter_use import (
    declaration,
    declared_parameters,
    parameter_behind,
    parameters_in,
)
from quilt_cfn.cloudformation.analysis.traffic import ELB
from quilt_cfn.cloudformation.launch import Launch, evaluate
from quilt_cfn.cloudformation.launch.values import origins_of
from quilt_cfn.cloudformation.template.coerce import as_list, as_text, dict_or_empty, is_true, map_at
from quilt_cfn.cloudformation.template.walk import entries
from quilt_cfn.errors import UserError

DATABASE = "AWS::RDS::DBInstance"
SECRET = "AWS::SecretsManager::Secret"
PROFILE = "AWS::IAM::InstanceProfile"
POLICY = "AWS::IAM::Policy"
CONNECTED_TO = (f"{ELB}::LoadBalancer", "AWS::EC2::EIP")
"""The types whose outputs have a line each: one can't get in without them. The other outputs speak for themselves."""
IDENTITIES = {"AWS::IAM::User": "user", "AWS::IAM::Role": "role"}
DESCRIBED = """
    IAM::User IAM::Role IAM::Policy IAM::InstanceProfile IAM::AccessKey SecretsManager::Secret EC2::Instance
    AutoScaling::AutoScalingGroup EC2::LaunchTemplate EC2::EIP EC2::SecurityGroup EC2::SecurityGroupIngress
    ElasticLoadBalancingV2::LoadBalancer ElasticLoadBalancingV2::Listener ElasticLoadBalancingV2::TargetGroup S3::Bucket
    S3::BucketPolicy RDS::DBInstance RDS::DBParameterGroup Logs::LogGroup CloudWatch::Alarm CloudWatch::Dashboard
    SNS::Topic
""".split()  # noqa: SIM905 - a list would have a line for each
"""The types of resource that have a sentence, without AWS::."""
NOT_DESCRIBED = """
    EC2::VPC EC2::Subnet EC2::RouteTable EC2::Route EC2::SubnetRouteTableAssociation EC2::InternetGateway
    EC2::VPCGatewayAttachment EC2::EIPAssociation EC2::FlowLog RDS::DBSubnetGroup Route53::RecordSetGroup Events::Rule
    StepFunctions::StateMachine SSM::Parameter Logs::MetricFilter Logs::QueryDefinition
""".split()  # noqa: SIM905
"""The types that give no access and hold no secrets or data themselves, and need no sentence; their roles have one."""

MOST_NAMED = 3
"""A permission for more secrets only counts them, because all are named under the keys and secrets; and more actions of
a service are only counted as well."""

IMAGE = re.compile(r"(?<![\w./:@-])[a-z0-9-]+(?:\.[a-z0-9-]+)+(?::[0-9]+)?/[a-z0-9._/-]+(?::[\w.-]+)?")
"""A container image: registry, repository and tag; a digest behind them is left out."""
IMAGE_RELEASE = "/opt/quilt/image-release"
"""The file by which a stack asks for the release's own machine image. Where it is, the boot begins with
``check-image``, and what it would download elsewhere is in the image."""
INSTALL = re.compile(r"\b(dnf|yum|apt-get)(?: -\S+)* install(?: -\S+)*((?: [a-z0-9][\w.+-]*)+)")


def usage_instructions(template: Mapping[str, Any]) -> str:
    """Instructions for whoever launches this template: plain text, a paragraph for each thing that AWS requires.

    Raises ``UserError`` if the template has something about which there is no sentence.
    """
    launch = _with_every_resource(template)
    for what in _without_a_sentence(launch):
        raise UserError(
            f"The usage instructions for AWS Marketplace have no sentence about {what}.",
            "Add one to quilt_cfn/delivery/marketplace/usage.py; its first lines say where.",
        )
    return "\n\n".join("\n".join(lines(launch)) for lines in SECTIONS)


def _with_every_resource(template: Mapping[str, Any]) -> Launch:
    """The template with every resource that an option could add, in no particular Region and account."""
    resources = {
        name: {key: value for key, value in dict_or_empty(resource).items() if key != "Condition"}
        for name, resource in map_at(template, "Resources").items()
    }
    unconditional = {**template, "Resources": resources, "Rules": {}}
    return evaluate(unconditional, {}, region="REGION", account="ACCOUNT", allow_missing=True)


def _without_a_sentence(launch: Launch) -> Iterator[str]:
    for name in launch.resources:
        if launch.type_of(name).removeprefix("AWS::") not in (*DESCRIBED, *NOT_DESCRIBED):
            yield f"{launch.type_of(name)} ({name})"
        if launch.type_of(name) in IDENTITIES:
            for key in launch.properties(name).keys() & {"Groups", "ManagedPolicyArns", "PermissionsBoundary"}:
                yield f"the {key} of {name}"
            for statement in _statements(launch, name):
                unconditional = statement.keys() - {"Sid", "Condition"} == {"Effect", "Action", "Resource"}
                only_equal = map_at(statement, "Condition").keys() <= {"StringEquals"}
                if not (unconditional and only_equal and statement["Effect"] == "Allow"):
                    yield f"a statement of {name} with {', '.join(statement)}"
    for rule in network_of(launch).rules:
        if rule.protocol != "tcp" and rule.peer != NOWHERE:
            yield f"the protocol {rule.protocol} in a rule of {rule.group}"


def _access(launch: Launch) -> Iterator[str]:
    yield "GETTING IN"
    for name, output in launch.outputs.items():
        if {launch.type_of(each) for each in _origins(output.get("Value"))} & set(CONNECTED_TO):
            # The first clause says what it is.
            description = re.split("[;:]", as_text(output.get("Description", "")))[0].rstrip(".")
            yield f"Output {name}: {description}."
    keys = [_shown(launch, each.settings.get("KeyName")) for each in instances(launch)]
    session = ", or by SSM Session Manager" if "ssmmessages" in _services(launch) else ""
    home = _home(launch)
    yield f"Connect to the instance by SSH as {home.removeprefix('/home/')} with key pair {', '.join(keys)}{session}."
    yield f'First administrator: run "sudo {home}/create_admin.sh" there.'
    for url in _settings(launch, "CATALOG_URL"):
        yield f"Log in at {url}."


def _network(launch: Launch) -> Iterator[str]:
    yield "NETWORK"
    network = network_of(launch)
    for group in launch.of_type("AWS::EC2::SecurityGroup"):
        members = ", ".join(each.name for each in network.resources.values() if group in (each.groups or ()))
        rules = [rule for rule in network.rules if rule.group == group and rule.peer != NOWHERE]
        inbound, outbound = (_allowed(launch, [it for it in rules if it.inbound == way]) for way in (True, False))
        allowed = [f"{way} {'; '.join(each)}" for way, each in (("In", inbound), ("Out", outbound)) if each]
        yield f"{group} ({members}): {'. '.join(allowed)}."
    load_balancers = launch.of_type(f"{ELB}::LoadBalancer").items()
    public = [name for name, it in load_balancers if it.get("Scheme", "internet-facing") == "internet-facing"]
    yield f"Public addresses: {', '.join([*public, *launch.of_type('AWS::EC2::EIP')])}."


def _allowed(launch: Launch, rules: Iterable[SecurityGroupRule]) -> list[str]:
    """The ports by the other side of the connection: TCP 443, 80 from 0.0.0.0/0 (everybody)."""
    by_peer = []
    for rule in rules:
        entry: Any = launch.properties(str(rule.path[1]))
        for key in rule.path[3:]:  # a rule in a group's list; others are resources
            entry = entry[key]
        peer = rule.peer if rule.peer in launch.resources else _shown(launch, entry.get("CidrIp"))
        everybody = " (everybody)" if rule.inbound and peer == INTERNET else ""
        first, last = (_shown(launch, entry.get(key)) for key in ("FromPort", "ToPort"))
        ports = first if first == last else f"{first}-{last}"
        by_peer.append((f"{'from' if rule.inbound else 'to'} {peer}{everybody}", ports))
    return [f"TCP {', '.join(ports)} {peer}" for peer, ports in _grouped(by_peer)]


def _identities(launch: Launch) -> Iterator[str]:
    yield "IAM"
    for name, properties in launch.of_type(*IDENTITIES).items():
        trusted, users = ", ".join(_trusted(properties)), ", ".join(_users(launch, name))
        profiles = [each for each, it in launch.of_type(PROFILE).items() if name in _origins(it.get("Roles"))]
        attached = [each for each, it in launch.of_type(POLICY).items() if name in _origins(it.get("Roles"))]
        whose = "".join(f" by {each}" for each in profiles) + f", for {users}" * bool(users)
        whose += "".join(f", with {each}" for each in attached)
        permissions = "; ".join(_permissions(launch, name))
        yield f"{name} ({f'{trusted} ' * bool(trusted)}{IDENTITIES[launch.type_of(name)]}{whose}): {permissions}."


def _trusted(role: Mapping[str, Any]) -> list[str]:
    """The short names of the services that may assume a role; empty for a user."""
    services = _values(role.get("AssumeRolePolicyDocument"), "Service")
    return [as_text(each).removesuffix(".amazonaws.com") for each in services]


def _users(launch: Launch, role: str) -> list[str]:
    """The resources that use a role: instances, and others that refer to it or to its instance profile."""
    profiles = [name for name, it in launch.of_type(PROFILE).items() if role in _origins(it)]
    instance_of = {source: instance.name for instance in instances(launch) for source in instance.sources}
    named = (
        instance_of.get(name, name)
        for name in launch.resources
        if not launch.type_of(name).startswith("AWS::IAM::") and _origins(launch.properties(name)) & {role, *profiles}
    )
    return [*dict.fromkeys(named)]


def _statements(launch: Launch, identity: str) -> Iterator[dict[str, Any]]:
    """The statement of each permission of a user or role."""
    attached = [it for it in launch.of_type(POLICY).values() if identity in _origins(it.get("Roles"))]
    for policy in [*as_list(launch.properties(identity).get("Policies")), *attached]:
        yield from as_list(policy["PolicyDocument"]["Statement"])


def _permissions(launch: Launch, identity: str) -> Iterator[str]:
    """What each statement allows; the targets of statements about the same actions stand together."""
    stated = [(_actions(each), _targets(launch, each)) for each in _statements(launch, identity)]
    return (f"{actions} {', and '.join(targets)}" for actions, targets in _grouped(stated))


def _actions(statement: Mapping[str, Any]) -> str:
    """The actions of a statement, with each service named once: s3:GetObject, PutObject."""
    actions = _grouped(as_text(action).split(":", 1) for action in as_list(statement.get("Action")))
    return ", ".join(
        f"{service}:{', '.join(verbs)}" if len(verbs) <= MOST_NAMED else f"{len(verbs)} actions of {service}"
        for service, verbs in actions
    )


def _targets(launch: Launch, statement: Mapping[str, Any]) -> str:
    """What a statement is about, with its condition: on PackageBucket/*."""
    stack = launch.compute({"Ref": "AWS::StackId"})
    where = "".join(
        f"where {key.rpartition('/')[2]} is {'this stack' if value == stack else value} "
        for key, value in map_at(statement, "Condition", "StringEquals").items()
    )
    targets = as_list(statement.get("Resource"))
    secrets = [each for each in targets if launch.type_of(launch.referenced_resource(each) or "") == SECRET]
    if len(targets) == len(secrets) > MOST_NAMED:
        return f"{where}on {len(secrets)} secrets"
    shown = ("this stack" if each == stack else _shown(launch, each) for each in targets)
    return f"{where}on {', '.join(shown)}"


def _secrets(launch: Launch) -> Iterator[str]:
    yield "KEYS AND SECRETS"
    for name, declared in declared_parameters(launch):
        if declared.get("Type") == "AWS::EC2::KeyPair::KeyName":
            yield f"{name}: your EC2 key pair; to rotate it, update the stack."
    certificates = _values(launch.of_type(f"{ELB}::Listener"), "CertificateArn")
    for name in dict.fromkeys(_shown(launch, each) for each in certificates):
        yield f"{name}: your certificate; its key stays in ACM."
    keys = launch.of_type("AWS::IAM::AccessKey")
    for name, properties in keys.items():
        yield f"{name}: an access key of {_shown(launch, properties.get('UserName'))}."
    if keys:
        yield "To rotate it, create a second key in IAM and run ./rotate_key.sh on the instance."
    else:
        yield "No AWS access keys are created or asked for; AWS renews the credentials of roles."
    secrets = launch.of_type(SECRET).items()
    by_source = _grouped((_source(name, it), name) for name, it in secrets)
    yield f"In Secrets Manager: {'; '.join(source + ', '.join(names) for source, names in by_source)}."
    yield "To rotate one, update the stack, or replace a generated one; the instance follows."
    home = _home(launch)
    yield f"On the instance: {home}/env, readable by {home.removeprefix('/home/')} and root."


def _source(name: str, secret: Mapping[str, Any]) -> str:
    """Where a secret's value comes from, unless its name says so, to stand before the name."""
    sources = sorted(_origins(secret.get("SecretString")))
    if sources == [name.removesuffix("Secret")]:
        return ""
    return f"from {', '.join(sources)}: " if sources else "generated: "


def _encryption(launch: Launch) -> Iterator[str]:
    yield "ENCRYPTION"
    yield f"Encrypted at rest: {', '.join(f'{name} ({how})' for name, how in _at_rest(launch))}."
    yield f"Encrypted in transit: {_protocols(launch, 'Listener', encrypted=True)}."
    unencrypted = (_protocols(launch, what, encrypted=False) for what in ("Listener", "TargetGroup"))
    yield f"Unencrypted in transit: {'; in the VPC '.join(unencrypted)}."
    yield f"TLS only: {', '.join(_only_with_tls(launch)) or 'none'}."


def _at_rest(launch: Launch) -> Iterator[tuple[str, str]]:
    """(what holds data, what encrypts it)."""
    none = "NOT ENCRYPTED"
    for name, properties in launch.of_type("AWS::S3::Bucket").items():
        yield name, ", ".join(map(as_text, _values(properties, "SSEAlgorithm"))) or none
    for name, properties in launch.of_type(DATABASE).items():
        key = _shown(launch, properties.get("KmsKeyId", "aws/rds"))
        restored = "; a restored one as its snapshot" if _parameters_for(launch, "DBSnapshotIdentifier") else ""
        yield name, f"{key}{restored}" if is_true(properties.get("StorageEncrypted")) else none
    for instance in instances(launch):
        for device in map(dict_or_empty, as_list(instance.settings.get("BlockDeviceMappings"))):
            disk = dict_or_empty(device.get("Ebs"))
            key = _shown(launch, disk.get("KmsKeyId", "aws/ebs"))
            yield f"{instance.name} {device.get('DeviceName')}", key if is_true(disk.get("Encrypted")) else none
    keys = [it.get("KmsKeyId", "aws/secretsmanager") for it in launch.of_type(SECRET).values()]
    yield from dict.fromkeys(("secrets", _shown(launch, each)) for each in keys)


def _protocols(launch: Launch, what: str, encrypted: bool) -> str:
    """The listeners or target groups with TLS, or those without, each with protocol and port."""
    described = []
    for name, properties in launch.of_type(f"{ELB}::{what}").items():
        protocol, port, policy = (_shown(launch, properties.get(key, "")) for key in ("Protocol", "Port", "SslPolicy"))
        if (protocol in ("TLS", "HTTPS")) == encrypted:
            described.append(f"{name} {protocol} {port}{f' ({policy})' if policy else ''}")
    return ", ".join(described) or "none"


def _only_with_tls(launch: Launch) -> Iterator[str]:
    """What refuses a connection without TLS."""
    for properties in launch.of_type("AWS::S3::BucketPolicy").values():
        for statement in as_list(properties["PolicyDocument"]["Statement"]):
            without_tls = "false" in map(as_text, _values(statement, "aws:SecureTransport"))
            if without_tls and statement["Effect"] == "Deny":
                yield launch.referenced_resource(properties["Bucket"]) or as_text(properties["Bucket"])
    for name, properties in launch.of_type(DATABASE).items():
        group = launch.properties(launch.referenced_resource(properties.get("DBParameterGroupName")) or "")
        if "1" in map(as_text, _values(group, "rds.force_ssl")):
            yield name


def _data(launch: Launch) -> Iterator[str]:
    yield "DATA AND BACKUP"
    buckets, databases = launch.of_type("AWS::S3::Bucket").items(), launch.of_type(DATABASE).items()
    existing = "".join(f", or {each} if given" for each in _parameters_for(launch, "PACKAGE_BUCKET_NAME"))
    for name, properties in buckets:
        yield f"Packages: S3 bucket {name}, named {_shown(launch, properties.get('BucketName'))}{existing}."
    for name, properties in databases:
        yield f"Accounts and metadata: {name} ({_shown(launch, properties.get('Engine'))})."
    logs = launch.of_type("AWS::Logs::LogGroup").items()
    exported = [f"those of {name}" for name, it in databases if it.get("EnableCloudwatchLogsExports")]
    for days, names in _grouped((_shown(launch, it.get("RetentionInDays", "all")), name) for name, it in logs):
        yield f"Logs, in CloudWatch Logs for {days} days: {', '.join([*names, *exported])}."
    for name, properties in buckets:
        if dict_or_empty(properties.get("VersioningConfiguration")).get("Status") == "Enabled":
            expiry = "".join(f", for {each} days if not 0" for each in _parameters_for(launch, "NoncurrentDays"))
            yield f"{name} keeps every version of an object{expiry}."
    for name, properties in databases:
        days = _shown(launch, properties.get("BackupRetentionPeriod", "1"))
        if days != "0":
            others = _parameters_for(launch, "AutomaticBackupReplicationRegion")
            copy = "".join(f", in {each} too if given" for each in others)
            yield f"RDS backs {name} up daily and keeps backups for {days} days{copy}."
        for parameter in _parameters_for(launch, "DBSnapshotIdentifier"):
            with_these = " and ".join([parameter, *_parameters_for(launch, "PACKAGE_BUCKET_NAME")])
            yield f"To restore a snapshot, launch a stack with {with_these}."
    yield f"When the stack is deleted, {', '.join(_kept(launch))}."


def _kept(launch: Launch) -> Iterator[str]:
    policies = {name: as_text(it.get("DeletionPolicy", "")) for name, it in launch.resources.items()}
    yield from (f"{name} leaves a snapshot" for name, policy in policies.items() if policy == "Snapshot")
    stay = [name for name, policy in policies.items() if policy.startswith("Retain")]
    yield f"{', '.join(name for name in stay if not launch.type_of(name).endswith('Policy'))} stay"


def _dependencies(launch: Launch) -> Iterator[str]:
    yield "EXTERNAL DEPENDENCIES"
    texts = [text for each in instances(launch) for _, text in scripts(launch, *each.sources)]
    images = dict.fromkeys(image for text in texts for image in IMAGE.findall(text))
    installed = [(each[1], name) for text in texts for each in INSTALL.finditer(text) for name in each[2].split()]
    packages = [f"with {manager} {', '.join(names)}" for manager, names in _grouped(dict.fromkeys(installed))]
    if any(path == IMAGE_RELEASE for each in instances(launch) for _, path, _ in files(launch, *each.sources)):
        brought = [*images, *dict.fromkeys(name for _, name in installed), "certificates of RDS"]
        yield f"Nothing is downloaded at boot. In the machine image: {', '.join(brought)}."
    else:
        if images or packages:
            yield f"Downloaded at boot: {'; '.join([', '.join(images)] * bool(images) + packages)}."
        for url in _settings(launch, "RDS_CERTIFICATES"):
            yield f"Certificates of RDS: {'/'.join(url.split('/')[:3])}."
    for host in dict.fromkeys(_settings(launch, "SMTP_HOST")):
        chosen = _parameters_for(launch, "SMTP_HOST")
        host = f"{chosen[0]} (if empty, {host})" if chosen and chosen[0] != host else host
        encryption = ", with STARTTLS" if "true" in _settings(launch, "SMTP_USE_TLS") else ""
        yield f"Mail goes to {host}, port {_settings(launch, 'SMTP_PORT')[0]}{encryption}."


def _services(launch: Launch) -> set[str]:
    """The services of AWS that instances and users are allowed to call."""
    roles = [name for name, it in launch.of_type("AWS::IAM::Role").items() if "ec2" in _trusted(it)]
    statements = [each for name in [*launch.of_type("AWS::IAM::User"), *roles] for each in _statements(launch, name)]
    return {as_text(action).partition(":")[0] for each in statements for action in as_list(each.get("Action"))}


def _health(launch: Launch) -> Iterator[str]:
    yield "HEALTH"
    checked = launch.of_type(f"{ELB}::TargetGroup").items()
    paths = _grouped((_shown(launch, it["HealthCheckPath"]), name) for name, it in checked if "HealthCheckPath" in it)
    for path, names in paths:
        yield f"Healthy when {path} answers: {', '.join(names)}."
    for name in launch.of_type("AWS::AutoScaling::AutoScalingGroup"):
        yield f"{name} replaces an instance that fails."
    mailed = ", ".join(_shown(launch, each) for each in _values(launch.of_type("AWS::SNS::Topic"), "Endpoint"))
    shown = "".join(f"; {name} shows them" for name in launch.of_type("AWS::CloudWatch::Dashboard"))
    yield f"{len(launch.of_type('AWS::CloudWatch::Alarm'))} CloudWatch alarms are mailed to {mailed}{shown}."


SECTIONS = (_access, _network, _identities, _secrets, _encryption, _data, _dependencies, _health)
"""Each yields the lines of a paragraph: its title, then sentences."""


def _shown(launch: Launch, value: Any) -> str:
    """A value as a buyer knows it: the parameter's name, the logical ID, or what the template says."""
    parameter = parameter_behind(launch, value)
    if parameter and declaration(launch, parameter):
        return parameter
    text = re.sub(r"<([\w:]+)(?:\.[\w.]+)?>", r"\1", as_text(value))
    shortened = text.split(":", 5)[5] if text.startswith("arn:") and text.count(":") >= 5 else text
    return re.sub("^(parameter/|log-group:)|:[*]$", "", shortened)


def _grouped(pairs: Iterable[Sequence[str]]) -> Iterable[tuple[str, list[str]]]:
    """The second members that belong to each first one, in order."""
    groups: dict[str, list[str]] = {}
    for first, second in pairs:
        groups.setdefault(first, []).append(second)
    return groups.items()


def _origins(value: Any) -> set[str]:
    return {origin.name for origin in origins_of(value)}


def _values(fragment: Any, key: str) -> list[Any]:
    """The values of a key, wherever it is in a fragment of the template; a list counts as its members."""
    return [each for path, value in entries(fragment) if path[-1] == key for each in as_list(value)]


def _settings(launch: Launch, key: str) -> list[str]:
    """The values of a variable in the metadata of the resources."""
    return [_shown(launch, each) for each in _values(launch.resources, key)]


def _parameters_for(launch: Launch, key: str) -> list[str]:
    """The parameters from which the values of a key come, wherever it is in the resources."""
    written = _values(map_at(launch.template, "Resources"), key)
    return parameters_in(launch, written)


def _home(launch: Launch) -> str:
    """The home directory on the instances, in which the commands are."""
    paths = [path for each in instances(launch) for _, path, _ in files(launch, *each.sources)]
    return next((match[0] for path in paths if (match := re.match(r"/home/[^/]+", path))), "")
