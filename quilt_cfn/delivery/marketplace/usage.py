"""Usage instructions, as AWS Marketplace asks for them: what a buyer has to know about the stack, from its template.

The rule: every name, port, permission and image is read from the template, of whichever edition; only the words between
them are written by hand, and they stand in one place, at the head. What AWS wants to be told:
https://docs.aws.amazon.com/marketplace/latest/userguide/product-and-ami-policies.html and rule M25.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from quilt_cfn.cloudformation.analysis.instances import files, instances, scripts
from quilt_cfn.cloudformation.analysis.network import EVERYWHERE, NOWHERE, SecurityGroupRule, network_of
from quilt_cfn.cloudformation.analysis.parameter_use import declaration, declared_parameters, parameter_behind
from quilt_cfn.cloudformation.analysis.policy_documents import IDENTITY, RESOURCE, policy_documents
from quilt_cfn.cloudformation.analysis.traffic import ELB
from quilt_cfn.cloudformation.launch import Launch, evaluate
from quilt_cfn.cloudformation.launch.values import origins_of
from quilt_cfn.cloudformation.template.coerce import as_list, as_text, dict_or_empty, get_section, is_true
from quilt_cfn.cloudformation.template.walk import Path, entries, strings_in

# The words between the facts.
OUTPUT = "Output {name}: {description}."
SSH = "Connect to the instance with SSH as {user}, key pair {key}"
SESSION = ", or with SSM Session Manager"
ADMIN = 'First administrator: in {home} run ". env/registry", then "./create_admin.sh".'
LOG_IN = "Log in at {url}."
RESTART = "Restart the containers with ./start.sh in {home}."
PUBLIC = "Public addresses: {names}."
KEY_PAIR = "{name}: your EC2 key pair, for SSH; to rotate it, update the stack with another."
CERTIFICATE = "{name}: your certificate; its key stays in AWS Certificate Manager."
NO_KEYS = "No AWS access keys are created or asked for; AWS renews the credentials of roles."
ACCESS_KEY = "{name}: an access key of {user}."
ROTATE_KEY = "To rotate it, create a second key in IAM and run ./rotate_key.sh on the instance."
KMS_KEY = "{name}: a KMS key of the stack."
SECRETS = "In Secrets Manager: {names}."
ROTATE = (
    "To rotate one, update the stack with a new value, or replace a generated one in Secrets Manager; the instance "
    "follows within minutes."
)
ENVIRONMENT = "On the instance they stand in {home}/env, readable by {user} and root."
AT_REST = "Encrypted at rest: {names}."
NOT_AT_REST = "Not encrypted at rest by this template: {names}."
RESTORED = "; a restored one as its snapshot"
IN_TRANSIT = "Encrypted in transit: {names}."
NOT_IN_TRANSIT = "Unencrypted in transit: {names}."
INSIDE = "inside the VPC {names}"
TLS_ONLY = "TLS only: {names}."
PACKAGES = "Packages: S3 bucket {name}, called {called}."
ACCOUNTS = "Accounts and metadata: {name} ({engine})."
LOGS = "Logs, in CloudWatch Logs for {days} days: {names}."
BACKUP = "RDS backs {name} up daily and keeps that for {days} days."
RESTORE = (
    "To restore: let RDS restore {name} to a point in time, snapshot that, launch a new stack with {parameter}, and "
    "copy the bucket's objects over."
)
VERSIONS = "{name} keeps every version of an object; S3 replication can copy it elsewhere."
KEPT = "When the stack is deleted, {what}."
LACKING = "At boot the instance gets what the AMI lacks."
IMAGES = "Container images: {names}."
INSTALLED = "Packages, with {manager}: {names}."
APIS = "AWS APIs of the Region: {names}."
MAIL = "Mail goes to {host}, port {port}{how}."
CHOSEN = "{parameter} (if empty, {otherwise})"
STARTTLS = ", with STARTTLS"
HEALTHY = "{name} is healthy when {path} answers."
ALARMS = "CloudWatch alarms: {names}{how}."
MAILED = "; mailed to {names}"

FEW = 3
"""More secrets than this in a statement are only counted there: all are named under the keys and secrets."""

SECRET = "AWS::SecretsManager::Secret"
PROFILE = "AWS::IAM::InstanceProfile"
HOLDERS = {"AWS::IAM::User": "user", "AWS::IAM::Group": "group", "AWS::IAM::Role": "role"}
ENCRYPTED = ("TLS", "HTTPS")
IMAGE = re.compile(r"(?<![\w./:@-])[a-z0-9-]+(?:\.[a-z0-9-]+)+(?::[0-9]+)?/[a-z0-9._/-]+:[\w.-]+")
"""A container image: registry, repository and tag; a digest behind them is left out."""
INSTALL = re.compile(r"\b(dnf|yum|apt-get)(?: -\S+)* install(?: -\S+)*((?: [a-z0-9][\w.+-]*)+)")
BOOTSTRAP = re.compile(r"\bcfn-(?:init|signal)\b")


def page(template: Mapping[str, Any]) -> str:
    """The content of marketplace/usage-instructions.txt."""
    return f"{usage_instructions(template)}\n"


def usage_instructions(template: Mapping[str, Any]) -> str:
    """Instructions for whoever launches this template: plain text, a paragraph for each thing that AWS asks for."""
    launch = _everything(template)
    told = [(title, [*lines(launch)]) for title, lines in SECTIONS]
    return "\n\n".join("\n".join([title, *lines]) for title, lines in told if lines)


def _everything(template: Mapping[str, Any]) -> Launch:
    """The template with every resource that an option could add, in no particular Region and account."""
    resources = {
        name: {key: value for key, value in dict_or_empty(resource).items() if key != "Condition"}
        for name, resource in get_section(template, "Resources").items()
    }
    unbound = {**template, "Resources": resources, "Rules": {}}
    return evaluate(unbound, {}, region="REGION", account="ACCOUNT", allow_missing=True)


def _access(launch: Launch) -> Iterator[str]:
    for name, output in launch.outputs.items():
        # The first clause says what it is.
        description = as_text(output.get("Description", "")).partition(";")[0].rstrip(".")
        yield OUTPUT.format(name=name, description=description)
    home = _home(launch)
    keys = [_shown(launch, it.settings["KeyName"]) for it in instances(launch) if "KeyName" in it.settings]
    session = SESSION if "ssmmessages" in _services(launch) else ""
    if keys and home:
        yield f"{SSH.format(user=_base(home), key=keys[0])}{session}."
    elif session:
        yield f"Connect to the instance{session.removeprefix(', or')}."
    if home and "create_admin.sh" in _programs(launch):
        yield ADMIN.format(home=home)
    for url in _settings(launch, "CATALOG_URL"):
        yield LOG_IN.format(url=url)


def _network(launch: Launch) -> Iterator[str]:
    network = network_of(launch)
    for group in launch.of_type("AWS::EC2::SecurityGroup"):
        members = [party.name for party in network.resources.values() if group in (party.groups or ())]
        permits = [permit for permit in network.rules if permit.group == group]
        inbound = [*_allowed(launch, (permit for permit in permits if permit.inbound))]
        outbound = [*_allowed(launch, (permit for permit in permits if not permit.inbound))]
        told = [f"{way} {'; '.join(each)}" for way, each in (("In", inbound), ("Out", outbound)) if each]
        yield f"{group} ({', '.join(members) or 'unused'}): {'. '.join(told) or 'Nothing'}."
    balancers = launch.of_type(f"{ELB}::LoadBalancer").items()
    public = [
        *(name for name, it in balancers if it.get("Scheme", "internet-facing") == "internet-facing"),
        *(name for name in launch.of_type("AWS::EC2::EIP")),
        *(name for name, it in _databases(launch) if is_true(it.get("PubliclyAccessible", "false"))),
    ]
    yield PUBLIC.format(names=", ".join(public) or "none")


def _allowed(launch: Launch, permits: Iterable[SecurityGroupRule]) -> Iterator[str]:
    """Ports by the other end: TCP 443, 80 from 0.0.0.0/0 (everybody)."""
    by_end: list[tuple[str, tuple[str, str]]] = []
    for permit in permits:
        entry = _entry(launch, permit)
        group = permit.peer if permit.peer and "/" not in permit.peer else None
        end = group or _shown(launch, entry.get("CidrIp", entry.get("CidrIpv6", "an unknown place")))
        everybody = " (everybody)" if permit.inbound and end in EVERYWHERE else ""
        if end != NOWHERE:
            way = "from" if permit.inbound else "to"
            by_end.append((f"{way} {end}{everybody}", _ports(launch, permit, entry)))
    for end, ports in _grouped(by_end):
        yield f"{', '.join(f'{protocol} ' + ', '.join(numbers) for protocol, numbers in _grouped(ports))} {end}"


def _entry(launch: Launch, permit: SecurityGroupRule) -> dict[str, Any]:
    """The rule of a security group as it is written: in a list of the group's, or as a resource of its own."""
    value = dict_or_empty(_at(launch, permit.path))
    return dict_or_empty(value.get("Properties")) if len(permit.path) == 2 else value


