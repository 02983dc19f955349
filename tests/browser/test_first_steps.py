"""Whoever comes for the first time: a pile to try, the button to send it, and the sign-in."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from digitmill.cli.service import SAMPLES
from digitmill.client import Client
from tests.browser.conftest import KEY, browsing
from tests.browser.test_drop import choose, job_of
from tests.browser.watching import assert_accessible
from tests.web.conftest import Server
from tests.web.fakes import one

pytestmark = [pytest.mark.service, pytest.mark.browser]

PHONE = {"width": 360, "height": 740}


def test_a_sample_pile_is_tried_without_a_file_of_ones_own(page: Page, api: Client) -> None:
    page.goto("/")
    page.get_by_role("button", name="Try it with a sample pile").click()
    expect(page.locator("#chosen-text")).to_contain_text("1 file,")
    expect(page.get_by_role("button", name="Read the scans")).to_be_focused()
    assert_accessible(page)
    page.keyboard.press("Enter")
    job = job_of(page)
    expect(page.locator("#state")).to_have_text("Done")
    found = api.job(job)
    assert found.metadata["label"] == "digits.zip"
    # of each kind that a row can be
    assert min(found.counts.recognized, found.counts.review, found.counts.blank, found.counts.failed) > 0


def test_a_sample_pile_shows_what_was_chosen_to_be_read(page: Page, url: str) -> None:
    page.goto("/")
    page.get_by_label("A number", exact=True).check()
    page.get_by_role("button", name="Try it with a sample pile").click()
    page.locator("#good-text").click()
    expect(page.locator("#good-list")).to_contain_text("numbers.zip")
    answer = page.request.get(f"{url}/samples/numbers.zip")
    assert answer.body() == (SAMPLES / "numbers.zip").read_bytes()
    assert page.request.get(f"{url}/samples/make.py").status == 404


def test_the_button_that_sends_is_in_sight_on_a_phone_however_many_files_there_are(chromium: Browser, url: str) -> None:
    with browsing(chromium, url, viewport=PHONE, has_touch=True) as (context, _):
        page = context.new_page()
        page.goto("/")
        send = page.get_by_role("button", name="Read the scans")
        expect(send).to_be_in_viewport(ratio=1)
        choose(page, *((f"a rather long name of a scan, number {number}.png", one()) for number in range(30)))
        page.locator("#good-text").click()
        expect(send).to_be_in_viewport(ratio=1)
        send.scroll_into_view_if_needed()
        page.mouse.wheel(0, 10_000)
        expect(send).to_be_in_viewport(ratio=1)


def test_the_sign_in_takes_the_focus_and_speaks_of_people(chromium: Browser, guarded: Server) -> None:
    with browsing(chromium, guarded.url) as (context, watch):
        watch.tolerated.append("401")
        page = context.new_page()
        page.goto("/jobs")
        for key in ("wrong", KEY):
            expect(page.get_by_label("Key", exact=True)).to_be_focused()
            expect(page.locator("main")).to_contain_text("Whoever runs it has one for you.")
            assert "DIGITMILL_" not in page.content()
            page.keyboard.type(key)
            page.keyboard.press("Enter")
        expect(page).to_have_url(f"{guarded.url}/jobs")
        expect(page.locator(".signed-in")).to_contain_text("Administrator")
        assert "DIGITMILL_" not in page.content()
