"""The same template, as small as it gets: for programs, and for ``--template-body`` if it fits into 51,200 bytes."""

from __future__ import annotations

from quilt_cfn.cloudformation.template.write import TemplateDict
from quilt_cfn.instance import without_comments
from quilt_cfn.stack.instance import FILES_MAPPING


def without_script_comments(template: TemplateDict) -> TemplateDict:
    """The template in which the files for the instance have no comments but their first ones.

    Nothing else differs, so that a stack may be updated from one to the other without a new instance.
    """
    if FILES_MAPPING not in template.get("Mappings", {}):
        return template
    files = template["Mappings"][FILES_MAPPING]
    bare = {name: {"Text": without_comments(file["Text"])} for name, file in files.items()}
    return {**template, "Mappings": {**template["Mappings"], FILES_MAPPING: bare}}