def _ports(launch: Launch, permit: SecurityGroupRule, entry: Mapping[str, Any]) -> tuple[str, str]:
    """(protocol, port or range of ports)."""
    first, last = (_shown(launch, entry.get(key, "")) for key in ("FromPort", "ToPort"))
    if permit.protocol == "-1" or "-1" in (first, last):
        return "every protocol," if permit.protocol == "-1" else permit.protocol.upper(), "every port"
    protocol = {"6": "TCP", "17": "UDP"}.get(permit.protocol, permit.protocol.upper())
    return protocol, first if first == last else f"{first}-{last}"


def _identities(launch: Launch) -> Iterator[str]:
    for name, properties in launch.of_type(*HOLDERS).items():
        trusted, users = ", ".join(_trusted(properties)), ", ".join(_users(launch, name))
        whose = f" of {users}" * bool(users) + f" (for {trusted})" * bool(trusted)
        managed = [f"Managed policy {_shown(launch, arn)}" for arn in as_list(properties.get("ManagedPolicyArns"))]
        rights = [*_rights(launch, name), *managed]
        yield f"{name}, {HOLDERS[launch.type_of(name)]}{whose}. {'. '.join(rights) or 'No permissions'}."
    for name, properties in launch.of_type("AWS::IAM::ManagedPolicy", "AWS::IAM::Policy").items():
        holders = [each for key in ("Users", "Groups", "Roles") for each in as_list(properties.get(key))]
        whose = ", ".join(_shown(launch, each) for each in holders) or "whoever names it"
        yield f"{name}, policy of {whose}. {'. '.join(_rights(launch, name))}."
    for name, properties in launch.of_type(PROFILE).items():
        roles = ", ".join(_shown(launch, each) for each in as_list(properties.get("Roles")))
        yield f"{name}, instance profile of {roles}."


