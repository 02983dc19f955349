"""What is installed is all of the programs, and takes no common name in site-packages."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.house.sources import PACKAGES, ROOT, closure, modules, third_party
from tests.house.test_requirements import (
    BUILDS,
    NEEDED_BY_REDIS,
    OF_THE_EMBEDDED_MODE,
    TRAINED_WITH,
    distributions,
    names_in,
    normalised,
)

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
OF_A_CHECKOUT = shutil.ignore_patterns(".*", "tests", "benchmarks", "docs", "__pycache__", "*.egg-info", "build", "var")


def names(requirements: Iterable[str]) -> set[str]:
    return {normalised(re.split(r"[\[~=;<>! ]", line)[0]) for line in requirements} - {"digitmill"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy: setuptools writes beside what it builds."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT, folder / "checkout", ignore=OF_A_CHECKOUT)
    pip(
        sys.executable,
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        str(folder),
        str(folder / "checkout"),
    )
    (found,) = folder.glob("*.whl")
    return found


def pip(python: str, *words: str) -> None:
    command = [sys.executable, "-m", "pip", "--python", python, "--quiet", "--no-input", *words]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def test_a_wheel_has_every_module_and_nothing_of_another_name(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        files = set(archive.namelist())
    tops = {name.partition("/")[0] for name in files}
    assert all(re.fullmatch(r"digitmill(_programs|-.*\.dist-info)?", top) for top in tops)
    paths = [path.relative_to(ROOT) for name in PACKAGES for path in (ROOT / name).rglob("*.py")]
    wanted = {str(path if path.parts[0] == "digitmill" else Path("digitmill_programs", path)) for path in paths}
    assert wanted <= files
    data = ["digitmill/store/lua/take.lua", "digitmill_programs/web/templates/base.html"]
    data += ["digitmill_programs/web/static/style.css", "digitmill_programs/samples/digits.zip"]
    assert set(data) <= files


def test_the_demo_runs_in_an_environment_that_has_the_wheel_alone(wheel: Path, tmp_path: Path) -> None:
    """Other packages are those that the tests run with."""
    venv.create(tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv" / "bin" / "python"
    packages = subprocess.check_output(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
    ).strip()
    others = [path for path in sys.path if path.endswith("-packages")] or [sysconfig.get_path("purelib")]
    Path(packages, "others.pth").write_text("\n".join(others))
    pip(str(python), "install", "--no-deps", str(wheel))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    where = subprocess.check_output(
        [python, "-c", "import digitmill; print(digitmill.__file__)"], cwd=elsewhere, env=environment, text=True
    )
    assert where.startswith(packages)
    ended = subprocess.run(
        [python.with_name("digitmill"), "demo"], cwd=elsewhere, env=environment, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr


def test_client_and_command_line_start_with_what_is_always_installed() -> None:
    needed = distributions(
        third_party(closure(modules("digitmill/cli", "digitmill/client"), at_import=True), at_import=True)
    )
    assert names(PROJECT["dependencies"]) == needed


def test_the_service_installs_what_its_code_imports_and_no_deep_learning_framework() -> None:
    imported = names_in("requirements-web.txt") | names_in("requirements-worker.txt") | OF_THE_EMBEDDED_MODE
    imported |= distributions(third_party(closure(modules("digitmill/forms"))))
    always = names(PROJECT["dependencies"])
    assert names(EXTRAS["service"]) == imported - always - TRAINED_WITH
    assert names(EXTRAS["service"]) >= NEEDED_BY_REDIS


def test_the_rest_is_what_training_and_the_tests_need() -> None:
    known = names(PROJECT["dependencies"]) | names(EXTRAS["service"])
    assert names(EXTRAS["train"]) == distributions(third_party(closure(modules("training")))) - known
    assert names(EXTRAS["dev"]) | names(EXTRAS["train"]) | known | BUILDS == names_in("requirements.txt")
