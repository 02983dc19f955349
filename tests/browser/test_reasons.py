"""What the model takes a doubtful picture for: the pages say it, and the main key answers accordingly."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

import cv2
import numpy as np
import pytest
from playwright.sync_api import Page, Route, expect

from digitmill.client import Client, Job
from tests.browser.conftest import send
from tests.browser.reviewing import doubtful_job, opened, press, rows, said, stored
from tests.browser.watching import assert_accessible
from tests.pictures import drawn_digit, png

pytestmark = [pytest.mark.service, pytest.mark.browser]

LOOKS = {
    "cut_off": "may be cut off; the model is",
    "cross": "looks like a cross",
    "dash": "looks like a dash",
    "struck_out": "looks struck out",
    "several": "looks like two digits or numbers, or more",
    "circled": "looks like a digit in a circle",
    "other": "looks like a letter or a scribble",
    "blank": "looks empty",
    "of_a_later_release": "looks like a letter or a scribble",
}
NO_DIGIT = {"cross": "not_a_digit", "dash": "not_a_digit", "several": "not_a_digit", "other": "not_a_digit"}
MAIN = NO_DIGIT | {"blank": "blank"}


def letter() -> bytes:
    picture = np.full((64, 64), 235, np.uint8)
    cv2.putText(picture, "K", (15, 50), cv2.FONT_HERSHEY_SIMPLEX, 1.8, (30,), 5, cv2.LINE_AA)
    return png(picture)


@pytest.fixture
def job(api: Client) -> Job:
    return doubtful_job(api, len(LOOKS) + 1)


@pytest.fixture
def page(page: Page) -> Iterator[Page]:
    """The page, whose answers on their way are waited for before it is closed."""
    yield page
    page.unroute_all(behavior="wait")


def with_reasons(page: Page, reasons: Mapping[int, str | None]) -> None:
    """Let the service give these reasons for the rows with these indices: no model at hand knows all of them."""

    def answer(route: Route) -> None:
        response = route.fetch()
        if "application/json" not in response.headers.get("content-type", ""):
            route.fulfill(response=response)
            return
        document = response.json()
        for row in document.get("results", [document]):
            if row.get("index") in reasons:
                row["reason"] = reasons[row["index"]]
        route.fulfill(response=response, body=json.dumps(document))

    page.route(re.compile(r"/v1/jobs/\w+/(review$|results)"), answer)


def of_each_kind() -> dict[int, str | None]:
    return dict(enumerate([*LOOKS, "unsure"]))


def test_the_review_says_what_the_model_thinks_and_enter_agrees_with_it(page: Page, api: Client, job: Job) -> None:
    reasons = of_each_kind()
    with_reasons(page, reasons)
    opened(page, job)
    found = rows(api, job)
    answered = {}
    for _ in reasons:
        row = found[page.locator("#name").inner_text()]
        reason = reasons[row.index] or ""
        expect(page.locator("#sure")).to_contain_text(LOOKS.get(reason, "the model is"))
        holds_a_digit = reason not in MAIN
        expect(page.locator("#guess")).to_be_visible(visible=holds_a_digit)
        main = {"not_a_digit": "No digit", "blank": "Blank"}.get(MAIN.get(reason, ""), f"It is {row.prediction}")
        expect(page.locator("[data-says=confirm]")).to_contain_text(main)
        if not holds_a_digit:
            assert_accessible(page)
        answered[press(page, "Enter")] = MAIN.get(reason, row.prediction)
    stored(page)
    expect(page.locator("#changed")).to_have_text("0.0 %")
    assert {name: said(row) for name, row in rows(api, job).items()} == answered


def test_a_digit_is_one_key_away_where_the_model_sees_none(page: Page, api: Client, job: Job) -> None:
    with_reasons(page, dict.fromkeys(range(len(LOOKS) + 1), "cross"))
    opened(page, job)
    first, second = press(page, "4"), press(page, "x")
    stored(page)
    found = rows(api, job)
    assert (said(found[first]), said(found[second])) == ("4", "not_a_digit")
    expect(page.locator("#changed")).to_have_text("50.0 %")


def test_no_sheet_confirms_a_digit_where_the_model_sees_none(page: Page, api: Client) -> None:
    files = [(f"box-{number}.png", png(drawn_digit(7, 40 + 4 * number))) for number in range(4)]
    job = api.wait(send(api, files, review_below=1.0).id)
    assert [row.prediction for row in api.results(job.id)] == ["7"] * 4
    with_reasons(page, {0: "cross", 1: "blank", 2: "struck_out", 3: "several"})
    opened(page, job, "/groups")
    for index, note in enumerate(("cross", "empty", "struck out", "two digits or numbers")):
        tile = page.locator(f".crop[data-index='{index}']")
        expect(tile).to_contain_text(note)
        expect(tile).to_have_attribute("aria-pressed", "false" if index == 2 else "true")
    expect(page.get_by_role("button", name="Row 0, read as 7, looks like a cross")).to_be_visible()
    assert_accessible(page)
    # it is a 7, whatever the model thinks
    page.locator(".crop[data-index='3']").click()
    page.keyboard.press("Enter")
    stored(page)
    assert [said(row) for row in api.results(job.id)] == ["not_a_digit", "blank", "7", "7"]


def test_a_letter_is_told_from_a_doubtful_digit_from_end_to_end(page: Page, api: Client) -> None:
    job = api.wait(send(api, [("letter.png", letter())]).id)
    (row,) = api.results(job.id)
    assert (row.status, row.reason) == ("review", "other")
    page.goto(f"/jobs/{job.id}")
    tile = page.get_by_role("gridcell")
    expect(tile).to_contain_text("looks like a letter or a scribble")
    tile.click()
    expect(page.locator(".row-status")).to_have_text("to review: looks like a letter or a scribble")
    assert_accessible(page)
    opened(page, job)
    assert press(page, "Enter") == "letter.png"
    stored(page)
    assert said(api.row(job.id, 0)) == "not_a_digit"


def test_a_cross_that_is_drawn_is_no_digit(page: Page) -> None:
    page.goto("/draw")
    pad = page.get_by_label("Box to draw a digit in")
    box = pad.bounding_box()
    assert box is not None
    corners = ((0.2, 0.2), (0.8, 0.8)), ((0.8, 0.2), (0.2, 0.8))
    for (left, top), (right, bottom) in corners:
        page.mouse.move(box["x"] + left * box["width"], box["y"] + top * box["height"])
        page.mouse.down()
        page.mouse.move(box["x"] + right * box["width"], box["y"] + bottom * box["height"], steps=5)
        page.mouse.up()
    expect(page.locator("#said")).to_contain_text("The drawing looks like a")
    assert_accessible(page)
