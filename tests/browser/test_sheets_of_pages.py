"""Boxes of the fields of form pages, answered in sheets of boxes that were read alike."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from digitmill.client import Client
from tests.browser.test_form_pages import form_job
from tests.browser.watching import assert_accessible

pytestmark = [pytest.mark.service, pytest.mark.browser]


def confirm_all(page: Page, most: int) -> set[str]:
    """Says of every sheet that it is right. Returns the row and the field of each box that was on one."""
    seen: set[str] = set()
    for _ in range(most + 1):
        expect(page.locator("#row:not([hidden]), #nothing:not([hidden])")).to_be_visible()
        if page.locator("#nothing").is_visible():
            return seen
        tiles = page.locator(".crop").evaluate_all("tiles => tiles.map((tile) => tile.dataset.index)")
        seen |= {", ".join(tile.split(", ")[:2]) for tile in tiles}
        page.keyboard.press("Enter")
    raise AssertionError("the sheets do not end")


def test_nobody_gets_a_box_of_a_field_that_is_on_somebody_elses_sheet(page: Page, api: Client, tmp_path: Path) -> None:
    job = form_job(api, tmp_path)
    address = f"/jobs/{job.id}/review/groups"
    page.goto(address)
    expect(page.locator("#row")).to_be_visible()
    first = set(page.locator(".crop").evaluate_all("tiles => tiles.map((tile) => tile.dataset.index)"))
    other = page.context.new_page()
    other.goto(address)
    mine = confirm_all(other, 1000)
    assert mine.isdisjoint(", ".join(each.split(", ")[:2]) for each in first)
    # who has gone home has them taken over, and is told when back
    other.locator("#holders button").click()
    expect(other.locator("#row")).to_be_visible()
    page.bring_to_front()
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("#notice")).to_have_text("Somebody else has answered some of these rows, or holds them now.")
    expect(page.locator("#row")).to_be_hidden()


def test_boxes_of_all_pages_that_were_read_alike_are_answered_in_sheets(
    page: Page, api: Client, tmp_path: Path
) -> None:
    job = form_job(api, tmp_path)
    everything = {
        (row["index"], name): field
        for row in page.request.get(f"/v1/jobs/{job.id}/results").json()["results"]
        for name, field in row["fields"].items()
        if field["status"] == "review"
    }
    doubtful = {place: field for place, field in everything.items() if field["value"] is not None}
    boxes = sum(max(1, len(field["characters"])) for field in doubtful.values())
    assert boxes > len(doubtful)
    page.goto(f"/jobs/{job.id}/review")
    page.get_by_role("link", name="By digit").click()
    expect(page).to_have_url(re.compile("/review/groups$"))
    expect(page.locator("#row")).to_be_visible()
    expect(page.locator("#left")).to_have_text(str(len(everything)))
    # of those of one reason, the others follow
    assert 0 < sum(int(each) for each in page.locator("#digits small").all_inner_texts()) <= boxes
    picture = page.locator(".crop img").first
    expect(picture).to_have_js_property("complete", True)
    assert picture.evaluate("picture => picture.naturalWidth") > 0
    assert_accessible(page)

    # one of the first sheet is another digit, all others are what was read
    first = page.locator(".crop").first
    read_as = first.locator("b").inner_text()
    place, name, box = (first.get_attribute("data-index") or "").split(", ")
    other = "1" if read_as != "1" else "2"
    first.focus()
    page.keyboard.press(other)
    expect(first.locator(".mark")).to_have_text(other)
    confirm_all(page, boxes)
    expect(page.locator("#left")).to_have_text(str(len(everything) - len(doubtful)))
    expect(page.locator("#sending")).to_have_text("All answers are stored.")
    fields = {row.index: row.fields or {} for row in api.results(job.id)}
    for (index, field), before in doubtful.items():
        expected = before["value"]
        if (str(index), field) == (place, name):
            expected = expected[: int(box) - 1] + other + expected[int(box) :]
        said = fields[index][field].correction
        assert said is not None
        assert said.prediction == expected
    # the last sheet is taken back
    page.keyboard.press("u")
    expect(page.locator("#row")).to_be_visible()
    expect(page.locator("#left")).not_to_have_text("0")
