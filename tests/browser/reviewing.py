"""The review as a person goes about it, and what the service then has."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from digitmill.client import Client, Job, Row
from tests.browser.conftest import send
from tests.pictures import drawn_digit, png


def doubtful_job(api: Client, images: int) -> Job:
    """A finished job whose rows are all doubtful."""
    files = [(f"box-{number:02}.png", png(drawn_digit(number % 10, 32 + number))) for number in range(images)]
    job = api.wait(send(api, files, review_below=1.0).id)
    assert job.counts.review == images
    return job


def opened(page: Page, job: Job, mode: str = "") -> Page:
    page.goto(f"/jobs/{job.id}/review{mode}")
    expect(page.locator("#row")).to_be_visible()
    return page


def press(page: Page, key: str) -> str:
    """Press a key; the name of the row that was shown before."""
    name = page.locator("#name").inner_text()
    page.keyboard.press(key)
    return name


def stored(page: Page) -> None:
    """Wait until all answers are with the service."""
    expect(page.locator("#sending")).to_have_text("All answers are stored.")


def rows(api: Client, job: Job) -> dict[str, Row]:
    return {row.name: row for row in api.results(job.id)}


def said(row: Row) -> str | None:
    return None if row.correction is None else row.correction.prediction or row.correction.status
