"""`digitmill template` and `digitmill forms`: from a page or a table to a template that is sound."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from digitmill.cli import main
from tests.forms.test_imported import CHECKER, fillable
from tests.forms.test_printed import FIELDS
from tests.house.sources import ROOT


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DIGITMILL_VAR", str(tmp_path / "var"))
    return tmp_path


def test_a_form_is_printed_and_a_page_of_it_drafted_again(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "fields.csv").write_text("\ufeff" + FIELDS.replace(",", ";"))
    assert main(["forms", "new", "fields.csv", "--name", "tally", "--check", "male + female == total"]) == 0
    assert main(["template", "check", "tally.json", "--reference", "tally.png"]) == 0
    assert "tally@1 is sound: 7 fields, 24 boxes, 1 checks." in capsys.readouterr().err
    assert main(["template", "draft", "tally.pdf", "--blank"]) == 0
    draft = json.loads((folder / "draft.json").read_text())
    kinds = [field["kind"] for field in draft["fields"]]
    assert sorted(kinds) == ["code", "digits", "digits", "digits", "digits", "mark", "number"]
    assert main(["template", "check", "draft.json", "--reference", "draft.png"]) == 0


def test_a_draft_tells_whether_the_page_counts_as_blank_where_nobody_said(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "fields.csv").write_text("name,length\na,6\nb,6\n")
    assert main(["forms", "new", "fields.csv", "--name", "slip"]) == 0
    with Image.open(folder / "slip.png") as picture:
        page = np.asarray(picture.convert("L")).copy()
    for field in json.loads((folder / "slip.json").read_text())["fields"]:
        (left, _), _, (_, bottom), _ = np.array(field["grid"]["quad"], int).tolist()
        for cell in range(3):
            cv2.putText(page, "7", (left + 15 + 77 * cell, bottom - 20), cv2.FONT_HERSHEY_SIMPLEX, 2, 40, 6)
    Image.fromarray(page).save(folder / "filled.png")
    capsys.readouterr()

    def drafted(*words: str) -> tuple[bool, str]:
        assert main(["template", "draft", *words]) == 0
        return json.loads((folder / "draft.json").read_text())["page"]["blank"], capsys.readouterr().err

    for file, expected, other in (("slip.png", True, "--filled"), ("filled.png", False, "--blank")):
        is_blank, said = drafted(file)
        assert is_blank is expected
        assert other in said
        assert drafted(file, other)[0] is not expected


def test_fields_of_pdfs_and_of_omrchecker_become_drafts(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "form.pdf").write_bytes(fillable("/FT /Tx /T (votes) /Rect [100 700 220 720] /MaxLen 6 /Ff 16777216"))
    assert main(["template", "from-pdf", "form.pdf"]) == 0
    assert main(["template", "check", "draft.json", "--reference", "draft.png"]) == 0
    assert "form@1 is sound: 1 fields, 6 boxes, 0 checks." in capsys.readouterr().err
    (folder / "template.json").write_text(json.dumps({**CHECKER, "pageDimensions": [595, 842]}))
    assert (
        main(["template", "from-omrchecker", "template.json", "draft.png", "--out", "omr.json", "--name", "omr"]) == 0
    )
    assert main(["template", "check", "omr.json"]) == 0


def test_every_fault_of_a_template_is_said_with_its_place(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "fields.csv").write_text("name,length\na,3\nb,3\n")
    assert main(["forms", "new", "fields.csv", "--name", "x"]) == 0
    document = json.loads((folder / "x.json").read_text())
    document["fields"][1]["grid"]["cells"] = 0
    document["fields"][0]["colour"] = "red"
    (folder / "x.json").write_text(json.dumps(document))
    capsys.readouterr()
    assert main(["template", "check", "x.json"]) == 1
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("fields[0].colour: ")
    assert said[1].startswith("fields[1].grid.cells: ")


def test_what_cannot_be_opened_is_said_in_a_sentence(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "page.png").write_bytes(b"no picture")
    assert main(["template", "draft", "page.png"]) == 1
    assert main(["template", "from-pdf", "page.png"]) == 1
    (folder / "fields.csv").write_bytes("name\ngröße\n".encode("latin-1"))
    assert main(["forms", "new", "fields.csv"]) == 1
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert "page.png is no PDF" in said
    assert "fields.csv is no CSV in UTF-8" in said


def test_the_readme_makes_the_template_of_the_sample_where_its_next_line_looks_for_it(folder: Path) -> None:
    (folder / "samples").symlink_to(ROOT / "samples")
    text = (ROOT / "README.md").read_text()
    (block,) = re.findall(r"```\n(digitmill forms new .+?)```", text, re.DOTALL)
    made, published, _ = block.replace("\\\n", " ").splitlines()
    assert main(shlex.split(made)[1:]) == 0
    template, picture = (folder / name for name in shlex.split(published)[-2:])
    assert template.read_bytes() == (ROOT / "samples" / "tally.json").read_bytes()
    with Image.open(picture) as own, Image.open(ROOT / "samples" / "tally.png") as sample:
        assert own.tobytes() == sample.tobytes()
    assert (folder / "tally.pdf").is_file()
