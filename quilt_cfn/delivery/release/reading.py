"""What people read in the folder of a version: the launch page, the guide, the changelog, the pictures, the policies of
a deployment role.

All of it is made of the checkout and of the released templates, and is the same bytes on every machine.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from quilt_cfn.cloudformation.describe.deployment_role import files
from quilt_cfn.delivery.product import GUIDE, LAUNCH_PAGE
from quilt_cfn.delivery.release.diagram import pictures
from quilt_cfn.delivery.site import navigation
from quilt_cfn.delivery.site.guide import Version, anchor, guide
from quilt_cfn.delivery.site.launch_page.page import launch_page
from quilt_cfn.delivery.site.pages import read_pages
from quilt_cfn.editions import EDITIONS
from quilt_cfn.inputs.changelog import CHANGELOG, read_changelog
from quilt_cfn.inputs.contract import read_contract
from quilt_cfn.inputs.listing import LISTING, read_listing
from quilt_cfn.inputs.release import DRAFT, Release

STACK = "quilt"
"""The name of the stack for which the policies are; the guide says how to make them for another one."""


def reading(root: Path, release: Release, date: str, templates: Mapping[str, bytes]) -> dict[str, bytes]:
    """Name -> content of each file, for a release of the checkout at ``root``.

    ``date`` is that of the release, YYYY-MM-DD, and ``templates`` has the templates as JSON by the names of their
    files. Raises ``UserError`` if a link in the guide leads nowhere.
    """
    editions = {
        name: json.loads(templates[Path(edition.file).with_suffix(".json").name]) for name, edition in EDITIONS.items()
    }
    draft = bool(DRAFT.fullmatch(release.version))
    beside = {
        LAUNCH_PAGE: "explains each field, and launches",
        **{edition.file: f"the template of the {name} edition" for name, edition in EDITIONS.items()},
        CHANGELOG.name: "what is new in each version",
        **{f"diagram-{name}.svg": f"the picture of the {name} edition" for name in EDITIONS},
        **{f"deployment-role-{name}-1.json": f"the first policy of a role that launches {name}" for name in EDITIONS},
    }
    pages = read_pages(root / navigation.GUIDE)
    warning = f"> Of {release.version}, which is a draft and no release.\n\n" if draft else ""
    texts = {
        LAUNCH_PAGE: launch_page(release, editions, read_contract()),
        GUIDE: guide(pages, Version(release.version, date, draft, beside)),
        CHANGELOG.name: warning + _with_links_to_the_guide(read_changelog(root)),
    }
    for name, template in editions.items():
        texts |= files(template, STACK, f"deployment-role-{name}")
    drawn = pictures(editions, read_listing(root / LISTING).diagram)
    return {**{name: text.encode() for name, text in texts.items()}, **dict(drawn)}


def _with_links_to_the_guide(changelog: str) -> str:
    """The changelog with links to the pages of the guide as they are in the file beside it."""

    def link(found: re.Match[str]) -> str:
        return f"]({GUIDE}#{anchor(found['page'], found['heading'] or '')})"

    return re.sub(rf"\]\({navigation.GUIDE}/(?P<page>[\w-]+)\.md(?:#(?P<heading>[\w-]+))?\)", link, changelog)
