"""``quilt-cfn publish`` and ``quilt-cfn verify`` as a user types them."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from quilt_cfn.cli import main
from quilt_cfn.delivery.product import PRODUCT
from quilt_cfn.delivery.publish.verify import SECONDS
from quilt_cfn.delivery.release.artifact import (
    LARGEST_FILE,
    LARGEST_MANIFEST,
    LARGEST_VERSION,
    LATEST,
    MOST_FILES,
    RELEASES,
    compose,
)
from quilt_cfn.inputs.release import read_release
from tests.delivery.publish.artifacts import artifact, write_folder
from tests.delivery.publish.proxy import Answer
from tests.delivery.publish.test_hostile import MEMORY

ROOT = Path(__file__).resolve().parents[3]
OLD, NEW = artifact("1.9.0", big=2000), artifact("1.10.0", big=2000)


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    for each in (OLD, NEW):
        write_folder(each, tmp_path / RELEASES / each.version)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(checkout, capsys):
    def run(*arguments):
        code = main(list(arguments))
        out, err = capsys.readouterr()
        for secret in (os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY")):
            assert not secret or secret not in out + err
        return code, out, err

    return run


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_without_a_destination_the_newest_version_goes_into_a_folder(run, checkout):
    code, out, _ = run("publish")
    assert code == 0
    assert out.startswith(
        "quilt-registry 1.10.0 is published with 4 files:\n  at published: 6 files written and compared;"
    )
    assert files(checkout / "published" / PRODUCT / "1.10.0") == files(checkout / RELEASES / "1.10.0")
    assert (checkout / "published" / PRODUCT / LATEST).is_file()
    assert run("verify")[0] == 0


def test_running_it_again_writes_nothing(run, checkout):
    run("publish")
    before = {path: path.stat().st_mtime_ns for path in (checkout / "published").rglob("*")}
    code, out, _ = run("publish")
    assert (code, "there already, byte for byte" in out) == (0, True)
    assert {path: path.stat().st_mtime_ns for path in (checkout / "published").rglob("*")} == before


def test_a_dry_run_makes_no_write_call_and_prints_what_a_run_would_write(run, proxied_environment, proxy, bucket):
    code, out, _ = run("publish", "--dry-run", f"s3://{bucket}/quilt")
    assert code == 0
    assert proxy.requests
    assert {request.method for request in proxy.requests} <= {"GET", "HEAD"}
    planned = re.findall(r"^  (?:write|point) +(\S+)", out, re.MULTILINE)
    proxy.reset()
    assert run("publish", f"s3://{bucket}/quilt")[0] == 0
    assert {request.method for request in proxy.writes} == {"PUT"}
    written = [request.path for request in proxy.writes if request.server_status == 200]
    assert sorted(written) == sorted(f"/{bucket}/quilt/{key}" for key in planned)


def test_a_dry_run_into_a_folder_makes_nothing(run, checkout):
    assert run("publish", "--dry-run")[0] == 0
    assert not (checkout / "published").exists()


def test_every_write_has_a_condition_and_a_checksum(run, proxied_environment, proxy, bucket):
    run("publish", "--version", "1.9.0", f"s3://{bucket}")
    run("publish", f"s3://{bucket}")
    written = [request for request in proxy.writes if request.server_status == 200]
    assert len(written) == 14
    for request in proxy.writes:
        assert request.method == "PUT"
        assert (request.headers.get("if-none-match") == "*") is not ("if-match" in request.headers)
        assert request.headers["x-amz-checksum-sha256"]
    (moved,) = [request for request in written if "if-match" in request.headers]
    assert moved.path.endswith(LATEST)


def test_what_has_a_version_may_be_cached_for_ever_and_the_pointer_never(run, aws_environment, s3, bucket):
    run("publish", f"s3://{bucket}")
    assert "immutable" in s3.head_object(Bucket=bucket, Key=f"{PRODUCT}/1.10.0/launch.html")["CacheControl"]
    assert s3.head_object(Bucket=bucket, Key=f"{PRODUCT}/{LATEST}")["CacheControl"] == "no-cache"


def test_a_browser_shows_what_people_read(run, checkout, aws_environment, s3, bucket):
    more = {f"x.{end}": end.encode() for end in ("md", "svg", "json", "html")}
    made = artifact("2.0.0", big=2000)
    made = compose(made.manifest.document, {**made.contents, **more})
    write_folder(made, checkout / RELEASES / "2.0.0")
    run("publish", f"s3://{bucket}")
    types = {name: s3.head_object(Bucket=bucket, Key=f"{PRODUCT}/2.0.0/{name}")["ContentType"] for name in more}
    assert types == {
        "x.md": "text/plain; charset=utf-8",
        "x.svg": "image/svg+xml",
        "x.json": "application/json",
        "x.html": "text/html; charset=utf-8",
    }
    assert s3.head_object(Bucket=bucket, Key=f"{PRODUCT}/2.0.0/diagram.png")["ContentType"] == "image/png"


@pytest.mark.exhaustive  # four processes
def test_the_aws_cli_reads_bit_for_bit_what_was_released(checkout, aws_environment, bucket, tmp_path):
    """By the real commands."""
    location = f"s3://{bucket}/some/prefix"
    scripts = Path(sys.executable).parent
    subprocess.run([scripts / "quilt-cfn", "publish", location], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(
        [scripts / "aws", "s3", "cp", "--recursive", "--quiet", f"{location}/{PRODUCT}/1.10.0/", tmp_path / "read"],
        check=True,
    )
    assert files(tmp_path / "read") == files(checkout / RELEASES / "1.10.0")
    assert (
        subprocess.run([scripts / "quilt-cfn", "verify", location], stdout=subprocess.DEVNULL, check=False).returncode
        == 0
    )


def test_an_older_version_is_published_beside_the_newer_and_latest_stays(run):
    run("publish")
    code, out, _ = run("publish", "--version", "1.9.0")
    assert (code, f"{PRODUCT}/{LATEST} names 1.10.0" in out) == (0, True)
    assert "quilt-registry 1.10.0" in run("verify")[1]
    assert "quilt-registry 1.9.0" in run("verify", "--version", "1.9.0")[1]


def test_a_released_version_that_was_edited_is_not_published(run, checkout):
    (checkout / RELEASES / "1.10.0" / "launch.html").write_text("better")
    code, _, err = run("publish")
    assert (code, "is not as it was released: launch.html" in err) == (2, True)
    assert not (checkout / "published").exists()


def test_several_buckets_are_published_to_at_once(run, checkout, proxied_environment, proxy, s3, bucket):
    others = [f"{bucket}-{number}" for number in range(3)]
    for each in others:
        s3.create_bucket(Bucket=each, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    code, out, _ = run("publish", *(f"s3://{each}/quilt" for each in [bucket, *others]))
    assert code == 0
    assert out.count("  at s3://") == 4
    assert f"To check it (and every other location): quilt-cfn verify s3://{bucket}/quilt\n" in out
    regions = {bucket: "us-east-1", **dict.fromkeys(others, "eu-west-1")}
    assert re.findall(r"^To launch it: (.*)$", out, re.MULTILINE) == [
        f"https://{each}.s3.{region}.amazonaws.com/quilt/{PRODUCT}/1.10.0/launch.html"
        for each, region in regions.items()
    ]


def test_a_bucket_that_fails_does_not_stop_the_others(
    run, checkout, proxied_environment, proxy, s3, bucket, monkeypatch
):
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    s3.create_bucket(Bucket=f"{bucket}-2")
    proxy.faults = lambda request: (
        Answer(503, "SlowDown") if request.method == "PUT" and request.path.startswith(f"/{bucket}-2/") else None
    )
    code, out, err = run("publish", f"s3://{bucket}-2", f"s3://{bucket}")
    assert code == 2
    assert [line for line in out.splitlines() if line.startswith("  at ")] == [
        f"  at s3://{bucket}: 6 files written and compared; {PRODUCT}/{LATEST} names 1.10.0"
    ]
    assert f"To launch it: https://{bucket}.s3." in out
    assert f"{bucket}-2" not in out
    assert f"s3://{bucket}-2/{PRODUCT}/1.10.0/SHA256SUMS could not be written: AWS is busy" in err
    proxy.reset()
    assert run("publish", f"s3://{bucket}-2", f"s3://{bucket}")[0] == 0


def test_a_bucket_that_does_not_exist_is_an_error_before_anything_is_written(run, proxied_environment, proxy, bucket):
    code, out, err = run("publish", f"s3://{bucket}", f"s3://{bucket}-missing")
    assert (code, out) == (2, "")
    assert f"There is no bucket {bucket}-missing." in err
    assert not proxy.writes


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--version", "3.0.0"], "3.0.0 is not a released version."),
        (["s3://UPPER/case"], "s3://UPPER/case is not a location in S3."),
        (["s3://bucket/../other"], "s3://bucket/../other is not a location in S3."),
        (["https://example.com"], "Nothing can be published to 'https://example.com'."),
        ([""], "Argument DESTINATION: it is empty"),
        (["--sign", "missing.pem"], "missing.pem"),
        (["--check-bucket"], "is not in S3"),
    ],
)
def test_a_wrong_argument_is_an_error_before_anything_is_written(run, checkout, arguments, sentence):
    code, out, err = run("publish", *arguments)
    assert (code, out) == (2, "")
    assert sentence in err
    assert not (checkout / "published").exists()


def make_key(name):
    """A key in `name`.pem, and its public half in `name`.pub; returns the fingerprint that OpenSSL computes."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", f"{name}.pem"], check=True)
    os.chmod(f"{name}.pem", 0o600)
    subprocess.run(["openssl", "pkey", "-in", f"{name}.pem", "-pubout", "-out", f"{name}.pub"], check=True)
    command = f"openssl pkey -pubin -in {name}.pub -outform DER | sha256sum"
    done = subprocess.run(command, shell=True, check=True, capture_output=True, text=True)
    return f"sha256:{done.stdout.split()[0]}"


