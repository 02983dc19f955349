"""How the page of a job shows rows: while they load, those that failed, and what is to be done next."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from digitmill.client import Client
from tests.browser.conftest import send
from tests.browser.reviewing import doubtful_job, opened, press, stored
from tests.browser.test_review_together import answers_are_slow
from tests.pictures import drawn_digit, png

pytestmark = [pytest.mark.service, pytest.mark.browser]

MARK = "tile => getComputedStyle(tile, '::before').content"


def test_a_page_says_that_its_rows_are_still_coming(page: Page, api: Client) -> None:
    job = doubtful_job(api, 4)
    waiting: list[Route] = []

    def hold(route: Route) -> None:
        waiting.append(route)

    page.route("**/results?**", hold)
    page.goto(f"/jobs/{job.id}")
    expect(page.locator("#shown")).to_have_text("Loading rows: 0 of 4")
    expect(page.get_by_role("grid")).to_have_attribute("aria-busy", "true")
    expect(page.locator("#state")).to_have_text("Done")
    while waiting:
        waiting.pop().continue_()
    expect(page.locator("#shown")).to_have_text("4 rows")
    expect(page.get_by_role("grid")).to_have_attribute("aria-busy", "false")


def test_a_failed_tile_is_drawn_and_asks_for_no_picture(page: Page, api: Client) -> None:
    job = api.wait(send(api, [("a.png", png(drawn_digit(3))), ("letter.png", b"text")]).id)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"/jobs/{job.id}")
    failed = page.get_by_role("gridcell", name="letter.png: failed")
    assert "✕" in failed.evaluate(MARK)
    expect(failed.locator("img")).to_be_hidden()
    read = page.get_by_role("gridcell", name="a.png")
    expect(read.locator("img")).to_have_attribute("src", f"/v1/jobs/{job.id}/results/0/image?view=thumbnail")
    assert read.evaluate(MARK) == "none"
    assert not any("/results/1/image" in url for url in asked)


def test_there_is_one_main_action_to_review_what_is_doubtful_and_then_the_table(page: Page, api: Client) -> None:
    job = doubtful_job(api, 2)
    main = page.locator("main a.primary:visible, main button.primary:visible")
    page.goto(f"/jobs/{job.id}")
    expect(main).to_have_count(1)
    expect(main).to_contain_text("Review the doubtful ones")
    opened(page, job)
    press(page, "Enter")
    press(page, "Enter")
    stored(page)
    # after the last row: the table, the check, the certificate
    expect(main).to_have_count(1)
    expect(main).to_contain_text("Excel")
    for name in ("CSV", "Check the accepted rows", "Certificate"):
        expect(page.locator("#finished").get_by_role("link", name=name)).to_be_visible()
    page.keyboard.press("j")
    expect(page.locator("#state")).to_have_text("Done")
    expect(main).to_have_count(1)
    expect(main).to_contain_text("Excel")


def test_after_the_last_sheet_the_table_the_check_and_the_certificate_are_at_hand(page: Page, api: Client) -> None:
    job = api.wait(send(api, [(f"{number}.png", png(drawn_digit(7))) for number in range(3)], review_below=1.0).id)
    opened(page, job, "/groups")
    page.keyboard.press("Enter")
    expect(page.locator("#nothing-text")).to_have_text("No doubtful row is left.")
    stored(page)
    for name in ("Excel", "CSV", "Check the accepted rows", "Certificate"):
        expect(page.locator("#finished").get_by_role("link", name=name)).to_be_visible()
    with page.expect_download() as download:
        page.keyboard.press("d")
    assert download.value.suggested_filename.endswith(".csv")


def test_a_conflict_shows_where_the_eye_is_on_a_long_sheet(page: Page, context: BrowserContext, api: Client) -> None:
    job = api.wait(send(api, [(f"{number}.png", png(drawn_digit(7, 36))) for number in range(80)], review_below=1.0).id)
    page.set_viewport_size({"width": 360, "height": 640})
    opened(page, job, "/groups")
    tiles = page.locator("#sheet .crop")
    expect(tiles).to_have_count(36)
    index = int(tiles.nth(1).get_attribute("data-index") or "")
    with answers_are_slow(page) as tell:
        api.correct(job.id, index, prediction="1")
        page.keyboard.press("Enter")
        expect(page.locator("#notice")).to_contain_text("confirmed")
        expect(tiles).to_have_count(36)
        page.keyboard.press("End")
        expect(tiles.last).to_be_focused()
        assert page.evaluate("() => window.scrollY") > 200
        tell()
        page.unroute("**/results")
        expect(page.locator("#conflicts")).to_be_in_viewport()
    page.keyboard.press("ArrowUp")
    shown = page.evaluate("""() => {
        const tile = document.activeElement.getBoundingClientRect();
        const top = document.getElementById("conflicts").getBoundingClientRect();
        return tile.bottom > Math.max(0, top.bottom) && tile.top < innerHeight;
    }""")
    assert shown, "the tile with the focus lies beneath the conflict"
