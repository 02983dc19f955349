"""Rows answered in the window of a row, answers given before, and undo wherever rows are answered."""

from __future__ import annotations

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from digitmill.client import Client, Job
from tests.archives import zip_of
from tests.browser.conftest import browsing, send
from tests.browser.reviewing import close_offline, doubtful_job, kept, opened, press, rows, said, stored
from tests.browser.watching import Watch, assert_accessible
from tests.pictures import drawn_digit, png
from tests.web.conftest import Server
from tests.web.fakes import one

pytestmark = [pytest.mark.service, pytest.mark.browser]

IMAGES = 6


@pytest.fixture
def accepted(api: Client) -> Job:
    """A finished job whose rows are all accepted."""
    files = [(f"box-{number}.png", png(drawn_digit(number))) for number in range(IMAGES)]
    job = api.wait(send(api, files, review_below=0.0).id)
    assert job.counts.recognized == IMAGES
    return job


def open_row(page: Page, job: Job, index: int, name: str = "") -> None:
    page.goto(f"/jobs/{job.id}")
    page.get_by_role("gridcell", name=name or f"box-{index}.png").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".guesses")).to_be_visible()


def sent(page: Page) -> None:
    """Wait until the service has all answers of the window."""
    expect(page.locator("#row-sending")).to_have_text("All answers are stored.")


def history(page: Page) -> list[str]:
    return [line.split(" (")[0] for line in page.locator("#row-history li").all_inner_texts()]


def test_an_accepted_row_that_is_wrong_is_corrected_on_the_page_of_its_job(
    page: Page, api: Client, accepted: Job
) -> None:
    open_row(page, accepted, 2)
    expect(page.locator("[data-says=confirm]")).to_contain_text(f"It is {api.row(accepted.id, 2).prediction}")
    assert_accessible(page)
    page.keyboard.press("9")
    expect(page.locator("#row-said")).to_have_text("Answered: 9")
    sent(page)
    expect(page.locator("#row-history li")).to_have_count(1)
    assert said(api.row(accepted.id, 2)) == "9"
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("heading", name="box-3.png")).to_be_visible()
    expect(page.locator("#row-history")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(page.get_by_role("gridcell", name="box-2.png: 9, by a person")).to_be_visible()
    expect(page.locator("#answered")).to_have_text("1 answered by people")
    assert_accessible(page)


def test_an_answer_given_earlier_is_changed_and_taken_back_with_its_history(
    page: Page, api: Client, accepted: Job
) -> None:
    api.correct(accepted.id, 1, prediction="7")
    open_row(page, accepted, 1)
    expect(page.locator("#row-said")).to_have_text("Answered: 7")
    for key in ("b", "x", "Enter", "u", "u"):
        page.keyboard.press(key)
    sent(page)
    expect(page.locator("#row-history li")).to_have_count(6)
    assert history(page) == [
        "A person said: 7", "A person said: blank", "A person said: no digit", "A person said: 1",
        "A person said: no digit", "A person said: blank",
    ]  # fmt: skip
    assert said(api.row(accepted.id, 1)) == "blank"
    assert_accessible(page)
    # before all answers of this page, there was one already: it goes too
    page.keyboard.press("u")
    page.keyboard.press("u")
    expect(page.locator("#row-said")).to_be_empty()
    sent(page)
    assert said(api.row(accepted.id, 1)) is None


def test_ctrl_z_takes_the_last_answer_back_whichever_row_it_was(page: Page, api: Client, accepted: Job) -> None:
    open_row(page, accepted, 0)
    page.keyboard.press("8")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".guesses")).to_be_visible()
    page.keyboard.press("8")
    page.keyboard.press("Control+z")
    expect(page.locator("#row-said")).to_be_empty()
    page.keyboard.press("Escape")
    expect(page.locator("#row")).to_be_hidden()
    page.keyboard.press("Control+z")
    expect(page.get_by_role("heading", name="box-0.png")).to_be_visible()
    expect(page.locator("#row-said")).to_be_empty()
    sent(page)
    assert [said(row) for row in api.results(accepted.id)] == [None] * IMAGES


