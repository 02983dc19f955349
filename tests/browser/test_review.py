"""The review: keys, undo, several people at once, lost connections, and sheets of one digit."""

from __future__ import annotations

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, expect

from digitmill.client import Client, Job
from tests.browser.conftest import KEY, browsing, send
from tests.browser.reviewing import close_offline, doubtful_job, kept, opened, press, rows, said, stored, unsent
from tests.browser.watching import Watch, assert_accessible
from tests.pictures import drawn_digit, png
from tests.web.conftest import Server
from tests.web.fakes import one

pytestmark = [pytest.mark.service, pytest.mark.browser]

IMAGES = 40
KEEP = """(name) => new Promise((resolve) => {
    const opening = indexedDB.open("digitmill", 1);
    opening.onsuccess = () => {
        const answers = opening.result.transaction("answers", "readwrite").objectStore("answers");
        answers.put({ revision: 0, said: { prediction: "9" } }, name).onsuccess = () => resolve();
    };
})"""


@pytest.fixture
def job(api: Client) -> Job:
    return doubtful_job(api, IMAGES)


def test_a_key_answers_and_the_next_row_comes(page: Page, api: Client, job: Job) -> None:
    opened(page, job)
    expect(page.locator("#left")).to_have_text(str(IMAGES))
    assert_accessible(page)
    guess = page.locator("#guess").inner_text()
    confirmed = press(page, "Enter")
    names = {key: press(page, key) for key in ("5", "b", "x")}
    expect(page.locator("#left")).to_have_text(str(IMAGES - 4))
    stored(page)
    found = rows(api, job)
    assert said(found[confirmed]) == guess == found[confirmed].prediction
    assert {key: said(found[name]) for key, name in names.items()} == {"5": "5", "b": "blank", "x": "not_a_digit"}
    assert len({confirmed, *names.values()}) == 4


def test_the_least_sure_rows_come_first(page: Page, api: Client, job: Job) -> None:
    doubtful = sorted(api.results(job.id), key=lambda row: row.confidence or 0)
    opened(page, job)
    assert [press(page, "Enter") for _ in range(10)] == [row.name for row in doubtful[:10]]


def most_useful(url: str, job: Job) -> list[str]:
    answer = httpx.get(f"{url}/v1/jobs/{job.id}/next", params={"size": IMAGES}, timeout=60)
    return [row["name"] for row in answer.raise_for_status().json()["results"]]


def test_the_rows_that_teach_most_come_first_where_somebody_asks_for_them(page: Page, api: Client, url: str) -> None:
    files = [(f"box-{number:02}.png", png(drawn_digit(number % 10, 32 + number))) for number in range(IMAGES)]
    job = api.wait(send(api, files, review_below=0.0).id)
    assert job.counts.review == 0
    first = most_useful(url, job)
    page.goto(f"/jobs/{job.id}/review")
    page.get_by_role("link", name="All rows, the most useful first").click()
    expect(page.locator("#row")).to_be_visible()
    expect(page.locator("#left")).to_have_text(str(IMAGES))
    assert_accessible(page)
    answered = [press(page, "Enter") for _ in range(3)]
    assert answered == first[:3]
    expect(page.locator("#left")).to_have_text(str(IMAGES - 3))
    stored(page)
    assert not {*most_useful(url, job)} & {*answered}
    press(page, "u")
    expect(page.locator("#name")).to_have_text(answered[-1])
    stored(page)
    for _ in range(IMAGES - 2):
        press(page, "Enter")
    expect(page.locator("#nothing-text")).to_be_visible()
    stored(page)
    assert most_useful(url, job) == []
    assert all(said(row) == row.prediction for row in api.results(job.id))


def test_who_answers_a_useful_row_second_is_told_so(page: Page, api: Client, job: Job) -> None:
    page.goto(f"/jobs/{job.id}/review?order=useful")
    expect(page.locator("#row")).to_be_visible()
    row = rows(api, job)[page.locator("#name").inner_text()]
    api.correct(job.id, row.index, prediction="1", revision=row.revision)
    page.keyboard.press("2")
    expect(page.locator("#conflicts")).to_be_visible()


def test_undo_takes_the_last_answer_back_and_shows_its_row_again(page: Page, api: Client, job: Job) -> None:
    opened(page, job)
    first, second = press(page, "1"), press(page, "2")
    press(page, "u")
    expect(page.locator("#name")).to_have_text(second)
    press(page, "3")
    press(page, "u")
    press(page, "u")
    expect(page.locator("#name")).to_have_text(first)
    expect(page.locator("#left")).to_have_text(str(IMAGES))
    stored(page)
    found = rows(api, job)
    assert (said(found[first]), said(found[second])) == (None, None)
    assert [entry.after and entry.after.prediction for entry in api.history(job.id, found[second].index)] == [
        "2", None, "3", None,
    ]  # fmt: skip


