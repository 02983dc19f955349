"""Forms of several pages: which pages belong together, and which are missing, by HTTP."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from tests.forms.made import copy_of_page, form_named, form_of_two, png, publication
from tests.web.conftest import Client, Mill
from tests.web.test_form_jobs import options, submitted
from tests.web.test_placing import lost_page, placed
from tests.web.test_spreadsheet import read
from training.forms.layout import Form

Files = list[tuple[str, bytes]]
LABELS = ("claim-1@1", "claim-2@1")


@pytest.fixture
def form(client: Client) -> tuple[Form, Form]:
    """Both pages, published."""
    pages = form_of_two("claim")
    for page in pages:
        assert client.post("/v1/templates", **publication(page)).status_code == 201
    return pages


def batch(form: tuple[Form, Form], order: str) -> Files:
    """``1a 2a`` are both pages of copy a, ``x`` is a page of something else."""
    stranger = png(form_named("other", 4).blank)
    return [
        (f"{index}-{word}.png", stranger if word == "x" else copy_of_page(form[int(word[0]) - 1], ord(word[1]) - 96))
        for index, word in enumerate(order.split())
    ]


def done(client: Client, mill: Mill, files: Files, *labels: str, **more: Any) -> str:
    location = submitted(client, files, options(*(labels or LABELS), **more))
    mill.turn()
    return location


def places(client: Client, location: str) -> list[Any]:
    return [row.get("form") for row in client.get(f"{location}/results").json["results"]]


def test_a_page_that_is_missing_is_told_with_the_scans_about_it(
    client: Client, mill: Mill, form: tuple[Form, Form]
) -> None:
    location = submitted(client, batch(form, "1a 2a 1b x 1c 2c"), options(*LABELS))
    assert "sets" not in client.get(location).json
    mill.turn()
    scan = {"index": 2, "name": "2-1b.png"}
    assert client.get(location).json["sets"] == {
        "forms": [
            {
                "name": "claim",
                "pages": [{"page": 1, "scans": 3}, {"page": 2, "scans": 2}],
                "order": "forward",
                "sets": 3,
                "incomplete": 1,
                "missing_pages": 1,
                "faulty": 1,
            }
        ],
        "faults": [
            {
                "form": "claim",
                "set": 2,
                "sets": 1,
                "missing": [2],
                "doubled": [],
                "in_order": True,
                "first": scan,
                "last": scan,
                "unread": [{"index": 3, "name": "3-x.png"}],
            }
        ],
    }
    told = [(1, 1), (2, 1), (1, 2), None, (1, 3), (2, 3)]
    expected = [place and {"name": "claim", "page": place[0], "set": place[1]} for place in told]
    assert places(client, location) == expected
    assert client.get(f"{location}/results/4").json["form"] == expected[4]
    lines = [json.loads(line) for line in client.get(f"{location}/results?format=ndjson").text.splitlines()]
    assert [line.get("form") for line in lines] == expected
    numbers = ["1", "1", "2", "", "3", "3"]
    heading, *cells = csv.reader(io.StringIO(client.get(f"{location}/results?format=csv&final=true").text))
    assert (heading[-1], [line[-1] for line in cells]) == ("form_set", numbers)
    titles, first, *_ = read(client.get(f"{location}/results?format=xlsx").data)
    assert (titles[-1], first[-1]) == ("form_set", "1")


@pytest.mark.parametrize(
    ("order", "labels", "metadata"),
    [("1a", LABELS, {}), ("1a 1b", LABELS[:1], {}), ("1a 2b", LABELS, {"retry_of": "0"})],
    ids=["a job of one page", "a template of one page of the form", "pages that had failed elsewhere"],
)
def test_nothing_is_told_where_no_set_can_be(
    client: Client, mill: Mill, form: tuple[Form, Form], order: str, labels: tuple[str, ...], metadata: Any
) -> None:
    location = done(client, mill, batch(form, order), *labels, metadata=metadata)
    assert "sets" not in client.get(location).json
    assert not any(places(client, location))


def test_fronts_before_backs_are_told_once(client: Client, mill: Mill, form: tuple[Form, Form]) -> None:
    location = done(client, mill, batch(form, "1a 1b 2a 2b"))
    sets = client.get(location).json["sets"]
    assert (sets["forms"][0]["order"], sets["forms"][0]["sets"], sets["faults"]) == ("loose", 0, [])
    assert places(client, location)[3] == {"name": "claim", "page": 2, "set": None}


def test_sets_are_looked_for_again_where_an_earlier_release_has_noted_copies_alone(
    client: Client, mill: Mill, form: tuple[Form, Form]
) -> None:
    location = done(client, mill, batch(form, "1a 2a 1b"))
    key = f"dm:job:{location.rpartition('/')[2]}"
    mill.store._redis.hdel(key, "sets")
    assert client.get(location).json["sets"]["forms"][0]["missing_pages"] == 1
    assert mill.store._redis.hexists(key, "sets")


@pytest.mark.usefixtures("turning")
def test_a_page_that_a_person_has_placed_is_missing_no_more(
    client: Client, mill: Mill, form: tuple[Form, Form]
) -> None:
    scan, corners = lost_page(form[1].blank)
    files = [*batch(form, "1a 2a 1b"), ("lost.png", png(scan))]
    location = submitted(client, files, options(*LABELS))
    assert mill.service.jobs.wait("local", location.rpartition("/")[2], seconds=60).state.final
    (fault,) = client.get(location).json["sets"]["faults"]
    assert [each["name"] for each in fault["unread"]] == ["lost.png"]
    answer = placed(client, location, 3, corners=corners, template=LABELS[1])
    assert answer.status_code == 200, answer.text
    sets = client.get(location).json["sets"]
    assert (sets["forms"][0]["sets"], sets["forms"][0]["faulty"], sets["faults"]) == (2, 0, [])


def test_pages_of_earlier_templates_belong_together_by_their_names(client: Client, mill: Mill) -> None:
    pages = form_of_two("claim")
    for page in pages:
        document = json.loads(page.template.as_json())
        del document["page"]["form"]
        assert client.post("/v1/templates", **publication(page, template=json.dumps(document))).status_code == 201
    location = done(client, mill, batch(pages, "1a 2a"))
    assert client.get(location).json["sets"]["forms"][0]["name"] == "claim"
