"""What is left to review: on the job, in the list, over all jobs, and in somebody else's hands."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from digitmill.client import Client, Job
from tests.browser.conftest import KEY, browsing, send
from tests.browser.reviewing import doubtful_job, opened, press, rows, said, stored
from tests.browser.watching import assert_accessible
from tests.web.conftest import Server
from tests.web.fakes import one

pytestmark = [pytest.mark.service, pytest.mark.browser]

IMAGES = 8


@pytest.fixture
def job(api: Client) -> Iterator[Job]:
    job = doubtful_job(api, IMAGES)
    yield job
    api.delete(job.id)


def test_what_is_left_is_shown_on_the_job_in_the_list_and_in_the_queue(page: Page, api: Client, job: Job) -> None:
    opened(page, job)
    for _ in range(3):
        press(page, "Enter")
    stored(page)
    page.keyboard.press("j")
    to_review = page.get_by_role("listitem").filter(has_text="to review")
    expect(to_review).to_have_text(f"{IMAGES - 3} to review ({IMAGES} at first)")
    page.get_by_label("Status", exact=True).select_option("to review")
    expect(page.get_by_role("gridcell")).to_have_count(IMAGES - 3)
    assert_accessible(page)
    page.goto("/jobs")
    expect(page.get_by_role("row").filter(has_text=job.id)).to_contain_text(f"{IMAGES - 3} of {IMAGES} left")
    page.get_by_role("link", name="Review", exact=True).first.click()
    entry = page.get_by_role("listitem").filter(has_text=job.id)
    expect(entry).to_contain_text(re.compile(f"{IMAGES - 3} of {IMAGES} left.*kept until .*20[0-9]{{2}}", re.DOTALL))
    expect(entry).to_contain_text(f"Somebody has {IMAGES - 3} rows on the screen")
    assert_accessible(page)
    entry.get_by_role("link", name="Review").click()
    expect(page.locator("#name")).not_to_be_empty()
    for _ in range(IMAGES - 3):
        press(page, "Enter")
    expect(page.locator("#nothing")).to_contain_text("No doubtful row is left.")
    stored(page)
    page.get_by_role("link", name="What else is to review").click()
    expect(page.get_by_role("heading", name="To review")).to_be_visible()
    expect(page.get_by_text(job.id)).to_have_count(0)
    assert api.job(job.id).counts.unanswered == 0


def test_a_taken_back_answer_is_left_again_and_an_accepted_row_never_is(page: Page, api: Client) -> None:
    job = api.wait(send(api, [("a.png", one()), ("b.png", one())], review_below=0.0).id)
    api.correct(job.id, 0, prediction="9")
    assert api.job(job.id).counts.unanswered == 0
    page.goto("/review")
    expect(page.get_by_text(job.id)).to_have_count(0)
    doubtful = doubtful_job(api, 2)
    row = api.correct(doubtful.id, 0, prediction="9")
    assert api.job(doubtful.id).counts.unanswered == 1
    api.take_back(doubtful.id, 0, revision=row.revision)
    assert api.job(doubtful.id).counts.unanswered == 2


def test_rows_on_the_screen_of_another_window_are_named_and_taken_over(
    page: Page, context: BrowserContext, api: Client, job: Job
) -> None:
    opened(page, job)
    other = context.new_page()
    other.goto(f"/jobs/{job.id}/review")
    expect(other.locator("#nothing")).to_contain_text(f"{IMAGES} doubtful rows are left")
    expect(other.locator("#holders")).to_contain_text(f"Another window: {IMAGES} rows")
    assert_accessible(other)
    other.get_by_role("button", name="Take over").click()
    expect(other.locator("#row")).to_be_visible()
    name = press(other, "5")
    stored(other)
    assert said(rows(api, job)[name]) == "5"


def test_the_queue_and_the_review_name_the_key_of_who_looks(chromium: Browser, guarded: Server) -> None:
    guarded.turn()
    with Client(guarded.url, KEY) as client:
        job = client.wait(send(client, [("a.png", one())], review_below=1.0).id)
        client.hold(job.id, "desk-2")
        with browsing(chromium, guarded.url) as (context, _):
            page = context.new_page()
            page.goto("/review")
            page.get_by_label("Key", exact=True).fill(KEY)
            page.get_by_role("button", name="Sign in").click()
            expect(page.get_by_role("listitem").filter(has_text=job.id)).to_contain_text(
                "Administrator has 1 row on the screen"
            )
            page.get_by_role("link", name="Review").last.click()
            expect(page.locator("#holders")).to_contain_text("Another window of yours: 1 row")


def test_a_job_that_is_being_reviewed_is_kept_meanwhile(page: Page, api: Client) -> None:
    job = api.wait(send(api, [("a.png", one())], review_below=1.0, expires_in=120).id)
    assert job.expires_at is not None
    opened(page, job)
    kept = api.job(job.id).expires_at
    assert kept is not None
    assert (kept - job.expires_at).total_seconds() > 3000
    api.delete(job.id)
