"""Builds the editions with troposphere: the architecture of the Quilt Teams Registry on AWS.

``build`` is the whole of it on one screen: every part in the order of dependency, each given what it needs of the parts
before it. No property is set here, and nothing but the edition and the release decides about the result: no AWS call,
no clock, no environment variable, no randomness. This package may import ``quilt_cfn.cloudformation.template`` and
``facts``, but nothing that checks what it builds.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from troposphere import Template

from quilt_cfn.cloudformation.template.write import TemplateDict, in_reading_order
from quilt_cfn.editions import EDITIONS, IMAGE_FACTORY, Edition
from quilt_cfn.inputs.release import Release
from quilt_cfn.stack.address import add_address
from quilt_cfn.stack.alarms import add_alarms
from quilt_cfn.stack.container_images import add_container_images
from quilt_cfn.stack.dashboard import add_dashboard
from quilt_cfn.stack.database import add_database
from quilt_cfn.stack.database_logs import add_database_logs
from quilt_cfn.stack.dns import add_dns_records
from quilt_cfn.stack.environment import add_environments
from quilt_cfn.stack.identity import add_instance_profile, add_signing_user
from quilt_cfn.stack.image_factory import build_image_factory
from quilt_cfn.stack.immutable import immutable_properties
from quilt_cfn.stack.instance import add_launch_template, add_server_group
from quilt_cfn.stack.load_balancer import add_load_balancer
from quilt_cfn.stack.logs import add_flow_log, add_registry_logs
from quilt_cfn.stack.metrics import add_metrics
from quilt_cfn.stack.network import add_network
from quilt_cfn.stack.order import after_the_rest
from quilt_cfn.stack.outputs import add_outputs
from quilt_cfn.stack.parameters import add_form, form
from quilt_cfn.stack.protection import add_protection
from quilt_cfn.stack.queries import add_queries
from quilt_cfn.stack.rules import add_rules
from quilt_cfn.stack.secrets import add_secrets, add_texts
from quilt_cfn.stack.security_groups import add_security_groups
from quilt_cfn.stack.storage import add_bucket
from quilt_cfn.stack.success import add_success_rule

__all__ = ["BUILDERS", "build", "immutable_properties"]


def build(edition: Edition, release: Release) -> TemplateDict:
    """The template of one edition of one release, as a plain dict in reading order."""
    t = Template(Description=f"Quilt Teams Registry {release.version}: {edition.title}.")
    t.set_version("2010-09-09")
    add_form(t, form(edition, release))
    add_rules(t, edition)

    network = add_network(t)
    add_flow_log(t, network)
    groups = add_security_groups(t, network)
    load_balancer = add_load_balancer(t, network, groups)
    add_dns_records(t, load_balancer)
    address = add_address(t, network)
    bucket = add_bucket(t)
    user_key = add_signing_user(t, edition, bucket)
    secrets, texts = add_secrets(t, user_key), add_texts(t)
    logs = add_registry_logs(t)
    add_metrics(t, logs)
    add_queries(t, logs)
    images = add_container_images(t, edition, release)
    profile = add_instance_profile(t, edition, bucket, logs, secrets, texts, address, images)

    database = add_database(t, network, groups, release)
    protection, database_logs = add_protection(t, database), add_database_logs(t, database)
    after_success = add_success_rule(t, protection, database_logs)

    environments = add_environments(t, edition, images, database, bucket, load_balancer, address)
    values = {"Secrets": secrets, "Texts": texts}
    template = add_launch_template(t, edition, release, groups, profile, logs, environments, values)
    group = add_server_group(t, network, load_balancer, template)
    alarms = add_alarms(t, load_balancer, database, after_success, group)
    dashboard = add_dashboard(t, alarms, load_balancer, database, group, logs)
    add_outputs(t, load_balancer, address, logs, bucket, user_key, dashboard)
    ordered = after_the_rest(t.to_dict(), database.resource.title)
    return in_reading_order(after_the_rest(ordered, group.title))


BUILDERS: dict[str, Callable[[Release], TemplateDict]] = {
    **{name: functools.partial(build, edition) for name, edition in EDITIONS.items()},
    IMAGE_FACTORY.name: build_image_factory,
}
"""Name of a template, as in ``editions.TEMPLATE_FILES`` -> what builds it."""