def _trusted(properties: Mapping[str, Any]) -> Iterator[str]:
    """Who may assume a role: services by their short names, others as they are."""
    for statement in as_list(dict_or_empty(properties.get("AssumeRolePolicyDocument")).get("Statement")):
        for values in dict_or_empty(dict_or_empty(statement).get("Principal")).values():
            for value in as_list(values):
                yield as_text(value).removesuffix(".amazonaws.com")


def _users(launch: Launch, role: str) -> list[str]:
    """What works with a role: machines, and other resources that name it or its instance profile."""
    profiles = [name for name, it in launch.of_type(PROFILE).items() if role in _origins(it)]
    machine_of = {source: machine.name for machine in instances(launch) for source in machine.sources}
    named = [
        name
        for name in launch.resources
        if not launch.type_of(name).startswith("AWS::IAM::") and _origins(launch.properties(name)) & {role, *profiles}
    ]
    return [*dict.fromkeys(machine_of.get(name, name) for name in named)]


def _rights(launch: Launch, owner: str) -> Iterator[str]:
    """What each policy of a resource says."""
    for document in policy_documents(launch):
        if document.path[1] == owner and document.policy_type == IDENTITY:
            name = dict_or_empty(_at(launch, document.path[:-1])).get("PolicyName", "")
            rights = "; ".join(_right(launch, statement) for _, statement in document.statements)
            yield f"{_shown(launch, name)}: {rights}" if name else rights


def _right(launch: Launch, statement: Mapping[str, Any]) -> str:
    actions, others = (as_list(statement.get(key)) for key in ("Action", "NotAction"))
    what = ", ".join(_by_service(actions)) if actions else f"everything but {', '.join(_by_service(others))}"
    targets = as_list(statement.get("Resource", "*"))
    secrets = [each for each in targets if launch.type_of(launch.referenced_resource(each) or "") == SECRET]
    where = ", ".join(_shown(launch, each) for each in targets)
    if len(targets) == len(secrets) > FEW:
        where = f"{len(secrets)} secrets"
    denied = "denied: " if statement.get("Effect") == "Deny" else ""
    return f"{denied}{what} on {where}{' under conditions' * ('Condition' in statement)}"