def test_publish_ends_in_five_lines(run, checkout, aws_environment, s3, bucket):
    code, out, _ = run("publish", f"s3://{bucket}/quilt")
    assert (code, out.splitlines()) == (
        0,
        [
            "quilt-registry 1.10.0 is published with 4 files:",
            f"  at s3://{bucket}/quilt: 6 files written and compared; {PRODUCT}/{LATEST} names 1.10.0",
            "This run signed nothing: nobody vouches for a version without a signature. Add it with --sign FILE.",
            f"To check it: quilt-cfn verify s3://{bucket}/quilt",
            f"To launch it: https://{bucket}.s3.us-east-1.amazonaws.com/quilt/{PRODUCT}/1.10.0/launch.html",
        ],
    )
    key = f"quilt/{PRODUCT}/1.10.0/launch.html"
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == NEW.contents["launch.html"]
    assert sorted(path.name for path in checkout.iterdir()) == ["templates"], "no other file is left in the checkout"


def test_a_signed_version_names_the_key_and_the_command_that_checks_it_works(
    run, checkout, aws_environment, s3, bucket
):
    fingerprint = make_key("key")
    code, out, _ = run("publish", "--sign", "key.pem", f"s3://{bucket}/quilt", "copy")
    assert (code, f"Signed with the key {fingerprint}." in out) == (0, True)
    assert not (checkout / "published").exists()
    (command,) = re.findall(r"^To check it .*: quilt-cfn (.*)$", out, re.MULTILINE)
    code, checked, _ = run(*shlex.split(command))
    assert (code, f"signed with key.pub ({fingerprint})" in checked) == (0, True)


