"""Rows as pages, as streams and one by one."""

from __future__ import annotations

import csv
import io
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitmill.client.streams import write_csv
from digitmill.results.tables import FORMULA_STARTS, csv_pieces
from digitmill.store.orders import Order
from digitmill.uploads.names import label
from digitmill.work.loading import Models
from tests.archives import zip_of
from tests.client.scripted import row_document
from tests.web.conftest import Client, Mill, assert_problem, submitted
from tests.web.fakes import WideIsACross, blank, one, seven

SMALL_CHUNKS = pytest.mark.parametrize("mill", [{"chunk_images": 2}], indirect=True)


def images(count: int) -> list[tuple[str, bytes]]:
    return [(f"{number}.png", seven() if number % 2 else one()) for number in range(count)]


def mixed(client: Client, mill: Mill) -> str:
    """A finished job with a row of every status, those of the digits being sure to 0.98 and 0.99."""
    files = [("a.png", one()), ("b.png", blank()), ("c.png", b"no image"), ("d.png", seven())]
    location = submitted(client, files, {"review_below": 0.99})
    mill.turn()
    return location


def test_a_row_holds_what_the_contract_says(client: Client, mill: Mill) -> None:
    location = mixed(client, mill)
    page = client.get(f"{location}/results").json
    assert set(page) == {"job_id", "state", "results", "next_cursor"}
    assert page["next_cursor"] is None
    digit, blank, failed, _ = page["results"]
    assert set(digit) == {
        "index", "name", "status", "prediction", "confidence", "alternatives", "error", "correction", "revision",
        "reason",
    }  # fmt: skip
    assert digit["prediction"] == "1"
    assert 0 < digit["confidence"] < 1
    assert [set(guess) for guess in digit["alternatives"]] == [{"prediction", "confidence"}] * 2
    assert (blank["status"], blank["prediction"], blank["confidence"], blank["error"]) == ("blank", None, None, None)
    assert failed["status"] == "failed"
    assert failed["error"]["code"] == "not_an_image"
    assert failed["error"]["detail"]
    assert failed["correction"] is None


def with_a_cross(client: Client, mill: Mill) -> str:
    """A finished job of a doubtful 1, a cross, a blank image and a text."""
    mill.worker = mill.service.work(Models(lambda _: WideIsACross()))
    files = [("a.png", one()), ("b.png", seven()), ("c.png", blank()), ("d.png", b"no image")]
    location = submitted(client, files, {"review_below": 0.99})
    mill.turn()
    return location


def test_rows_to_review_say_why_in_every_format(client: Client, mill: Mill) -> None:
    location = with_a_cross(client, mill)
    reasons = ["unsure", "cross", None, None]
    rows = client.get(f"{location}/results").json["results"]
    assert [row["status"] for row in rows] == ["review", "review", "blank", "failed"]
    assert [row["reason"] for row in rows] == reasons
    assert (rows[1]["prediction"], rows[1]["confidence"]) == ("7", pytest.approx(0.995 / 8, abs=1e-4))
    assert client.get(f"{location}/results/1").json == rows[1]
    lines = client.get(f"{location}/results?format=ndjson").text.splitlines()
    assert [json.loads(line)["reason"] for line in lines] == reasons
    for table in ("format=csv", "format=csv&status=review,blank,failed", "format=csv&final=true"):
        found = list(csv.DictReader(client.get(f"{location}/results?{table}").text.splitlines()))
        assert [row["reason"] or None for row in found] == reasons
    sample = client.get(f"{location}/sample?status=review&seed=1").json["results"]
    assert {row["reason"] for row in sample} == {"unsure", "cross"}
    held = client.post(f"{location}/review", json={"reviewer": "a"}).json["results"]
    assert [(row["index"], row["reason"]) for row in held] == [(1, "cross"), (0, "unsure")]


def test_the_models_reason_stays_beside_what_a_person_says_but_for_the_final_table(client: Client, mill: Mill) -> None:
    location = with_a_cross(client, mill)
    client.open(f"{location}/results/1", method="PATCH", json={"status": "not_a_digit"})
    assert client.get(f"{location}/results/1").json["reason"] == "cross"
    plain = client.get(f"{location}/results?format=csv").text.splitlines()
    assert plain[2].startswith("1,b.png,review,7,0.12")
    assert plain[2].endswith(",,cross,model,")
    assert (
        client.get(f"{location}/results?format=csv&final=true").text.splitlines()[2]
        == "1,b.png,not_a_digit,,,,,person,"
    )


