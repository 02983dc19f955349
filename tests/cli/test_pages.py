"""``digitmill pages``: one PDF or more, a folder of pictures, or one picture."""

from __future__ import annotations

from pathlib import Path

import pytest

from digitmill.cli import main
from digitmill.cli.pages import MOST_PAGES
from digitmill.pages.marked import MOST_PAGES as MOST_OF_SERVICE
from tests.client.scripted import Answer, ScriptedService, job_document, ndjson, problem, row_document

IMAGE = "/v1/jobs/job1/results/{}/image"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_command_line_asks_for_as_many_pages_as_the_service_gives() -> None:
    assert MOST_PAGES == MOST_OF_SERVICE


def test_a_job_becomes_a_pdf_and_one_of_many_pages_several(service: ScriptedService, folder: Path) -> None:
    service.on("GET", "/v1/jobs/job1", Answer(job_document(total=MOST_PAGES + 1)))
    service.on("GET", "/v1/jobs/job1/marked.pdf", Answer(b"%PDF-"))
    assert main(["pages", "job1", "--out", "all.pdf"]) == 0
    assert {path.name for path in folder.iterdir()} == {"all.pdf", "all-500.pdf"}
    assert (folder / "all.pdf").read_bytes() == b"%PDF-"
    asked = service.calls("GET", "/v1/jobs/job1/marked.pdf")
    assert [each.query["first"] for each in asked] == [["0"], ["500"]]


def test_a_folder_gets_a_picture_of_each_page(service: ScriptedService, folder: Path) -> None:
    rows = [row_document(0, name="in/a.pdf#1"), row_document(1, name="..\\x:y.png")]
    service.on("GET", "/v1/jobs/job1/results", Answer(ndjson(*rows)))
    for index in range(2):
        service.on("GET", IMAGE.format(index), Answer(f"picture {index}".encode()))
    assert main(["pages", "job1", "--out", "pages"]) == 0
    found = {path.name: path.read_bytes() for path in (folder / "pages").iterdir()}
    assert found == {"000000-a.pdf_1.png": b"picture 0", "000001-x_y.png.png": b"picture 1"}
    assert service.calls("GET", IMAGE.format(0))[0].query["view"] == ["marked"]


def test_one_page_is_a_picture(service: ScriptedService, folder: Path) -> None:
    service.on("GET", IMAGE.format(3), Answer(b"picture"))
    assert main(["pages", "job1", "--index", "3", "--out", "page.png"]) == 0
    assert (folder / "page.png").read_bytes() == b"picture"


@pytest.mark.parametrize("arguments", [["--index", "3"], ["--out", "pages.png"]])
def test_what_cannot_be_written_so_is_said(
    service: ScriptedService, capfd: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert main(["pages", "job1", *arguments]) == 1
    assert "--out" in capfd.readouterr().err
    assert service.asked == []


def test_a_refusal_leaves_no_file(service: ScriptedService, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    service.on("GET", "/v1/jobs/job1/marked.pdf", problem(409, "job_not_final", "It is still worked on."))
    assert main(["pages", "job1", "--out", "all.pdf"]) == 1
    assert "still worked on" in capfd.readouterr().err
    assert list(folder.iterdir()) == []