def _by_service(actions: Iterable[Any]) -> Iterator[str]:
    """s3:GetObject, PutObject: the service is named once."""
    last = ""
    for action in map(as_text, actions):
        service, _, verb = action.rpartition(":")
        yield verb if service == last else action
        last = service


def _secrets(launch: Launch) -> Iterator[str]:
    for name, declared in declared_parameters(launch):
        if declared.get("Type") == "AWS::EC2::KeyPair::KeyName":
            yield KEY_PAIR.format(name=name)
    listeners = launch.of_type(f"{ELB}::Listener").values()
    certificates = [
        dict_or_empty(each).get("CertificateArn") for it in listeners for each in as_list(it.get("Certificates"))
    ]
    for name in dict.fromkeys(_shown(launch, each) for each in certificates):
        yield CERTIFICATE.format(name=name)
    keys = launch.of_type("AWS::IAM::AccessKey")
    for name, properties in keys.items():
        yield ACCESS_KEY.format(name=name, user=_shown(launch, properties.get("UserName")))
    if keys and "rotate_key.sh" in _programs(launch):
        yield ROTATE_KEY
    if not keys:
        yield NO_KEYS
    for name in launch.of_type("AWS::KMS::Key"):
        yield KMS_KEY.format(name=name)
    secrets = launch.of_type(SECRET)
    if secrets:
        yield SECRETS.format(names=", ".join(f"{name}{_source(name, it)}" for name, it in secrets.items()))
        yield ROTATE
        home = _home(launch)
        if home:
            yield ENVIRONMENT.format(home=home, user=_base(home))


def _source(name: str, secret: Mapping[str, Any]) -> str:
    """Where a secret's value comes from, unless its name says so."""
    sources = sorted(_origins(secret.get("SecretString")))
    if sources == [name.removesuffix("Secret")]:
        return ""
    return f" ({', '.join(sources) or ('generated' if 'GenerateSecretString' in secret else 'set by the template')})"


def _encryption(launch: Launch) -> Iterator[str]:
    rest = [*_at_rest(launch)]
    encrypted = [f"{name} ({how})" for name, how in rest if how]
    plain = [name for name, how in rest if not how]
    if encrypted:
        yield AT_REST.format(names=", ".join(encrypted))
    if plain:
        yield NOT_AT_REST.format(names=", ".join(plain))
    safe, unsafe = _traffic(launch, "Listener")
    _, inside = _traffic(launch, "TargetGroup")
    if safe:
        yield IN_TRANSIT.format(names=", ".join(safe))
    open_ones = [", ".join(unsafe), INSIDE.format(names=", ".join(inside)) if inside else ""]
    if any(open_ones):
        yield NOT_IN_TRANSIT.format(names="; ".join(filter(None, open_ones)))
    strict = [*_only_with_tls(launch)]
    if strict:
        yield TLS_ONLY.format(names=", ".join(strict))


def _at_rest(launch: Launch) -> Iterator[tuple[str, str]]:
    """(what holds data, what encrypts it or nothing)."""
    for name, properties in launch.of_type("AWS::S3::Bucket").items():
        settings = entries(properties.get("BucketEncryption"), ())
        yield name, ", ".join(as_text(value) for path, value in settings if path[-1] == "SSEAlgorithm")
    for name, properties in _databases(launch):
        key = _shown(launch, properties.get("KmsKeyId", "aws/rds"))
        restored = RESTORED if "DBSnapshotIdentifier" in _written(launch, name) else ""
        yield name, f"{key}{restored}" if is_true(properties.get("StorageEncrypted", "false")) else ""
    for machine in instances(launch):
        for device in map(dict_or_empty, as_list(machine.settings.get("BlockDeviceMappings"))):
            disk = dict_or_empty(device.get("Ebs"))
            key = _shown(launch, disk.get("KmsKeyId", "aws/ebs"))
            name = f"{machine.name} {_shown(launch, device.get('DeviceName', ''))}"
            yield name, key if is_true(disk.get("Encrypted", "false")) else ""
    keys = [it.get("KmsKeyId", "aws/secretsmanager") for it in launch.of_type(SECRET).values()]
    for key in dict.fromkeys(_shown(launch, each) for each in keys):
        yield "secrets", key


