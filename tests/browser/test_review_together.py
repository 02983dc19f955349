"""The review while others work on the same rows, and while answers are slow in coming."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import APIResponse, BrowserContext, Page, Route, expect

from digitmill.client import Client, Job
from tests.browser.conftest import send
from tests.browser.reviewing import doubtful_job, opened, press, rows, said, stored
from tests.pictures import drawn_digit, png

pytestmark = [pytest.mark.service, pytest.mark.browser]

IMAGES = 40
LOOK_AGAIN = "() => document.dispatchEvent(new Event('visibilitychange'))"


@pytest.fixture
def job(api: Client) -> Job:
    return doubtful_job(api, IMAGES)


@contextmanager
def answers_are_slow(page: Page, pattern: str = "**/results") -> Iterator[Callable[[], None]]:
    """The service answers what the page sends at once, and the page hears of it when the call that is given is made."""
    late: list[tuple[Route, APIResponse]] = []
    page.route(pattern, lambda route: late.append((route, route.fetch())))

    def tell() -> None:
        while not late:
            page.wait_for_timeout(10)
        route, response = late.pop()
        route.fulfill(response=response)

    yield tell
    page.unroute(pattern)


@contextmanager
def page_asks_nothing(page: Page) -> Iterator[None]:
    """What others do meanwhile is not told to the page: it has heard all, and its next question waits."""
    stored(page)
    page.wait_for_load_state("networkidle")
    waiting: list[Route] = []

    def hold(route: Route) -> None:
        waiting.append(route)

    page.route("**/review", hold)
    yield
    for route in waiting:
        route.continue_()
    page.unroute("**/review", hold)


def look_again(page: Page) -> None:
    """The page asks which rows are its own, as it does from time to time."""
    with page.expect_response("**/review"):
        page.evaluate(LOOK_AGAIN)


def test_rows_that_are_left_are_counted_right_while_an_answer_is_on_its_way(page: Page, job: Job) -> None:
    opened(page, job)
    page.wait_for_load_state("networkidle")
    with answers_are_slow(page) as tell:
        press(page, "Enter")
        page.wait_for_timeout(300)
        look_again(page)
        tell()
        expect(page.locator("#left")).to_have_text(str(IMAGES - 1))
        press(page, "u")
        page.wait_for_timeout(300)
        look_again(page)
        tell()
        expect(page.locator("#left")).to_have_text(str(IMAGES))


def test_undo_shows_the_row_again_also_when_new_rows_have_come_in(page: Page, job: Job) -> None:
    opened(page, job)
    names = [press(page, "Enter") for _ in range(11)]
    stored(page)
    page.wait_for_load_state("networkidle")
    with page.expect_response("**/review"):
        press(page, "u")
    page.wait_for_load_state("networkidle")
    expect(page.locator("#name")).to_have_text(names[-1])
    expect(page.locator("#notice")).to_be_hidden()
    expect(page.locator("#left")).to_have_text(str(IMAGES - 10))


@pytest.mark.parametrize(("choice", "holds"), [("Leave it: 1", "1"), ("Take that back too", None)])
def test_an_undo_does_not_take_back_what_somebody_else_has_said_since(
    page: Page, api: Client, job: Job, choice: str, holds: str | None
) -> None:
    opened(page, job)
    name = press(page, "2")
    stored(page)
    row = rows(api, job)[name]
    api.correct(job.id, row.index, prediction="1", revision=row.revision)
    page.keyboard.press("u")
    expect(page.locator("#conflicts")).to_contain_text("your answer was not taken back")
    assert said(api.row(job.id, row.index)) == "1"
    expect(page.locator("#name")).not_to_have_text(name)
    expect(page.locator("#left")).to_have_text(str(IMAGES - 1))
    page.get_by_role("button", name=choice).click()
    expect(page.locator("#conflicts")).to_be_hidden()
    stored(page)
    assert said(api.row(job.id, row.index)) == holds


def test_an_answer_that_came_too_late_cannot_be_undone(page: Page, api: Client, job: Job) -> None:
    opened(page, job)
    before = press(page, "3")
    name = page.locator("#name").inner_text()
    index = rows(api, job)[name].index
    with page_asks_nothing(page):
        assert page.locator("#name").inner_text() == name
        api.correct(job.id, index, prediction="1")
        press(page, "2")
        expect(page.locator("#conflicts")).to_be_visible()
    page.keyboard.press("u")
    expect(page.locator("#name")).to_have_text(before)
    stored(page)
    assert said(api.row(job.id, index)) == "1"


def test_a_row_that_others_got_after_an_undo_is_left_to_them_in_words(
    page: Page, context: BrowserContext, api: Client, job: Job
) -> None:
    opened(page, job)
    name = press(page, "2")
    stored(page)
    look_again(page)
    # the other holds all that is left, and has room for more
    other = opened(context.new_page(), job)
    page.bring_to_front()
    with answers_are_slow(page) as tell:
        press(page, "u")
        page.wait_for_timeout(300)
        look_again(other)
        tell()
        expect(page.locator("#notice")).to_contain_text("The row waits again")
        expect(page.locator("#name")).not_to_have_text(name)
    assert said(rows(api, job)[name]) is None


def test_a_sheet_neither_confirms_nor_takes_back_what_somebody_else_has_said(page: Page, api: Client, job: Job) -> None:
    opened(page, job, "/groups")
    tiles = page.locator("#sheet .crop")
    count = tiles.count()
    index = int(tiles.nth(1).get_attribute("data-index") or "")
    digit = api.row(job.id, index).prediction
    theirs = "1" if digit != "1" else "2"
    api.correct(job.id, index, prediction=theirs)
    page.keyboard.press("Enter")
    expect(page.locator("#conflicts")).to_contain_text(f"Row {index}:")
    stored(page)
    page.keyboard.press("u")
    expect(tiles).to_have_count(count - 1)
    stored(page)
    found = {row.index: said(row) for row in api.results(job.id)}
    assert found.pop(index) == theirs
    assert set(found.values()) == {None}


def test_a_sheet_stays_whose_rows_were_counted_before_the_person_came_to_it(page: Page, api: Client) -> None:
    files = [(f"{number}.png", png(drawn_digit(7, 36))) for number in range(136)]
    job = api.wait(send(api, files, review_below=1.0).id)
    opened(page, job, "/groups")
    tiles = page.locator("#sheet .crop")
    expect(tiles).to_have_count(36)
    page.wait_for_load_state("networkidle")
    with answers_are_slow(page) as tell:
        page.keyboard.press("Enter")
        # the first answer goes alone, all others after it
        tell()
        page.wait_for_timeout(300)
        # there is room for those on their way, which the service has by now
        look_again(page)
        with answers_are_slow(page, "**/review") as review:
            tell()
            page.wait_for_timeout(300)
            page.keyboard.press("Enter")
            page.keyboard.press("Enter")
            expect(tiles).to_have_count(28)
            review()
            page.wait_for_timeout(300)
            expect(tiles).to_have_count(28)
            expect(page.locator("#notice")).not_to_contain_text("somebody else")
