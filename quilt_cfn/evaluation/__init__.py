"""What CloudFormation would make of a template: the form, the Region and the account decide, and nothing is created.

    text ──▶ reading ──▶ a plain dict and its lines
                               │
       form ──▶ forms ──▶ evaluator and functions ──▶ Rendering: resources and outputs, computed

The rule: nothing here knows our product. What only AWS could tell (an attribute, a generated name) becomes a ``Text``
that says what it stands for, every ``Text`` knows what flowed into it, and what would fail becomes a ``Problem``;
nothing is guessed, and nothing is raised but ``Refused``, which says what the console would show.
"""

from quilt_cfn.evaluation.forms import Refused
from quilt_cfn.evaluation.rendering import Decision, Rendering, decide, evaluate
from quilt_cfn.evaluation.texts import Encoded, Origin, Text, UnknownList

__all__ = ["Decision", "Encoded", "Origin", "Refused", "Rendering", "Text", "UnknownList", "decide", "evaluate"]