def _traffic(launch: Launch, kind: str) -> tuple[list[str], list[str]]:
    """The listeners or target groups whose connections are encrypted, and those whose are not."""
    safe, unsafe = [], []
    for name, properties in launch.of_type(f"{ELB}::{kind}").items():
        protocol, policy = _shown(launch, properties.get("Protocol", "")), properties.get("SslPolicy")
        told = f"{name} {protocol} {_shown(launch, properties.get('Port', ''))}"
        if protocol in ENCRYPTED:
            safe.append(f"{told} ({_shown(launch, policy)})" if policy else told)
        else:
            unsafe.append(told)
    return safe, unsafe


def _only_with_tls(launch: Launch) -> Iterator[str]:
    """What refuses a connection without TLS."""
    for document in policy_documents(launch):
        for _, statement in document.statements if document.policy_type == RESOURCE else ():
            conditions = entries(statement.get("Condition"), ())
            refused = any(path[-1] == "aws:SecureTransport" and as_text(value) == "false" for path, value in conditions)
            if statement.get("Effect") == "Deny" and refused:
                owner = launch.properties(str(document.path[1]))
                yield launch.referenced_resource(owner.get("Bucket")) or str(document.path[1])
    for name, properties in _databases(launch):
        group = launch.properties(launch.referenced_resource(properties.get("DBParameterGroupName")) or "")
        if as_text(dict_or_empty(group.get("Parameters")).get("rds.force_ssl", "0")) == "1":
            yield name


def _data(launch: Launch) -> Iterator[str]:
    buckets = launch.of_type("AWS::S3::Bucket").items()
    for name, properties in buckets:
        called = _shown(launch, properties.get("BucketName", "what AWS generates"))
        yield PACKAGES.format(name=name, called=called)
    for name, properties in _databases(launch):
        yield ACCOUNTS.format(name=name, engine=_shown(launch, properties.get("Engine", "")))
    logs = launch.of_type("AWS::Logs::LogGroup").items()
    for days, names in _grouped((_shown(launch, it.get("RetentionInDays", "all")), name) for name, it in logs):
        yield LOGS.format(days=days, names=", ".join(names))
    for name, properties in buckets:
        if dict_or_empty(properties.get("VersioningConfiguration")).get("Status") == "Enabled":
            yield VERSIONS.format(name=name)
    for name, properties in _databases(launch):
        days = _shown(launch, properties.get("BackupRetentionPeriod", "1"))
        if days != "0":
            yield BACKUP.format(name=name, days=days)
        for parameter in _parameters_in(_written(launch, name).get("DBSnapshotIdentifier")):
            yield RESTORE.format(name=name, parameter=parameter)
    kept = [*_kept(launch)]
    if kept:
        yield KEPT.format(what=", ".join(kept))


def _kept(launch: Launch) -> Iterator[str]:
    for name, resource in launch.resources.items():
        policy = as_text(dict_or_empty(resource).get("DeletionPolicy", ""))
        if policy.startswith("Retain") and not launch.type_of(name).endswith("Policy"):
            yield f"{name} stays"
        elif policy == "Snapshot":
            yield f"{name} leaves a snapshot"


def _dependencies(launch: Launch) -> Iterator[str]:
    sources = [source for machine in instances(launch) for source in machine.sources]
    texts = [text for source in sources for _, text in scripts(launch, source)]
    images = dict.fromkeys(image for text in texts for image in IMAGE.findall(text))
    installed = [(each[1], name) for text in texts for each in INSTALL.finditer(text) for name in each[2].split()]
    if images or installed:
        yield LACKING
    if images:
        yield IMAGES.format(names=", ".join(images))
    for manager, packages in _grouped(dict.fromkeys(installed)):
        yield INSTALLED.format(manager=manager, names=", ".join(packages))
    services = _services(launch) | {"cloudformation" for text in texts if BOOTSTRAP.search(text)}
    if services:
        yield APIS.format(names=", ".join(sorted(services)))
    for host in dict.fromkeys(_settings(launch, "SMTP_HOST")):
        written = entries(get_section(launch.template, "Resources"), ())
        chosen = [
            name for path, it in written if path[-1] == "SMTP_HOST" for name in _parameters_in(it) if name != host
        ]
        host = CHOSEN.format(parameter=chosen[0], otherwise=host) if chosen else host
        how = STARTTLS if "true" in _settings(launch, "SMTP_USE_TLS") else ""
        yield MAIL.format(host=host, port=next(_settings(launch, "SMTP_PORT"), "25"), how=how)


