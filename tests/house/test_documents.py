"""The documents and the code say the same."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
import typer.main

from digitmill.cli.app import app
from digitmill.cli.service import SAMPLES
from digitmill.doctor.findings import Code
from digitmill.errors import DigitmillError, FailureCode
from digitmill.forms.template import Template
from digitmill.imaging.files.formats import NAMES
from digitmill.models.registry import Registry
from digitmill.settings import PREFIX, Settings
from tests.house import settings_table
from tests.house.sources import ROOT
from tests.house.test_requirements import names_in
from web.tables.page_tables import FIRST, LAST

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\[[^]]*\]\(([^)\s]+)\)")
# Settings that containers do not take from outside: the Dockerfile fixes them, or they belong to the command line
NOT_FOR_CONTAINERS = {"host", "port", "var", "url", "key"}
README = (ROOT / "README.md").read_text()
MOST_OF_A_PICTURE, MOST_OF_THE_SAMPLES = 150_000, 1_500_000
"""Bytes."""
HELD_OUT = ("usps", "optdigits", "semeion")
# Errors that end a process at its start, or a row
NOT_FOR_CALLERS = {
    "backup_failed",
    "bad_settings",
    "cannot_start",
    "item_failure",
    "engine_unavailable",
    "model_rejected",
    "no_template",
    "page_not_registered",
    "several_pages",
}


def ids(path: Path) -> str:
    return str(path.relative_to(ROOT))


def anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_settings_page_is_the_settings_table() -> None:
    text = settings_table.PAGE.read_text()
    assert text == settings_table.page(text), "run `make settings-table`"


@pytest.mark.parametrize("path", DOCUMENTS, ids=ids)
def test_links_lead_somewhere(path: Path) -> None:
    for link in LINK.findall(path.read_text()):
        if link.startswith(("http://", "https://")):
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("path", DOCUMENTS, ids=ids)
def test_commands_that_documents_name_exist(path: Path) -> None:
    text = path.read_text()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE)) <= targets
    verbs = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]  # an app with verbs is a group
    assert set(re.findall(r"(?:^|`|bin/)digitmill ([a-z-]+)", text, re.MULTILINE)) <= verbs


@pytest.mark.parametrize("path", [*DOCUMENTS, ROOT / ".env.example"], ids=ids)
def test_settings_that_documents_name_exist(path: Path) -> None:
    named = set(re.findall(rf"{PREFIX}([A-Z_]*[A-Z])\b", path.read_text()))
    assert {name.lower() for name in named} <= set(Settings.model_fields)


@pytest.mark.parametrize("page", ["integrator.md", "clerk.md"])
def test_the_pages_for_callers_name_every_format(page: str) -> None:
    assert NAMES in " ".join((ROOT / "docs" / page).read_text().split())


def test_the_integrators_page_names_every_code_that_a_caller_may_meet() -> None:
    text = (ROOT / "docs" / "integrator.md").read_text()
    named = set(re.findall(r"`([a-z]+(?:_[a-z]+)+|unauthorized|forbidden|overloaded|expired)`", text))
    assert {code.value for code in FailureCode} <= named
    # further classes stand beside the code that raises them: those of the training never reach a caller
    kinds = [kind for kind in _leaves(DigitmillError) if kind.__module__ == DigitmillError.__module__]
    assert {kind.code for kind in kinds} - NOT_FOR_CALLERS <= named


def test_the_administrators_page_names_every_code_of_the_doctor() -> None:
    section = (ROOT / "docs" / "administrator.md").read_text().partition("## When something is stuck")[2]
    assert set(Code) <= set(re.findall(r"`([a-z_]+)`", section.partition("\n## ")[0]))


def _leaves(kind: type[DigitmillError]) -> list[type[DigitmillError]]:
    below = kind.__subclasses__()
    return [leaf for child in below for leaf in _leaves(child)] if below else [kind]


def test_the_readme_says_of_the_built_in_model_what_its_manifest_says() -> None:
    manifest = Registry("memory://none", Path("unused")).default()
    text = (ROOT / "README.md").read_text()
    assert f"`{manifest.label}`" in text
    for scores in (manifest.metrics.test["mnist"], *(manifest.metrics.validation[name] for name in HELD_OUT)):
        shares = (scores.accuracy, scores.coverage, scores.accepted_error)
        assert f"| {scores.images:,} | {' | '.join(f'{share:.2%}'.replace('%', ' %') for share in shares)} |" in text


def test_the_rows_of_pages_in_the_readme_are_those_of_the_sample() -> None:
    """What was read is right, and has the columns that a table of these pages has."""
    rows = csv.DictReader(
        re.findall(r"^index,name,status,template,.*\n(?:\d+,.*\n)+", README, re.MULTILINE)[0].splitlines()
    )
    with (SAMPLES / "tally-values.csv").open(newline="") as file:
        written = {line["name"]: line for line in csv.DictReader(file)}
    for row in rows:
        values = written[row["name"]]
        assert {name: row[name] for name in values} == values
    template = Template.parsed((SAMPLES / "tally.json").read_text())
    columns = (*FIRST, *(field.name for field in template.fields), *LAST)
    assert tuple(rows.fieldnames or ()) == columns
    assert template.label == "tally@1"


def test_the_first_picture_of_the_readme_is_small_and_says_what_it_shows() -> None:
    text, path = re.findall(r"!\[([^]]+)\]\(([^)]+)\)", README)[0]
    assert "table" in text
    assert (ROOT / path).stat().st_size < MOST_OF_A_PICTURE


def test_the_samples_stay_small() -> None:
    assert sum(path.stat().st_size for path in SAMPLES.iterdir()) < MOST_OF_THE_SAMPLES


def test_every_setting_reaches_the_containers_or_is_not_for_them() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    passed_on = {name.lower() for name in re.findall(rf"^ +{PREFIX}([A-Z_]+):", text, re.MULTILINE)}
    assert passed_on == set(Settings.model_fields) - NOT_FOR_CONTAINERS


def test_every_dependency_has_its_reason_in_the_architecture() -> None:
    reasons = (ROOT / "ARCHITECTURE.md").read_text().partition("## Why each dependency")[2]
    explained = {name for line in re.findall(r"^\| ([^|]+) \|", reasons, re.MULTILINE) for name in line.split(", ")}
    assert names_in("requirements.txt") <= explained