def test_a_published_version_is_signed_later_and_not_published_unsigned_again(run, checkout):
    make_key("key")
    assert run("publish")[0] == 0
    assert run("publish", "--sign", "key.pem")[0] == 0
    assert run("verify", "--public-key", "key.pub")[0] == 0
    assert run("publish", "--sign", "key.pem")[0] == 0
    code, out, err = run("publish", "--version", "1.9.0")
    assert (code, "This run signed nothing" in out, err) == (0, True, "")


@pytest.fixture
def signed_release(checkout):
    """A version whose manifest names the key of key.pem; there is another one in other.pem."""
    fingerprint = make_key("key")
    make_key("other")
    named = artifact("2.0.0", big=2000)
    named = compose({**named.manifest.document, "signing_key": fingerprint}, named.contents)
    write_folder(named, checkout / RELEASES / "2.0.0")
    return fingerprint


@pytest.mark.parametrize("arguments", [["--sign", "other.pem"], []])
def test_a_version_that_names_its_key_is_published_with_no_other_and_not_without(
    run, checkout, signed_release, arguments
):
    code, out, err = run("publish", *arguments)
    assert (code, out, signed_release in err) == (2, "", True)
    assert not (checkout / "published").exists()
    code, out, _ = run("publish", "--sign", "key.pem")
    assert (code, f"Signed with the key {signed_release}." in out) == (0, True)


