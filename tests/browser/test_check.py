"""The check: a sample of the accepted rows, and what it says of all of them."""

from __future__ import annotations

import math

import pytest
from playwright.sync_api import Page, expect

from digitmill.client import Client, Job
from tests.browser.conftest import send
from tests.browser.watching import assert_accessible
from tests.pictures import drawn_digit, png

pytestmark = [pytest.mark.service, pytest.mark.browser]

IMAGES = 60
INTERVAL = "async (asked) => { const { interval } = await import('/static/interval.js'); return interval(...asked); }"


@pytest.fixture
def job(api: Client) -> Job:
    """A finished job whose rows are all accepted."""
    files = [(f"box-{number:02}.png", png(drawn_digit(number % 10))) for number in range(IMAGES)]
    job = api.wait(send(api, files, review_below=0.0).id)
    assert job.counts.recognized == IMAGES
    return job


def shown(page: Page) -> list[str | None]:
    return [tile.get_attribute("data-index") for tile in page.locator(".crop").all()]


def test_marked_rows_make_a_range_of_errors(page: Page, api: Client, job: Job) -> None:
    page.goto(f"/jobs/{job.id}/check")
    expect(page.locator(".crop")).to_have_count(40)
    assert_accessible(page)
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    index = int(shown(page)[1] or "")
    wrong = "1" if api.row(job.id, index).prediction != "1" else "2"
    page.keyboard.press(wrong)
    page.keyboard.press("Enter")
    expect(page.locator("#counted")).to_have_text("40 of 60 looked at, 2 of them wrong.")
    low, high = exact(2, 40, IMAGES)
    expect(page.locator("#result")).to_contain_text(f"Of the 60 accepted rows of this job, between {low} and {high}")
    expect(page.locator("#sending")).to_have_text("All answers are stored.")
    correction = api.row(job.id, index).correction
    assert correction is not None
    assert correction.prediction == wrong
    assert_accessible(page)
    page.keyboard.press("Enter")
    expect(page.locator("#result")).to_have_text("All 60 accepted rows were looked at: 2 are wrong.")


def test_a_reload_shows_the_same_sample_and_the_same_marks(page: Page, job: Job) -> None:
    page.goto(f"/jobs/{job.id}/check")
    expect(page.locator(".crop")).to_have_count(40)
    first = shown(page)
    page.locator(".crop").nth(3).click()
    page.keyboard.press("Enter")
    expect(page.locator("#counted")).to_contain_text("1 of them wrong")
    page.reload()
    expect(page.locator("#counted")).to_contain_text("1 of them wrong")
    page.get_by_role("button", name="Sheet before").click()
    assert shown(page) == first
    expect(page.locator(".crop").nth(3)).to_have_attribute("aria-pressed", "true")


@pytest.mark.parametrize(
    ("wrong", "seen", "population"), [(0, 10, 50), (3, 10, 50), (10, 10, 50), (1, 40, 41), (2, 30, 30), (5, 60, 300)]
)
def test_the_range_is_that_of_the_hypergeometric_chances(page: Page, wrong: int, seen: int, population: int) -> None:
    page.goto("/")
    low, high = exact(wrong, seen, population)
    assert page.evaluate(INTERVAL, [wrong, seen, population]) == {"low": low, "high": high}


def test_the_range_of_a_large_job_is_found_at_once(page: Page) -> None:
    page.goto("/")
    # a little below Clopper and Pearson's own bound for none of 200, 1 - 0.025 ** (1 / 200), which is 1.8275 %
    assert page.evaluate(INTERVAL, [0, 200, 1_000_000]) == {"low": 0, "high": 18_273}


def exact(wrong: int, seen: int, population: int) -> tuple[int, int]:
    """The numbers of wrong rows in all at which neither tail is less likely than 2.5 %, by whole fractions."""

    def chance(number: int, all_wrong: int) -> float:
        ways = math.comb(all_wrong, number) * math.comb(population - all_wrong, seen - number)
        return ways / math.comb(population, seen)

    likely = [
        everything
        for everything in range(wrong, population - seen + wrong + 1)
        if sum(chance(number, everything) for number in range(wrong + 1)) > 0.025
        and sum(chance(number, everything) for number in range(wrong, seen + 1)) > 0.025
    ]
    return likely[0], likely[-1]
