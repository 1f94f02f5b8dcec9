"""Which image a tag names is asked of a real registry, with real tokens; and of servers that answer as none should."""

from __future__ import annotations

import base64
import json
import socket
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quilt_cfn.delivery.images import references, registries
from quilt_cfn.delivery.images.references import read_reference
from quilt_cfn.errors import UserError
from quilt_cfn.inputs.release import Image
from tests.delivery.images.fake import NOT_FOUND, Fake, image, reply
from tests.delivery.images.registry import (
    AMD64,
    ARM64,
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_MANIFEST,
    as_json,
    descriptor,
    digest_of,
    serve_registry,
)
from tests.delivery.images.tokens import TokenServer, make_signer
from tests.delivery.publish.servers import Reply
from tests.delivery.publish.web import Endless

Answers = dict[str, Reply | Endless]

SECRET = "kept-secret"
USER = f"reader:{SECRET}"
BASIC = "Basic " + base64.b64encode(USER.encode()).decode()
HTPASSWD = "reader:$2b$04$rzZJdDVGU4r5njmWUU5sBe7l82VB7uQa8/.acxX3soni9AvpbgObm"
"""That user, by bcrypt, which is all that docker-registry knows."""
GOOD = image()
JSON = "application/json"


def digest(name: str, platform: str = AMD64) -> str:
    return registries.platform_digest(read_reference(Image(name, None)), platform)


def refusal(name: str) -> UserError:
    with pytest.raises(UserError) as error:
        digest(name)
    assert SECRET not in str(error.value)
    assert error.value.what.endswith(".")
    assert error.value.next_step.endswith(".")
    return error.value


def log_in(file: Path, host: str, **entry: str) -> None:
    """What docker login writes."""
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps({"auths": {host: entry or {"auth": BASIC.removeprefix("Basic ")}}}))


# A real registry.


@pytest.mark.parametrize("docker", [False, True], ids=["OCI", "Docker"])
def test_the_image_of_a_tag(registry, trusted, docker):
    pushed = registry.push("one/image", "3.0", docker=docker)
    assert digest(f"{registry.host}/one/image:3.0") == pushed


@pytest.mark.parametrize("docker", [False, True], ids=["OCI", "Docker"])
def test_of_an_index_it_is_the_image_of_the_platform_and_not_the_index(registry, trusted, docker):
    pushed = registry.push_index("several/platforms", "3.0", [ARM64, f"{AMD64}/v3", AMD64], docker=docker)
    name = f"{registry.host}/several/platforms:3.0"
    assert digest(name) == pushed[AMD64]
    assert digest(name, ARM64) == pushed[ARM64]
    assert len({*pushed.values()}) == 4


@pytest.mark.parametrize("platforms", [[ARM64], [ARM64, f"{AMD64}/v3"]], ids=str)
def test_an_index_without_the_platform_is_refused_and_says_which_it_has(registry, trusted, platforms):
    registry.push_index("other/platforms", "3.0", platforms)
    error = refusal(f"{registry.host}/other/platforms:3.0")
    assert f":3.0 has no image for linux/amd64, only for: {', '.join(platforms)}." in error.what
    assert "docker buildx build --platform linux/amd64" in error.next_step


def test_an_image_of_another_platform_alone_is_refused(registry, trusted):
    registry.push("of/arm", "3.0", ARM64)
    assert "has no image for linux/amd64, only for: linux/arm64." in refusal(f"{registry.host}/of/arm:3.0").what


def test_a_tag_and_a_repository_that_are_not_there(registry, trusted):
    registry.push("one/image", "3.0")
    what = refusal(f"{registry.host}/one/image:4.0").what
    assert what == f"{registry.host} has no tag 4.0 in the repository {registry.host}/one/image."
    registry_has_no = refusal(f"{registry.host}/no/image:4.0").what
    assert registry_has_no.startswith(f"{registry.host} has no ")
    assert registry_has_no.endswith(f"{registry.host}/no/image.")


