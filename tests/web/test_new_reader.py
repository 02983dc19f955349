"""A reader is added by one file and one line of registration: the rest of the service takes it as it is."""

from __future__ import annotations

import json

import pytest

from digitmill.readers import READERS
from tests.receiver import Receiver
from tests.web.conftest import Client, Mill, assert_problem, submit, submitted
from tests.web.fakes import blank, one, seven
from tests.web.letter_reader import LetterReader

FILES = [("a.png", one()), ("b.png", blank()), ("c.png", b"no image"), ("d.png", seven())]
"""The model of the tests is sure of the letter H to 0.995, and of B to 0.98."""
LETTERS = {"read": "letter", "review_below": 0.99}


@pytest.fixture(autouse=True)
def _letters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(READERS, LetterReader.name, LetterReader())


def test_rows_csv_review_and_corrections_are_those_of_the_reader(client: Client, mill: Mill) -> None:
    location = submitted(client, FILES, LETTERS)
    mill.turn()
    job = client.get(location).json
    assert (job["state"], job["options"]["read"]) == ("completed", "letter")
    counts = {status: job["counts"][status] for status in ("recognized", "review", "blank", "failed", "done")}
    assert counts == {"recognized": 1, "review": 1, "blank": 1, "failed": 1, "done": 4}

    rows = client.get(f"{location}/results").json["results"]
    assert [(row["status"], row["prediction"], row["reason"]) for row in rows] == [
        ("review", "B", "unsure"),
        ("blank", None, None),
        ("failed", None, None),
        ("recognized", "H", None),
    ]
    assert [guess["prediction"] for guess in rows[3]["alternatives"]] == ["A", "B"]
    table = client.get(f"{location}/results?format=csv").text.splitlines()
    assert table[1].startswith("0,a.png,review,B,0.98")

    held = client.post(f"{location}/review", json={"reviewer": "ann", "prediction": "B"}).json
    assert [row["index"] for row in held["results"]] == [0]
    assert held["waiting"] == {letter: int(letter == "B") for letter in "ABCDEFGHIJ"}
    refused = client.open(f"{location}/results/0", method="PATCH", json={"prediction": "7"})
    assert assert_problem(refused, 400, "bad_options")["errors"][0]["field"] == "prediction"
    corrected = client.open(f"{location}/results/0", method="PATCH", json={"prediction": "D"})
    assert corrected.json["correction"]["prediction"] == "D"
    assert client.post(f"{location}/review", json={"reviewer": "ann"}).json["results"] == []
    assert "0,a.png,recognized,D" in client.get(f"{location}/results?format=csv&final=true").text


def test_such_a_job_that_is_lost_waits_again(client: Client, mill: Mill) -> None:
    location = submitted(client, FILES, LETTERS)
    assert mill.store.chunks.wait_for_work(1), "and whoever took it out is gone"
    mill.pass_time(3 * mill.service.settings.lease_seconds)
    mill.service.recovery.sweep()
    mill.turn()
    assert client.get(location).json["state"] == "completed"


@pytest.mark.parametrize("mill", [{"webhook_private_addresses": True}], indirect=True)
def test_a_webhook_tells_of_such_a_job(client: Client, mill: Mill, receiver: Receiver) -> None:
    mill.service.webhooks.secrets.renew("local", overlap=0)
    assert submit(client, FILES, {**LETTERS, "webhook_url": receiver.url}).status_code == 202
    mill.turn()
    while mill.queue.events:
        mill.service.webhooks.deliver(mill.queue.events.popleft())
    (event,) = (json.loads(request.body) for request in receiver.received)
    assert (event["type"], event["data"]["options"]["read"]) == ("job.completed", "letter")
    assert event["data"]["counts"]["recognized"] == 1


def test_a_reader_that_is_not_registered_is_refused(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(READERS, LetterReader.name)
    assert_problem(submit(client, FILES, LETTERS), 400, "bad_options")
