"""What is told behind the rows of forms of several pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from digitmill.cli import main
from tests.client.scripted import Answer, ScriptedService, job_document

FORM = {
    "name": "tally",
    "pages": [{"page": 1, "scans": 100}, {"page": 2, "scans": 98}],
    "order": "forward",
    "sets": 100,
    "incomplete": 0,
    "missing_pages": 0,
    "faulty": 0,
}
LOOSE = {**FORM, "order": "loose", "sets": 0}


def scan(index: int) -> dict[str, Any]:
    return {"index": index, "name": f"p.pdf#{index + 1}"}


def fault(number: int, first: int, last: int, **more: Any) -> dict[str, Any]:
    usual = {"form": "tally", "sets": 1, "missing": [], "doubled": [], "in_order": True, "unread": []}
    return {**usual, "set": number, "first": scan(first), "last": scan(last), **more}


@pytest.mark.parametrize(
    ("form", "faults", "expected"),
    [
        (FORM, [], ["No page is missing in 100 sets of tally."]),
        (
            {**FORM, "order": "reversed"},
            [],
            ["In each set of tally the last page comes first.", "No page is missing in 100 sets of tally."],
        ),
        (
            LOOSE,
            [],
            [
                "The pages of tally do not come set by set, so nobody can tell which belong together: page 1 is there "
                "100 times, page 2 is there 98 times."
            ],
        ),
        (
            {**FORM, "faulty": 7},
            [
                fault(17, 32, 32, missing=[2], unread=[scan(33)]),
                fault(20, 40, 46, sets=3, missing=[2, 3]),
                fault(30, 60, 62, doubled=[1], in_order=False),
            ],
            [
                "Set 17 of tally (p.pdf#33): page 2 is missing; p.pdf#34 was not read, and may be what is missing.",
                "Sets 20 to 22 of tally (p.pdf#41 to p.pdf#47): pages 2, 3 are missing.",
                "Set 30 of tally (p.pdf#61 to p.pdf#63): page 1 is there more than once; the pages are not in order.",
                "2 more sets have such faults: see `sets` of the job.",
            ],
        ),
    ],
)
def test_forms_that_lack_pages_are_told_behind_the_rows(
    service: ScriptedService,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    form: dict[str, Any],
    faults: list[dict[str, Any]],
    expected: list[str],
) -> None:
    image = tmp_path / "7.png"
    image.write_bytes(b"an image")
    sets = {"forms": [form], "faults": faults}
    job = job_document("completed", total=2, options={"read": "form"}, sets=sets)
    service.on("GET", "/v1/jobs/job1", Answer(job))
    assert main(["submit", str(image), "--template", "tally-1@1", "--template", "tally-2@1"]) == 0
    lines = capfd.readouterr().err.splitlines()
    # behind them comes the summary
    assert lines[-len(expected) - 1 : -1] == expected