def test_the_window_overwrites_nobody_and_says_what_they_said(page: Page, api: Client, accepted: Job) -> None:
    open_row(page, accepted, 4)
    api.correct(accepted.id, 4, prediction="1")
    page.keyboard.press("2")
    expect(page.locator("#row-problem")).to_contain_text("you said 2. Somebody else had changed it before, and says 1")
    expect(page.locator("#row-said")).to_have_text("Answered: 1")
    assert said(api.row(accepted.id, 4)) == "1"
    page.keyboard.press("2")
    sent(page)
    assert said(api.row(accepted.id, 4)) == "2"


def test_answers_of_a_window_that_was_closed_offline_are_sent_by_the_next_page(
    page: Page, context: BrowserContext, watch: Watch, api: Client, accepted: Job
) -> None:
    watch.tolerated += ["ERR_INTERNET_DISCONNECTED"]
    open_row(page, accepted, 0)
    page.wait_for_load_state("networkidle")
    context.set_offline(True)
    page.keyboard.press("6")
    expect(page.locator("#row-problem")).to_contain_text("connection is lost")
    kept(page, "6")
    close_offline(page)
    context.set_offline(False)
    after = context.new_page()
    after.goto(f"/jobs/{accepted.id}")
    expect(after.locator("#restored")).to_contain_text("1 answer of yours had not reached the service")
    expect(after.locator("#answered")).to_have_text("1 answered by people")
    assert said(api.row(accepted.id, 0)) == "6"


def test_the_review_leads_back_to_answers_given_before_it_was_opened(page: Page, api: Client) -> None:
    job = doubtful_job(api, IMAGES)
    opened(page, job)
    first, second = press(page, "4"), press(page, "5")
    stored(page)
    page.reload()
    expect(page.locator("#name")).not_to_be_empty()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#name")).to_have_text(second)
    expect(page.locator("#said")).to_have_text("You said: 5")
    expect(page.locator("#history li")).to_have_count(1)
    assert_accessible(page)
    page.keyboard.press("ArrowLeft")
    assert press(page, "7") == first
    expect(page.locator("#left")).to_have_text(str(IMAGES - 2))
    stored(page)
    assert said(rows(api, job)[first]) == "7"
    page.keyboard.press("Control+z")
    stored(page)
    assert said(rows(api, job)[first]) == "4"


def test_longer_answers_are_typed_over_what_the_model_read(chromium: Browser, resting: Server) -> None:
    resting.turn()
    with Client(resting.url) as client, browsing(chromium, resting.url) as (context, _):
        pile = zip_of((f"{number}.png", one()) for number in range(4))
        query = {"read": "word", "review_below": "1.0"}
        sent_job = httpx.post(
            f"{resting.url}/v1/jobs", params=query, content=pile, headers={"Content-Type": "application/zip"}
        )
        job = client.wait(sent_job.raise_for_status().json()["id"])
        read = next(iter(client.results(job.id))).prediction
        page = opened(context.new_page(), job)
        field = page.get_by_label("What it shows")
        expect(field).to_have_value(read or "")
        assert_accessible(page)
        page.keyboard.type("HAD")
        typed = press(page, "Enter")
        expect(field).to_have_value(read or "")
        confirmed, none = press(page, "Enter"), press(page, "x")
        page.keyboard.type("HADES")
        last = press(page, "Enter")
        expect(page.locator("#name")).to_have_text(last)
        stored(page)
        found = rows(client, job)
        assert [said(found[name]) for name in (typed, confirmed, none, last)] == ["HAD", read, "not_a_digit", None]
        open_row(page, job, int(typed[0]), typed)
        expect(field).to_have_value("HAD")
        page.get_by_role("group", name="Answers").get_by_role("button", name="A", exact=True).click()
        expect(field).to_have_value("HADA")
        page.get_by_role("button", name="It is").click()
        sent(page)
        assert said(rows(client, job)[typed]) == "HADA"


def test_undo_in_the_check_takes_the_last_answer_back(page: Page, api: Client, accepted: Job) -> None:
    page.goto(f"/jobs/{accepted.id}/check")
    expect(page.locator(".crop")).to_have_count(IMAGES)
    first = int(page.locator(".crop").first.get_attribute("data-index") or "")
    page.keyboard.press("b")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("x")
    page.keyboard.press("u")
    stored(page)
    assert [row.index for row in api.results(accepted.id) if said(row)] == [first]
    page.keyboard.press("Control+z")
    stored(page)
    assert [row.index for row in api.results(accepted.id) if said(row)] == []
    expect(page.locator(".crop").first).to_be_focused()