@SMALL_CHUNKS
def test_who_follows_cursors_while_the_job_runs_sees_every_row_once(client: Client, mill: Mill) -> None:
    location = submitted(client, images(11))
    seen: list[int] = []
    cursor = None
    for _ in range(50):
        query: dict[str, Any] = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = client.get(f"{location}/results", query_string=query).json
        seen += [row["index"] for row in page["results"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
        mill.turn(1)
    assert seen == list(range(11))
    assert page["state"] == "completed"


@SMALL_CHUNKS
def test_a_page_of_a_running_job_ends_before_what_is_not_done(client: Client, mill: Mill) -> None:
    location = submitted(client, images(6))
    slow = mill.store.chunks.take(Order(1, 60)).claims[0]
    mill.turn(1)
    assert client.get(f"{location}/results").json["results"] == []
    mill.store.chunks.give_back(slow.job.id, slow.chunk, at_once=True)
    mill.turn(1)
    page = client.get(f"{location}/results").json
    assert [row["index"] for row in page["results"]] == [0, 1, 2, 3]
    assert page["next_cursor"] is not None
    assert_problem(client.get(f"{location}/results/5"), 404, "not_found")
    assert client.get(f"{location}/results/3").json == page["results"][3]


@pytest.mark.parametrize(
    ("query", "indices"),
    [
        ("status=review", [0]),
        ("status=failed,blank", [1, 2]),
        ("status=failed&status=recognized", [2, 3]),
        ("min_confidence=0", [0, 3]),
        ("min_confidence=0.99", [3]),
        ("max_confidence=0.99", [0]),
        ("min_confidence=0.5&max_confidence=0.6", []),
        ("status=review&min_confidence=0.999", []),
    ],
)
@pytest.mark.parametrize("kind", ["json", "ndjson", "csv"])
def test_filters_hold_for_pages_and_streams(
    client: Client, mill: Mill, query: str, indices: list[int], kind: str
) -> None:
    response = client.get(f"{mixed(client, mill)}/results?format={kind}&{query}")
    if kind == "json":
        found = [row["index"] for row in response.json["results"]]
    elif kind == "ndjson":
        found = [json.loads(line)["index"] for line in response.text.splitlines()]
    else:
        found = [int(row["index"]) for row in csv.DictReader(io.StringIO(response.text))]
    assert found == indices


@pytest.mark.parametrize(
    "query",
    [
        "status=good", "status=", "status=review,", "min_confidence=1.1", "max_confidence=-0.1", "min_confidence=nan",
        "min_confidence=inf", "min_confidence=x", "limit=0", "limit=1001", "cursor=x", "cursor=", "cursor=-1",
        "cursor=5", "format=xml", "colour=red", "limit=10&format=csv", "cursor=1&format=ndjson",
        "min_confidence=0.9&max_confidence=0.1",
    ],
)  # fmt: skip
def test_a_bad_query_for_rows_is_refused_by_its_name(client: Client, mill: Mill, query: str) -> None:
    location = mixed(client, mill)
    problem = assert_problem(client.get(f"{location}/results?{query}"), 400, "bad_options")
    assert problem["errors"][0]["field"] == query.partition("=")[0]


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/csv", "text/csv; charset=utf-8"),
        ("application/x-ndjson", "application/x-ndjson"),
        ("application/json", "application/json"),
        ("text/html,*/*;q=0.8", "application/json"),
        ("text/csv;q=0.5, application/x-ndjson", "application/x-ndjson"),
        ("image/png", "application/json"),
        ("", "application/json"),
    ],
)
def test_accept_chooses_the_format(client: Client, mill: Mill, accept: str, kind: str) -> None:
    response = client.get(f"{mixed(client, mill)}/results", headers={"Accept": accept})
    assert response.headers["Content-Type"] == kind
    assert "Accept" in response.headers["Vary"].split(", ")