def test_arrow_keys_pass_over_a_row_and_come_back_to_it(page: Page, api: Client, job: Job) -> None:
    opened(page, job)
    passed = press(page, "ArrowRight")
    answered = press(page, "4")
    press(page, "ArrowLeft")
    expect(page.locator("#said")).to_have_text("You said: 4")
    assert press(page, "ArrowLeft") == answered
    assert press(page, "6") == passed
    stored(page)
    found = rows(api, job)
    assert (said(found[passed]), said(found[answered])) == ("6", "4")


def test_the_keys_are_listed(page: Page, job: Job) -> None:
    opened(page, job)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    assert_accessible(page)
    page.keyboard.press("7")
    page.keyboard.press("Escape")
    expect(page.locator("#left")).to_have_text(str(IMAGES))


def test_a_mouse_answers_as_well(page: Page, api: Client, job: Job) -> None:
    opened(page, job)
    name = page.locator("#name").inner_text()
    page.get_by_role("group", name="Answers").get_by_role("button", name="8", exact=True).click()
    # Enter now confirms the next row, and does not say 8 again
    guess = page.locator("#guess").inner_text()
    other = press(page, "Enter")
    stored(page)
    found = rows(api, job)
    assert (said(found[name]), said(found[other])) == ("8", guess)


def test_the_next_rows_and_their_pictures_are_there_before_they_are_asked_for(
    page: Page, context: BrowserContext, watch: Watch, job: Job
) -> None:
    watch.tolerated += ["ERR_INTERNET_DISCONNECTED"]
    opened(page, job)
    page.wait_for_load_state("networkidle")
    context.set_offline(True)
    for _ in range(5):
        page.keyboard.press("Enter")
        picture = page.locator("#picture img")
        assert picture.evaluate("(image) => image.complete && image.naturalWidth > 0")
    context.set_offline(False)
    stored(page)


def test_two_people_never_see_the_same_row(page: Page, context: BrowserContext, api: Client, job: Job) -> None:
    one, other = opened(page, job), opened(context.new_page(), job)
    seen: dict[Page, list[str]] = {one: [], other: []}
    for _ in range(12):
        for desk in (one, other):
            seen[desk].append(press(desk, "Enter"))
    stored(one)
    stored(other)
    assert not set(seen[one]) & set(seen[other])
    assert len({*seen[one], *seen[other]}) == 24
    assert sum(said(row) is not None for row in api.results(job.id)) == 24


@pytest.mark.parametrize(("choice", "holds"), [("Mine holds: 2", "2"), ("Leave it: 1", "1")])
def test_what_somebody_else_said_meanwhile_is_shown_and_not_overwritten(
    page: Page, api: Client, job: Job, choice: str, holds: str
) -> None:
    opened(page, job)
    name = page.locator("#name").inner_text()
    index = rows(api, job)[name].index
    api.correct(job.id, index, prediction="1")
    page.keyboard.press("2")
    expect(page.locator("#conflicts")).to_contain_text(f"Row {index}: you said 2")
    assert_accessible(page)
    assert said(api.row(job.id, index)) == "1"
    page.get_by_role("button", name=choice).click()
    expect(page.locator("#conflicts")).to_be_hidden()
    stored(page)
    assert said(api.row(job.id, index)) == holds


def test_a_reload_loses_no_answer_and_goes_on_where_it_was(page: Page, api: Client, job: Job) -> None:
    opened(page, job)
    answered = {press(page, "Enter") for _ in range(3)}
    stored(page)
    here = page.locator("#name").inner_text()
    page.reload()
    expect(page.locator("#name")).to_have_text(here)
    expect(page.locator("#left")).to_have_text(str(IMAGES - 3))
    assert {name for name, row in rows(api, job).items() if said(row)} == answered


def test_answers_wait_for_a_lost_connection_and_the_page_warns_who_leaves(
    page: Page, context: BrowserContext, watch: Watch, api: Client, job: Job
) -> None:
    watch.tolerated += ["ERR_INTERNET_DISCONNECTED"]
    warned: list[str] = []

    def stay(dialog: Dialog) -> None:
        warned.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    opened(page, job)
    page.wait_for_load_state("networkidle")
    context.set_offline(True)
    answered = [press(page, "9") for _ in range(4)]
    expect(page.locator("#sending")).to_have_text("4 answers on their way")
    expect(page.get_by_role("alert").first).to_contain_text("The connection is lost")
    page.close(run_before_unload=True)
    page.wait_for_timeout(200)
    assert warned == ["beforeunload"]
    context.set_offline(False)
    stored(page)
    expect(page.locator("#problem")).to_be_hidden()
    found = rows(api, job)
    assert [said(found[name]) for name in answered] == ["9"] * 4


