"""A pile as clerks have them: from one drop to the checked table, by keys alone, sheet by sheet."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from digitmill.client import Client
from tests.archives import zip_of
from tests.browser.test_drop import drop_by_mouse, job_of
from tests.pictures import drawn_digit, png

pytestmark = [pytest.mark.service, pytest.mark.browser]

IMAGES = 1000
MOST_KEYS = 100
LAST = "No doubtful row is left."


def test_a_thousand_images_are_checked_by_keys_alone_after_one_drop(page: Page, api: Client, tmp_path: Path) -> None:
    pile = tmp_path / "pile.zip"
    pictures = [png(drawn_digit(number, size)) for size in (36, 44) for number in range(10)]
    pile.write_bytes(zip_of((f"{number:04}.png", pictures[number % len(pictures)]) for number in range(IMAGES)))
    page.goto("/")
    page.locator("summary", has_text="More choices").focus()
    page.locator("#threshold-own").check()
    page.locator("#threshold-value").fill("100")
    drop_by_mouse(page, pile)
    expect(page.get_by_role("button", name="Read the scans")).to_be_focused()
    page.keyboard.press("Enter")
    job = job_of(page)
    expect(page.locator("#state")).to_have_text("Done")
    page.keyboard.press("g")
    expect(page.locator(".crop").first).to_be_visible()
    odd = int(page.locator(".crop").nth(1).get_attribute("data-index") or "")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("x")
    confirmed = confirm_all(page)
    expect(page.locator("#nothing-text")).to_have_text(LAST)
    expect(page.locator("#sending")).to_have_text("All answers are stored.")
    page.keyboard.press("j")
    expect(page.locator("#state")).to_have_text("Done")
    with page.expect_download() as download:
        page.keyboard.press("d")
    table = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text())))
    rows = list(api.results(job))
    assert [row["name"] for row in table] == [f"{number:04}.png" for number in range(IMAGES)]
    assert [row["prediction"] or None for row in table] == [
        row.correction and row.correction.prediction for row in rows
    ]
    assert [row.index for row in rows if row.correction and row.correction.status == "not_a_digit"] == [odd]
    assert confirmed == Counter(row.prediction for row in rows)
    assert api.job(job).counts.corrected == IMAGES


def confirm_all(page: Page) -> Counter[str | None]:
    """Press Enter until nothing is left; how many rows were on the sheets of each digit."""
    confirmed: Counter[str | None] = Counter()
    for _ in range(MOST_KEYS):
        page.wait_for_function("() => document.querySelector('#row:not([hidden]), #nothing:not([hidden])')")
        if page.locator("#row").is_visible():
            digit = page.locator("#digits [aria-pressed=true]").get_attribute("data-digit")
            confirmed[digit] += page.locator(".crop").count()
        else:
            # rows that the service still counts for a moment are spoken of meanwhile
            expect(page.locator("#nothing-text")).to_have_text(
                re.compile(f"^{re.escape(LAST)}$|press Enter for those read as")
            )
            if page.locator("#nothing-text").inner_text() == LAST:
                break
        page.keyboard.press("Enter")
    return confirmed
