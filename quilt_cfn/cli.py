"""The command line: parse, call one function, print.

The rule: no command does anything itself, and none imports what another one needs. Exit codes are 0 for fine, 1 for
findings, 2 for trouble (a sentence and a next step on standard error), 130 when interrupted.
"""

from __future__ import annotations

import argparse
import functools
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from quilt_cfn import __version__
from quilt_cfn.errors import Trouble

if TYPE_CHECKING:
    from quilt_cfn.marketplace.submitting import Wait

TEMPLATES = Path("templates")
"""Where the rendered templates of a checkout lie, seen from its top folder."""
PUBLISHED = Path("published")
"""Where versions are published to when no destination is named."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    try:
        options = _parser().parse_args(arguments)
        exit_code: int = options.run(options)
        sys.stdout.flush()
        return exit_code
    except Trouble as trouble:
        print(f"quilt-cfn: {trouble.what}\n{trouble.next_step}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Whoever read our output has seen enough. Python would complain once more when it closes the pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("quilt-cfn: interrupted; every file is as it was or complete.", file=sys.stderr)
        return 130


class _Parser(argparse.ArgumentParser):
    """argparse whose complaints are a sentence and a next step."""

    def error(self, message: str) -> NoReturn:
        sentence = message[:1].upper() + message[1:]
        raise Trouble(f"{sentence.rstrip('.')}.", f"See: {self.prog} --help")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="quilt-cfn",
        description="Generate, prove and publish the CloudFormation templates of the Quilt Teams Registry.",
        epilog="Example: quilt-cfn build && quilt-cfn lint",
    )
    parser.add_argument("--version", action="version", version=f"quilt-cfn {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=_Parser, prog=parser.prog)

    build = commands.add_parser(
        "build",
        help="render the templates",
        description="Render the template of every edition, or of the editions named.",
        epilog="Examples: quilt-cfn build; quilt-cfn build registry --output /tmp/registry.yaml; "
        "quilt-cfn build marketplace --format json --output -",
    )
    build.add_argument("editions", metavar="EDITION", nargs="*", help="registry or marketplace; all when none is named")
    build.add_argument(
        "--output",
        metavar="PATH",
        default=f"{TEMPLATES}{os.sep}",
        help="a folder (existing, or ending in /), a file for a single edition, or - for standard output; "
        "default: %(default)s",
    )
    build.add_argument("--format", choices=("yaml", "json"), default="yaml", help="default: %(default)s")
    build.add_argument(
        "--release", metavar="FILE", type=Path, help="default: marketplace/release.yaml of this checkout"
    )
    build.set_defaults(run=_build)

    lint = commands.add_parser(
        "lint",
        help="ask cfn-lint and cloudformation-validate about templates, in every Region",
        description="Report every error and warning of cfn-lint and of cloudformation-validate in every Region. "
        "Exits with 1 when anything is found that quilt_cfn/checks/suppressions.yaml does not explain.",
        epilog="Examples: quilt-cfn lint; quilt-cfn lint my-template.yaml --explain",
    )
    lint.add_argument("templates", metavar="FILE", nargs="*", type=Path, help=f"default: the editions in {TEMPLATES}/")
    lint.add_argument("--explain", action="store_true", help="also print what was suppressed, and why")
    lint.set_defaults(run=_lint)

    check = commands.add_parser(
        "check",
        help="judge templates by everything that they come to",
        description="Without FILE, judge every edition in every Region, both sizes and both sides of every condition, "
        "by our own rules, cfn-lint and cloudformation-validate. With FILE, judge anybody's template by our own rules, "
        "as one form in one Region makes it. docs/rules.md lists the rules. Exits with 1 for findings that nothing "
        "explains, and with 2 where there is nothing to judge or CloudFormation would refuse the form.",
        epilog="Examples: quilt-cfn check; quilt-cfn check stack.yaml --region eu-west-1 --parameters KeyName=admin; "
        "quilt-cfn check stack.json --parameters parameters.json --format sarif; quilt-cfn check --explain W08",
    )
    check.add_argument("file", metavar="FILE", nargs="?", type=Path, help="a template, or - for standard input")
    check.add_argument(
        "--parameters",
        metavar="FILE|KEY=VALUE",
        action="append",
        default=[],
        help="values for the form, repeatable; a file holds a map, or the list that the AWS CLI takes. Parameters "
        "without a value and a default stay unknown",
    )
    check.add_argument("--region", metavar="REGION", help="the Region of FILE's launch; default: us-east-1")
    check.add_argument("--marketplace", action="store_true", help="also ask what AWS Marketplace would refuse in FILE")
    check.add_argument("--format", choices=("text", "json", "sarif"), default="text", help="default: %(default)s")
    check.add_argument("--explain", metavar="ID", help="say how what a rule finds comes about, and nothing else")
    check.set_defaults(run=_check)

    docs = commands.add_parser(
        "docs",
        help="write the generated pages of docs/ and marketplace/",
        description="Write docs/rules.md, docs/lifecycle.md and marketplace/usage-instructions.txt from the rules and "
        "the templates of this checkout.",
        epilog="Example: quilt-cfn docs",
    )
    docs.set_defaults(run=_docs)

    release = commands.add_parser(
        "release",
        help="write down, once, what a version is",
        description="Write the folder of the version in marketplace/release.yaml into templates/releases: templates, "
        "documents, bill of materials, hashes and manifest. Refuses changes that no commit has, versions that exist or "
        "go backwards, images with a moving tag, a version that CHANGELOG.md does not date, and findings.",
        epilog="Example: quilt-cfn release",
    )
    release.set_defaults(run=_release)

    publish = commands.add_parser(
        "publish",
        help="publish a released version to S3 or to a folder",
        description="Copy a released version to every DESTINATION, read it back and compare, and let latest.json point "
        "to it. May be run again at any time; what is published never changes. Credentials are found as by every AWS "
        "tool. Exits with 1 when --check-bucket finds something.",
        epilog="Examples: quilt-cfn publish; quilt-cfn publish --dry-run s3://example-artifacts/quilt; "
        "quilt-cfn publish --version 1.0.0 --sign key.pem s3://artifacts-us/quilt s3://artifacts-eu/quilt",
    )
    publish.add_argument(
        "destinations",
        metavar="DESTINATION",
        nargs="*",
        help=f"s3://BUCKET/PREFIX, or a folder; default: {PUBLISHED}{os.sep}",
    )
    publish.add_argument("--version", metavar="VERSION", help="default: the newest in templates/releases")
    publish.add_argument("--sign", metavar="FILE", type=Path, help="sign with this private key (Ed25519, PEM)")
    publish.add_argument("--dry-run", action="store_true", help="print what would be written, and write nothing")
    publish.add_argument(
        "--check-bucket", action="store_true", help="only say what is wrong with the buckets, and the policy they need"
    )
    publish.set_defaults(run=_publish)

    verify = commands.add_parser(
        "verify",
        help="compare a published version with its manifest and signature",
        description="Read a published version from S3, a folder or the web, and compare every byte with its manifest; "
        "with --public-key also ask who signed it. Exits with 1 when something differs.",
        epilog="Examples: quilt-cfn verify s3://example-artifacts/quilt; quilt-cfn verify --version 1.0.0 "
        "--public-key quilt.pub https://example-artifacts.s3.us-east-1.amazonaws.com/quilt",
    )
    verify.add_argument(
        "location",
        metavar="LOCATION",
        nargs="?",
        default=f"{PUBLISHED}{os.sep}",
        help="s3://BUCKET/PREFIX, a folder or https://HOST/PREFIX; default: %(default)s",
    )
    verify.add_argument("--version", metavar="VERSION", help="default: the one that latest.json points to")
    verify.add_argument("--public-key", metavar="FILE", type=Path, help="the signer's public key (PEM)")
    verify.set_defaults(run=_verify)

    marketplace = commands.add_parser(
        "marketplace",
        help="submit the released version to AWS Marketplace, rehearsed first",
        description="Make a change set for the AWS Marketplace listing of marketplace/listing.yaml and the version in "
        "marketplace/release.yaml. What AWS Marketplace would refuse for its texts, sizes or names is refused before "
        "anything is sent. submit may be interrupted and repeated: it never starts a second change set.",
        epilog="Examples: quilt-cfn marketplace plan; quilt-cfn marketplace submit; "
        "quilt-cfn marketplace status --follow",
    )
    steps = marketplace.add_subparsers(metavar="STEP", required=True, parser_class=_Parser, prog=marketplace.prog)
    for step, help_text, run in (
        ("plan", "print the request that would be sent, as JSON", _plan),
        ("validate", "have AWS rehearse it (Intent=VALIDATE), to the end", _validate),
        ("submit", "validate, then apply, then follow to the end", _submit),
        ("status", "say what became of the product's change sets", _status),
        ("drift", "compare what buyers get with what was released; exits with 1 when it differs", _drift),
    ):
        parser_of_step = steps.add_parser(
            step,
            help=help_text,
            description=f"{help_text[:1].upper()}{help_text[1:]}.",
            epilog=f"Example: quilt-cfn marketplace {step}",
        )
        parser_of_step.set_defaults(run=run)
        if step in ("validate", "submit", "status"):
            parser_of_step.add_argument(
                "--every",
                metavar="SECONDS",
                type=_seconds,
                help="how often to look while waiting; default: 15 seconds at first, 60 later",
            )
        if step == "status":
            parser_of_step.add_argument(
                "about", metavar="ID", nargs="?", help="of a change set or a product; default: the listing's product"
            )
            parser_of_step.add_argument("--follow", action="store_true", help="wait for the end of what is going on")
    return parser


def _build(options: argparse.Namespace) -> int:
    from quilt_cfn import building  # late: troposphere costs 0.1 s, which lint and --help don't need

    for line in building.build_all(options.editions, options.output, options.format, options.release):
        print(line)
    return 0


def _lint(options: argparse.Namespace) -> int:
    from quilt_cfn.checks import linting

    result = linting.lint(options.templates, default_folder=TEMPLATES)
    for finding in result.findings:
        print(finding)
    if options.explain:
        for finding, reason in result.suppressed:
            print(f"{finding}\n    suppressed: {reason}")
    print(result.summary)
    return 1 if result.findings else 0


def _docs(options: argparse.Namespace) -> int:
    from quilt_cfn import documenting

    for line in documenting.write_pages(TEMPLATES, Path()):
        print(line)
    return 0


def _check(options: argparse.Namespace) -> int:
    from quilt_cfn.checks import checking, explaining, report

    if options.explain:
        print(explaining.explain(options.explain))
        return 0
    if options.file:
        from quilt_cfn.checks import given

        form = given.form(options.parameters)
        result = checking.check_file(options.file, form, given.region(options.region), options.marketplace)
    else:
        if options.parameters or options.region or options.marketplace:
            raise Trouble(
                "--parameters, --region and --marketplace are about a template of yours.",
                "Name its file, or leave them out to check the editions in every Region.",
            )
        result = checking.check_editions(TEMPLATES)
    print(report.FORMATS[options.format](result))
    return 1 if result.findings else 0


def _release(options: argparse.Namespace) -> int:
    from quilt_cfn import releasing

    for line in releasing.release(Path()):
        print(line)
    return 0


def _publish(options: argparse.Namespace) -> int:
    from quilt_cfn.publish import publishing

    locations = options.destinations or [f"{PUBLISHED}{os.sep}"]
    if options.check_bucket:
        exit_code = 0
        for report, has_findings in publishing.check_buckets(locations):
            print(report)
            exit_code |= has_findings
        return exit_code
    artifact = publishing.choose(options.version)
    for line in publishing.publish(artifact, locations, options.sign, dry_run=options.dry_run):
        print(line)
    return 0


def _verify(options: argparse.Namespace) -> int:
    from quilt_cfn.publish import publishing

    verification = publishing.verify_at(options.location, options.version, options.public_key)
    print(verification)
    return 1 if verification.findings else 0


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= 3600:
        raise ValueError
    return seconds


def _wait(options: argparse.Namespace) -> Wait:
    from quilt_cfn.marketplace import submitting

    every = options.every
    return submitting.PATIENTLY._replace(first=every, most=every) if every else submitting.PATIENTLY


def _plan(options: argparse.Namespace) -> int:
    from quilt_cfn.marketplace import planning

    sys.stdout.write(planning.as_json(planning.plan(Path())))
    return 0


def _validate(options: argparse.Namespace) -> int:
    from quilt_cfn.marketplace import catalog, planning, submitting

    submission = planning.plan(Path())
    for line in submitting.validate(catalog.connect(), submission, _wait(options)):
        print(line, flush=True)
    return 0


def _submit(options: argparse.Namespace) -> int:
    from quilt_cfn.marketplace import catalog, checkout, planning, submitting

    submission = planning.plan(Path())
    verified = functools.partial(checkout.verify_published, Path())
    for line in submitting.submit(catalog.connect(), submission, verified, _wait(options)):
        print(line, flush=True)
    return 0


def _status(options: argparse.Namespace) -> int:
    from quilt_cfn.marketplace import catalog, checkout, submitting

    about = options.about or checkout.product(Path())
    for line in submitting.status(catalog.connect(), about, options.follow, _wait(options)):
        print(line, flush=True)
    return 0


def _drift(options: argparse.Namespace) -> int:
    from quilt_cfn.marketplace import catalog, drift, planning

    differences = drift.drift(catalog.connect(), planning.plan(Path()))
    for difference in differences:
        print(difference)
    if not differences:
        print("Buyers get what was released.")
    return 1 if differences else 0