@pytest.mark.parametrize("mode", ["", "/groups"])
def test_answers_of_a_page_that_was_closed_offline_are_sent_by_the_next_one(
    page: Page, context: BrowserContext, watch: Watch, api: Client, job: Job, mode: str
) -> None:
    watch.tolerated += ["ERR_INTERNET_DISCONNECTED"]
    opened(page, job)
    page.wait_for_load_state("networkidle")
    context.set_offline(True)
    passed = press(page, "3")
    answered = [press(page, "9") for _ in range(4)]
    press(page, "u")
    expect(page.locator("#sending")).not_to_have_text("All answers are stored.")
    kept(page, "3", "9", "9", "9", None)
    close_offline(page)
    context.set_offline(False)
    assert not any(said(row) for row in rows(api, job).values())
    after = opened(context.new_page(), job, mode)
    expect(after.locator("#restored")).to_contain_text("5 answers of yours had not reached the service")
    expect(after.locator("#left")).to_have_text(str(IMAGES - 4))
    stored(after)
    found = rows(api, job)
    assert [said(found[name]) for name in (passed, *answered)] == ["3", "9", "9", "9", None]
    kept(after)


def test_what_another_person_left_unsent_is_not_sent(page: Page, api: Client, job: Job) -> None:
    opened(page, job)
    name = f"somebody-else /v1/jobs/{job.id}/results 0"
    page.evaluate(KEEP, name)
    page.reload()
    expect(page.locator("#name")).not_to_be_empty()
    answered = press(page, "4")
    stored(page)
    assert {name for name, row in rows(api, job).items() if said(row)} == {answered}
    assert unsent(page) == {name: "9"}


def test_a_review_ends_when_nothing_is_left(page: Page, api: Client, job: Job) -> None:
    opened(page, job)
    names = []
    for _ in range(IMAGES):
        expect(page.locator("#row")).to_be_visible()
        names.append(press(page, "Enter"))
    expect(page.locator("#nothing")).to_contain_text("No doubtful row is left.")
    assert len(set(names)) == IMAGES
    assert_accessible(page)
    stored(page)
    assert api.job(job.id).counts.corrected == IMAGES


def test_a_sheet_confirms_all_but_the_odd_ones(page: Page, api: Client, job: Job) -> None:
    opened(page, job, "/groups")
    expect(page.locator("#left")).to_have_text(str(IMAGES))
    digit = page.locator("#digits [aria-pressed=true]").get_attribute("data-digit")
    alike = [row for row in api.results(job.id) if row.prediction == digit]
    tiles = page.locator(".crop")
    expect(tiles).to_have_count(len(alike))
    assert_accessible(page)
    indices = [int(tile.get_attribute("data-index") or "") for tile in tiles.all()]
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    other = "1" if digit != "1" else "2"
    page.keyboard.press(other)
    page.keyboard.press("Enter")
    expect(page.locator("#left")).to_have_text(str(IMAGES - len(alike) + 1))
    stored(page)
    answers = [said(api.row(job.id, index)) for index in indices]
    assert answers == [None, other, *[digit] * (len(alike) - 2)]
    page.keyboard.press("u")
    expect(tiles).to_have_count(len(alike))
    stored(page)
    assert [said(api.row(job.id, index)) for index in indices] == [None] * len(alike)


def test_two_people_never_see_the_same_sheet(page: Page, context: BrowserContext, job: Job) -> None:
    opened(page, job, "/groups")
    shown = {tile.get_attribute("data-index") for tile in page.locator(".crop").all()}
    other = opened(context.new_page(), job, "")
    for _ in range(IMAGES - len(shown)):
        name = press(other, "Enter")
        assert str(int(name[4:6])) not in shown
    expect(other.locator("#nothing")).to_contain_text("on somebody's screen")


def test_a_reviewer_who_has_signed_in_answers_as_well(chromium: Browser, guarded: Server) -> None:
    guarded.turn()
    with Client(guarded.url, KEY) as client:
        job = client.wait(send(client, [("a.png", one()), ("b.png", one())], review_below=1.0).id)
        with browsing(chromium, guarded.url) as (context, _):
            page = context.new_page()
            page.goto(f"/jobs/{job.id}/review")
            page.get_by_label("Key", exact=True).fill(KEY)
            page.get_by_role("button", name="Sign in").click()
            # while style sheets are still coming in, the hidden row is visible to Playwright
            expect(page.locator("#name")).not_to_be_empty()
            name = press(page, "8")
            stored(page)
            assert said(rows(client, job)[name]) == "8"
