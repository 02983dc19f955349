"""A threshold raised on the page of a job, and filters that stay with the address."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from digitmill.client import Client
from tests.browser.conftest import send
from tests.browser.reviewing import press, rows, said, stored
from tests.browser.test_job import below
from tests.browser.watching import assert_accessible
from tests.pictures import drawn_digit, png

pytestmark = [pytest.mark.service, pytest.mark.browser]

IMAGES = 20


def test_what_lies_below_the_line_is_reviewed_and_the_job_remembers_who_said_so(page: Page, api: Client) -> None:
    files = [(f"box-{number:02}.png", png(drawn_digit(number % 10, 32 + number))) for number in range(IMAGES)]
    job = api.wait(send(api, files, review_below=0.0).id)
    page.goto(f"/jobs/{job.id}")
    expect(page.locator("#shown")).to_have_text(f"{IMAGES} rows")
    expect(page.locator("#review-below")).to_be_hidden()
    page.get_by_role("slider", name="How sure must we be?").press("End")
    count = below(page)
    assert 1 < count < IMAGES
    assert_accessible(page)
    page.get_by_role("button", name=f"Review these {count}").click()
    expect(page.locator("#left")).to_have_text(str(count))
    name = press(page, "5")
    stored(page)
    found = rows(api, job)
    unsure = sorted(found.values(), key=lambda row: row.confidence or 0)
    assert (name, said(found[name]), found[name].status) == (unsure[0].name, "5", "recognized")
    page.keyboard.press("j")
    expect(page.get_by_role("listitem").filter(has_text="to review")).to_have_text(
        f"{count - 1} to review ({count} at first)"
    )
    expect(page.locator("#raised")).to_contain_text("99.99 % are to review since")
    expect(page.locator("#threshold-text")).to_contain_text("at 99.99 %. That is what")
    page.get_by_role("link", name=f"{count - 1} to review").click()
    expect(page.get_by_role("gridcell")).to_have_count(count - 1)
    assert api.job(job.id).counts.unanswered == count - 1


def test_filters_stand_in_the_address(page: Page, api: Client) -> None:
    files = [(f"a long name of a scan, page {number}.png", png(drawn_digit(number))) for number in range(5)]
    job = api.wait(send(api, [*files, ("letter.png", b"text")]).id)
    page.goto(f"/jobs/{job.id}")
    page.get_by_role("link", name="1 failed").click()
    expect(page.get_by_role("gridcell")).to_have_count(1)
    expect(page).to_have_url(re.compile(r"\?status=failed$"))
    page.get_by_role("button", name="Clear").click()
    page.get_by_label("Name", exact=True).fill("page 3")
    page.get_by_label("Order").select_option("doubtful")
    expect(page).to_have_url(re.compile(r"\?name=page\+3&sort=doubtful$"))
    page.reload()
    expect(page.get_by_role("gridcell")).to_have_count(1)
    expect(page.get_by_label("Name", exact=True)).to_have_value("page 3")