def test_a_registry_whose_authority_is_unknown_is_asked_nothing(registry):
    error = refusal(f"{registry.host}/one/image:3.0")
    assert error.what.startswith(f"The certificate of {registry.host} is not trusted: ")
    assert "SSL_CERT_FILE=FILE" in error.next_step


def test_a_registry_on_this_computer_may_speak_plain_http(tmp_path):
    with serve_registry(tmp_path) as registry:
        pushed = registry.push("one/image", "3.0")
        assert digest(f"{registry.host}/one/image:3.0") == pushed
        assert digest(f"{registry.host.replace('127.0.0.1', 'localhost')}/one/image:3.0") == pushed


def test_one_elsewhere_may_not(tmp_path, monkeypatch):
    monkeypatch.setattr(references, "is_loopback", lambda host: False)
    with serve_registry(tmp_path) as registry:
        registry.push("one/image", "3.0")
        assert refusal(f"{registry.host}/one/image:3.0").what.startswith(f"{registry.host} does not speak TLS as it ")


def test_a_registry_on_this_computer_is_asked_without_the_proxy(registry, trusted, monkeypatch):
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    pushed = registry.push("one/image", "3.0")
    assert digest(f"{registry.host}/one/image:3.0") == pushed
    monkeypatch.setattr(references, "is_loopback", lambda host: False)
    assert "Connection refused" in refusal(f"{registry.host}/one/image:3.0").what, "another one is asked by the proxy"


# With a user and a password.


@pytest.fixture
def private(tmp_path, trusted):
    """A registry for those who know the password."""
    (tmp_path / "htpasswd").write_text(HTPASSWD)
    auth = {"htpasswd": {"realm": "tests", "path": str(tmp_path / "htpasswd")}}
    with serve_registry(tmp_path / "private", trusted, auth, BASIC) as registry:
        yield registry


def test_credentials_are_those_of_docker_login(private, docker_config):
    pushed = private.push("one/image", "3.0")
    log_in(docker_config, private.host)
    assert digest(f"{private.host}/one/image:3.0") == pushed


def test_without_credentials_it_says_how_to_log_in(private, docker_config):
    private.push("one/image", "3.0")
    name = f"{private.host}/one/image:3.0"
    place = f"{private.host}/one/image"
    without = f"{private.host} does not show {place} without credentials, or has no such repository (401)"
    error = refusal(name)
    assert error.what == f"{without}."
    assert error.next_step == f"Check the image's name, or log in: docker login {private.host}."
    docker_config.parent.mkdir()
    docker_config.write_text(json.dumps({"auths": {private.host: {}}, "credsStore": "pass"}))
    error = refusal(name)
    assert error.what == f"{without}; docker has them kept by pass, which is not asked here."
    assert "an own folder in DOCKER_CONFIG" in error.next_step


def test_wrong_credentials_are_named_by_their_file(private, docker_config):
    log_in(docker_config, private.host, auth=base64.b64encode(f"somebody:{SECRET}".encode()).decode())
    error = refusal(f"{private.host}/one/image:3.0")
    assert f"does not accept the credentials for {private.host}/one/image that {docker_config} has (401)." in error.what
    assert f"docker login {private.host}," in error.next_step


def test_a_token_is_no_password(fake, docker_config):
    log_in(docker_config, fake.host, auth=base64.b64encode(b"reader:").decode(), identitytoken=SECRET)
    challenge = ("WWW-Authenticate", 'Basic realm="a"')
    fake.answers = {"/v2/a/b/manifests/1": reply(b"{}", JSON, challenge, status=401)}
    assert "does not accept the credentials" in refusal(asked(fake)).what
    assert [request.authorization for request in fake.requests] == [""]


# With tokens of a token server.


@pytest.fixture
def tokens(trusted):
    with TokenServer(trusted, make_signer(), BASIC) as tokens:
        yield tokens


@pytest.fixture
def by_token(tmp_path, trusted, tokens):
    """A registry that wants tokens: for public/… everybody gets one."""
    names = ("public/image", "private/image")
    push = f"Bearer {tokens.signer.token(*names, actions=('pull', 'push'))}"
    section = tokens.section(tokens.signer.write(tmp_path / "signer.pem"))
    with serve_registry(tmp_path / "by-token", trusted, section, push) as registry:
        yield registry