@pytest.fixture
def draft(checkout):
    """A draft of a version above all others."""
    made = artifact("1.11.0", big=2000)
    made = compose({**made.manifest.document, "version": "1.11.0-draft.1", "draft": True}, made.contents)
    write_folder(made, checkout / RELEASES / "1.11.0-draft.1")
    return "1.11.0-draft.1"


def test_a_draft_is_published_to_a_folder_when_it_is_named_and_latest_stays(run, checkout, draft):
    code, out, _ = run("publish", "--version", draft)
    assert (code, f"{PRODUCT}/{LATEST} names nothing" in out) == (0, True)
    assert not (checkout / "published" / PRODUCT / LATEST).exists()
    (command,) = re.findall(r"^To check it: quilt-cfn (.*)$", out, re.MULTILINE)
    code, checked, _ = run(*command.split())
    assert (code, f"quilt-registry {draft} of commit" in checked) == (0, True)
    assert f"quilt-registry {draft} of commit" in run("verify", f"published/{PRODUCT}/{draft}")[1]
    assert f"To launch it: published/{PRODUCT}/{draft}/launch.html" in out
    assert (checkout / "published" / PRODUCT / draft / "launch.html").is_file()
    assert "1.10.0 is published" in run("publish")[1]
    code, out, _ = run("publish", "--version", draft)
    assert (code, f"{PRODUCT}/{LATEST} names 1.10.0" in out) == (0, True)
    assert "quilt-registry 1.10.0" in run("verify")[1]


def test_a_draft_is_refused_for_s3_before_anything_is_asked_or_written(
    run, checkout, draft, proxied_environment, proxy, bucket
):
    for arguments in ([], ["--dry-run"]):
        code, out, err = run("publish", "--version", draft, "published", f"s3://{bucket}/quilt", *arguments)
        assert (code, out) == (2, "")
        assert f"{draft} is a draft, and is not published to s3://{bucket}/quilt: customers read there." in err
    assert not proxy.requests
    assert not (checkout / "published").exists()


@pytest.mark.parametrize("step", ["plan", "validate", "submit", "drift"])
def test_no_step_of_marketplace_takes_a_draft(run, checkout, draft, step):
    shutil.copytree(ROOT / "marketplace", checkout / "marketplace")
    version = read_release(checkout / "marketplace/release.yaml").version
    release_file = checkout / "marketplace/release.yaml"
    release_file.write_text(release_file.read_text().replace(f"version: {version}", "version: 1.11.0"))
    code, _, err = run("marketplace", step)
    assert (code, "1.11.0 is not a released version.\nThere are: 1.9.0, 1.10.0." in err) == (2, True)
    for each in ("1.9.0", "1.10.0"):
        shutil.rmtree(checkout / RELEASES / each)
    code, _, err = run("marketplace", step)
    assert (code, f"has only drafts, such as {draft}.\nMake one" in err) == (2, True)


def test_a_dry_run_says_how_a_run_would_end_and_writes_no_page(run, checkout, aws_environment, bucket):
    planned = run("publish", "--dry-run", f"s3://{bucket}")[1].splitlines()
    assert not (checkout / "published").exists()
    ended = run("publish", f"s3://{bucket}")[1].splitlines()
    assert planned[-6:] == ["Without --dry-run this would be the result:", *ended]


def test_a_bucket_is_checked_without_a_write_call(run, proxied_environment, proxy, bucket):
    code, out, _ = run("publish", "--check-bucket", f"s3://{bucket}/quilt")
    assert code == 1
    assert f"s3://{bucket}/quilt: warning B01 [quilt-cfn] Versioning is not enabled" in out
    assert f'"arn:aws:s3:::{bucket}/quilt/{PRODUCT}/*"' in out
    assert {request.method for request in proxy.requests} <= {"GET", "HEAD"}


