"""Crops of one form, by their names: the review shows them beside each other."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from digitmill.client import Client, Job
from tests.browser.conftest import send
from tests.browser.reviewing import opened, press
from tests.browser.watching import assert_accessible
from tests.pictures import drawn_digit, png

pytestmark = [pytest.mark.service, pytest.mark.browser]

FORM = "async (asked) => (await import('/static/neighbours.js')).formAround(...asked).places"
FIELDS = ("male", "female", "total")


def job_of(api: Client, names: list[str]) -> Job:
    files = [(name, png(drawn_digit(place % 10, 32 + place))) for place, name in enumerate(names)]
    return api.wait(send(api, files, review_below=1.0).id)


def test_the_review_shows_the_crops_of_one_form_beside_each_other(page: Page, api: Client) -> None:
    names = [f"form-{form:03}_{field}.png" for form in range(4) for field in FIELDS]
    job = job_of(api, names)
    opened(page, job)
    for _ in range(3):
        name = page.locator("#name").inner_text()
        form = name.partition("_")[0]
        beside = page.locator("#neighbours li")
        expect(page.locator("#neighbours small")).to_have_text([f"{field}.png" for field in FIELDS])
        expect(page.locator("#neighbours li[aria-current]")).to_have_attribute("title", name)
        expect(beside.first).to_have_attribute("title", f"{form}_{FIELDS[0]}.png")
        expect(beside.locator("img")).to_have_count(len(FIELDS))
        assert page.evaluate("""() => {
            const boxes = [...document.querySelectorAll("#neighbours li")].map((each) => each.getBoundingClientRect());
            return boxes.every((box) => box.top === boxes[0].top);
        }""")
        assert_accessible(page)
        press(page, "Enter")


def test_where_names_tell_of_no_form_nothing_stands_beside_a_row(page: Page, api: Client) -> None:
    job = job_of(api, [f"box-{number}.png" for number in range(5)])
    opened(page, job)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for _ in range(3):
        press(page, "ArrowRight")
    page.wait_for_load_state("networkidle")
    expect(page.locator("#neighbours")).to_be_hidden()
    assert not any("cursor=" in url for url in asked)


@pytest.mark.parametrize(
    ("names", "place", "expected"),
    [
        (["a/1.png", "a/2.png", "b/1.png", "b/2.png"], 2, [2, 3]),
        (["017-male-1.png", "017-male-2.png", "017-female-1.png", "018-male-1.png"], 1, [0, 1, 2]),
        (["scan-7 x.png", "scan-7 y.png", "scan-8 x.png"], 0, [0, 1]),
        ([f"pile/{number}.png" for number in range(40)], 7, []),
        ([f"pile/form{number // 3}_{number % 3}.png" for number in range(40)], 7, [6, 7, 8]),
        (["box-1.png", "box-2.png"], 0, []),
        (["Scan_0042.pdf#1", "Scan_0042.pdf#2"], 0, []),
        (["7_hsf-w4164_020.png", "7_hsf-w4164_021.png", "x.png"], 0, [0, 1]),
        (["1.2.3.png"], 0, []),
        (["", "a_1"], 0, []),
    ],
)
def test_a_form_is_known_by_its_folder_or_by_the_number_in_front(
    page: Page, names: list[str], place: int, expected: list[int]
) -> None:
    page.goto("/")
    assert page.evaluate(FORM, [names, place]) == expected


def test_what_may_go_on_beyond_what_is_known_is_no_form(page: Page) -> None:
    page.goto("/")
    names = ["7/a.png", "7/b.png", "7/c.png"]
    assert page.evaluate(FORM, [names, 1, {"before": False, "behind": True}]) == []
    assert page.evaluate(FORM, [["6/z.png", *names], 2, {"before": False, "behind": True}]) == [1, 2, 3]
