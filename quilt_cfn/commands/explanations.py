"""Every id that a command prints, explained: the rules, the checks of files, and the linters' own."""

from __future__ import annotations

import difflib

from quilt_cfn.cloudformation.checks import explanations
from quilt_cfn.cloudformation.describe.rules import explained
from quilt_cfn.delivery.images import explanations as images
from quilt_cfn.delivery.marketplace import explanations as marketplace
from quilt_cfn.delivery.publish import bucket
from quilt_cfn.delivery.publish import explanations as publish
from quilt_cfn.errors import UserError
from quilt_cfn.finding import Explanation, Family
from quilt_cfn.image import explanations as machine_image

FAMILIES: tuple[Family, ...] = (
    *explanations.FAMILIES,
    images.FAMILY,
    machine_image.FAMILY,
    *marketplace.FAMILIES,
    bucket.FAMILY,
    publish.VERSION,
)
"""What docs/rules.md lists, in its order."""

EXPLANATIONS: dict[str, Explanation] = {each.id: each for family in FAMILIES for each in family.explanations}


def explain(id: str) -> str:
    """What a rule of ours or of a linter is about, for a terminal; raises ``UserError`` if there is no such rule."""
    from quilt_cfn.cloudformation.checks import linters  # late, like the linters themselves

    names = {name.upper(): each for name, each in EXPLANATIONS.items()}
    explanation = names.get(id.upper()) or linters.explanation(id)
    if explanation:
        return explained(explanation)
    near = difflib.get_close_matches(id.upper(), names, 3)
    raise UserError(
        f"There is no rule {id}.",
        f"Near it: {', '.join(names[name].id for name in near)}." if near else "docs/rules.md lists all rules.",
    )
