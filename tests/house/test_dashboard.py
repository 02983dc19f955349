"""The dashboard of deploy/grafana asks for figures that there are, with labels that they have."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.house.sources import ROOT

BOARD: dict[str, Any] = json.loads((ROOT / "deploy" / "grafana" / "digitmill.json").read_text())
PROMTOOL = shutil.which("promtool")
OF_PROMETHEUS = {"job", "instance", "le"}


def table() -> dict[str, set[str]]:
    """The labels of each figure that the administrator's guide names; a test holds the guide to /metrics."""
    section = (ROOT / "docs" / "administrator.md").read_text().partition("### Figures for Prometheus")[2]
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \|(.*?)\| .+ \|$", section.partition("\n##")[0], re.MULTILINE)
    found = dict[str, set[str]]()
    for name, kind, labels in rows:
        names = [f"{name}_{part}" for part in ("bucket", "sum", "count")] if kind == "histogram" else [name]
        found |= dict.fromkeys(names, set(re.findall(r"`(\w+)`", labels)) | OF_PROMETHEUS)
    return found


def queries() -> list[str]:
    return [target["expr"] for panel in BOARD["panels"] for target in panel.get("targets", ())]


def grouped(query: str, words: str) -> set[str]:
    """The labels of its clauses that begin with one of the words."""
    return {label.strip() for group in re.findall(rf"\b(?:{words}) \((.*?)\)", query) for label in group.split(",")}


def test_every_figure_of_the_board_is_one_that_there_is() -> None:
    figures, asked = table(), " ".join(queries())
    named = set(re.findall(r"\bdigitmill_\w+", asked))
    assert named <= set(figures)
    bases = {re.sub(r"_(bucket|sum|count)$", "", name) for name in figures}
    assert bases == {re.sub(r"_(bucket|sum|count)$", "", name) for name in named}, "the board leaves some out"


@pytest.mark.parametrize("query", queries())
def test_a_query_goes_by_labels_that_its_figures_have(query: str) -> None:
    figures = table()
    for name, matchers in re.findall(r"\b(digitmill_\w+)\{(.*?)\}", query):
        assert set(re.findall(r"(\w+)(?:=~|!~|!=|=)", matchers)) <= figures[name]
    labels = set.intersection(*(figures[name] for name in re.findall(r"\bdigitmill_\w+", query)))
    assert grouped(query, "by|without") <= labels


def test_legends_name_labels_that_their_queries_keep() -> None:
    for panel in BOARD["panels"]:
        for target in panel.get("targets", ()):
            kept = grouped(target["expr"], "by")
            named = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            assert named <= kept | {"instance"}, panel["title"]


def test_panels_have_places_and_ids_of_their_own() -> None:
    panels = BOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = [
        (x, y)
        for panel in panels
        for place in [panel["gridPos"]]
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(taken)) == len(taken)
    assert all(panel["description"].endswith(".") for panel in panels if panel["type"] != "row")


@pytest.mark.skipif(
    PROMTOOL is None, reason="THE DASHBOARD'S QUERIES ARE NOT PARSED: there is no promtool (apt-get install prometheus)"
)
def test_prometheus_parses_every_query(tmp_path: Path) -> None:
    rules = [
        {"record": f"board:{number}", "expr": query.replace("$__rate_interval", "5m").replace("$job", ".*")}
        for number, query in enumerate(queries())
    ]
    file = tmp_path / "rules.yml"
    file.write_text(json.dumps({"groups": [{"name": "board", "rules": rules}]}))
    done = subprocess.run([str(PROMTOOL), "check", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
