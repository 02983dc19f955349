"""Numbers in the browser: chosen where scans are dropped, filtered on the job's page, typed in the review."""

from __future__ import annotations

import cv2
import pytest
from playwright.sync_api import Page, expect

from digitmill.client import Client
from tests.browser.conftest import send
from tests.browser.reviewing import opened, press, rows, said, stored
from tests.browser.test_drop import choose, job_of
from tests.browser.watching import assert_accessible
from tests.numbers import field_files, label_of
from tests.strips.test_one_number import beside
from tests.strips.test_strips import written

pytestmark = [pytest.mark.service, pytest.mark.browser]

FILES = sorted(field_files().items())


def test_strips_are_dropped_as_numbers_and_found_by_what_was_read(page: Page, api: Client) -> None:
    page.goto("/")
    page.get_by_label("A number", exact=True).check()
    expect(page.locator("[data-read=digit]:visible")).to_have_count(0)
    choose(page, *FILES)
    page.get_by_role("button", name="Read the scans").click()
    job = api.wait(job_of(page))
    found = [row for row in api.results(job.id) if row.status == "recognized"]
    assert found
    assert all(row.prediction == label_of(row.name) for row in found)
    page.get_by_label("Number", exact=True).fill(found[0].prediction or "")
    expect(page.locator("#grid .tile")).to_have_count(
        sum(row.prediction == found[0].prediction for row in api.results(job.id))
    )
    expect(page.get_by_role("link", name="Review by digit")).to_have_count(0)
    assert_accessible(page)


def test_a_number_is_typed_and_enter_says_it(page: Page, api: Client) -> None:
    job = api.wait(send(api, FILES[:3], read="number", review_below=1.0).id)
    opened(page, job)
    assert_accessible(page)
    for key in ("0", "1", "8", "Backspace", "7"):
        page.keyboard.press(key)
    expect(page.locator("[data-typed]")).to_have_value("017")
    typed = press(page, "Enter")
    expect(page.locator("#name")).not_to_have_text(typed)
    guess = page.locator("#guess").inner_text()
    expect(page.locator("[data-typed]")).to_have_value(guess)
    confirmed = press(page, "Enter")
    expect(page.locator("#left")).to_have_text("1")
    stored(page)
    found = rows(api, job)
    assert [said(found[name]) for name in (typed, confirmed)] == ["017", guess]


def test_enter_says_nothing_of_a_strip_that_may_hold_two_numbers(page: Page, api: Client) -> None:
    strip = cv2.imencode(".png", beside(written("4"), written("2"), gap=80))[1].tobytes()
    job = api.wait(send(api, [("two.png", strip)], read="number").id)
    (row,) = api.results(job.id)
    assert (row.reason, row.prediction) == ("several", "42")
    opened(page, job)
    expect(page.locator("[data-typed]")).to_have_value("")
    guess = page.locator("#guesses li").filter(has_text="42").first
    lines = guess.evaluate(
        "line => { const all = new Range(); all.selectNode(line.firstChild); return all.getClientRects().length; }"
    )
    assert lines == 1
    page.keyboard.press("Enter")
    expect(page.locator("#left")).to_have_text("1")
    page.keyboard.type("4")
    press(page, "Enter")
    stored(page)
    assert said(rows(api, job)["two.png"]) == "4"
