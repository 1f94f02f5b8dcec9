"""The packages import only downward, and no module or package imports itself by way of others.

Imports inside functions count, because they say what a module needs as well; those under TYPE_CHECKING don't, because
nothing runs them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "quilt_cfn"

LAYERS: dict[str, set[str]] = {
    "quilt_cfn.errors": set(),
    "quilt_cfn.text": set(),
    "quilt_cfn.streams": set(),
    "quilt_cfn.finding": {"quilt_cfn.text"},
    "quilt_cfn.editions": set(),
    "quilt_cfn.files": {"quilt_cfn.errors"},
    "quilt_cfn.aws": {"quilt_cfn.errors", "quilt_cfn.text"},
    "quilt_cfn.instance": set(),
    "quilt_cfn.image": {"quilt_cfn.finding"},
    "quilt_cfn.cloudformation": {"quilt_cfn.errors", "quilt_cfn.finding", "quilt_cfn.text"},
    "quilt_cfn.inputs": {"quilt_cfn.cloudformation", "quilt_cfn.editions", "quilt_cfn.errors", "quilt_cfn.text"},
    "quilt_cfn.stack": {
        "quilt_cfn.cloudformation",
        "quilt_cfn.editions",
        "quilt_cfn.image",
        "quilt_cfn.inputs",
        "quilt_cfn.instance",
    },
}
LAYERS["quilt_cfn.delivery"] = {*LAYERS} - {"quilt_cfn.instance"}
LAYERS["quilt_cfn.commands"] = {*LAYERS} - {"quilt_cfn.instance", "quilt_cfn.aws"}
LAYERS["quilt_cfn.cli"] = {"quilt_cfn.commands", "quilt_cfn.errors", "quilt_cfn.streams", "quilt_cfn.text"}
LAYERS["quilt_cfn.__main__"] = {"quilt_cfn.cli"}
"""Package or module at the top -> those that it may import beside itself, from the lowest to the highest."""

CLOUDFORMATION = ("facts", "template", "launch", "analysis", "checks", "describe")
"""The packages in quilt_cfn.cloudformation, from the lowest to the highest."""


def modules() -> dict[str, Path]:
    """Name -> file of every module of ours, but for the programs that run on the instance by themselves."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if path.parent != PACKAGE / "instance" or path.name == "__init__.py":
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imports(path: Path) -> Iterator[tuple[str, str]]:
    """(module, name) of everything that a file imports from a module; the name is empty for ``import module``."""
    for node in running(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports by a relative name"
            yield from ((str(node.module), alias.name) for alias in node.names)


def running(node: ast.AST) -> Iterator[ast.AST]:
    """Everything in a syntax tree that may run."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            yield from (inner for other in child.orelse for inner in (other, *running(other)))
        else:
            yield child
            yield from running(child)


def own_imports(name: str) -> set[str]:
    """The modules of ours that a module imports."""
    found = set()
    for module, imported in imports(MODULES[name]):
        submodule = f"{module}.{imported}"
        found.add(submodule if submodule in MODULES else module)
    return {each for each in found if each in MODULES and each != name}


IMPORTS = {name: own_imports(name) for name in MODULES}


def top(name: str) -> str:
    """The package or module at the top that a module belongs to: quilt_cfn.stack of quilt_cfn.stack.network."""
    return ".".join(name.split(".")[:2])


@pytest.mark.parametrize("name", sorted(MODULES.keys() - {"quilt_cfn"}))
def test_a_module_imports_only_what_is_below_it(name: str) -> None:
    assert top(name) in LAYERS, f"{top(name)} has no place among the layers: give it one here"
    allowed = {*LAYERS[top(name)], top(name), "quilt_cfn"}
    assert sorted(each for each in IMPORTS[name] if top(each) not in allowed) == []


@pytest.mark.parametrize("name", sorted(name for name in MODULES if name.startswith("quilt_cfn.cloudformation.")))
def test_inside_cloudformation_as_well(name: str) -> None:
    below = CLOUDFORMATION[: CLOUDFORMATION.index(name.split(".")[2]) + 1]
    others = [each for each in IMPORTS[name] if each.startswith("quilt_cfn.cloudformation.")]
    assert sorted(each for each in others if each.split(".")[2] not in below) == []


def test_what_is_built_does_not_depend_on_what_checks_it() -> None:
    used = {each for name in MODULES if top(name) == "quilt_cfn.stack" for each in IMPORTS[name]}
    used = {each for each in used if each.startswith("quilt_cfn.cloudformation.")}
    assert sorted(each for each in used if each.split(".")[2] not in ("facts", "template")) == []


def test_only_delivery_reaches_aws_and_the_network() -> None:
    clients = {"boto3", "http", "socket", "ssl", "urllib"}
    for name, path in MODULES.items():
        if top(name) not in ("quilt_cfn.delivery", "quilt_cfn.aws"):
            assert {module.partition(".")[0] for module, _ in imports(path)} & clients == set(), name


def test_no_module_imports_itself_by_way_of_others() -> None:
    assert cycle(IMPORTS) == []


def test_no_package_imports_itself_by_way_of_others() -> None:
    packages: dict[str, set[str]] = {}
    for name, others in IMPORTS.items():
        here = package(name)
        packages.setdefault(here, set()).update({package(each) for each in others} - {here})
    assert cycle(packages) == []


def package(name: str) -> str:
    """The package that a module lies in; packages, and the modules at the top, lie in themselves."""
    return name if MODULES[name].name == "__init__.py" or name == top(name) else name.rpartition(".")[0]


def cycle(graph: Mapping[str, Iterable[str]]) -> list[str]:
    """One circle in a graph of imports; empty if there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        found: list[str] = error.args[1]
        return found
    return []


@pytest.mark.parametrize("name", sorted(name for name, path in MODULES.items() if path.name == "__init__.py"))
def test_every_package_says_what_it_is_for(name: str) -> None:
    docstring = ast.get_docstring(ast.parse(MODULES[name].read_text(encoding="utf-8")))
    assert docstring
    assert len(docstring.split()) >= 8
