"""What runs on an instance or in a function: its programs, its configuration files, its environment variables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from quilt_cfn.cloudformation.analysis import nginx, syntax
from quilt_cfn.cloudformation.analysis.embedded import embedded, nginx_files
from quilt_cfn.cloudformation.analysis.environments import Environment, Kind, environments, kind_of
from quilt_cfn.cloudformation.analysis.instances import instances
from quilt_cfn.cloudformation.analysis.network import ports
from quilt_cfn.cloudformation.analysis.traffic import ELB, files_on, published
from quilt_cfn.cloudformation.checks.rules.rule import REFERENCE, Violation, property_path, rule
from quilt_cfn.cloudformation.launch import Contract, Launch, is_known, origins_of
from quilt_cfn.cloudformation.template.coerce import as_list, as_text, dict_or_empty, map_at
from quilt_cfn.cloudformation.template.walk import Path


class _HealthCheck(NamedTuple):
    """The request with which a load balancer asks an instance whether it is healthy."""

    path: Path
    """The place in the template that says which request."""
    name: str
    """Logical ID of the target group or the load balancer."""
    instance: str
    port: int
    url: str
    codes: str
    """The status codes that are healthy: numbers and ranges."""


ADDRESS = "10.0.1.23"
"""Any address of an instance: the Host of a health check is the instance's address."""


