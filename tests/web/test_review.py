"""Corrections, their history, and the sharing of doubtful rows among reviewers."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from tests.web.conftest import Answer, Client, Mill, assert_problem, submitted
from tests.web.fakes import blank, one, seven

SMALL_CHUNKS = pytest.mark.parametrize("mill", [{"chunk_images": 2}], indirect=True)
DOUBTED = {"review_below": 0.99}


def mixed(client: Client, mill: Mill) -> str:
    """A finished job: a doubtful 1, a blank image, one that is none, and a 7 that the model is sure of."""
    files = [("a.png", one()), ("b.png", blank()), ("c.png", b"no image"), ("d.png", seven())]
    location = submitted(client, files, DOUBTED)
    mill.turn()
    return location


def correct(client: Client, location: str, index: int, body: Any, etag: str | None = None) -> Answer:
    headers = {} if etag is None else {"If-Match": etag}
    return client.open(f"{location}/results/{index}", method="PATCH", json=body, headers=headers)


def correct_many(client: Client, location: str, corrections: list[dict[str, Any]]) -> Any:
    response = client.open(f"{location}/results", method="PATCH", json={"corrections": corrections})
    assert response.status_code == 200, response.text
    return response.json["results"]


def review(client: Client, location: str, reviewer: str = "a", **asked: Any) -> Any:
    response = client.post(f"{location}/review", json={"reviewer": reviewer, **asked})
    assert response.status_code == 200, response.text
    return response.json


def indices(answer: Any) -> list[int]:
    return [row["index"] for row in answer["results"]]


@pytest.mark.parametrize(
    ("body", "prediction", "status"),
    [
        ({"prediction": "7"}, "7", "recognized"),
        ({"prediction": "1"}, "1", "recognized"),
        ({"status": "blank"}, None, "blank"),
        ({"status": "not_a_digit"}, None, "not_a_digit"),
    ],
)
@pytest.mark.parametrize("index", range(4))
def test_any_row_can_be_corrected_and_keeps_the_models_own_answer(
    client: Client, mill: Mill, index: int, body: dict[str, str], prediction: str | None, status: str
) -> None:
    location = mixed(client, mill)
    before = client.get(f"{location}/results/{index}").json
    response = correct(client, location, index, body)
    assert response.status_code == 200
    row = response.json
    assert set(row["correction"]) == {"prediction", "status", "by", "at", "by_name"}
    assert (row["correction"]["prediction"], row["correction"]["status"]) == (prediction, status)
    assert row["correction"]["by"] == "local"
    assert row["correction"]["at"].endswith("Z")
    assert row | {"correction": None, "revision": 0} == before
    assert client.get(f"{location}/results/{index}").json == row
    assert client.get(f"{location}/results").json["results"][index] == row
    assert client.get(location).json["counts"]["corrected"] == 1


def test_a_change_names_the_row_as_it_was_seen(client: Client, mill: Mill) -> None:
    location = mixed(client, mill)
    etag = client.get(f"{location}/results/0").headers["ETag"]
    assert etag == '"0"'
    first = correct(client, location, 0, {"prediction": "7"}, etag)
    assert first.headers["ETag"] == '"1"'
    # another who saw the row before, or none at all, overwrites nothing
    for stale in (etag, None, '"7"'):
        problem = assert_problem(correct(client, location, 0, {"prediction": "4"}, stale), 412, "row_changed")
        assert "revision 1" in problem["detail"]
    assert client.get(f"{location}/results/0").json == first.json
    second = correct(client, location, 0, {"prediction": "4"}, first.headers["ETag"])
    assert second.json["correction"]["prediction"] == "4"
    assert second.json["revision"] == 2


def test_a_row_that_nobody_has_changed_is_not_sent_again(client: Client, mill: Mill) -> None:
    location = submitted(client, [("a.png", one())])
    mill.turn()
    etag = client.get(f"{location}/results/0").headers["ETag"]
    same = client.get(f"{location}/results/0", headers={"If-None-Match": etag})
    assert (same.status_code, same.data, same.headers["ETag"]) == (304, b"", etag)
    correct(client, location, 0, {"prediction": "4"}, etag)
    changed = client.get(f"{location}/results/0", headers={"If-None-Match": etag})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != etag


def test_a_change_may_be_sent_again(client: Client, mill: Mill) -> None:
    location = mixed(client, mill)
    first = correct(client, location, 0, {"prediction": "7"}, '"0"')
    again = correct(client, location, 0, {"prediction": "7"}, '"0"')
    assert (again.status_code, again.json) == (200, first.json)
    assert len(client.get(f"{location}/results/0/history").json["history"]) == 1


def test_every_change_is_in_the_history_with_before_and_after(client: Client, mill: Mill) -> None:
    location = mixed(client, mill)
    assert client.get(f"{location}/results/0/history").json["history"] == []
    for revision, body in enumerate([{"prediction": "7"}, {"status": "blank"}, {"correction": None}]):
        assert correct(client, location, 0, body, f'"{revision}"').status_code == 200
    document = client.get(f"{location}/results/0/history").json
    assert (document["index"], location.endswith(document["job_id"])) == (0, True)
    said_seven = {"prediction": "7", "status": "recognized"}
    said_blank = {"prediction": None, "status": "blank"}
    assert [(change["before"], change["after"]) for change in document["history"]] == [
        (None, said_seven), (said_seven, said_blank), (said_blank, None),
    ]  # fmt: skip
    assert [change["revision"] for change in document["history"]] == [1, 2, 3]
    assert {change["by"] for change in document["history"]} == {"local"}
    row = client.get(f"{location}/results/0").json
    assert (row["correction"], row["revision"]) == (None, 3)
    assert client.get(location).json["counts"]["corrected"] == 0


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"), ({"prediction": "7", "status": "blank"}, "body"), ({"prediction": "10"}, "prediction"),
        ({"prediction": 7}, "prediction"), ({"prediction": None}, "prediction"),
        ({"prediction": "\N{FULLWIDTH DIGIT SEVEN}"}, "prediction"), ({"prediction": "7\n"}, "prediction"),
        ({"status": "review"}, "status"), ({"status": None}, "status"),
        ({"correction": {}}, "correction"), ({"colour": "red"}, "colour"), ([], "body"), ("7", "body"),
    ],
)  # fmt: skip
def test_a_body_that_says_nothing_clear_is_refused(client: Client, mill: Mill, body: Any, field: str) -> None:
    location = mixed(client, mill)
    problem = assert_problem(correct(client, location, 0, body), 400, "bad_options")
    assert field in {error["field"] for error in problem["errors"]}
    assert client.get(f"{location}/results/0").json["revision"] == 0


def test_a_body_that_is_no_json_is_refused(client: Client, mill: Mill) -> None:
    location = mixed(client, mill)
    path = f"{location}/results/0"
    for content in (b"", b"{", b'{"prediction": NaN}', b"\xff"):
        response = client.open(path, method="PATCH", data=content, content_type="application/json")
        assert_problem(response, 400, "bad_options")
    response = client.open(path, method="PATCH", data=b"prediction=7", content_type="text/plain")
    assert_problem(response, 415, "unsupported_media_type")
    large = b'{"prediction": "7"' + b" " * (1 << 20) + b"}"
    response = client.open(path, method="PATCH", data=large, content_type="application/json")
    assert_problem(response, 413, "upload_too_large")


@pytest.mark.parametrize("etag", ["0", "*", 'W/"0"', '"x"', '""', '"1", "2"'])
def test_an_etag_that_no_row_has_is_refused(client: Client, mill: Mill, etag: str) -> None:
    response = correct(client, mixed(client, mill), 0, {"prediction": "7"}, etag)
    problem = assert_problem(response, 400, "bad_options")
    assert problem["errors"][0]["field"] == "If-Match"


@SMALL_CHUNKS
def test_a_row_can_be_corrected_as_soon_as_it_is_there(client: Client, mill: Mill) -> None:
    location = submitted(client, [(f"{n}.png", one()) for n in range(6)], DOUBTED)
    assert_problem(correct(client, location, 0, {"prediction": "7"}), 409, "no_row_yet")
    mill.turn(1)
    assert correct(client, location, 0, {"prediction": "7"}).status_code == 200
    assert_problem(correct(client, location, 2, {"prediction": "7"}), 409, "no_row_yet")
    assert_problem(correct(client, location, 6, {"prediction": "7"}), 404, "not_found")
    assert_problem(client.get(f"{location}/results/2/history"), 404, "not_found")
    page = client.get(f"{location}/results").json
    assert [row["revision"] for row in page["results"]] == [1, 0]
    client.post(f"{location}/cancel")
    assert_problem(correct(client, location, 2, {"prediction": "7"}), 404, "not_found")
    assert correct(client, location, 1, {"prediction": "7"}).status_code == 200


def test_corrections_die_with_the_job(client: Client, mill: Mill) -> None:
    location = mixed(client, mill)
    correct(client, location, 0, {"prediction": "7"})
    review(client, location)
    mill.pass_time(8 * 86400)
    assert_problem(correct(client, location, 1, {"prediction": "7"}), 410, "expired")
    assert_problem(client.get(f"{location}/results/0/history"), 410, "expired")
    assert_problem(client.post(f"{location}/review", json={"reviewer": "a"}), 410, "expired")
    other = mixed(client, mill)
    correct(client, other, 0, {"prediction": "7"})
    client.delete(other)
    assert_problem(client.get(f"{other}/results/0/history"), 404, "not_found")


def test_another_owners_rows_are_not_found(client: Client, mill: Mill) -> None:
    location = f"/v1/jobs/{mill.submit_for('bob', 'a.png', one())}"
    mill.turn()
    assert_problem(correct(client, location, 0, {"prediction": "7"}), 404, "not_found")
    assert_problem(client.post(f"{location}/review", json={"reviewer": "a"}), 404, "not_found")
    assert_problem(client.delete(f"{location}/review?reviewer=a"), 404, "not_found")
    assert_problem(client.get(f"{location}/labelled.zip"), 404, "not_found")


def test_of_many_changes_each_answers_for_itself(client: Client, mill: Mill) -> None:
    location = mixed(client, mill)
    correct(client, location, 1, {"prediction": "3"})
    results = correct_many(
        client,
        location,
        [
            {"index": 0, "revision": 0, "prediction": "7"},
            {"index": 1, "revision": 0, "prediction": "8"},
            {"index": 9, "revision": 0, "status": "blank"},
            {"index": 3, "revision": 0, "status": "not_a_digit"},
            {"index": 3, "revision": 1, "correction": None},
        ],
    )
    assert [(row["index"], row["revision"], row["error"] and row["error"]["code"]) for row in results] == [
        (0, 1, None), (1, 1, "row_changed"), (9, 0, "not_found"), (3, 1, None), (3, 2, None),
    ]  # fmt: skip
    assert [row["correction"] and row["correction"]["prediction"] for row in results] == ["7", "3", None, None, None]
    assert client.get(location).json["counts"]["corrected"] == 2


def test_a_list_of_changes_is_refused_as_a_whole_when_one_cannot_be_read(client: Client, mill: Mill) -> None:
    location = mixed(client, mill)
    good = {"index": 0, "revision": 0, "prediction": "7"}
    for bad, field in (
        ({"index": -1, "revision": 0, "prediction": "7"}, "corrections.1.index"),
        ({"index": 1, "prediction": "7"}, "corrections.1.revision"),
        ({"index": 1, "revision": 0}, "corrections.1"),
        ({"index": 1, "revision": 0, "prediction": "x"}, "corrections.1.prediction"),
    ):
        body = {"corrections": [good, bad]}
        problem = assert_problem(client.open(f"{location}/results", method="PATCH", json=body), 400, "bad_options")
        assert problem["errors"][0]["field"] == field
    for count in (0, 1001):
        body = {"corrections": [good] * count}
        assert_problem(client.open(f"{location}/results", method="PATCH", json=body), 400, "bad_options")
    assert client.get(f"{location}/results/0").json["revision"] == 0


def test_rows_can_be_filtered_by_whether_they_are_corrected(client: Client, mill: Mill) -> None:
    location = mixed(client, mill)
    assert indices(client.get(f"{location}/results?corrected=false").json) == [0, 1, 2, 3]
    assert indices(client.get(f"{location}/results?corrected=true").json) == []
    correct(client, location, 1, {"prediction": "7"})
    correct(client, location, 2, {"prediction": "7"})
    correct(client, location, 2, {"correction": None}, '"1"')
    assert indices(client.get(f"{location}/results?corrected=true").json) == [1]
    assert indices(client.get(f"{location}/results?corrected=false&status=failed,review").json) == [0, 2]
    lines = client.get(f"{location}/results?corrected=true&format=ndjson").text.splitlines()
    assert [json.loads(line)["correction"]["prediction"] for line in lines] == ["7"]
    assert_problem(client.get(f"{location}/results?corrected=yes"), 400, "bad_options")


def test_csv_gives_the_models_answers_or_the_final_ones_in_the_same_columns(client: Client, mill: Mill) -> None:
    location = mixed(client, mill)
    for index, body in enumerate([{"prediction": "0"}, {"prediction": "4"}, {"status": "not_a_digit"}]):
        correct(client, location, index, body)
    plain = client.get(f"{location}/results?format=csv").text.splitlines()
    final = client.get(f"{location}/results?format=csv&final=true").text.splitlines()
    assert plain[0] == final[0] == "index,name,status,prediction,confidence,error,reason,answered_by,answered_by_name"
    assert [row["status"] for row in csv.DictReader(plain)] == ["review", "blank", "failed", "recognized"]
    assert final[1:4] == [
        "0,a.png,recognized,0,,,,person,",
        "1,b.png,recognized,4,,,,person,",
        "2,c.png,not_a_digit,,,,,person,",
    ]
    assert final[4] == plain[4]
    for kind in ("json", "ndjson"):
        problem = assert_problem(client.get(f"{location}/results?format={kind}&final=true"), 400, "bad_options")
        assert problem["errors"][0]["field"] == "final"


@SMALL_CHUNKS
def test_reviewers_get_doubtful_rows_that_nobody_else_has(client: Client, mill: Mill) -> None:
    location = submitted(client, [(f"{n}.png", one() if n % 2 else blank()) for n in range(9)], DOUBTED)
    mill.turn(2)
    first = review(client, location, "a", limit=2)
    assert set(first) == {"job_id", "results", "held_until", "waiting"}
    assert indices(first) == [1, 3]
    assert first["results"][0] == client.get(f"{location}/results/1").json
    assert first["waiting"] == {str(digit): 2 if digit == 1 else 0 for digit in range(10)}
    assert indices(review(client, location, "b", limit=2)) == []
    mill.turn()
    assert indices(review(client, location, "b", limit=2)) == [5, 7]
    correct(client, location, 1, {"prediction": "1"})
    again = review(client, location, "a", limit=2)
    assert (indices(again), again["waiting"]["1"]) == ([3], 3)
    assert client.delete(f"{location}/review?reviewer=a").status_code == 204
    assert indices(review(client, location, "c")) == [3]


def test_rows_that_the_model_took_for_one_digit_can_be_reviewed_together(client: Client, mill: Mill) -> None:
    location = submitted(client, [("a.png", one()), ("b.png", seven())], {"review_below": 1})
    mill.turn()
    assert indices(review(client, location)) == [0, 1]
    assert indices(review(client, location, prediction="7")) == [1]
    assert indices(review(client, location, "b", prediction="7")) == []
    assert indices(review(client, location, "b", prediction=None, limit=5.0)) == [0]


def test_what_a_reviewer_leaves_comes_back_when_its_time_is_up(client: Client, mill: Mill) -> None:
    location = mixed(client, mill)
    assert indices(review(client, location, "a", seconds=60)) == [0]
    mill.pass_time(61)
    assert indices(review(client, location, "b")) == [0]


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"reviewer": "two words"}, "reviewer"), ({"reviewer": ""}, "reviewer"), ({}, "reviewer"),
        ({"reviewer": "a", "limit": 0}, "limit"), ({"reviewer": "a", "limit": 101}, "limit"),
        ({"reviewer": "a", "limit": "5"}, "limit"), ({"reviewer": "a", "limit": True}, "limit"),
        ({"reviewer": "a", "limit": 5.5}, "limit"), ({"reviewer": "a", "seconds": 1}, "seconds"),
        ({"reviewer": "a", "seconds": 601}, "seconds"), ({"reviewer": "a", "prediction": "x"}, "prediction"),
        ({"reviewer": "a", "colour": "red"}, "colour"),
    ],
)  # fmt: skip
def test_a_bad_request_for_rows_to_review_is_refused_by_its_name(
    client: Client, mill: Mill, asked: dict[str, Any], field: str
) -> None:
    problem = assert_problem(client.post(f"{mixed(client, mill)}/review", json=asked), 400, "bad_options")
    assert [error["field"] for error in problem["errors"]] == [field]


def test_too_many_reviewers_are_told_to_wait(client: Client, mill: Mill) -> None:
    files = [(f"{n}.png", one()) for n in range(101)]
    location = submitted(client, files, DOUBTED)
    mill.turn()
    for number in range(100):
        assert len(review(client, location, f"r{number}", limit=1)["results"]) == 1
    response = client.post(f"{location}/review", json={"reviewer": "late"})
    assert_problem(response, 429, "rate_limited")
    assert response.headers["Retry-After"]


def test_a_name_begins_no_formula_in_final_csv_either(client: Client, mill: Mill) -> None:
    location = submitted(client, [("=1.png", one())])
    mill.turn()
    correct(client, location, 0, {"prediction": "7"})
    text = client.get(f"{location}/results?format=csv&final=true").text
    assert next(csv.DictReader(io.StringIO(text)))["name"] == "'=1.png"


def test_a_raised_threshold_lets_accepted_rows_wait_too(client: Client, mill: Mill) -> None:
    # the model is sure of the 7 to 0.995, and of the 1 to 0.98
    location = submitted(client, [("a.png", one()), ("b.png", one()), ("c.png", seven())], {"review_below": 0.5})
    assert_problem(client.open(f"{location}/review", method="PATCH", json={"below": 0.99}), 409, "job_not_final")
    mill.turn()
    client.open(f"{location}/results/1", method="PATCH", json={"prediction": "7"})
    assert client.post(f"{location}/review", json={"reviewer": "ann"}).json["results"] == []
    raised = client.open(f"{location}/review", method="PATCH", json={"below": 0.99}).json
    assert (raised["raised"]["below"], raised["raised"]["rows"], raised["counts"]["unanswered"]) == (0.99, 2, 1)
    held = client.post(f"{location}/review", json={"reviewer": "ann"}).json
    assert [(row["index"], row["status"]) for row in held["results"]] == [(0, "recognized")]
    client.open(f"{location}/results/0", method="PATCH", json={"prediction": "1"})
    assert client.get(location).json["counts"]["unanswered"] == 0
    again = client.open(f"{location}/review", method="PATCH", json={"below": 0.999}).json
    assert (again["raised"]["rows"], again["counts"]["unanswered"]) == (3, 1)
    refused = client.open(f"{location}/review", method="PATCH", json={"below": 0.5})
    assert assert_problem(refused, 400, "bad_options")["errors"][0]["field"] == "below"
