"""The curl lines of the documents, run as they stand there (but for the address and the job's id)."""

from __future__ import annotations

import csv
import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

from digitmill.models.manifest import MODEL_FILE
from tests import built_in
from tests.end_to_end.conftest import Stack

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def curl_lines(document: str) -> list[str]:
    blocks = "".join(BLOCK.findall((ROOT / document).read_text())).replace("\\\n", " ")
    return [line for line in blocks.splitlines() if line.startswith("curl ") and "…" not in line]


@pytest.fixture(scope="module")
def job_id(shared_stack: Stack) -> str:
    with shared_stack.client() as client:
        return client.wait(client.submit([ROOT / "samples" / "digits.zip"]).id, timeout=60).id


@pytest.mark.parametrize(
    ("document", "line"),
    [(name, line) for name in ("README.md", "docs/integrator.md", "docs/clerk.md") for line in curl_lines(name)],
)
def test_a_documented_call_is_answered(
    document: str, line: str, shared_stack: Stack, job_id: str, tmp_path: Path
) -> None:
    if shutil.which("curl") is None:
        pytest.skip("there is no curl here")
    shutil.copytree(ROOT / "samples", tmp_path / "samples")
    for name in ("scans.zip", "labelled.zip"):
        shutil.copy(ROOT / "samples" / "digits.zip", tmp_path / name)
    shutil.copy(built_in.FOLDER / MODEL_FILE, tmp_path / "mine.keras")
    shutil.copy(next((ROOT / "samples").glob("*.png")), tmp_path / "seven.png")
    command = line.replace("http://127.0.0.1:8000", shared_stack.url).replace("JOB", job_id)
    done = subprocess.run(
        [*shlex.split(command), "--silent", "--show-error", "--fail-with-body"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    if '"source"' in line:
        # this service may fetch from nowhere, and has nothing else to say against the call
        assert [fault["field"] for fault in json.loads(done.stdout)["errors"]] == ["source"]
        assert "DIGITMILL_SOURCE_PREFIXES" in done.stdout
        return
    if line.endswith("/v1/models") or "/v1/trainings" in line:
        # no trainer is here, and that is all that is missing
        assert json.loads(done.stdout)["code"] == "no_trainer"
        return
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout or (tmp_path / "rows.csv").stat().st_size


def test_the_rows_in_the_readme_are_those_of_the_samples(shared_stack: Stack, job_id: str) -> None:
    head, shown = (
        "index,name,status,prediction,confidence,error,reason,answered_by,answered_by_name",
        (ROOT / "README.md").read_text(),
    )
    lines = shown.partition(head)[2].partition("```")[0].split()
    rows = list(csv.DictReader([head, *lines]))
    assert {row["status"] for row in rows} == {"recognized", "review", "blank", "failed"}
    text = httpx.get(f"{shared_stack.url}/v1/jobs/{job_id}/results", params={"format": "csv"}).text
    real = {row["index"]: row for row in csv.DictReader(text.splitlines())}
    for row in rows:
        said, now = row.pop("confidence"), real[row["index"]].pop("confidence")
        assert row == real[row["index"]]
        # engines and precisions differ by no more
        assert float(said or 0) == pytest.approx(float(now or 0), abs=0.005)


def test_the_documents_have_calls_to_run() -> None:
    assert len(curl_lines("README.md")) >= 2
    assert len(curl_lines("docs/integrator.md")) >= 6
