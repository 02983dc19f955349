"""The page of a job: progress over lost connections, the threshold, the rows, and one row opened."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from digitmill.client import Client
from tests.browser.conftest import browsing, send
from tests.browser.watching import Watch, assert_accessible
from tests.pictures import drawn_digit, png
from tests.web.conftest import Server
from tests.web.fakes import blank, one, seven

pytestmark = [pytest.mark.service, pytest.mark.browser]


@pytest.fixture(scope="module")
def job(url: str) -> str:
    """A finished job of twenty digits, a blank image and a text."""
    files = [(f"box-{number}.png", png(drawn_digit(number % 10))) for number in range(20)]
    with Client(url) as client:
        job = send(client, [*files, ("blank.png", blank()), ("letter.png", b"text")])
        return client.wait(job.id).id


def below(page: Page) -> int:
    """How many rows the page says would go to review."""
    found = re.search(r"^([\d,]+) of", page.locator("#threshold-text").inner_text())
    assert found
    return int(found[1].replace(",", ""))


def test_progress_survives_a_reload_and_a_lost_connection(chromium: Browser, resting: Server) -> None:
    with Client(resting.url) as client:
        job = send(client, [(f"{number}.png", one()) for number in range(10)])
        with browsing(chromium, resting.url) as (context, watch):
            watch.tolerated += ["ERR_INTERNET_DISCONNECTED", "ERR_NETWORK_CHANGED"]
            page = context.new_page()
            page.goto(f"/jobs/{job.id}")
            expect(page.locator("#state")).to_have_text("Waiting")
            resting.turn_once()
            expect(page.locator("#progress-text")).to_have_text("2 of 10 images")
            expect(page.get_by_role("gridcell")).to_have_count(2)
            assert_accessible(page)
            page.reload()
            expect(page.locator("#progress-text")).to_have_text("2 of 10 images")
            context.set_offline(True)
            expect(page.locator("#progress-rate")).to_contain_text("connection is lost")
            resting.turn_once()
            context.set_offline(False)
            resting.turn_once()
            expect(page.locator("#progress-text")).to_have_text("6 of 10 images")
            resting.turn()
            expect(page.locator("#state")).to_have_text("Done")
            expect(page.get_by_role("gridcell")).to_have_count(10)
            expect(page.locator("#progress")).to_be_hidden()
            expect(page.get_by_role("link", name="CSV D", exact=True)).to_be_visible()


def test_a_job_goes_on_over_a_restart_of_its_page_and_can_be_stopped(chromium: Browser, resting: Server) -> None:
    with Client(resting.url) as client:
        job = send(client, [(f"{number}.png", one()) for number in range(10)])
        with browsing(chromium, resting.url) as (context, _):
            context.new_page().goto(f"/jobs/{job.id}")
            context.pages[0].close()
            resting.turn_once()
            page = context.new_page()
            page.goto(f"/jobs/{job.id}")
            expect(page.locator("#early")).to_be_hidden()
            page.get_by_role("button", name="Stop the job").click()
            page.get_by_role("button", name="Let it go on").click()
            assert client.job(job.id).state == "running"
            page.get_by_role("button", name="Stop the job").click()
            page.get_by_role("dialog").get_by_role("button", name="Stop", exact=True).click()
            expect(page.locator("#state")).to_have_text("Cancelled")
            expect(page.locator("#early")).to_contain_text("2 of 10 images have a row")
            assert_accessible(page)
            expect(page.get_by_role("gridcell")).to_have_count(2)
            page.goto("/jobs")
            expect(page.get_by_role("row").filter(has_text=job.id)).to_contain_text("2 of 10 images were read")
        assert client.job(job.id).state == "cancelled"


def test_a_job_says_until_when_its_rows_are_kept_and_warns_on_the_last_day(page: Page, api: Client) -> None:
    long, short = (api.wait(send(api, [("a.png", one())], expires_in=days * 86400).id) for days in (30, 1))
    page.goto(f"/jobs/{long.id}")
    expect(page.locator("#kept")).to_have_text(re.compile("kept until .*20[0-9][0-9]"))
    expect(page.locator("#soon")).to_be_hidden()
    page.goto(f"/jobs/{short.id}")
    expect(page.locator("#soon")).to_contain_text("Download them before")
    page.goto("/jobs")
    expect(page.get_by_role("row").filter(has_text=long.id)).to_contain_text("kept until")


def test_a_job_is_kept_longer_by_a_button(page: Page, api: Client) -> None:
    job = api.wait(send(api, [("a.png", one())], expires_in=3600).id)
    page.goto(f"/jobs/{job.id}")
    expect(page.locator("#soon")).to_be_visible()
    page.get_by_role("button", name="Keep it longer").click()
    expect(page.locator("#soon")).to_be_hidden()
    expect(page.get_by_role("button", name="Keep it longer")).to_be_hidden()
    kept = api.job(job.id)
    assert kept.expires_at is not None
    assert job.expires_at is not None
    assert (kept.expires_at - job.expires_at).days == 29


def test_a_job_that_was_stopped_goes_on_from_its_page(chromium: Browser, resting: Server) -> None:
    with Client(resting.url) as client, browsing(chromium, resting.url) as (context, _):
        job = send(client, [(f"{number}.png", one()) for number in range(10)])
        resting.turn_once()
        page = context.new_page()
        page.goto(f"/jobs/{job.id}")
        expect(page.locator("#progress-text")).to_have_text("2 of 10 images")
        client.cancel(job.id)
        expect(page.locator("#early")).to_contain_text("2 of 10 images have a row")
        with page.expect_download() as download:
            page.get_by_role("link", name="CSV D", exact=True).click()
        assert download.value.suggested_filename == f"digitmill-{job.id}-incomplete.csv"
        lines = download.value.path().read_text().splitlines()
        assert [line.split(",")[2] for line in lines[1:]] == ["recognized"] * 2 + ["unread"] * 8
        page.get_by_role("button", name="Go on reading").click()
        expect(page.locator("#progress-text")).to_have_text("2 of 10 images")
        resting.turn()
        expect(page.locator("#state")).to_have_text("Done")
        expect(page.get_by_role("gridcell")).to_have_count(10)
        expect(page.locator("#early")).to_be_hidden()
        assert [row.name for row in client.results(job.id)] == [f"{number}.png" for number in range(10)]


def test_the_threshold_can_be_dragged_and_moved_by_keys(page: Page, api: Client, job: str) -> None:
    page.goto(f"/jobs/{job}")
    expect(page.locator("#shown")).to_have_text("22 rows")
    own = api.job(job).options["review_below"]
    sure = [row.confidence for row in api.results(job) if row.confidence is not None]
    assert below(page) == sum(confidence < own for confidence in sure)

    slider = page.get_by_role("slider", name="How sure must we be?")
    slider.focus()
    slider.press("End")
    expect(page.locator("#threshold-text")).to_contain_text("99.99")
    assert below(page) == sum(confidence < 0.9999 for confidence in sure)
    most = slider.get_attribute("aria-valuetext")
    slider.press("ArrowLeft")
    assert slider.get_attribute("aria-valuetext") != most

    box = slider.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] - 14, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 5, box["y"] + 50, steps=5)
    page.mouse.up()
    assert below(page) == 0
    expect(page.get_by_role("button", name="Show the rows below")).to_be_disabled()
    page.get_by_role("button", name="Back to this job's own").click()
    assert below(page) == sum(confidence < own for confidence in sure)


def test_the_rows_below_a_threshold_are_shown_least_sure_first(page: Page, job: str) -> None:
    page.goto(f"/jobs/{job}")
    expect(page.locator("#shown")).to_have_text("22 rows")
    page.get_by_role("slider", name="How sure must we be?").press("End")
    count = below(page)
    assert count > 0
    page.get_by_role("button", name="Show the rows below").click()
    expect(page.get_by_role("gridcell")).to_have_count(count)


def test_rows_are_filtered_by_digit_and_confidence_and_sorted(page: Page, api: Client, job: str) -> None:
    page.goto(f"/jobs/{job}")
    expect(page.locator("#shown")).to_have_text("22 rows")
    rows = list(api.results(job))
    page.get_by_label("Digit", exact=True).select_option("7")
    expect(page.get_by_role("gridcell")).to_have_count(sum(row.prediction == "7" for row in rows))
    page.get_by_role("button", name="Clear").click()
    page.get_by_label("Sure from").fill("99")
    expect(page.get_by_role("gridcell")).to_have_count(sum((row.confidence or 0) >= 0.99 for row in rows))
    page.get_by_role("button", name="Clear").click()
    page.get_by_label("Order").select_option("doubtful")
    least = min((row for row in rows if row.confidence is not None), key=lambda row: row.confidence or 0)
    expect(page.get_by_role("gridcell").first).to_have_attribute("aria-label", re.compile(f"^{re.escape(least.name)}:"))


def test_a_row_opens_with_its_pictures_and_three_guesses_by_keys_alone(page: Page, job: str) -> None:
    page.goto(f"/jobs/{job}")
    expect(page.get_by_role("gridcell")).to_have_count(22)
    page.get_by_role("gridcell").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading")).to_have_text("box-1.png")
    expect(dialog.locator(".guesses tr")).to_have_count(3)
    for picture, width in (("#row-picture", 64), ("#row-seen", 28)):
        page.wait_for_function(f"() => document.querySelector('{picture}').naturalWidth === {width}")
    assert_accessible(page)
    page.keyboard.press("ArrowRight")
    expect(dialog.get_by_role("heading")).to_have_text("box-2.png")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("gridcell").nth(2)).to_be_focused()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("heading")).to_have_text("letter.png")
    expect(dialog).to_contain_text("The file is no image.")
    expect(dialog.locator("figure:visible")).to_have_count(0)


def test_answers_of_people_stand_in_the_rows_and_in_print(page: Page, api: Client) -> None:
    files = [(f"box-{number}.png", png(drawn_digit(number))) for number in range(4)]
    job = api.wait(send(api, files, review_below=1.0).id)
    api.correct(job.id, 1, prediction="9")
    api.correct(job.id, 2, status="not_a_digit")
    page.goto(f"/jobs/{job.id}")
    expect(page.get_by_role("listitem").filter(has_text="answered by people")).to_have_text("2 answered by people")
    expect(page.get_by_role("gridcell", name="box-1.png: 9, by a person")).to_be_visible()
    page.get_by_label("Status", exact=True).select_option("answered by people")
    expect(page.get_by_role("gridcell")).to_have_count(2)
    assert_accessible(page)
    page.evaluate("() => window.dispatchEvent(new Event('beforeprint'))")
    lines = page.locator("#printed tbody tr").evaluate_all("(lines) => lines.map((line) => line.textContent)")
    assert lines == ["1box-1.pngby a person9", "2box-2.pngno digit, by a person"]


def test_what_is_printed_is_a_table_of_the_rows_that_are_shown(page: Page, job: str) -> None:
    page.goto(f"/jobs/{job}")
    page.get_by_label("Status", exact=True).select_option("failed")
    expect(page.get_by_role("gridcell")).to_have_count(1)
    page.emulate_media(media="print")
    page.evaluate("() => window.dispatchEvent(new Event('beforeprint'))")
    expect(page.locator("#printed tbody tr")).to_have_count(1)
    expect(page.locator("#printed")).to_contain_text("letter.png")
    expect(page.locator("#grid")).to_be_hidden()


def test_a_job_that_is_deleted_meanwhile_says_so(chromium: Browser, resting: Server) -> None:
    with Client(resting.url) as client, browsing(chromium, resting.url) as (context, watch):
        job = send(client, [("a.png", seven())])
        page = context.new_page()
        page.goto(f"/jobs/{job.id}")
        expect(page.locator("#state")).to_have_text("Waiting")
        watch.tolerated.append("404")
        client.delete(job.id)
        expect(page.locator("#problem")).to_contain_text("Its rows are gone")


def test_failed_images_are_tried_again_by_keys_alone(page: Page, api: Client, job: str) -> None:
    page.goto(f"/jobs/{job}")
    failed = page.get_by_role("region", name="Failed images")
    expect(failed.get_by_role("listitem")).to_have_text("1The file is no image.")
    expect(failed).to_contain_text("will fail again")
    assert_accessible(page)
    failed.get_by_role("button", name="Try them again").focus()
    page.keyboard.press("Enter")
    expect(page).not_to_have_url(re.compile(job))
    expect(page.locator("#state")).to_have_text("Done")
    expect(page.get_by_role("gridcell")).to_have_count(1)
    expect(page.get_by_role("gridcell")).to_contain_text("letter.png")
    again = next(iter(api.jobs()))
    assert again.metadata["retry_of"] == job
    page.get_by_role("link", name="failed images of an earlier job").click()
    expect(page).to_have_url(re.compile(job))


def test_a_retry_that_is_refused_says_why(page: Page, watch: Watch, api: Client) -> None:
    job = api.wait(send(api, [("letter.png", b"text")]).id)
    page.goto(f"/jobs/{job.id}")
    expect(page.get_by_role("region", name="Failed images")).to_be_visible()
    api.delete(job.id)
    watch.tolerated.append("404")
    page.get_by_role("button", name="Try them again").click()
    expect(page.locator("#problem")).to_contain_text("no such job")
    expect(page.get_by_role("button", name="Try them again")).to_be_focused()


def test_texts_of_rows_keep_leading_zeros_and_are_sorted_as_numbers_are(page: Page, job: str) -> None:
    page.goto(f"/jobs/{job}")
    found = page.evaluate("""async () => {
      const { Rows } = await import('/static/rows.js');
      const rows = new Rows(4);
      const row = (prediction, index) => ({ index, name: `${index}`, status: 'recognized', prediction, confidence: 1 });
      rows.add(['0017', '9', null, '017'].map(row));
      const all = { status: null, answered: false, low: null, high: null, name: '' };
      return {
        texts: [0, 1, 2, 3].map((place) => rows.text(place)),
        those: [...rows.select({ ...all, read: '017', sort: 'upload' })],
        none: [...rows.select({ ...all, read: '17', sort: 'upload' })],
        sorted: [...rows.select({ ...all, read: null, sort: 'read' })],
      };
    }""")
    assert found["texts"] == ["0017", "9", None, "017"]
    assert (found["those"], found["none"]) == ([3], [])
    assert (found["sorted"][0], found["sorted"][3]) == (1, 2)