def test_a_public_image_takes_a_token_and_no_credentials(by_token, tokens):
    pushed = by_token.push_index("public/image", "3.0")
    assert digest(f"{by_token.host}/public/image:3.0") == pushed[AMD64]
    (request,) = tokens.requests
    assert (request.method, request.authorization) == ("GET", "")
    assert f"scope={quote('repository:public/image:pull', safe='')}" in request.path


def test_a_private_one_takes_the_credentials_of_the_registry(by_token, tokens, docker_config):
    pushed = by_token.push("private/image", "3.0")
    error = refusal(f"{by_token.host}/private/image:3.0")
    assert "does not show" in error.what
    log_in(docker_config, by_token.host)
    tokens.requests.clear()
    assert digest(f"{by_token.host}/private/image:3.0") == pushed
    assert [request.authorization for request in tokens.requests] == [BASIC]


def test_credentials_that_the_token_server_refuses(by_token, tokens, docker_config):
    log_in(docker_config, by_token.host, auth=base64.b64encode(f"somebody:{SECRET}".encode()).decode())
    host = tokens.url.removeprefix("https://")
    assert refusal(f"{by_token.host}/public/image:3.0").what.startswith(f"{host} does not accept the credentials for ")


def test_an_identity_token_is_exchanged_for_a_token(by_token, tokens, docker_config):
    pushed = by_token.push("private/image", "3.0")
    log_in(docker_config, by_token.host, auth=base64.b64encode(b"reader:").decode(), identitytoken="an identity token")
    assert digest(f"{by_token.host}/private/image:3.0") == pushed
    (request,) = tokens.requests
    assert (request.method, request.path, request.authorization) == ("POST", "/token", "")
    assert b"grant_type=refresh_token" in request.body


def test_credentials_of_another_registry_go_nowhere(by_token, tokens, docker_config):
    log_in(docker_config, "registry.example")
    pushed = by_token.push("public/image", "3.0")
    assert digest(f"{by_token.host}/public/image:3.0") == pushed
    assert [request.authorization for request in tokens.requests] == [""]


# Servers that answer as no registry should.


@pytest.fixture
def fake(trusted):
    with Fake(trusted) as fake:
        yield fake


def asked(fake: Fake) -> str:
    return f"{fake.host}/a/b:1"


def test_the_stand_in_answers_as_a_registry_does(fake):
    fake.answers = GOOD.answers()
    assert digest(asked(fake)) == GOOD.digest


def manifest(content: bytes, media_type: str = OCI_MANIFEST, *headers: tuple[str, str]) -> Answers:
    return {"/v2/a/b/manifests/1": reply(content, media_type, *headers)}


def index(*entries: dict[str, Any], media_type: str = OCI_INDEX) -> bytes:
    return as_json({"schemaVersion": 2, "mediaType": media_type, "manifests": [*entries]})


def entry(content: bytes, media_type: str = OCI_MANIFEST, **changed: object) -> dict[str, Any]:
    return {**descriptor(content, media_type), "platform": {"os": "linux", "architecture": "amd64"}, **changed}


