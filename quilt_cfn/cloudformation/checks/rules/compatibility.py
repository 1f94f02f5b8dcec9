"""Compatibility: values that are valid each by itself, and that AWS refuses together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from quilt_cfn.cloudformation.analysis.fact import enumerated
from quilt_cfn.cloudformation.analysis.images import choices
from quilt_cfn.cloudformation.analysis.parameter_use import declaration, parameter_behind
from quilt_cfn.cloudformation.checks.rules.rule import REFERENCE, Violation, property_path, rule
from quilt_cfn.cloudformation.facts import engine_families, processors
from quilt_cfn.cloudformation.launch import Contract, Launch, is_known
from quilt_cfn.cloudformation.template.coerce import as_list, as_text
from quilt_cfn.cloudformation.template.walk import Path

_PARAMETER_GROUPS = {
    "AWS::RDS::DBInstance": (("DBParameterGroupName", "Family"),),
    "AWS::RDS::DBCluster": (("DBClusterParameterGroupName", "Family"), ("DBInstanceParameterGroupName", "Family")),
    "AWS::ElastiCache::CacheCluster": (("CacheParameterGroupName", "CacheParameterGroupFamily"),),
    "AWS::ElastiCache::ReplicationGroup": (("CacheParameterGroupName", "CacheParameterGroupFamily"),),
}
"""Type -> properties that refer to a parameter group, each with the property of that group that has its family."""


@rule(
    "W27",
    "error",
    "The launch fails when the database is created.",
    f"{REFERENCE}/aws-resource-rds-dbparametergroup.html",
)
def parameter_groups_fit_their_engine(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds parameter groups and option groups of RDS, and parameter groups of ElastiCache, that are for another engine
    or another major version than the database or cache that uses them; also among the AllowedValues of a version's
    parameter. Versions that leave the major version open are not reported.

    Why it is bad: a group belongs to one family, an engine with a major version. The service refuses it for any other.

    Use instead: the family of the engine's version; a version and a family from the same value stay together.

        Engine: postgres
        EngineVersion: '16.4'       # Family: postgres16
    """
    for each in (launch, *_with_other_versions(launch)):
        for resource_type, references in _PARAMETER_GROUPS.items():
            for name, properties in each.of_type(resource_type).items():
                for key, family_key in references:
                    group = each.referenced_resource(properties.get(key)) or ""
                    family = _known(each.properties(group).get(family_key))
                    engine, version = _engine(each, properties)
                    if _is_for_another(family, engine, version):
                        sentence = f"{name} is {_in_words(engine, version)}, and {group} has the family {family}."
                        yield (property_path(name, key), sentence)
        for name, properties in each.of_type("AWS::RDS::DBInstance").items():
            group = each.referenced_resource(properties.get("OptionGroupName")) or ""
            options = each.properties(group)
            found = _known(options.get("EngineName")), _known(options.get("MajorEngineVersion"))
            needed = _engine(each, properties)
            majors = engine_families.major_version(*needed), engine_families.major_version(*found)
            if all((needed[0], found[0])) and (
                needed[0] != found[0] or (None not in majors and majors[0] != majors[1])
            ):
                sentence = f"{name} is {_in_words(*needed)}, and {group} is for {_in_words(*found)}."
                yield (property_path(name, "OptionGroupName"), sentence)


def _with_other_versions(launch: Launch) -> Iterator[Launch]:
    """The launches with other major versions of a database that its parameter and the template's rules allow."""
    for properties in launch.of_type(*_PARAMETER_GROUPS).values():
        engine, version = _engine(launch, properties)
        name = parameter_behind(launch, properties.get("EngineVersion"))
        tried = {engine_families.major_version(engine, version), None}
        for choice in map(as_text, as_list(declaration(launch, name).get("AllowedValues"))):
            major = engine_families.major_version(engine, choice)
            other = launch.prepare_with({str(name): choice}) if major not in tried else None
            if other:
                tried.add(major)
                yield other.launch()


def _engine(launch: Launch, properties: dict[str, Any]) -> tuple[str, str]:
    """(engine, version) of a database or cache, each empty if it isn't known; an instance has those of its cluster."""
    cluster = launch.properties(launch.referenced_resource(properties.get("DBClusterIdentifier")))
    both = {**cluster, **properties}
    return _known(both.get("Engine")), _known(both.get("EngineVersion"))


def _known(value: Any) -> str:
    """A value as text; empty if it isn't known. Of a version such as 10.10, YAML may have read the number 10.1."""
    return "" if value is None or isinstance(value, float) or not is_known(value) else as_text(value)


def _in_words(engine: str, version: str) -> str:
    return f"{engine or 'its engine'} {version}".strip()


def _is_for_another(family: str, engine: str, version: str) -> bool:
    """Whether a family is certainly not the one for an engine and its version, each of which may be empty."""
    found = engine_families.engine_of(family)
    if not found or (engine and not engine_families.is_engine(engine)):
        return False
    return (engine or found) != found or engine_families.family(found, version) not in (None, family)


@rule(
    "W28",
    "error",
    "A launch fails with an instance type that the template allows: its processor can't run the image.",
    "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ami-architecture.html",
)
def images_fit_their_instance_types(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds images for x86_64 that are launched on instance types with Graviton processors, which are arm64, and the
    other way round; also among the AllowedValues of the type's parameter. The image's architecture is known where it
    comes from a public parameter of AWS, such as the default value of an image's parameter.

    Why it is bad: EC2 refuses to launch an instance from an image of another architecture.

    Use instead: types of one architecture, an image that follows the type by a condition, or a rule in Rules.

        ImageId: !If
          - IsGraviton
          - '{{resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64}}'
          - '{{resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64}}'
    """
    found: dict[tuple[Path, str], list[str]] = defaultdict(list)
    for choice in choices(launch):
        found[choice.path, choice.image].append(choice.instance_type)
    for (path, image), types in found.items():
        architecture = processors.of_public_image(image)
        sentence = (
            f"The template allows {enumerated(types)} for {path[1]}, and its image {image} is for {architecture}."
        )
        yield (path, sentence)
    for name, properties in launch.of_type("AWS::EKS::Nodegroup").items():
        image = _known(properties.get("AmiType"))
        wanted = processors.ARM64 if "ARM_64" in image else processors.X86_64 if "x86_64" in image else None
        for kind in as_list(properties.get("InstanceTypes")) if wanted else ():
            if processors.of_instance_type(_known(kind)) not in (None, wanted):
                yield (property_path(name, "AmiType"), f"{name} is launched as {kind}, and {image} is for {wanted}.")
