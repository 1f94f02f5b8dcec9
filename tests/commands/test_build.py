"""``quilt-cfn build``: which text it writes where."""

from __future__ import annotations

import json
from itertools import dropwhile

import yaml

from quilt_cfn.cloudformation.template.read import read_template
from quilt_cfn.cloudformation.template.write import to_json, to_yaml
from tests.command_line import ROOT, run


def test_a_near_miss_is_guessed():
    assert "Did you mean marketplace?" in run("build", "marketplase").stderr


def test_build_writes_every_template_to_a_folder(tmp_path, all_templates):
    done = run("build", "--output", "templates/", folder=tmp_path)
    assert done.returncode == 0
    assert done.stdout.count("written") == 3
    assert (tmp_path / "templates/quilt-registry.yaml").read_text() == to_yaml(all_templates["registry"])
    assert (tmp_path / "templates/quilt-registry-marketplace.yaml").read_text() == to_yaml(all_templates["marketplace"])
    assert (tmp_path / "templates/quilt-image-factory.yaml").read_text() == to_yaml(all_templates["image-factory"])
    assert run("build", "--output", "templates/", folder=tmp_path).stdout.count("unchanged") == 3


def test_build_writes_one_edition_where_it_is_told(tmp_path, templates):
    run("build", "marketplace", "--format", "json", "--output", tmp_path / "new" / "t.json")
    assert (tmp_path / "new" / "t.json").read_text() == to_json(templates["marketplace"])
    run("build", "registry", "--output", tmp_path)
    run("build", "registry", "--output", f"{tmp_path}/deep/er/")
    assert (tmp_path / "quilt-registry.yaml").read_text() == (tmp_path / "deep/er/quilt-registry.yaml").read_text()


def test_build_prints_nothing_but_the_template_to_standard_output(templates):
    assert run("build", "registry", "--output", "-").stdout == to_yaml(templates["registry"])


def test_a_failed_build_leaves_the_old_file(tmp_path):
    old = tmp_path / "t.yaml"
    old.write_text("old")
    release = tmp_path / "release.yaml"
    release.write_text(yaml.safe_dump({"version": "1.0.0"}))
    done = run("build", "registry", "--output", old, "--release", release)
    assert done.returncode == 2
    assert old.read_text() == "old"


def test_another_release_file_makes_another_template(tmp_path, release):
    text = (ROOT / "marketplace/release.yaml").read_text().replace(f"version: {release.version}", "version: 7.8.9")
    (tmp_path / "release.yaml").write_text(text)
    built = run("build", "registry", "--output", "-", "--release", tmp_path / "release.yaml").stdout
    assert "Quilt Teams Registry 7.8.9" in built


def test_build_says_how_large_each_template_is_and_may_be(tmp_path):
    first, *others = run("build", "--output", "templates/", folder=tmp_path).stdout.splitlines()
    size = (tmp_path / "templates/quilt-registry.yaml").stat().st_size
    assert first == f"templates/quilt-registry.yaml: written, {size:,} bytes of at most 200,000"
    assert all(each.endswith(" bytes of at most 200,000") for each in others)


def test_compact_json_is_the_same_template_without_white_space_and_script_comments(tmp_path):
    done = run("build", "--format", "json", "--compact", "--output", f"{tmp_path}/")
    text = (tmp_path / "quilt-registry.json").read_text()
    assert text == json.dumps(json.loads(text), separators=(",", ":")) + "\n"
    compact, full = json.loads(text), read_template(ROOT / "templates/quilt-registry.yaml").data
    for name, file in full["Mappings"].pop("Files").items():
        bare = compact["Mappings"]["Files"][name]["Text"].splitlines()
        assert bare == [line for line in file["Text"].splitlines() if line in bare]
        below = dropwhile(lambda line: line.startswith("#"), bare)
        assert not [line for line in below if line.lstrip().startswith("#")], name
    del compact["Mappings"]["Files"]
    assert compact == full
    assert f"{len(text):,} bytes" in done.stdout
    assert "the 51,200 bytes of --template-body" in done.stdout