PAGE = "answers with a web page, and not as a registry of images does."
NO_JSON = "answers with something that is no JSON document, and not as a registry of images does."
NO_IMAGE = "/a/b:1 is no container image that can be pinned: "
CHART = {"mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": digest_of(b"{}"), "size": 2}
ATTESTATION = entry(b"{}", platform={"os": "unknown", "architecture": "unknown"})
SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1+prettyjws"
BAD: dict[str, tuple[Answers, str]] = {
    "a page": (manifest(b"<!DOCTYPE html><p>Log in", "text/html; charset=utf-8"), PAGE),
    "a page that calls itself JSON": (manifest(b"\n <HTML>Log in", JSON), PAGE),
    "a page in place of a missing tag": ({"/v2/a/b/manifests/1": reply(b"<p>", "text/html", status=404)}, PAGE),
    "no JSON": (manifest(b"nothing"), NO_JSON),
    "a list": (manifest(b"[]"), NO_JSON),
    "JSON without an end": (manifest(b'{"a":' * 100_000), NO_JSON),
    "another digest in the header": (
        manifest(GOOD.manifest, OCI_MANIFEST, ("Docker-Content-Digest", digest_of(b"another"))),
        f"has other bytes of HOST/a/b under {digest_of(b'another')}: they are {GOOD.digest}.",
    ),
    "an index whose image has other bytes": (
        {
            **manifest(index(entry(b"another")), OCI_INDEX),
            f"/v2/a/b/manifests/{digest_of(b'another')}": reply(GOOD.manifest, OCI_MANIFEST),
        },
        f"has other bytes of HOST/a/b under {digest_of(b'another')}: they are {GOOD.digest}.",
    ),
    "a configuration of other bytes": (
        {**GOOD.answers(), f"/v2/a/b/blobs/{digest_of(GOOD.config)}": reply(b"{}", JSON)},
        f"has other bytes of HOST/a/b under {digest_of(GOOD.config)}: they are {digest_of(b'{}')}.",
    ),
    "schema 1": (manifest(b'{"schemaVersion": 1}', SCHEMA_1), f"{NO_IMAGE}the registry has it in docker's schema 1"),
    "schema 1 by another name": (manifest(b'{"schemaVersion": 1}', JSON), f"{NO_IMAGE}the registry has it in docker's"),
    "a type that it does not have": (
        manifest(GOOD.manifest, DOCKER_MANIFEST),
        f"{NO_IMAGE}what the registry has is of the type {DOCKER_MANIFEST} and calls itself {OCI_MANIFEST}.",
    ),
    "an unknown type": (
        manifest(b'{"schemaVersion": 2}', "application/x\x1b[31m"),
        f"{NO_IMAGE}what the registry has is of the type application/x\\x1b[31m.",
    ),
    "a manifest and an index in one": (
        manifest(image(manifests=[]).manifest),
        f"{NO_IMAGE}what the registry has is of the type {OCI_MANIFEST}.",
    ),
    "something else than an image": (
        manifest(image(config=CHART).manifest),
        f"{NO_IMAGE}its configuration is of the type application/vnd.cncf.helm.config.v1+json.",
    ),
    "no configuration": (manifest(image(config=[1]).manifest), f"{NO_IMAGE}its configuration is of the type none."),
    "an unknown algorithm": (
        manifest(index(entry(b"", digest="sha512:" + "0" * 128)), OCI_INDEX),
        f"{NO_IMAGE}it names its parts by other digests than SHA-256, such as sha512:",
    ),
    "a digest that is a path": (
        manifest(index(entry(b"", digest="../../../secret")), OCI_INDEX),
        f"{NO_IMAGE}it names its parts by other digests than SHA-256, such as ../../../secret.",
    ),
    "an index of nothing": (manifest(index(), OCI_INDEX), "/a/b:1 has no image for linux/amd64, only for: none."),
    "an index of everything else": (
        manifest(
            as_json(
                {"schemaVersion": 2, "manifests": [1, {}, ATTESTATION, entry(b"", OCI_INDEX), entry(b"", mediaType=[])]}
            ),
            DOCKER_LIST,
        ),
        "/a/b:1 has no image for linux/amd64, only for: none.",
    ),
    "no list of an index": (
        manifest(as_json({"schemaVersion": 2, "manifests": 1}), OCI_INDEX),
        "has no image for linux/amd64, only for: none.",
    ),
    "an index in an index": (
        {
            **manifest(index(entry(index())), OCI_INDEX),
            f"/v2/a/b/manifests/{digest_of(index())}": reply(index(), OCI_INDEX),
        },
        f"{NO_IMAGE}its index leads to another index.",
    ),
    "a configuration that says nothing": (image("", "").answers(), "/a/b:1 has no image for linux/amd64, only for: /."),
    "refused": (
        {"/v2/a/b/manifests/1": reply(b"{}", JSON, status=403)},
        "refuses HOST/a/b to anybody without credentials (403).",
    ),
    "no such tag": ({"/v2/a/b/manifests/1": NOT_FOUND}, "HOST has no tag 1 in the repository HOST/a/b."),
    "no such repository": (
        {"/v2/a/b/manifests/1": reply(b'{"errors": [{"code": "NAME_UNKNOWN"}]}', JSON, status=404)},
        "HOST has no repository HOST/a/b.",
    ),
    "no such part": (
        {**GOOD.answers(), f"/v2/a/b/blobs/{digest_of(GOOD.config)}": NOT_FOUND},
        f"HOST has no {digest_of(GOOD.config)}, which is a part of HOST/a/b:1.",
    ),
    "a fault": ({"/v2/a/b/manifests/1": reply(b"{}", JSON, status=503)}, "HOST answered 503 about HOST/a/b."),
    "no way in": (
        {"/v2/a/b/manifests/1": reply(b"{}", JSON, status=401)},
        "HOST asks for an authorization of an unknown kind.",
    ),
    "an encoding": (
        manifest(b"\x1f\x8b", OCI_MANIFEST, ("Content-Encoding", "gzip")),
        "could not be asked: it is encoded as gzip, ",
    ),
    "the half of it": (
        manifest(GOOD.manifest, OCI_MANIFEST, ("Content-Length", "1000")),
        "the connection ended before the answer did.",
    ),
    "more than fits": (
        {"/v2/a/b/manifests/1": Endless(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n", b"x" * 100_000)},
        "HOST could not be asked: it answers with more than 4,194,304 bytes.",
    ),
    "what is no HTTP": (
        {"/v2/a/b/manifests/1": Endless(b"SSH-2.0-server\r\n", b"\r\n" * 1000)},
        "HOST could not be asked: SSH-2.0-server.",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_an_answer_that_is_none_is_a_sentence(fake, name):
    fake.answers, sentence = BAD[name]
    assert sentence.replace("HOST", fake.host) in refusal(asked(fake)).what


def test_no_more_of_an_answer_is_read_than_fits(fake):
    fake.answers, _ = BAD["more than fits"]
    refusal(asked(fake))
    assert fake.sent < 2 * registries.LARGEST + 10_000_000, "the rest is in buffers on the way"


@pytest.mark.parametrize(
    ("headers", "when"),
    [
        ([("Retry-After", "60")], "Run the command again in 60 seconds, or "),
        (
            [("Retry-After", "Sat, 28 Nov 2026 12:00:00 GMT")],
            "Run the command again after Sat, 28 Nov 2026 12:00:00 GMT, ",
        ),
        ([], "Run the command again later, or "),
        ([("Retry-After", "\x1b[2J" + "9" * 1000)], "Run the command again after \\x1b[2J999"),
    ],
)
def test_a_registry_that_has_had_enough_says_until_when(fake, headers, when):
    fake.answers = {"/v2/a/b/manifests/1": reply(b"{}", JSON, *headers, status=429)}
    error = refusal(asked(fake))
    assert error.what == f"{fake.host} answers too many requests from here with a refusal (429)."
    assert error.next_step.startswith(when)
    assert len(error.next_step) < 200
    assert "docker login" in error.next_step


CHALLENGES = {
    'Bearer realm="http://auth.example/token"': "sends to http://auth.example/token for a token, which is no ",
    'Bearer realm="file:///etc/passwd"': "sends to file:///etc/passwd for a token, which is no https URL.",
    f'Bearer realm="https://{USER}@127.0.0.1/"': "for a token, which is no https URL.",
    'Bearer realm="http://127.0.0.1:9/token"': "for a token, which is no https URL.",
    'Bearer realm="https://[/token"': "sends to https://[/token for a token, which is no https URL.",
    'Bearer realm="https:///token"': "for a token, which is no https URL.",
    "Bearer": "sends to nowhere for a token, which is no https URL.",
    'Digest realm="a", nonce="b"': "asks for an authorization of an unknown kind.",
    'Basic realm="a"': "without credentials, or has no such repository (401).",
    '=,=",': "asks for an authorization of an unknown kind.",
}


@pytest.mark.parametrize("challenge", CHALLENGES)
def test_a_challenge_that_leads_nowhere_is_a_sentence(fake, challenge):
    answer = reply(b"{}", JSON, ("WWW-Authenticate", challenge), status=401)
    fake.answers = {"/v2/a/b/manifests/1": answer}
    with pytest.raises(UserError) as error:
        digest(asked(fake))
    assert CHALLENGES[challenge] in error.value.what
    assert len(fake.requests) == 1


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (
            reply(b'{"token": ""}', JSON),
            "answers with something without a token, and not as a registry of images does.",
        ),
        (reply(b'{"token": "a\\r\\nX: b"}', JSON), "answers with something without a token"),
        (reply(b'{"token": ["a"]}', JSON), "answers with something without a token"),
        (reply(b"nothing", JSON), NO_JSON),
        (reply(b"<html>", JSON), PAGE),
        (reply(b"{}", JSON, status=403), "to the account in"),
        (reply(b"{}", JSON, status=500), "answered 500 about"),
        (Reply(307, [("Location", "http://127.0.0.1:9/")]), "redirects to something else than https"),
    ],
)
def test_a_token_server_that_gives_none_is_a_sentence(fake, trusted, docker_config, answer, sentence):
    log_in(docker_config, fake.host)
    with Fake(trusted, lambda path, authorization: answer) as tokens:
        realm = ("WWW-Authenticate", f'Bearer realm="{tokens.url}/token?a=b",service="s",scope="x y"')
        fake.answers = {"/v2/a/b/manifests/1": reply(b"{}", JSON, realm, status=401)}
        assert sentence in refusal(asked(fake)).what
        assert tokens.paths == ["/token?a=b&service=s&scope=x&scope=y"]
        assert [request.authorization for request in fake.requests] == [""]


def test_a_token_that_is_not_accepted_is_not_asked_for_twice(fake, trusted):
    with Fake(trusted, lambda path, authorization: reply(b'{"token": "t"}', JSON)) as tokens:
        realm = ("WWW-Authenticate", f'Bearer realm="{tokens.url}/"')
        fake.answers = {"/v2/a/b/manifests/1": reply(b"{}", JSON, realm, status=401)}
        assert "does not show" in refusal(asked(fake)).what
        assert tokens.paths == ["/?scope=repository%3Aa%2Fb%3Apull"], "what the registry did not say"
    assert [request.authorization for request in fake.requests] == ["", "Bearer t"]


def test_a_token_that_is_not_accepted_for_a_part_is_not_asked_for_twice(fake, trusted):
    blob = f"/v2/a/b/blobs/{digest_of(GOOD.config)}"

    def answers(path: str, authorization: str) -> Reply | Endless:
        return GOOD.answers()[path] if authorization == "Bearer t" and path != blob else refused

    fake.answers = answers
    with Fake(trusted, lambda path, authorization: reply(b'{"token": "t"}', JSON)) as tokens:
        refused = reply(b"{}", JSON, ("WWW-Authenticate", f'Bearer realm="{tokens.url}/"'), status=401)
        assert "does not show" in refusal(asked(fake)).what
        assert len(tokens.requests) == 1


def test_a_redirection_to_another_server_is_followed_without_the_credentials(fake, trusted, docker_config):
    log_in(docker_config, fake.host)
    good = GOOD.answers()
    blob = f"/v2/a/b/blobs/{digest_of(GOOD.config)}"

    def answers(path: str, authorization: str) -> Reply | Endless:
        if authorization != BASIC:
            return reply(b"{}", JSON, ("WWW-Authenticate", 'Basic realm="a"'), status=401)
        return Reply(307, [("Location", f"{elsewhere.url}{path}?signed=1")]) if path == blob else good[path]

    fake.answers = answers
    with Fake(trusted, {f"{blob}?signed=1": good[blob]}) as elsewhere:
        assert digest(asked(fake)) == GOOD.digest
        assert [(request.path, request.authorization) for request in elsewhere.requests] == [(f"{blob}?signed=1", "")]
    assert [request.authorization for request in fake.requests[1:]] == [BASIC, BASIC]


def test_an_identity_token_is_not_sent_on_to_where_the_token_server_redirects(fake, trusted, docker_config):
    log_in(docker_config, fake.host, identitytoken=SECRET)
    with Fake(trusted) as elsewhere, Fake(trusted, {"/token": Reply(307, [("Location", elsewhere.url)])}) as tokens:
        realm = ("WWW-Authenticate", f'Bearer realm="{tokens.url}/token"')
        fake.answers = {"/v2/a/b/manifests/1": reply(b"{}", JSON, realm, status=401)}
        assert f"{tokens.host} answered 307 about {fake.host}/a/b." in refusal(asked(fake)).what
        assert SECRET.encode() in tokens.requests[0].body
    assert elsewhere.requests == []


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("http://127.0.0.1:9/", "it redirects to something else than https."),
        ("file:///etc/passwd", "it redirects to something else than https."),
        (f"https://{USER}@127.0.0.1/", "it redirects to a URL with credentials."),
        ("/v2/a/b/manifests/1", "it redirects more than 5 times."),
    ],
)
def test_where_a_redirection_may_not_lead(fake, target, sentence):
    fake.answers = {"/v2/a/b/manifests/1": Reply(307, [("Location", target)])}
    assert sentence in refusal(asked(fake)).what


