"""The images install exactly what their locks name, and the locks say what requirements.txt says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from fnmatch import fnmatch
from importlib import metadata

import pytest

from tests.house.sources import ROOT
from tests.house.test_importing import FRAMEWORKS
from tests.house.test_requirements import names_in, normalised

IMAGES = ("web", "worker", "gpu", "trainer")
LOCKS = (
    *(f"requirements-{image}.lock" for image in IMAGES),
    "requirements-service.lock",
    "requirements-docs.lock",
    "requirements-deploy.lock",
    "requirements.lock",
)
PIN = re.compile(r"^([A-Za-z0-9_.-]+)(?:\[[a-z0-9,-]+\])?==([^\s;]+)", re.MULTILINE)


def pins(file: str) -> Mapping[str, str]:
    """Versions by name; with environment markers a package may have several, of which one is told."""
    return {normalised(name): version for name, version in PIN.findall((ROOT / file).read_text())}


def test_every_file_that_the_images_copy_is_there_and_goes_to_the_build() -> None:
    sent = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert {"digitmill", "web", "worker", "training", "requirements-web.lock"} <= {*copied}
    for path in copied:
        assert list(ROOT.glob(path)), path
        assert any(fnmatch(path, pattern) or fnmatch(path.partition("/")[0], pattern) for pattern in sent), path


@pytest.mark.parametrize("image", IMAGES)
def test_a_lock_holds_every_package_of_its_list_in_the_pinned_version(image: str) -> None:
    locked, pinned = pins(f"requirements-{image}.lock"), pins("requirements.txt")
    listed = names_in(f"requirements-{image}.txt")
    assert listed
    assert {name: locked.get(name) for name in listed} == {name: pinned[name] for name in listed}, "run `make lock`"


def test_what_a_checkout_installs_is_locked_in_the_pinned_versions() -> None:
    pinned, all_locked = pins("requirements.txt"), pins("requirements.lock")
    assert {name: all_locked.get(name) for name in pinned} == pinned, "run `make lock`"
    of_service = pins("requirements-service.lock")
    assert {name: of_service[name] for name in pinned if name in of_service} == {
        name: version for name, version in pinned.items() if name in of_service
    }, "run `make lock`"


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_the_hashes_of_its_files(lock: str) -> None:
    lines = (ROOT / lock).read_text().splitlines()
    heads = [number for number, line in enumerate(lines) if not line.startswith(" ")]
    assert all(PIN.match(lines[number]) for number in heads)
    assert all(re.match(r"    --hash=sha256:[0-9a-f]{64}", lines[number + 1]) for number in heads)


@pytest.mark.parametrize("lock", LOCKS)
def test_what_is_asked_for_with_an_extra_is_locked_with_it(lock: str) -> None:
    """Else pip takes the newest release there is for it, which has no hash here."""
    text = (ROOT / lock).read_text()
    asked = {wanted for name in pins(lock) for wanted in _with_extras(name)}
    lacking = [f"{name}[{extras}]" for name, extras in asked if not re.search(rf"(?m)^{name}\[{extras}\]==", text)]
    assert lacking == []


def _with_extras(name: str) -> Iterator[tuple[str, str]]:
    """What the package ``name`` needs with extras, and these; it is passed over where it is not installed."""
    with suppress(metadata.PackageNotFoundError):
        for line in metadata.requires(name) or ():
            found = re.match(r"([A-Za-z0-9_.-]+)\[([a-z0-9,-]+)\]", line)
            # what only an extra of its own asks for is not installed
            if found is not None and "extra ==" not in line:
                yield found[1], found[2]


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_place_to_download_from(lock: str) -> None:
    assert not re.search(r"://|--(extra-)?index|--find-links", (ROOT / lock).read_text())


def test_the_web_image_locks_no_deep_learning_framework() -> None:
    assert not FRAMEWORKS & set(pins("requirements-web.lock"))
