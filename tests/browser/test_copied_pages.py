"""A sheet that was sent twice, on the page of its job."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from digitmill.client import Client
from tests.browser.test_form_pages import publish
from tests.browser.watching import assert_accessible
from tests.end_to_end.test_forms import BY_MARKS, SEED, page_of
from training.forms.measure import form_of

pytestmark = [pytest.mark.service, pytest.mark.browser]


@pytest.mark.parametrize("watched", [False, True], ids=["opened when it is done", "watched while it is read"])
def test_a_page_that_was_sent_twice_is_marked(page: Page, api: Client, tmp_path: Path, watched: bool) -> None:
    form = publish(api, form_of(BY_MARKS, SEED), tmp_path)
    scans = [page_of(form, number, "flatbed")[1] for number in (0, 1, 0)]
    files = [(f"{number}.png", io.BytesIO(scan)) for number, scan in enumerate(scans)]
    job = api.submit(files, read="form", template=[form.template.label])
    if not watched:
        api.wait(job.id, timeout=120)
    page.goto(f"/jobs/{job.id}")
    expect(page.locator("#copies")).to_contain_text("1 page was sent twice", timeout=120_000)
    expect(page.locator("#pages .copy")).to_have_count(1)
    expect(page.locator("#pages tr").nth(2).locator("th")).to_contain_text("the same picture as 0.png")
    assert_accessible(page)