def test_a_plain_registry_on_this_computer_redirects_to_no_other_computer(tmp_path):
    target = {"/v2/a/b/manifests/1": Reply(307, [("Location", "http://registry.example/v2/a/b/manifests/1")])}
    with Fake(None, {"/v2/": reply(b"{}", JSON), **target}) as fake:
        assert "it redirects to something else than https." in refusal(asked(fake)).what


def test_a_host_that_is_not_there(monkeypatch):
    def nowhere(host: str, *_: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *_, **__: nowhere(host))
    error = refusal("registry.example/a/b:1")
    assert error.what == "There is no host registry.example (Name or service not known)."


def test_a_registry_that_is_not_there(trusted):
    with Fake(trusted) as fake:
        pass
    assert refusal(asked(fake)).what == f"{fake.host} could not be asked: Connection refused."


TEXTS = st.sampled_from([OCI_MANIFEST, OCI_CONFIG, "linux", "amd64", "v1", GOOD.digest, "\ud800", "\x1b[2J"])
ANYTHING = TEXTS | st.sampled_from([1, None, [], {}, ["a"], [["a"]], {"os": "linux"}, True, 1e999])


def maps(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Maps that have some of these fields, each with such a value or with anything."""
    return st.fixed_dictionaries({}, optional={name: value | ANYTHING for name, value in fields.items()})


PLATFORMS = maps(os=st.just("linux"), architecture=st.just("amd64"), variant=ANYTHING)
ENTRIES = maps(mediaType=st.sampled_from([OCI_MANIFEST, OCI_CONFIG]), digest=st.just(GOOD.digest), platform=PLATFORMS)
DOCUMENTS = maps(schemaVersion=st.just(2), manifests=st.lists(ENTRIES, max_size=3), config=ENTRIES, layers=ANYTHING)


@given(st.sampled_from([OCI_INDEX, OCI_MANIFEST]), DOCUMENTS | ANYTHING)
def test_whatever_a_registry_answers_is_an_image_or_a_sentence(media_type, document):
    content = json.dumps({"mediaType": media_type, **document} if isinstance(document, dict) else document).encode()
    answer = registries.Answer(200, {"content-type": media_type}, (), content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registries, "make_opener", lambda proxies: None)
        patch.setattr(registries._Registry, "_ask", lambda *_: answer)
        refusal("registry.example/a/b:1")  # because no bytes have the digest
