"""The certificate: what is said of a table when it is handed over, on the screen, on paper and in the spreadsheet."""

from __future__ import annotations

import httpx
import pytest
from playwright.sync_api import Page, expect

from digitmill.client import Client
from tests.browser.conftest import send
from tests.browser.test_check import exact
from tests.browser.watching import assert_accessible
from tests.pictures import drawn_digit, png
from tests.web.test_spreadsheet import read

pytestmark = [pytest.mark.service, pytest.mark.browser]

IMAGES = 60


def test_a_certificate_says_who_read_and_answered_what_and_how_many_errors_are_left(
    page: Page, api: Client, url: str
) -> None:
    files = [(f"box-{number:02}.png", png(drawn_digit(number % 10))) for number in range(IMAGES)]
    job = api.wait(send(api, [*files, ("letter.png", b"text")], review_below=0.0).id)
    page.goto(f"/jobs/{job.id}/certificate")
    expect(page.locator("#errors")).to_contain_text("Not measured.")
    expect(page.get_by_text("Nobody has answered a row.")).to_be_visible()
    page.get_by_role("link", name="Check the accepted rows").click()
    expect(page.locator(".crop")).to_have_count(40)
    page.keyboard.press("b")
    page.keyboard.press("Enter")
    expect(page.locator("#sending")).to_have_text("All answers are stored.")
    page.get_by_role("link", name="Certificate").click()
    low, high = exact(1, 40, IMAGES)
    expect(page.locator("#errors")).to_contain_text(f"Of {IMAGES} accepted rows 40 were looked at")
    expect(page.locator("#errors")).to_contain_text(f"misread 1 of these. So between {low} and {high} of all")
    expect(page.locator("article")).to_contain_text(f"{job.model.name}@{job.model.version}")
    expect(page.locator("article")).to_contain_text(job.model.sha256)
    assert_accessible(page)
    page.emulate_media(media="print")
    expect(page.get_by_role("button", name="Print, or save as PDF")).to_be_hidden()
    expect(page.locator("#errors")).to_be_visible()
    table = httpx.get(f"{url}/v1/jobs/{job.id}/results", params={"format": "xlsx", "final": "true"}).content
    lines = {line[0]: line[1] for line in read(table, 2)}
    assert (lines["images"], lines["failed"], lines["accepted rows"]) == (
        IMAGES + 1, 1, IMAGES,
    )  # fmt: skip
    assert lines["misread among all accepted, at most (95 %)"] == high


def test_a_certificate_says_what_nobody_has_answered_and_what_was_never_read(page: Page, api: Client) -> None:
    job = api.wait(send(api, [("a.png", png(drawn_digit(1))), ("b.png", png(drawn_digit(2)))], review_below=1.0).id)
    api.correct(job.id, 0, prediction="1")
    page.goto(f"/jobs/{job.id}/certificate")
    expect(page.locator(".problem")).to_contain_text("1 doubtful row is not answered.")
    assert_accessible(page)
