"""Forms of several pages, on the page of their job: what is missing is told, with the scans to look at."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from digitmill.client import Client
from tests.browser.test_form_pages import publish
from tests.browser.watching import assert_accessible
from tests.forms.made import copy_of_page, form_of_two

pytestmark = [pytest.mark.service, pytest.mark.browser]


def test_a_page_that_is_missing_is_told_with_the_scans_about_it(page: Page, api: Client, tmp_path: Path) -> None:
    form = [publish(api, each, tmp_path) for each in form_of_two("claim")]
    scans = {f"{number}{copy}.png": copy_of_page(form[number - 1], copy) for number, copy in ((1, 1), (2, 1), (1, 2))}
    files = [*((name, io.BytesIO(scan)) for name, scan in scans.items()), ("lost.png", io.BytesIO(b"no picture"))]
    job = api.submit(files, read="form", template=[each.template.label for each in form], review_below=0.9999)
    # watched while it is read
    page.goto(f"/jobs/{job.id}")
    expect(page.locator("#sets-told")).to_have_text("2 sets of claim are there; to look at: 1.", timeout=120_000)
    fault = page.locator("#set-faults li")
    expect(fault).to_have_text(
        "Set 2 of claim (12.png): page 2 is missing. lost.png was not read, and may be what is missing."
    )
    expect(fault.locator("a").first).to_have_attribute("href", f"/v1/jobs/{job.id}/results/2/image?view=marked")
    expect(page.locator("#pages tr").nth(1).locator("th")).to_contain_text("set 1 of claim, page 2")
    assert_accessible(page)
    page.goto(f"/jobs/{job.id}/review/pages")
    expect(page.locator("#set")).to_have_text("set 1 of claim, page 1")
    assert_accessible(page)

    told = api.wait(job.id).sets
    assert told is not None
    assert [(each.name, each.sets, each.missing_pages) for each in told.forms] == [("claim", 2, 1)]
    assert [(each.number, each.missing, each.unread[0].name) for each in told.faults] == [(2, (2,), "lost.png")]
    assert [(row.form_page, row.form_set) for row in api.results(job.id)] == [(1, 1), (2, 1), (1, 2), (None, None)]