def _services(launch: Launch) -> set[str]:
    """The services of AWS that machines and users are allowed to call."""
    roles = (name for name, it in launch.of_type("AWS::IAM::Role").items() if "ec2" in _trusted(it))
    callers = {*launch.of_type("AWS::IAM::User"), *roles}
    return {
        as_text(action).partition(":")[0]
        for document in policy_documents(launch)
        if document.policy_type == IDENTITY and document.path[1] in callers
        for _, statement in document.statements
        for action in as_list(statement.get("Action"))
    }


def _health(launch: Launch) -> Iterator[str]:
    for name, properties in launch.of_type(f"{ELB}::TargetGroup").items():
        if "HealthCheckPath" in properties:
            yield HEALTHY.format(name=name, path=_shown(launch, properties["HealthCheckPath"]))
    alarms = launch.of_type("AWS::CloudWatch::Alarm")
    topics = launch.of_type("AWS::SNS::Topic").values()
    ends = [dict_or_empty(each).get("Endpoint") for it in topics for each in as_list(it.get("Subscription"))]
    how = MAILED.format(names=", ".join(_shown(launch, each) for each in ends)) if ends else ""
    if alarms:
        yield ALARMS.format(names=", ".join(alarms), how=how)
    home = _home(launch)
    if home and "start.sh" in _programs(launch):
        yield RESTART.format(home=home)


SECTIONS = (
    ("GETTING IN", _access),
    ("NETWORK", _network),
    ("IAM", _identities),
    ("KEYS AND SECRETS", _secrets),
    ("ENCRYPTION", _encryption),
    ("DATA AND BACKUP", _data),
    ("EXTERNAL DEPENDENCIES", _dependencies),
    ("HEALTH", _health),
)


def _shown(launch: Launch, value: Any) -> str:
    """A value as a buyer knows it: the parameter's name, the logical ID, or what the template says."""
    parameter = parameter_behind(launch, value)
    if parameter and declaration(launch, parameter):
        return parameter
    text = re.sub(r"<([\w:]+)(?:\.[\w.]+)?>", r"\1", as_text(value))
    return text.split(":", 5)[5] if text.startswith("arn:") and text.count(":") >= 5 else text


def _grouped(pairs: Iterable[tuple[str, Any]]) -> Iterable[tuple[str, list[Any]]]:
    """The second members that belong to each first one, in order."""
    groups: dict[str, list[Any]] = {}
    for first, second in pairs:
        groups.setdefault(first, []).append(second)
    return groups.items()


def _at(launch: Launch, path: Path) -> Any:
    """What is at a path that begins with Resources."""
    value: Any = launch.resources
    for key in path[1:]:
        value = value[key]
    return value


def _origins(value: Any) -> set[str]:
    return {origin.name for origin in origins_of(value)}


def _written(launch: Launch, name: str) -> dict[str, Any]:
    """The properties of a resource before anything is computed."""
    return dict_or_empty(dict_or_empty(get_section(launch.template, "Resources").get(name)).get("Properties"))


def _parameters_in(fragment: Any) -> list[str]:
    """The parameters that a fragment of the template refers to."""
    found = (text for text, path in strings_in(fragment) if path and path[-1] == "Ref" and text != "Ref")
    return [*dict.fromkeys(name for name in found if "::" not in name)]


def _databases(launch: Launch) -> Iterable[tuple[str, dict[str, Any]]]:
    return launch.of_type("AWS::RDS::DBInstance", "AWS::RDS::DBCluster").items()


def _settings(launch: Launch, key: str) -> Iterator[str]:
    """The values that the metadata of resources gives a variable."""
    for resource in launch.resources.values():
        for path, value in entries(dict_or_empty(resource).get("Metadata"), ()):
            if path[-1] == key:
                yield _shown(launch, value)


def _paths(launch: Launch) -> list[str]:
    """The files on the machines."""
    sources = [source for machine in instances(launch) for source in machine.sources]
    return [path for source in sources for path, _ in files(launch, source)]


def _programs(launch: Launch) -> set[str]:
    """The names of the programs in the home directory."""
    home = _home(launch)
    return {_base(path) for path in _paths(launch) if home and path.startswith(f"{home}/")}


def _home(launch: Launch) -> str | None:
    """The home directory in which the machine's commands lie."""
    found = (re.match(r"/home/[^/]+", path) for path in _paths(launch))
    return next((match[0] for match in found if match), None)


def _base(path: str) -> str:
    return path.rpartition("/")[2]