def test_the_format_in_the_query_wins_over_accept(client: Client, mill: Mill) -> None:
    response = client.get(f"{mixed(client, mill)}/results?format=json", headers={"Accept": "text/csv"})
    assert response.headers["Content-Type"] == "application/json"


def test_the_stream_has_the_same_rows_as_the_pages(client: Client, mill: Mill) -> None:
    location = mixed(client, mill)
    lines = client.get(f"{location}/results?format=ndjson").text.splitlines()
    assert [json.loads(line) for line in lines] == client.get(f"{location}/results").json["results"]


def test_csv_is_a_table_to_download(client: Client, mill: Mill) -> None:
    location = mixed(client, mill)
    response = client.get(f"{location}/results?format=csv")
    job_id = location.rpartition("/")[2]
    assert response.headers["Content-Disposition"] == f'attachment; filename="digitmill-{job_id}.csv"'
    lines = response.data.decode().split("\r\n")
    assert lines[0] == "index,name,status,prediction,confidence,error,reason,answered_by,answered_by_name"
    assert lines[1].startswith("0,a.png,review,1,0.98")
    assert lines[2:4] == ["1,b.png,blank,,,,,model,", "2,c.png,failed,,,not_an_image,,,"]


def test_a_name_that_a_spreadsheet_would_run_is_only_a_name(client: Client, mill: Mill) -> None:
    names = ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", 'say "7", please', "Ünï\ncode.png"]
    archive = zip_of([(name, one()) for name in names])
    location = submitted(client, [("a.zip", archive)])
    mill.turn()
    text = client.get(f"{location}/results?format=csv").data.decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["name"] for row in rows] == [f"'{name}" for name in names[:6]] + names[6:]
    assert [row["prediction"] for row in rows] == ["1"] * len(names)


@SMALL_CHUNKS
def test_csv_by_columns_is_what_csv_by_rows_is(client: Client, mill: Mill) -> None:
    files = [*images(3), ("blank.png", blank()), ("c.png", b"no image"), ("=1.png", one())]
    location = submitted(client, files)
    mill.turn()
    by_columns = client.get(f"{location}/results?format=csv").data
    # nobody has corrected a row, so the final answers are the model's; they go by way of rows
    assert by_columns == client.get(f"{location}/results?format=csv&final=true").data
    assert by_columns.count(b"\r\n") == 1 + len(files)


@given(st.text(max_size=50))
def test_any_name_survives_csv_and_begins_no_formula(name: str) -> None:
    text = b"".join(csv_pieces([[(0, label(name), "blank", None, None, None, None)]])).decode()
    _, cells = csv.reader(io.StringIO(text, newline=""))
    assert cells[1].removeprefix("'") == label(name).removeprefix("'")
    assert not cells[1].startswith(FORMULA_STARTS)


@SMALL_CHUNKS
def test_a_stream_follows_a_running_job_to_its_end(client: Client, mill: Mill) -> None:
    location = submitted(client, images(7))
    mill.turn(1)
    response = client.get(f"{location}/results?format=ndjson")
    pieces: Iterator[Any] = filter(None, response.response)
    assert len(next(pieces).splitlines()) == 2
    worker = threading.Thread(target=mill.turn)
    worker.start()
    rest = b"".join(pieces)
    worker.join()
    assert [json.loads(line)["index"] for line in rest.splitlines()] == [2, 3, 4, 5, 6]


def test_a_row_beyond_the_last_is_not_there(client: Client, mill: Mill) -> None:
    location = mixed(client, mill)
    assert client.get(f"{location}/results/3").json["index"] == 3
    for index in ("4", "999999999", "99999999999999999999", "9" * 5000, "-1", "x", "1.0"):
        assert_problem(client.get(f"{location}/results/{index}"), 404, "not_found")


@pytest.mark.parametrize("first", ["\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_a_line_feed_and_full_width_signs_begin_no_formula_either(first: str) -> None:
    text = b"".join(csv_pieces([[(0, f"{first}1+1.png", "blank", None, None, None, None)]])).decode()
    _, cells = csv.reader(io.StringIO(text, newline=""))
    assert cells[1] == f"'{first}1+1.png"
    written = io.BytesIO()
    write_csv([row_document(0, name=f"{first}1+1.png")], written)
    assert f"'{first}1+1.png" in written.getvalue().decode()
