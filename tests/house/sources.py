"""The project's own modules and what each of them imports, read from the source without running it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("digitmill", "web", "worker", "training")


@dataclass(frozen=True)
class Module:
    """``imports`` are full names of modules, wherever the import stands; ``at_import`` those at the top level."""

    name: str
    path: Path
    imports: frozenset[str]
    at_import: frozenset[str]


@cache
def modules(*packages: str) -> dict[str, Module]:
    """The modules of these packages (all of the project's, when none is named) by full name."""
    files = [path for package in packages or PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    return {module.name: module for module in map(_read, files)}


def closure(names: Iterable[str], *, at_import: bool = False) -> set[str]:
    """The project's modules that these may import, directly or through one another, with their packages.

    ``at_import`` leaves out what functions import.
    """
    known, found = modules(), set[str]()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in known and name not in found:
            found.add(name)
            waiting += [*(known[name].at_import if at_import else known[name].imports), name.rpartition(".")[0]]
    return found


def third_party(names: Iterable[str], *, at_import: bool = False) -> set[str]:
    """Top-level names that these modules import and that are neither the project's nor Python's own."""
    import sys

    found = [modules()[name] for name in names]
    imports = [module.at_import if at_import else module.imports for module in found]
    tops = {imported.partition(".")[0] for each in imports for imported in each}
    return tops - set(PACKAGES) - set(sys.stdlib_module_names)


def _read(path: Path) -> Module:
    tree = ast.parse(path.read_text(), filename=str(path))
    return Module(
        name=".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"),
        path=path,
        imports=frozenset(_imported(ast.walk(tree))),
        at_import=frozenset(_imported(tree.body)),
    )


def _imported(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports name the whole path"
            assert node.module is not None
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if _is_own_module(inner) else node.module


def _is_own_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()
