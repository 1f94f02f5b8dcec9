"""release.yaml gets the digests that the registries have, and every difference between the two is found."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from quilt_cfn.delivery.images import resolve as module
from quilt_cfn.delivery.images.explanations import FAMILY
from quilt_cfn.delivery.images.resolve import compare, resolve
from quilt_cfn.errors import UserError
from quilt_cfn.inputs.release import IN_CHECKOUT, RELEASE_FILE
from tests.command_line import run
from tests.delivery.images.fake import Fake, image
from tests.delivery.images.registry import AMD64, Registry
from tests.delivery.publish.servers import Reply
from tests.delivery.publish.web import Endless

GOOD = image()
UNCONFIRMED = re.compile(r"    unconfirmed: .*\n")


class Checkout:
    """A checkout with the release file of this one, and other names in it."""

    def __init__(self, root: Path, **names: str) -> None:
        self.root = root
        self.file = root / IN_CHECKOUT
        self.file.parent.mkdir(parents=True)
        text = UNCONFIRMED.sub("", RELEASE_FILE.read_text())
        for name, each in yaml.safe_load(text)["images"].items():
            text = text.replace(f"name: {each['name']}\n", f"name: {names[name]}\n")
        self.file.write_text(text)

    def digests(self) -> dict[str, str | None]:
        return {name: image["digest"] for name, image in yaml.safe_load(self.file.read_bytes())["images"].items()}

    def edit(self, old: str, new: str) -> None:
        text = self.file.read_text()
        assert old in text
        self.file.write_text(text.replace(old, new, 1))

    def refusal(self) -> tuple[list[str], str]:
        """The lines that resolve yields, and then its error."""
        lines: list[str] = []
        with pytest.raises(UserError) as error:
            lines.extend(resolve(self.root))
        return lines, str(error.value)


@pytest.fixture
def checkout(tmp_path: Path, registry: Registry, trusted: object) -> Checkout:
    names = {name: f"{registry.host}/{tmp_path.name}/{name}:3.0" for name in ("registry", "catalog", "nginx")}
    return Checkout(tmp_path / "checkout", **names)


@pytest.fixture
def pushed(tmp_path: Path, registry: Registry) -> dict[str, str]:
    """The images of that checkout, by the digests of their manifests for the platform."""
    here = tmp_path.name
    return {
        "registry": registry.push(f"{here}/registry", "3.0"),
        "catalog": registry.push_index(f"{here}/catalog", "3.0")[AMD64],
        "nginx": registry.push_index(f"{here}/nginx", "3.0", docker=True)[AMD64],
    }


def test_every_image_gets_the_digest_of_its_platform_and_no_other_byte_changes(checkout, pushed):
    before = checkout.file.read_text()
    first, *_, last = resolve(checkout.root)
    assert checkout.digests() == pushed
    after = checkout.file.read_text()
    assert re.sub(r" sha256:[0-9a-f]{64}$", "", after, flags=re.MULTILINE) == before
    name = f"{checkout.file.parents[2].name}/registry:3.0"
    assert re.fullmatch(rf"registry: .*{name} for linux/amd64 was without a digest, is {pushed['registry']}", first)
    assert last == f"{checkout.file} has 3 new digests. Next: quilt-cfn build, and commit what changed"


def test_what_is_pinned_already_is_not_written(checkout, pushed):
    list(resolve(checkout.root))
    before = checkout.file.stat()
    lines = [*resolve(checkout.root)]
    assert [line.partition(" for linux/amd64 ")[2] for line in lines] == [
        f"is unchanged, {each}" for each in pushed.values()
    ]
    assert checkout.file.stat() == before


def test_a_tag_that_was_moved_is_found_and_only_resolve_writes_where_it_went(checkout, pushed, registry, tmp_path):
    list(resolve(checkout.root))
    assert compare(checkout.root) == ((), {})
    moved = registry.push(f"{tmp_path.name}/catalog", "3.0", content="built again")
    before = checkout.file.read_bytes()
    (finding,) = compare(checkout.root).findings
    assert (finding.rule, finding.file, finding.resource) == ("C01", str(IN_CHECKOUT), "images.catalog")
    assert before.splitlines()[finding.line - 2].strip() == b"catalog:"
    assert finding.message.endswith(f"/catalog:3.0 is {moved} now, and not {pushed['catalog']}.")
    assert checkout.file.read_bytes() == before
    lines = [*resolve(checkout.root)]
    assert f"was {pushed['catalog']}, is {moved}" in lines[1]
    assert lines[-1].startswith(f"{checkout.file} has 1 new digest. ")
    assert checkout.digests() == {**pushed, "catalog": moved}


def test_an_image_without_a_digest_is_found(checkout, pushed):
    findings = compare(checkout.root).findings
    assert [(finding.rule, finding.resource) for finding in findings] == [("C02", f"images.{name}") for name in pushed]
    assert findings[0].message.endswith(f"has no digest here, and is {pushed['registry']} now.")


@pytest.mark.parametrize(
    ("tag", "more", "sentence"),
    [
        ("", "", "HOST/catalog names another image after every build: its tag is missing. Give "),
        (":latest", "", "HOST/catalog:latest names another image after every build: its tag is latest. Give "),
        (
            ":3.0",
            "unconfirmed: Nobody saw it.",
            "Nobody has confirmed HOST/catalog:3.0: Nobody saw it. ",
        ),
    ],
)
def test_an_image_that_nobody_has_decided_on_is_left_and_the_others_are_pinned(checkout, pushed, tag, more, sentence):
    host = f"{checkout.file.parents[2].name}"
    checkout.edit("/catalog:3.0\n", f"/catalog{tag}\n    {more}\n")
    lines, error = checkout.refusal()
    assert checkout.digests() == {**pushed, "catalog": None}
    assert len(lines) == 3
    assert error.startswith("1 image could not be pinned:\n  catalog: ")
    server = re.escape(checkout.file.read_text().partition("name: ")[2].partition("/")[0])
    assert re.search(re.escape(sentence).replace("HOST", f"{server}/{host}"), error)
    (finding,), failed = compare(checkout.root)
    assert (finding.rule, finding.resource) == ("C03", "images.catalog")
    assert failed == {}


def test_an_image_that_its_registry_does_not_have_is_left_and_the_others_are_pinned(checkout, pushed):
    checkout.edit("/nginx:3.0", "/nginx:4.0")
    lines, error = checkout.refusal()
    assert checkout.digests() == {**pushed, "nginx": None}
    assert len(lines) == 3
    assert re.search(r"\n  nginx: .* has no tag 4\.0 in the repository .*\. Fix that and run", error)
    comparison = compare(checkout.root)
    assert comparison.findings == ()
    assert [*comparison.failed] == ["nginx"]


def test_a_file_that_was_changed_meanwhile_is_not_overwritten(tmp_path, trusted):
    good = GOOD.answers()

    def answers(path: str, authorization: str) -> Reply | Endless:
        here.edit("version: ", "# another hand\nversion: ")
        return good[path]

    with Fake(trusted, answers) as fake:
        here = Checkout(tmp_path, **dict.fromkeys(("registry", "catalog", "nginx"), f"{fake.host}/a/b:1"))
        lines, error = here.refusal()
    assert lines == []
    assert "was changed while the registries were asked, and is left as it is now. Run the command again." in error
    assert "# another hand\n" in here.file.read_text()
    assert set(here.digests().values()) == {None}


def test_a_registry_that_never_ends_its_answer_is_left_when_the_time_is_over(tmp_path, trusted, monkeypatch):
    monkeypatch.setattr(module, "SECONDS", 0.5)
    drip = Endless(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n", b" ", pause=0.05)
    with Fake(trusted, lambda path, authorization: drip) as fake:
        checkout = Checkout(tmp_path, **dict.fromkeys(("registry", "catalog", "nginx"), f"{fake.host}/a/b:1"))
        lines, error = checkout.refusal()
    assert lines == []
    assert error.count(f"The registry {fake.host} could not be read within 0.5 seconds.") == 3


def test_every_finding_is_explained():
    explained = [each.id for each in FAMILY.explanations]
    assert explained == sorted({*re.findall(r'"(C\d\d)"', Path(module.__file__).read_text(encoding="utf-8"))})


def test_as_a_command(checkout, pushed, registry, tmp_path):
    found = run("images", "check", folder=checkout.root)
    assert (found.returncode, found.stderr) == (1, "")
    assert found.stdout.count(" error C02 [quilt-cfn] images.") == 3
    done = run("images", "resolve", folder=checkout.root)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("was without a digest, is sha256:") == 3
    assert checkout.digests() == pushed
    checkout.edit("/nginx:3.0", "/nginx:4.0")
    registry.push(f"{tmp_path.name}/catalog", "3.0", content="built again")
    failed = run("images", "check", folder=checkout.root)
    assert failed.returncode == 2
    assert " error C01 [quilt-cfn] images.catalog: " in failed.stdout
    assert failed.stderr.startswith("quilt-cfn: 1 image could not be compared:\n  nginx: ")


def test_the_release_of_this_checkout_is_not_resolved_in_part(tmp_path):
    """Nobody has confirmed its registry and its catalog; no test asks Docker Hub for its nginx."""
    checkout = Checkout(tmp_path, registry="a/b", catalog="c/d", nginx="e/f")
    checkout.file.write_bytes(RELEASE_FILE.read_bytes())
    checkout.edit("name: docker.io/library/nginx:1.30.5", "name: docker.io/library/nginx")
    before = checkout.file.read_bytes()
    _, error = checkout.refusal()
    assert error.startswith("3 images could not be pinned:")
    assert error.count("Nobody has confirmed ") == 2
    assert checkout.file.read_bytes() == before
