"""No limit of AWS is exceeded, also with a digest for every image and every value as long as the form takes it."""

from __future__ import annotations

import pytest

from quilt_cfn.cloudformation.checks.rules import RULES
from quilt_cfn.cloudformation.launch.contract import EMPTY_CONTRACT
from quilt_cfn.cloudformation.template.write import to_yaml
from quilt_cfn.editions import EDITIONS, LARGEST_TEMPLATE
from quilt_cfn.inputs.contract import read_contract
from quilt_cfn.inputs.release import read_release
from quilt_cfn.stack import build
from tests.launches import evaluate_edition
from tests.stack.form_values import ACCEPTED

DIGEST = f"sha256:{'a' * 64}"
LIMITS = ("T09", "T10", "T14")
"""The rules about a limit of the template, of user data, and of what services store."""


@pytest.fixture
def pinned(edition):
    """An edition whose three images have digests."""
    release = read_release()
    images = {name: getattr(release, name)._replace(digest=DIGEST) for name in ("registry", "catalog", "nginx")}
    return build(EDITIONS[edition], release._replace(**images))


def test_with_digests_a_template_is_smaller_than_the_largest_that_people_read(pinned):
    text = to_yaml(pinned)
    assert text.count(DIGEST) >= 3
    assert len(text.encode()) < LARGEST_TEMPLATE


def test_with_digests_and_the_longest_values_no_limit_is_exceeded(pinned):
    longest = {name: max(values, key=len) for name, values in ACCEPTED.items() if name in pinned["Parameters"]}
    longest["RegistryHost"] = f"{longest['CatalogHost'][:-1]}x"
    # The others need one another, or a place that a stack can have.
    values = read_contract().parameter_sets["options-large"]
    texts = (
        "CatalogHost",
        "RegistryHost",
        "SmtpHost",
        "SmtpDefaultSender",
        "SmtpUsername",
        "SmtpPassword",
        "AlarmEmail",
    )
    names = (*texts, "PackageBucket", "DBPassword", "TeamId", "TeamName", "HttpsInputCIDR", "SshInputCIDR")
    launch = evaluate_edition(pinned, {**values, **{name: longest[name] for name in names if name in longest}})
    assert {rule: [*RULES[rule].find(launch, EMPTY_CONTRACT)] for rule in LIMITS} == {rule: [] for rule in LIMITS}