@rule(
    "W29",
    "error",
    "The instance never becomes healthy: nginx refuses the health check.",
    "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html",
)
def health_checks_are_answered(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds health checks over HTTP that nginx, configured by files in the template, answers by itself with a status
    that is not healthy: no location fits, or the location returns an error, a redirection or 444. The request has the
    instance's address as its host name. What nginx hands on to another server is not judged, and neither is what a
    condition (``if``) in nginx's configuration does.

    Why it is bad: the load balancer calls the instance unhealthy, and the group replaces it again and again.

    Use instead: a location for the path of the health check, in the server that is chosen for an address.

        server {
          listen 80 default_server;
          location = /healthcheck { proxy_pass http://app; }
        }
    """
    for check in _health_checks(launch):
        answer = _answer(launch, check)
        if answer and not _is_among(answer.status, check.codes):
            request = f"{check.name} asks {check.instance} for {check.url}"
            where = f"{answer.file}, line {answer.line}"
            what = "closes the connection" if answer.status == 444 else f"answers {answer.status}"
            yield (check.path, f"{request}, and nginx {what} ({where}); healthy is {check.codes}.")


def _health_checks(launch: Launch) -> Iterator[_HealthCheck]:
    for name, group in launch.of_type(f"{ELB}::TargetGroup").items():
        protocol = as_text(group.get("Protocol", ""))
        asks = as_text(group.get("HealthCheckProtocol", "HTTP" if protocol in ("HTTP", "HTTPS") else ""))
        url = group.get("HealthCheckPath", "/")
        # Network Load Balancers take 200 to 399, Application Load Balancers 200:
        # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-elasticloadbalancingv2-targetgroup-matcher.html
        codes = map_at(group, "Matcher").get("HttpCode", "200" if protocol in ("HTTP", "HTTPS") else "200-399")
        if asks != "HTTP" or "GRPC" in as_text(group.get("ProtocolVersion", "")) or not is_known([url, codes]):
            continue
        path = property_path(name, *(["HealthCheckPath"] if "HealthCheckPath" in group else []))
        for instance, traffic in _targets(launch, name, group):
            port = group.get("HealthCheckPort", "traffic-port")
            for number in ports(traffic if port == "traffic-port" else port):
                yield _HealthCheck(path, name, instance, number, as_text(url), as_text(codes))
    for name, properties in launch.of_type("AWS::ElasticLoadBalancing::LoadBalancer").items():
        target = map_at(properties, "HealthCheck").get("Target")
        found = re.fullmatch(r"HTTP:([0-9]+)(/.*)", as_text(target)) if is_known(target) else None
        if found:
            path = property_path(name, "HealthCheck", "Target")
            for instance in _registered(launch, name, properties):
                yield _HealthCheck(path, name, instance, int(found[1]), found[2], "200")


def _targets(launch: Launch, name: str, group: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """(instance or Auto Scaling group, port for its traffic) of a target group."""
    for target in map(dict_or_empty, as_list(group.get("Targets"))):
        yield launch.referenced_resource(target.get("Id")) or "", target.get("Port", group.get("Port"))
    for scaling_group, properties in launch.of_type("AWS::AutoScaling::AutoScalingGroup").items():
        if name in {origin.name for origin in origins_of(properties.get("TargetGroupARNs"))}:
            yield scaling_group, group.get("Port")


def _registered(launch: Launch, name: str, properties: dict[str, Any]) -> Iterator[str]:
    """The instances and Auto Scaling groups of a Classic Load Balancer."""
    yield from filter(None, map(launch.referenced_resource, as_list(properties.get("Instances"))))
    for scaling_group, settings in launch.of_type("AWS::AutoScaling::AutoScalingGroup").items():
        if name in {origin.name for origin in origins_of(settings.get("LoadBalancerNames"))}:
            yield scaling_group


def _answer(launch: Launch, check: _HealthCheck) -> nginx.Answer | None:
    """What nginx on the instance answers by itself; None if that isn't known."""
    sources = [source for each in instances(launch) if each.name == check.instance for source in each.sources]
    texts = nginx_files(launch, *sources)
    if not texts:
        return None
    port: int | None = check.port
    if any("docker" in text or "podman" in text for text in files_on(launch, check.instance)):
        port = published(launch, check.instance).get(check.port)
    return nginx.answer(texts, port, ADDRESS, check.url) if port else None


def _is_among(status: int, codes: str) -> bool:
    """Whether a status is one of the codes of a target group, such as ``200,301`` or ``200-399``."""
    for part in codes.replace(" ", "").split(","):
        first, _, last = part.partition("-")
        if not first.isdigit() or not (last or first).isdigit() or int(first) <= status <= int(last or first):
            return True
    return False


@rule(
    "W30",
    "error",
    "A program or a service on the instance, or the function, doesn't start.",
    f"{REFERENCE}/aws-resource-init.html",
)
def embedded_files_are_valid(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds syntax errors in user data, in files that cfn-init writes, in Lambda functions' Python code, and in what
    shell scripts contain: files in here-documents and programs for ``python3 -c`` and ``bash -c``. The language is
    known by a shebang or a file's name: Python, shell (bash reads it), nginx, systemd, JSON and YAML. Nothing is run. A
    misspelt directive of nginx or systemd is found where it is one slip away from a known one.

    Why it is bad: the boot ends at that place, and the launch fails after a long wait; systemd silently ignores what it
    can't read.

    Use instead: run ``bash -n``, ``python3 -m py_compile``, ``nginx -t`` or ``systemd-analyze verify`` on the file.
    """
    for each in embedded(launch):
        for line, wrong in syntax.faults(each.kind, each.file, each.text):
            # "Python 3" matters to the analysis only.
            language = each.kind.partition(" ")[0]
            yield (each.path, f"Line {each.line + line} of {each.name} is not valid ({language}): {wrong}.")


@rule(
    "W31",
    "warning",
    "The program gets another kind of value than the name of its variable says, and fails when it uses it.",
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html",
)
def variables_get_what_they_are_named_for(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds environment variables whose name says what they hold, and that certainly get something else: a bucket's ARN
    or domain name for a name that ends with BUCKET or BUCKET_NAME, no ARN for ARN, a host's name for URL, an identifier
    for HOST (and a URL or a port, where another variable has the port), anything but a number for PORT, an Availability
    Zone for REGION. They are those of containers, functions and builds, of cfn-init's commands, and of maps in the
    files that it writes.

    Why it is bad: the program starts, and fails at its first call.

    Use instead: the other attribute, such as ``!Ref Bucket`` for the name and ``!GetAtt Bucket.Arn`` for the ARN.

        Environment:
          Variables:
            BUCKET_NAME: !Ref Bucket
            QUEUE_URL: !Ref Queue
            TOPIC_ARN: !Ref Topic
    """
    for environment in environments(launch):
        for name, (path, value) in environment.variables.items():
            kind = kind_of(launch, value)
            if kind and _is_wrong(launch, environment, name, value, kind):
                yield (path, f"{name} gets {kind.value}, {value}.")


_NAMED_FOR = re.compile(r"(?:.*_)?(BUCKET|BUCKET_NAME|ARN|URL|HOST|HOSTNAME|PORT|REGION)")

_WRONG = {
    "ARN": set(Kind) - {Kind.ARN},
    "URL": {Kind.ARN, Kind.HOST, Kind.HOST_AND_PORT, Kind.IDENTIFIER},
    "HOST": {Kind.ARN, Kind.IDENTIFIER, Kind.URL, Kind.HOST_AND_PORT},
    "PORT": set(Kind) - {Kind.NUMBER},
    "REGION": {Kind.ZONE},
}
"""What the name of a variable ends with -> what its value can't be; for buckets see ``_is_no_bucket``."""


def _is_wrong(launch: Launch, environment: Environment, name: str, value: Any, kind: Kind) -> bool:
    found = _NAMED_FOR.fullmatch(name)
    if not found:
        return False
    if found[1] in ("HOST", "HOSTNAME") and kind in (Kind.URL, Kind.HOST_AND_PORT):
        # Many programs take a URL (DOCKER_HOST) or a port (WORDPRESS_DB_HOST) there, but not beside a variable for it.
        return f"{name.removesuffix(found[1])}PORT" in environment.variables
    if found[1].startswith("BUCKET"):
        return _is_no_bucket(launch, value, kind)
    return kind in _WRONG[found[1].removesuffix("NAME")]


def _is_no_bucket(launch: Launch, value: Any, kind: Kind) -> bool:
    """Whether a value is certainly not the name of a bucket.

    A bucket may be called like a domain; S3 takes the ARN of an access point for a bucket's name; and programs read
    addresses such as s3://name.
    """
    text = as_text(value)
    if kind is Kind.ARN:
        return ":s3:::" in text or any(launch.type_of(each.name) == "AWS::S3::Bucket" for each in origins_of(value))
    if kind is Kind.HOST:
        return not is_known(value) or ".amazonaws.com" in text
    return kind is Kind.URL and not text.startswith("s3://")
