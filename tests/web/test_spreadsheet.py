"""Rows as a spreadsheet, read as the program that opens it would."""

from __future__ import annotations

import io
import resource
import shutil
import zipfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.web.conftest import Client, Mill, assert_problem, submitted
from tests.web.fakes import blank, one, seven
from web.tables import spreadsheet
from web.tables.spreadsheet import write_spreadsheet
from web.views import results

SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
COLUMNS = ("index", "name", "status", "prediction", "confidence", "error", "reason", "answered_by", "answered_by_name")


def read(content: bytes, sheet: int = 1) -> list[list[str | float | None]]:
    """The cells of a sheet; text as str, numbers as float. A formula would fail the test."""
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        root = ElementTree.fromstring(book.read(f"xl/worksheets/sheet{sheet}.xml"))
    return [[_value(cell) for cell in row] for row in root.iter(f"{SHEET}row")]


def _value(cell: ElementTree.Element) -> str | float | None:
    assert cell.find(f"{SHEET}f") is None
    if cell.get("t") == "inlineStr":
        return "".join(text.text or "" for text in cell.iter(f"{SHEET}t"))
    value = cell.find(f"{SHEET}v")
    return None if value is None or value.text is None else float(value.text)


def test_the_spreadsheet_holds_every_row_with_its_answer_as_text(client: Client, mill: Mill) -> None:
    location = submitted(client, [("a.png", one()), ("b.png", seven()), ("=1+1.png", blank()), ("d.png", b"text")])
    mill.turn()
    response = client.get(f"{location}/results?format=xlsx")
    assert response.headers["Content-Type"] == MEDIA_TYPE
    assert response.headers["Content-Disposition"].endswith('.xlsx"')
    heading, *rows = read(response.data)
    assert tuple(heading) == COLUMNS
    assert [row[:4] for row in rows] == [
        [0.0, "a.png", "recognized", "1"],
        [1.0, "b.png", "recognized", "7"],
        [2.0, "=1+1.png", "blank", "model"],
        [3.0, "d.png", "failed", "not_an_image"],
    ]
    assert rows[1][4] == pytest.approx(0.995, abs=1e-3)
    assert list(mill.service.settings.spool.iterdir()) == []


def test_the_last_columns_say_why_a_row_is_to_review_and_who_answered(client: Client, mill: Mill) -> None:
    location = submitted(client, [("a.png", one())], {"review_below": 0.99})
    mill.turn()
    heading, row = read(client.get(f"{location}/results?format=xlsx").data)
    assert (heading[-3:-1], row[-2:]) == (["reason", "answered_by"], ["unsure", "model"])


def test_filters_and_corrections_hold_for_spreadsheets_too(client: Client, mill: Mill) -> None:
    location = submitted(client, [("a.png", one()), ("d.png", b"text")])
    mill.turn()
    client.open(f"{location}/results/0", method="PATCH", json={"prediction": "0"})
    assert len(read(client.get(f"{location}/results?format=xlsx&status=failed").data)) == 2
    assert read(client.get(f"{location}/results?format=xlsx&final=true").data)[1][2:4] == ["recognized", "0"]
    assert_problem(client.get(f"{location}/results?format=xlsx&limit=1"), 400, "bad_options")


def test_numbers_in_text_keep_their_zeros_and_text_is_never_a_formula_or_a_link(tmp_path: Path) -> None:
    texts = ["007", "=1+1", "{=1}", "http://a.example", "internal:x", "\x07\ufffe", "y" * 40_000]
    path = tmp_path / "rows.xlsx"
    write_spreadsheet(path, COLUMNS, [(0, text, None, None, None, None) for text in texts])
    rows = [row[1] for row in read(path.read_bytes())[1:]]
    assert rows[:5] == texts[:5]
    assert isinstance(rows[6], str)
    assert len(rows[6]) == 32_767


def test_more_rows_than_a_sheet_holds_go_on_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreadsheet, "ROWS_OF_A_SHEET", 2)
    path = tmp_path / "rows.xlsx"
    write_spreadsheet(path, COLUMNS, [(number, "a", None, None, None, None) for number in range(3)])
    assert [row[0] for row in read(path.read_bytes(), 2)] == ["index", 2.0]


def test_a_spreadsheet_whose_folder_is_cleared_meanwhile_is_refused_and_comes_at_the_next_try(
    client: Client, mill: Mill, monkeypatch: pytest.MonkeyPatch
) -> None:
    location = submitted(client, [("a.png", one())])
    mill.turn()

    def clearing(path: Path, *arguments: Any) -> None:
        shutil.rmtree(path.parent)
        write_spreadsheet(path, *arguments)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(results, "write_spreadsheet", clearing)
        answer = client.get(f"{location}/results?format=xlsx")
        assert_problem(answer, 503, "storage_unavailable")
        assert answer.headers["Retry-After"]
    assert len(read(client.get(f"{location}/results?format=xlsx").data)) == 2


def test_a_spreadsheet_for_which_the_disk_has_no_room_is_refused(
    client: Client, mill: Mill, monkeypatch: pytest.MonkeyPatch
) -> None:
    location = submitted(client, [(f"{number}.png", one()) for number in range(40)])
    mill.turn()

    def full(*arguments: Any) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (512, hard))
        try:
            write_spreadsheet(*arguments)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    monkeypatch.setattr(results, "write_spreadsheet", full)
    assert_problem(client.get(f"{location}/results?format=xlsx"), 503, "storage_unavailable")
    assert list(mill.service.settings.spool.iterdir()) == []
