"""Pictures of the pages for the documents, at the width of a phone and of a desk: ``make screenshots`` writes them.

The pictures are made by the fixtures of the tests, and are no test: pytest runs this file only when it is named.
"""

from __future__ import annotations

import subprocess
import sys

import pytest
from playwright.sync_api import Browser, Page, expect

from digitmill.cli.service import SAMPLES
from digitmill.client import Client
from tests.browser.conftest import browsing
from tests.browser.test_draw import draw
from tests.built_in import PLACE
from tests.house.sources import ROOT

PICTURES = ROOT / "docs" / "pictures"
SIZES = {"phone": (360, 740), "desk": (1280, 800)}


@pytest.fixture(scope="module")
def job(url: str) -> str:
    """The samples, and a file that is none."""
    with Client(url) as client:
        sent = client.submit([SAMPLES / "digits.zip", SAMPLES / "labels.csv"], metadata={"label": "digits.zip"})
        return client.wait(sent.id).id


@pytest.mark.parametrize("program", ["picture.py", "page_picture.py"])
def test_the_samples_are_drawn(url: str, program: str) -> None:
    subprocess.run([sys.executable, ROOT / "samples" / program, url], check=True)


@pytest.mark.parametrize("size", SIZES)
def test_pictures_are_taken(chromium: Browser, url: str, job: str, size: str) -> None:
    width, height = SIZES[size]
    viewport = {"width": width, "height": height}
    with browsing(chromium, url, viewport=viewport, device_scale_factor=1, has_touch=size == "phone") as (context, _):
        page = context.new_page()
        for name, path in (("drop", "/"), ("jobs", "/jobs"), ("models", "/models"), ("model", f"/models/{PLACE}")):
            page.goto(path)
            take(page, f"{name}-{size}")
        page.goto(f"/jobs/{job}")
        expect(page.locator("#state")).to_have_text("Done")
        expect(page.locator(".tile img").first).to_be_visible()
        take(page, f"job-{size}")
        page.get_by_label("Order").select_option("doubtful")
        expect(page.locator(".tile img").first).to_be_visible()
        page.get_by_role("gridcell").first.click()
        expect(page.locator(".guesses tr")).to_have_count(3)
        take(page, f"row-{size}", whole=False)


@pytest.mark.parametrize("size", SIZES)
def test_pictures_of_the_review_and_of_drawings_are_taken(chromium: Browser, url: str, size: str) -> None:
    width, height = SIZES[size]
    with Client(url) as client:
        # of the first job nothing is sure enough, of the second everything
        doubtful, sure = (
            client.wait(
                client.submit([SAMPLES / "digits.zip"], review_below=below, metadata={"label": "digits.zip"}).id
            )
            for below in (1.0, 0.0)
        )
    with browsing(chromium, url, viewport={"width": width, "height": height}) as (context, _):
        page = context.new_page()
        for name, path in (
            ("review", f"{doubtful.id}/review"),
            ("groups", f"{doubtful.id}/review/groups"),
            ("check", f"{sure.id}/check"),
        ):
            page.goto(f"/jobs/{path}")
            expect(page.locator("#row img").first).to_be_visible()
            if name == "check":
                page.locator(".crop").nth(1).click()
                page.keyboard.press("Enter")
            take(page, f"{name}-{size}", whole=False)
        page.goto("/draw")
        draw(page, page.locator("#pad"), "7")
        expect(page.locator(".best")).to_be_visible()
        take(page, f"draw-{size}")
        page.goto("/practice")
        draw(page, page.locator(".box canvas").first, "5")
        expect(page.locator(".box span").first).to_contain_text("read as")
        take(page, f"practice-{size}")


def take(page: Page, name: str, *, whole: bool = True) -> None:
    page.wait_for_load_state("networkidle")
    # also those that a reader would only come to by scrolling
    page.evaluate("() => { for (const image of document.images) image.loading = 'eager'; }")
    page.wait_for_function("() => [...document.images].every((image) => image.complete)")
    page.screenshot(path=PICTURES / f"{name}.png", full_page=whole)
