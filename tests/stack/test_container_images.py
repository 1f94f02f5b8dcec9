"""Which container images a stack runs, and which repositories of the account its instance may download them from."""

from __future__ import annotations

import pytest

from quilt_cfn.editions import EDITIONS, MachineImage
from tests.launches import DOCUMENTED, ValidationError, launch_stack

ACCOUNT = "111122223333"  # in which the tests launch
DIGEST = f"@sha256:{'0123456789abcdef' * 4}"
ELSEWHERE = f"example/registry:2.9.15{DIGEST}"


def pulls(stack):
    """What the instance's role may do in Amazon ECR: (action, resource)."""
    assert not [
        each for permitted in stack.permissions("ServerRole").values() for each in permitted if "ecr:" in each[0]
    ]
    documents = [
        policy["PolicyDocument"]
        for policy in stack.of_type("AWS::IAM::Policy").values()
        if policy["Roles"] == ["<ServerRole>"]
    ]
    return {
        (action, resource)
        for document in documents
        for statement in document["Statement"]
        for action in statement["Action"]
        for resource in statement["Resource"]
    }


def may_pull(*repositories):
    """What it may do if it pulls from exactly these."""
    allowed = {
        (f"ecr:{action}", each) for each in repositories for action in ("BatchGetImage", "GetDownloadUrlForLayer")
    }
    return allowed | ({("ecr:GetAuthorizationToken", "*")} if repositories else set())


@pytest.fixture
def launch(templates):
    """Launches the registry edition with these images, in this Region."""

    def launched(registry="", catalog="", region="us-east-1"):
        values = DOCUMENTED | {"RegistryImage": registry, "CatalogImage": catalog, "SmtpHost": "smtp.example.com"}
        return launch_stack(templates["registry"], values, region)

    return launched


def test_without_others_the_images_are_the_releases(stack, release):
    here = stack.environments["stack"]
    assert here["REGISTRY_IMAGE"] == release.registry.reference
    assert here["CATALOG_IMAGE"] == release.catalog.reference
    assert here["NGINX_IMAGE"] == release.nginx.reference
    assert pulls(stack) == set()


def test_an_update_brings_the_next_releases_images_unless_there_are_others(template):
    """An update keeps the values of a stack, and would keep a release's images, were they the defaults."""
    assert [
        template["Parameters"].get(name, {"Default": ""})["Default"] for name in ("RegistryImage", "CatalogImage")
    ] == [
        "",
        "",
    ]


def test_only_an_edition_that_downloads_its_images_asks_for_others(templates):
    for name, edition in EDITIONS.items():
        asked = {"RegistryImage", "CatalogImage"} & set(templates[name]["Parameters"])
        assert bool(asked) == (edition.machine_image is MachineImage.AMAZON_LINUX)
    with pytest.raises(ValidationError, match=r"\[RegistryImage\] do not exist in the template"):
        launch_stack(templates["marketplace"], DOCUMENTED | {"RegistryImage": ELSEWHERE})


def test_each_image_is_chosen_by_itself_and_nginx_is_the_releases(launch, release):
    here = launch(registry=ELSEWHERE).environments["stack"]
    assert (here["REGISTRY_IMAGE"], here["CATALOG_IMAGE"]) == (ELSEWHERE, release.catalog.reference)
    assert here["NGINX_IMAGE"] == release.nginx.reference
    here = launch(catalog=ELSEWHERE).environments["stack"]
    assert (here["REGISTRY_IMAGE"], here["CATALOG_IMAGE"]) == (release.registry.reference, ELSEWHERE)


@pytest.mark.parametrize("field", ["registry", "catalog"])
def test_another_image_makes_another_instance(launch, field):
    before, after = launch().user_data, launch(**{field: ELSEWHERE}).user_data
    assert before != after
    assert ELSEWHERE in after


@pytest.mark.parametrize(
    ("behind_the_domain", "repository"),
    [
        ("registry:2.9.15", "registry"),
        (f"registry{DIGEST}", "registry"),
        (f"registry:2.9.15{DIGEST}", "registry"),
        ("team/registry:2.9.15", "team/registry"),
        ("a/b/c/d-e_f.g:latest", "a/b/c/d-e_f.g"),
        ("example.com/team/registry:1", "example.com/team/registry"),
    ],
)
@pytest.mark.parametrize("region", ["us-east-1", "ap-southeast-7", "us-gov-west-1"])
@pytest.mark.parametrize("field", ["registry", "catalog"])
def test_of_this_accounts_repositories_it_may_pull_from_exactly_that_of_the_image(
    launch, field, region, behind_the_domain, repository
):
    """In the Region of the image's name, which need not be the stack's."""
    stack = launch(**{field: f"{ACCOUNT}.dkr.ecr.{region}.amazonaws.com/{behind_the_domain}"})
    assert pulls(stack) == may_pull(f"arn:aws:ecr:{region}:{ACCOUNT}:repository/{repository}")


def test_no_instance_boots_before_it_may_pull(launch):
    here = f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com"
    stack = launch(f"{here}/registry:1", f"{here}/catalog:1")
    assert stack.launch.before("ServerGroup") >= {"RegistryImagePolicy", "CatalogImagePolicy"}


def test_both_images_may_be_in_this_account(launch):
    here = f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com"
    stack = launch(f"{here}/registry:1", f"{here}/catalog:1", region="us-gov-east-1")
    ours = f"arn:aws-us-gov:ecr:eu-west-1:{ACCOUNT}:repository"
    assert pulls(stack) == may_pull(f"{ours}/registry", f"{ours}/catalog")


@pytest.mark.parametrize(
    "image",
    [
        "444455556666.dkr.ecr.us-east-1.amazonaws.com/registry:1",
        ELSEWHERE,
        "public.ecr.aws/example/registry:1",
        f"{ACCOUNT}/registry:1",
        f"registry.example.com/{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/registry:1",
        f"444455556666.dkr.ecr.us-east-1.amazonaws.com/{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/registry:1",
        f"registry.example.com/registry:{ACCOUNT}.dkr.ecr.us-east-1",
    ],
)
def test_for_an_image_of_anybody_else_nothing_is_allowed(launch, image):
    assert pulls(launch(registry=image, catalog=image)) == set()


@pytest.mark.parametrize(
    "image",
    [
        f"{ACCOUNT}.dkr.ecr.cn-north-1.amazonaws.com.cn/registry:1",
        f"{ACCOUNT}.dkr.ecr.eusc-de-east-1.amazonaws.eu/registry:1",
        f"{ACCOUNT}.dkr-ecr.us-east-1.on.aws/registry:1",
        f"{ACCOUNT}.dkr.ecr-fips.us-east-1.amazonaws.com/registry:1",
    ],
)
def test_a_registry_of_ecr_of_which_nothing_could_be_pulled_is_refused_with_the_form_that_could(launch, image):
    with pytest.raises(ValidationError, match=r"such as .*111122223333\.dkr\.ecr\.us-east-1\.amazonaws\.com/"):
        launch(registry=image)