@pytest.mark.parametrize(
    "end", ["", "/quilt-registry/1.9.0", "/quilt-registry/1.9.0/manifest.json", f"/{PRODUCT}/{LATEST}"]
)
def test_verify_takes_the_address_of_a_version_or_of_a_file_as_well(run, end):
    run("publish", "--version", "1.9.0")
    run("publish")
    version = "1.9.0" if "1.9.0" in end else "1.10.0"
    assert f"quilt-registry {version} of commit" in run("verify", f"published{end}")[1]


def test_verify_prints_each_difference_and_exits_with_1(run, checkout):
    run("publish")
    (checkout / "published" / PRODUCT / "1.10.0" / "launch.html").write_text("better")
    code, out, _ = run("verify")
    assert code == 1
    assert out.splitlines()[0] == "published: error V02 [quilt-cfn] launch.html is not what was released."


def test_a_withdrawn_version_is_not_published_and_the_newest_other_one_is(run, checkout):
    (checkout / "CHANGELOG.md").write_text("## 1.10.0 (withdrawn 2026-11-27)\n\nIt was wrong.\n")
    code, _, err = run("publish", "--version", "1.10.0")
    assert code == 2
    assert "1.10.0 was withdrawn, as CHANGELOG.md says: nobody gets it any more." in err
    assert "Take another version; there are: 1.9.0." in err
    assert not (checkout / "published").exists()
    code, out, _ = run("publish")
    assert (code, out.startswith("quilt-registry 1.9.0 is published with 4 files:\n  at published")) == (0, True)
    assert "quilt-registry 1.9.0" in run("verify")[1]


def test_latest_moves_from_a_version_that_was_withdrawn_after_it_was_published(run, checkout):
    run("publish")
    (checkout / "CHANGELOG.md").write_text("## 1.10.0 (withdrawn 2026-11-27)\n\nIt was wrong.\n")
    assert f"{PRODUCT}/{LATEST} names 1.9.0" in run("publish")[1]
    assert "quilt-registry 1.9.0" in run("verify")[1]


def test_without_a_released_version_publish_and_verify_say_so(run, checkout):
    for version in ("1.9.0", "1.10.0"):
        shutil.rmtree(checkout / RELEASES / version)
    code, _, err = run("publish")
    assert (code, "No version has been released" in err, "Make one with quilt-cfn release." in err) == (2, True, True)
    code, _, err = run("verify")
    assert (code, "Nothing is published at published" in err) == (2, True)
    assert "publish a released version there with quilt-cfn publish." in err


def test_a_folder_that_holds_another_version_is_not_published(run, checkout):
    (checkout / RELEASES / "1.10.0").rename(checkout / RELEASES / "2.0.0")
    code, _, err = run("publish")
    assert (code, "is the release 1.10.0." in err) == (2, True)


def test_nothing_is_read_over_http(run):
    code, _, err = run("verify", "http://example.com/quilt")
    assert (code, "anybody on the way could change it" in err) == (2, True)


def test_two_versions_at_once_are_not_verified(run):
    run("publish")
    code, _, err = run("verify", f"published/{PRODUCT}/1.10.0", "--version", "1.9.0")
    assert (code, "is 1.10.0, and --version says 1.9.0." in err) == (2, True)


def test_the_help_of_verify_states_its_bounds(capsys):
    assert main(["verify", "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert f"at most {MOST_FILES} files, of at most {LARGEST_FILE // 1024**2} MiB each" in text
    assert f"{LARGEST_VERSION // 1024**2} MiB together" in text
    assert f"its manifest has at most {LARGEST_MANIFEST // 1024} KiB" in text
    assert f"at most {SECONDS} seconds" in text
    assert f"give up after so long; default: {SECONDS}" in text
    assert f"less than {MEMORY // 1000**2} MB of memory" in text


@pytest.mark.parametrize("seconds", ["abc", "0", "-1", "nan", "1e9", ""])
def test_a_timeout_that_is_no_number_of_seconds_is_an_error(run, seconds):
    code, _, err = run("verify", "--timeout", seconds)
    assert (code, "Argument --timeout:" in err) == (2, True)


def test_verify_reports_a_version_older_than_the_one_that_the_reader_knows(run):
    run("publish")
    code, out, _ = run("verify", "--at-least", "1.11.0")
    assert (code, "error V11 [quilt-cfn] 1.10.0 is older than 1.11.0" in out) == (1, True)
    assert run("verify", "--at-least", "1.10.0")[0] == 0
