"""The page in a browser: what people see, hear, type and take away."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from playwright.sync_api import expect

from quilt_cfn.cloudformation.facts import availability, partitions
from quilt_cfn.cloudformation.facts.regional_gaps import REGIONS_WITH_SES_SMTP
from quilt_cfn.delivery.publish.stores.locations import object_url
from quilt_cfn.delivery.site.launch_page.form import form
from quilt_cfn.delivery.site.launch_page.page import capabilities, embedded, launch_page
from quilt_cfn.editions import EDITIONS
from quilt_cfn.inputs.contract import read_contract
from tests.browser import axe_violations, overflow
from tests.delivery.site.launch_page.filling import (
    EXAMPLE,
    FOLDER,
    PUBLISHED,
    REGION,
    SECRETS,
    choose_edition,
    file_of,
    fill_in,
    title,
)

TYPED = {"DBPassword": "Zw3i&Un-d'\\fuenf", "SmtpPassword": 'S3chs"und<7>{acht}\\'}


def link(page, selector="#open") -> tuple[str, dict[str, str]]:
    """The host that a link leads to, and what it passes to the console."""
    url = urlsplit(page.locator(selector).get_attribute("href"))
    return url.hostname or "", dict(parse_qsl(url.fragment.partition("?")[2], strict_parsing=True))


def error_of(page, name) -> str:
    error = page.locator(f"#{name}-error")
    return error.inner_text() if error.is_visible() else ""


# The form.


def test_an_empty_form_says_how_much_is_missing_and_offers_nothing_to_launch(page):
    assert title(page) == f"Not yet: {len([name for name in EXAMPLE if 'InstanceType' not in name])} values missing"
    for name in ("by-console", "by-commands", "by-marketplace"):
        assert page.locator(f"#{name}").is_hidden()
    assert page.locator("[aria-invalid]").count() == 0, "nobody is blamed before anything was entered"


def test_what_is_wrong_is_said_when_a_field_is_left_and_withdrawn_as_one_types(page):
    page.locator("#TeamId").press_sequentially("Team")
    assert error_of(page, "TeamId") == ""
    page.keyboard.press("Tab")
    sentence = "2 to 20 lower-case letters; team, public, anonymous and quilt are reserved."
    assert error_of(page, "TeamId") == f"Parameter TeamId failed to satisfy constraint: {sentence}"
    assert page.locator("#TeamId").get_attribute("aria-invalid") == "true"
    assert "TeamId-error" in page.locator("#TeamId").get_attribute("aria-describedby").split()
    page.locator("#TeamId").fill("teams")
    assert error_of(page, "TeamId") == ""
    assert page.locator("#TeamId").get_attribute("aria-invalid") is None
    page.locator("#TeamId").fill("team")
    assert error_of(page, "TeamId") != "", "a field that was left is judged at every key"


def test_a_required_field_that_is_left_empty_says_so(page):
    page.locator("#KeyName").focus()
    page.keyboard.press("Tab")
    assert error_of(page, "KeyName") == "Parameters: [KeyName] must have values"


def test_rules_name_the_field_that_has_to_change(page):
    fill_in(page, {**EXAMPLE, "RegistryHost": EXAMPLE["CatalogHost"]})
    assert error_of(page, "RegistryHost") == "The catalog and the registry need two different host names."
    assert title(page) == "Not yet: 1 refused"
    fill_in(page, {"RegistryHost": "b.example.com", "AvailabilityZone1": "eu-west-1a"})
    (problem,) = page.locator("#problems li").all_inner_texts()
    assert problem.startswith("Second Availability Zone: One Availability Zone is given without the other")
    page.get_by_role("link", name="Second Availability Zone").click()
    assert page.evaluate("document.activeElement.id") == "AvailabilityZone2", "its group was opened"
    assert page.url == PUBLISHED


def test_a_region_that_lacks_something_is_refused_by_the_rules(page):
    fill_in(page, {**EXAMPLE, "CertificateArn": EXAMPLE["CertificateArn"].replace(REGION, "af-south-1")})
    page.locator("#region").select_option("af-south-1")
    assert title(page) == "Not yet: 1 refused"
    assert (
        page.locator("#problems")
        .inner_text()
        .startswith("Mail server: Amazon SES takes no mail by SMTP in this Region")
    )


def test_a_size_that_the_region_lacks_is_refused_as_soon_as_it_is_chosen(page):
    page.locator("#region").select_option("eu-north-1")
    page.evaluate("document.getElementById('InstanceType').closest('details').open = true")
    page.locator("#InstanceType").select_option("t2.small")
    assert error_of(page, "InstanceType") == "This Region does not offer t2: choose another type, for example t3.small."
    page.locator("#InstanceType").select_option("t3.small")
    assert error_of(page, "InstanceType") == ""


def test_a_certificate_of_another_region_is_noticed(page):
    fill_in(page, {**EXAMPLE, "CertificateArn": EXAMPLE["CertificateArn"].replace(REGION, "us-east-1")})
    assert error_of(page, "CertificateArn") == "This is in us-east-1, and the stack would be in eu-west-1."


def test_each_parameter_has_its_label_sentences_default_and_control(page, templates):
    for group in form(templates):
        for field in group.fields:
            row = page.locator(f"#field-{field.name}")
            text = " ".join((row.text_content() or "").split())
            for part in (field.label, field.description, field.constraint or "", field.default or ""):
                assert " ".join(part.split()) in text
            kind = row.locator("[name]").evaluate("each => each.type")
            assert kind == {"select": "select-one"}.get(field.control, field.control)
            assert (row.locator("[aria-required]").count() == 1) == field.required
    assert page.locator("#BackupRetentionDays").get_attribute("max") == "35"
    assert page.locator("#DBInstanceType option").all_text_contents() == [
        str(each) for each in templates["registry"]["Parameters"]["DBInstanceType"]["AllowedValues"]
    ]


def test_what_may_stay_is_folded_away_and_says_when_something_changed(page):
    assert page.locator("details.group[open]").count() == 0
    assert page.locator("details.group [aria-required]").count() == 0
    fill_in(page, {"DBStorage": "300", "OldVersionDays": "90"})
    assert page.locator(".changes").all_text_contents().count("2 changed") == 1


def test_a_number_field_refuses_what_is_no_number_and_what_is_too_large(page):
    page.evaluate("document.getElementById('DBStorage').closest('details').open = true")
    for typed, sentence in (
        ("1e", "Parameter 'DBStorage' must be a number"),
        ("5001", "Parameter 'DBStorage' must be a number not greater than 5000"),
        ("", "Parameter 'DBStorage' must be a number"),
        ("300", ""),
    ):
        page.locator("#DBStorage").fill("")
        page.locator("#DBStorage").press_sequentially(typed)
        page.locator("#DBStorage").blur()
        page.evaluate("touched.add('DBStorage'); update()")
        assert error_of(page, "DBStorage") == sentence


def test_each_edition_shows_its_own_parameters(page, templates):
    def shown():
        return set(page.evaluate("names().filter((name) => !byId(`field-${name}`).hidden)"))

    assert shown() == {*templates["registry"]["Parameters"]}
    choose_edition(page, "marketplace")
    assert shown() == {*templates["marketplace"]["Parameters"]}


# What comes out.


def test_a_complete_form_opens_the_console_with_its_values_and_without_its_secrets(page):
    fill_in(page, EXAMPLE)
    assert title(page) == "Ready to launch"
    host, given = link(page)
    assert host == "eu-west-1.console.aws.amazon.com"
    required = {f"param_{name}": value for name, value in EXAMPLE.items() if "InstanceType" not in name}
    assert given == {"templateURL": f"{FOLDER}quilt-registry.yaml", "stackName": "quilt-registry", **required}
    text = page.locator("#by-console-text").inner_text()
    assert "SMTP password, Database password" in text
    fill_in(page, {"DBStorage": "300"})
    assert link(page)[1]["param_DBStorage"] == "300", "what differs from the default is passed on"


def test_secrets_are_not_needed_here_but_checked_where_they_are_typed(page):
    fill_in(page, {**EXAMPLE, "DBPassword": "short"})
    assert title(page) == "Not yet: 1 refused"
    fill_in(page, {"DBPassword": "correct-horse-battery"})
    assert title(page) == "Ready to launch"


@pytest.mark.exhaustive
@pytest.mark.parametrize("edition", EDITIONS)
def test_a_secret_is_in_nothing_that_the_page_shows_downloads_copies_or_keeps(open_launch_page, edition):
    page = open_launch_page(permissions=["clipboard-read", "clipboard-write"], accept_downloads=True)
    choose_edition(page, edition)
    fill_in(page, EXAMPLE)
    for name, secret in TYPED.items():
        page.locator(f"#{name}").fill("")
        page.locator(f"#{name}").press_sequentially(secret)
    page.locator("button[data-reveals=DBPassword]").click()
    assert title(page) == "Ready to launch"
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true })")
    texts = [page.content(), page.url, page.title(), page.locator("body").inner_text()]
    for button in page.locator("[data-copies]:visible").all():
        button.click()
        texts.append(page.evaluate("navigator.clipboard.readText()"))
    with page.expect_download() as download:
        page.locator("#download").click()
    texts.append(Path(download.value.path()).read_text(encoding="utf-8"))
    page.wait_for_timeout(800)  # what is announced, and what a pause might set off
    texts.append(page.content())
    texts += page.locator("a").evaluate_all("links => links.map((each) => decodeURIComponent(each.href))")
    texts.append(
        page.evaluate("""async () => JSON.stringify([
            {...localStorage}, {...sessionStorage}, document.cookie, history.state, history.length, window.name,
            await indexedDB.databases(), await caches.keys(),
        ])""")
    )
    assert json.loads(texts[-1]) == [{}, {}, "", None, 2, "", [], []]
    assert len(texts) > 10
    for secret in TYPED.values():
        encoded = (
            quote(secret),
            quote(secret, safe=""),
            json.dumps(secret)[1:-1],
            base64.b64encode(secret.encode()).decode(),
        )
        for form_ in (secret, secret.replace("&", "&amp;"), secret.replace("<", "&lt;").replace(">", "&gt;"), *encoded):
            assert not [text[:80] for text in texts if form_ in text]


def test_every_other_region_has_a_link_without_what_belongs_to_this_one_or_a_reason(page):
    fill_in(page, {**EXAMPLE, "AvailabilityZone1": "eu-west-1a", "AvailabilityZone2": "eu-west-1b", "DBStorage": "300"})
    inside = [each for each in availability.regions() if partitions.partition(each) == "aws" and each != REGION]
    rows = page.evaluate("[...byId('links').children].map((each) => [each.textContent, each.querySelector('a')?.href])")
    assert len(rows) == len(inside)
    links = [urlsplit(url) for _, url in rows if url]
    reasons = {text.partition(": ")[2] for text, url in rows if not url}
    assert reasons == {"Amazon SES takes no mail by SMTP in this Region: fill in the mail server of another service."}
    assert {(url.hostname or "").partition(".")[0] for url in links} == {*inside} & {*REGIONS_WITH_SES_SMTP}
    for url in links:
        given = dict(parse_qsl(url.fragment.partition("?")[2], strict_parsing=True))
        assert given["param_DBStorage"] == "300"
        assert not {"param_CertificateArn", "param_AvailabilityZone1", "param_AvailabilityZone2"} & {*given}


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("bucket_region", "partition"),
    [
        ("eu-central-1", "aws"),
        ("us-gov-west-1", "aws-us-gov"),
        ("cn-north-1", "aws-cn"),
        ("eusc-de-east-1", "aws-eusc"),
    ],
)
def test_a_page_leads_to_every_region_of_its_partition_and_to_no_other(open_launch_page, bucket_region, partition):
    page = open_launch_page(object_url("quilt-releases", bucket_region, "quilt-registry/1.1.0/launch.html"))
    assert page.locator("#field-address").is_hidden()
    assert page.locator("#region").input_value() == bucket_region
    inside = [each for each in availability.regions() if partitions.partition(each) == partition]
    assert sorted(page.evaluate("regionsInReach().map((each) => each.id)")) == inside
    for region in inside:
        page.locator("#region").select_option(region)
        values = {**EXAMPLE, "SmtpHost": "smtp.example.com"}
        values["CertificateArn"] = values["CertificateArn"].replace(REGION, region).replace(":aws:", f":{partition}:")
        fill_in(page, values)
        refused = (
            page.evaluate("ruleRefusals(edition().rules, {...openValues(), 'AWS::Region': region().id}).length") > 0
        )
        assert refused == (partition == "aws-cn")
        if not refused:
            host, given = link(page)
            assert host == f"{region}.{partitions.CONSOLES[partition]}"
            assert given["templateURL"] == object_url(
                "quilt-releases", bucket_region, "quilt-registry/1.1.0/quilt-registry.yaml"
            )
            assert f"AWS_REGION={region} " in (page.locator("#commands").text_content() or "")


def test_the_marketplace_edition_is_launched_there_and_by_its_publisher_in_one_region(page):
    choose_edition(page, "marketplace")
    fill_in(page, EXAMPLE)
    assert page.locator("#by-marketplace").is_visible()
    assert page.locator("#by-commands").is_hidden()
    assert link(page)[0] == "us-east-1.console.aws.amazon.com"
    assert (
        page.locator("#by-console-text").inner_text().startswith("Only the publisher's own account can use this link")
    )
    rows = dict(
        page.evaluate("[...byId('values').rows].map((row) => [row.cells[0].textContent, row.cells[1].textContent])")
    )
    assert rows["Team name"] == "Example Data Science"
    assert not {"SMTP password", "Database password", "Machine image"} & {*rows}
    assert page.locator("#other-regions").is_hidden()


def test_a_copy_of_the_page_asks_where_it_was_published(open_launch_page, open_page, launch_html, tmp_path):
    copy = tmp_path / "launch.html"
    copy.write_text(launch_html, encoding="utf-8")
    page = open_page(copy)
    fill_in(page, {**EXAMPLE, "CertificateArn": EXAMPLE["CertificateArn"].replace(REGION, "us-east-1")})
    assert title(page) == "Not yet: 1 value missing"
    page.locator("#address").fill("https://quilt.example.com/launch.html")
    page.locator("#address").blur()
    assert error_of(page, "address").startswith("An address begins with https:// and names a bucket and its Region")
    page.locator("#address").fill(PUBLISHED)
    assert title(page) == "Ready to launch"
    assert link(page)[1]["templateURL"] == f"{FOLDER}quilt-registry.yaml"


def test_the_file_of_parameters_continues_another_time(open_launch_page, tmp_path):
    page = open_launch_page(accept_downloads=True)
    chosen = {
        **EXAMPLE,
        "TeamName": "M\u00fcller\u2019s \u65e5\u672c\u8a9e",
        "DBStorage": "300",
        "MaintenanceWindow": "sat:20:00-sat:21:00",
    }
    fill_in(page, {**chosen, **TYPED})
    with page.expect_download() as download:
        page.locator("#download").click()
    assert download.value.suggested_filename == "quilt-registry-parameters.json"
    saved = tmp_path / "saved.json"
    download.value.save_as(saved)
    assert not {*SECRETS} & {*file_of(page)}
    other = open_launch_page()
    other.locator("#load").set_input_files(saved)
    expect(other.locator("#load-result")).not_to_be_empty()
    assert file_of(other) == file_of(page)
    assert title(other) == "Ready to launch"
    assert other.locator("#load-result").inner_text() == f"{len(file_of(page))} values filled in."


def test_a_file_with_secrets_or_strange_names_fills_in_the_rest_and_says_what_it_left_out(page, tmp_path):
    file = tmp_path / "file.json"
    file.write_text(
        json.dumps({**TYPED, "Other": "x", "TeamId": "example", "DBStorage": "many", "InstanceType": "t9.huge"})
    )
    page.locator("#load").set_input_files(file)
    said = "1 value filled in. Left out: DBPassword, SmtpPassword, Other, DBStorage, InstanceType."
    expect(page.locator("#load-result")).to_have_text(said)
    assert page.locator("#DBPassword").input_value() == ""
    assert page.locator("#TeamId").input_value() == "example"
    file.write_text("<script>")
    page.locator("#load").set_input_files(file)
    expect(page.locator("#load-result")).to_have_text("file.json can't be used: The file is not JSON.")


def test_copying_says_so_and_copies_the_whole(open_launch_page):
    page = open_launch_page(permissions=["clipboard-read", "clipboard-write"])
    fill_in(page, EXAMPLE)
    page.locator("[data-copies=commands]").click()
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#commands").text_content()
    expect(page.locator("#announcements")).to_have_text("Commands copied.")


def test_a_browser_that_does_not_copy_selects_the_text(open_launch_page):
    page = open_launch_page()
    fill_in(page, EXAMPLE)
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('denied')) }")
    page.locator("[data-copies=file]").click()
    expect(page.locator("details:has(#file)")).to_have_attribute("open", "")
    assert page.evaluate("getSelection().toString()").count("ParameterKey") == len(file_of(page))


# For everybody.


@pytest.mark.exhaustive
def test_the_keyboard_alone_fills_in_the_form_and_copies_the_commands(open_launch_page):
    page = open_launch_page(permissions=["clipboard-read", "clipboard-write"])
    visited: list[str] = []

    def tab_to(name: str) -> None:
        for _ in range(80):
            if page.evaluate("document.activeElement.id || document.activeElement.dataset.copies") == name:
                return
            page.keyboard.press("Tab")
            visited.append(page.evaluate("[...document.querySelectorAll('*')].indexOf(document.activeElement)"))
        raise AssertionError(f"the Tab key does not lead to {name}")

    tab_to("edition-registry")
    page.keyboard.press("ArrowDown")
    assert page.locator("#edition-marketplace").is_checked()
    page.keyboard.press("ArrowUp")
    for name in page.evaluate("names().filter((name) => byId(name).ariaRequired === 'true' && !isSecret(name))"):
        tab_to(name)
        page.keyboard.type(EXAMPLE[name])
    # A group that is folded is opened by its key, and a list is changed by arrows.
    while page.evaluate("document.activeElement.tagName") != "SUMMARY":
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    tab_to("InstanceType")
    page.keyboard.press("ArrowDown")
    assert page.locator("#InstanceType").input_value() == "t3.medium"
    assert title(page) == "Ready to launch"
    tab_to("commands")
    page.keyboard.press("Enter")
    assert "t3.medium" in page.evaluate("navigator.clipboard.readText()")
    assert visited == sorted(visited), "the focus moves down the page"


def test_check_leads_to_the_list_of_what_is_missing(page):
    page.locator("#check").click()
    assert page.evaluate("document.activeElement.id") == "summary"
    assert page.locator("#summary").is_visible()
    assert page.locator("[aria-invalid]").count() == page.locator("#problems li").count() > 5


def test_what_changes_is_announced_once_typing_pauses(page):
    fill_in(page, EXAMPLE)
    expect(page.locator("#announcements")).to_have_text("The form is complete.")
    assert page.locator("#announcements").get_attribute("role") == "status"


def states(open_launch_page, **options):
    """(name, page) of the page as people meet it: empty, with errors, complete, in both editions."""
    for edition in EDITIONS:
        page = open_launch_page(**options)
        choose_edition(page, edition)
        yield f"{edition}, empty", page
        fill_in(page, {"TeamId": "Team 1", "CatalogHost": "https://quilt.example.com"})
        page.locator("#check").click()
        page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true })")
        yield f"{edition}, errors", page
        fill_in(page, EXAMPLE)
        assert title(page) == "Ready to launch"
        yield f"{edition}, complete", page


WINDOWS: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1280, "height": 900}},
    "phone": {"viewport": {"width": 320, "height": 640}, "has_touch": True, "is_mobile": True},
    "zoomed to 200%": {"viewport": {"width": 640, "height": 450}, "device_scale_factor": 2},
}


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("window", "scheme"), [("desktop", "light"), ("desktop", "dark"), ("phone", "dark"), ("zoomed to 200%", "light")]
)
def test_axe_finds_nothing_in_any_state(open_launch_page, window, scheme):
    for name, page in states(open_launch_page, color_scheme=scheme, **WINDOWS[window]):
        assert (name, axe_violations(page)) == (name, [])
        assert (name, overflow(page)) == (name, 0)


def test_axe_finds_nothing_in_a_page_with_errors(page):
    fill_in(page, {"TeamId": "Team 1"})
    page.locator("#check").click()
    assert axe_violations(page) == []


@pytest.mark.exhaustive
def test_nothing_moves_where_people_ask_for_less_motion(open_launch_page):
    for motion, moves in (("reduce", False), ("no-preference", True)):
        page = open_launch_page(reduced_motion=motion)
        found = page.evaluate("getComputedStyle(document.documentElement).scrollBehavior === 'smooth'")
        durations = page.evaluate(
            """[...document.querySelectorAll("summary")].map(
                (each) => getComputedStyle(each, "::before").transitionDuration)"""
        )
        assert found == moves
        assert any(each != "0s" for each in durations) == moves


def test_the_focus_is_seen_everywhere(page):
    fill_in(page, EXAMPLE)
    unseen = page.evaluate(
        """() => [...document.querySelectorAll("a, button, input, select, summary, pre")].filter((each) => {
            each.focus({focusVisible: true});
            if (document.activeElement !== each) return false;
            const places = [each, each.closest(".card")].filter(Boolean);
            return places.every((place) => getComputedStyle(place).outlineStyle === "none");
        }).map((each) => each.outerHTML.slice(0, 80))"""
    )
    assert unseen == []


def test_without_javascript_the_parameters_are_explained_and_the_commands_shown(open_launch_page, templates):
    page = open_launch_page(java_script_enabled=False)
    text = " ".join(page.locator("body").inner_text().split())
    assert "create-change-set" in text
    assert "quilt-registry.yaml" in text
    for name in ("TeamId", "CertificateArn", "DBPassword"):
        assert templates["registry"]["Parameters"][name]["Description"] in text
    for name in ("aside", "#look", "#launch"):
        assert page.locator(name).is_hidden()


# The file.


def test_the_same_release_gives_the_same_bytes(release, templates, launch_html):
    assert launch_page(release, templates, read_contract()) == launch_html


def test_nothing_in_the_file_loads_or_sends_anything(launch_html):
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', launch_html)
    assert policy
    rules = dict(each.strip().split(" ", 1) for each in policy[1].replace("&#39;", "'").split(";"))
    assert rules.pop("default-src") == "'none'"
    assert rules.pop("img-src") == "data:"
    assert rules.pop("base-uri") == rules.pop("form-action") == "'none'"
    assert {*rules} == {"style-src", "script-src"}
    assert all(re.fullmatch(r"'sha256-[A-Za-z0-9+/]{43}='", each) for each in rules.values())
    scripts = re.findall(r"<script>(.*?)</script>", launch_html, re.DOTALL)
    assert len(scripts) == 1
    forbidden = (
        r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|new Function|fetch\(|XMLHttp|sendBeacon"
        r"|localStorage|sessionStorage|indexedDB|document\.cookie|history\."
    )
    assert re.findall(forbidden, scripts[0]) == []


def test_a_script_or_a_style_that_is_not_the_pages_own_does_nothing(chromium, launch_html):
    spoiled = launch_html.replace(
        "</body>", "<script>document.title = 'x'</script><style>h1 {opacity: 0}</style></body>"
    )
    with chromium.new_context() as context:
        context.route("**/*", lambda route: route.fulfill(body=spoiled, content_type="text/html"))
        page = context.new_page()
        page.goto(PUBLISHED)
        assert page.title().startswith("Launch the Quilt Teams Registry")
        assert page.evaluate("getComputedStyle(document.querySelector('h1')).opacity") == "1"
        assert title(page).startswith("Not yet"), "the page's own script runs"


def test_no_text_in_a_template_can_end_the_data():
    hostile = ["</script><script>alert(1)</script>", "<!--", "]]>", "\u2028", "é", "&lt;"]
    text = embedded(hostile)
    assert not {*"<>"} & {*text}
    assert text.isascii()
    assert json.loads(text) == hostile


def test_what_a_template_says_is_text_whatever_it_holds(open_page, release, templates):
    template = json.loads(json.dumps(templates["registry"]))
    template["Parameters"]["TeamId"]["Description"] = hostile = (
        '"><img src=x onerror=alert(1)><script>alert(2)</script>'
    )
    template["Parameters"]["TeamId"]["ConstraintDescription"] = "</script><b>"
    page = open_page(PUBLISHED, content=launch_page(release, {"registry": template}, read_contract()))
    assert page.locator("#TeamId-about").inner_text() == hostile
    fill_in(page, {"TeamId": "</script>"})
    assert error_of(page, "TeamId").endswith("</script><b>")


def test_capabilities_are_those_of_the_resources():
    role = {"Type": "AWS::IAM::Role", "Properties": {}}
    assert capabilities({"Resources": {"A": {"Type": "AWS::S3::Bucket"}}}) == []
    assert capabilities({"Resources": {"A": role}}) == ["CAPABILITY_IAM"]
    key = {"Type": "AWS::IAM::AccessKey", "Properties": {"UserName": "x"}}
    assert capabilities({"Resources": {"A": key}}) == ["CAPABILITY_IAM"]
    named = {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "x"}}
    assert capabilities({"Resources": {"A": named}, "Transform": "AWS::LanguageExtensions"}) == [
        "CAPABILITY_NAMED_IAM",
        "CAPABILITY_AUTO_EXPAND",
    ]


def test_a_parameter_that_two_editions_declare_differently_is_no_form(templates):
    other = json.loads(json.dumps(templates["marketplace"]))
    other["Parameters"]["TeamId"]["AllowedPattern"] = "x"
    with pytest.raises(ValueError, match="marketplace declares TeamId differently from registry"):
        form({"registry": templates["registry"], "marketplace": other})
