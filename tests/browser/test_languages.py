"""Pages in other languages: longer words, other digits' marks, and the switch at their foot."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from digitmill.client import Client
from tests.browser.conftest import send
from tests.browser.watching import assert_accessible, assert_fits
from tests.built_in import PLACE
from tests.pictures import drawn_digit, png

pytestmark = [pytest.mark.service, pytest.mark.browser]

PHONE = {"width": 360, "height": 740}
PAGES = ("", "/review", "/review/groups", "/check")


@pytest.fixture(scope="module")
def paths(url: str) -> list[str]:
    files = [(f"box-{number}.png", png(drawn_digit(number))) for number in range(10)]
    with Client(url) as client:
        doubtful, sure = (client.wait(send(client, files, review_below=below).id) for below in (1.0, 0.0))
    of_jobs = [f"/jobs/{job.id}{page}" for job in (doubtful, sure) for page in PAGES]
    return ["/", *of_jobs, "/jobs", "/models", f"/models/{PLACE}", "/webhooks", "/draw", "/practice"]


@pytest.mark.parametrize("browsed", [{"viewport": PHONE, "locale": each} for each in ("ja-JP", "ru-RU")], indirect=True)
def test_other_languages_fit_a_phone_and_stand_in_nobodys_way(page: Page, paths: list[str]) -> None:
    for path in paths:
        page.goto(path)
        page.wait_for_load_state("networkidle")
        assert_fits(page)
        assert_accessible(page)


def test_the_language_is_switched_at_the_foot_of_a_page_and_stays(page: Page, paths: list[str]) -> None:
    page.goto(paths[-2])
    page.get_by_role("button", name="Русский").click()
    expect(page).to_have_url(f"{page.url.partition('/draw')[0]}/draw")
    expect(page.get_by_role("heading", name="Нарисуйте цифру")).to_be_visible()
    page.goto("/jobs")
    expect(page.locator("html")).to_have_attribute("lang", "ru")
    page.get_by_role("button", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
