"""A clerk's day on which all goes wrong: a reload, a lost network, a crash of the browser, a session that ends. Each
doubtful row costs one key, once."""

from __future__ import annotations

import csv
import io
import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, BrowserType, Page, expect
from playwright.sync_api import TimeoutError as PageTimeout

from digitmill.client import Client, Job
from tests.archives import zip_of
from tests.browser.conftest import ARGUMENTS, KEY, PATIENCE_MS, chromium_path
from tests.browser.reviewing import kept, stored
from tests.pictures import drawn_digit, png

pytestmark = [pytest.mark.service, pytest.mark.browser]

IMAGES, DOUBTFUL = 300, 40
AT_A_TIME = DOUBTFUL // 5
GONE_ON = """(name) => document.getElementById("name").textContent !== name
    || !document.getElementById("nothing").hidden"""


def name_of(number: int) -> str:
    return f"{number:03}-{number % 10}.png"


def shown_in(name: str) -> str:
    """The digit that the image of this name shows."""
    return name[-5]


def job_of_the_day(api: Client) -> Job:
    """300 digits, of which the 40 that the model is least sure of are to review."""
    pile = zip_of((name_of(number), png(drawn_digit(number % 10, 30 + number // 5))) for number in range(IMAGES))
    first = api.wait(api.submit([("pile.zip", io.BytesIO(pile))], review_below=0.0).id)
    sure = sorted(row.confidence or 0.0 for row in api.results(first.id))
    api.delete(first.id)
    between = (sure[DOUBTFUL - 1] + sure[DOUBTFUL]) / 2
    job = api.wait(api.submit([("pile.zip", io.BytesIO(pile))], review_below=between).id)
    assert job.counts.review == DOUBTFUL
    return job


@contextmanager
def browser_of_a_person(kind: BrowserType, url: str, profile: Path) -> Iterator[BrowserContext]:
    """A browser whose storage stays on disk, as people have it."""
    context = kind.launch_persistent_context(
        profile, executable_path=chromium_path(), args=ARGUMENTS, base_url=url, locale="en-GB"
    )
    context.set_default_timeout(PATIENCE_MS)
    yield context
    context.close()


def kill_browser(profile: Path) -> None:
    """End all processes of the browser with this profile at once, as a crash or a power cut does."""
    wanted = f"--user-data-dir={profile}".encode()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and wanted in _words(folder / "cmdline"):
            os.kill(int(folder.name), signal.SIGKILL)


def _words(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().split(b"\0")
    except OSError:
        return []


def sign_in(page: Page, address: str) -> None:
    """Go to the page, by way of the sign-in where it asks."""
    page.goto(address)
    if page.get_by_label("Key", exact=True).count():
        page.get_by_label("Key", exact=True).fill(KEY)
        page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(re.compile(f"{address}$"))


def answer(page: Page, keys: list[str], count: int = AT_A_TIME) -> None:
    """Press the right key for so many rows, one key each."""
    for _ in range(count):
        name = page.locator("#name").inner_text()
        keys.append(name)
        page.keyboard.press(shown_in(name))
        page.wait_for_function(GONE_ON, arg=name)


def test_forty_doubtful_rows_cost_forty_keys_whatever_happens_in_between(
    chromium: Browser, guarded_url: str, tmp_path: Path
) -> None:
    keys: list[str] = []
    profile = tmp_path / "profile"
    with Client(guarded_url, KEY) as api:
        job = job_of_the_day(api)
        address = f"/jobs/{job.id}/review"
        with browser_of_a_person(chromium.browser_type, guarded_url, profile) as context:
            page = context.new_page()
            page.on("dialog", lambda dialog: dialog.accept())
            sign_in(page, address)
            a_lost_network_that_comes_back(page, keys)
            a_reload(page, keys)
            a_sign_out(page, address, keys)
            assert api.job(job.id).counts.corrected == len(keys) == 3 * AT_A_TIME
            a_lost_network(page, keys)
            assert api.job(job.id).counts.corrected == 3 * AT_A_TIME
            kill_browser(profile)
        with browser_of_a_person(chromium.browser_type, guarded_url, profile) as context:
            page = context.new_page()
            sign_in(page, address)
            told_of_unsent(page)
            table = the_rest(page, keys)
        right_table(table, keys)
        assert api.job(job.id).counts.unanswered == 0


def a_lost_network_that_comes_back(page: Page, keys: list[str]) -> None:
    expect(page.locator("#row")).to_be_visible()
    page.wait_for_load_state("networkidle")
    page.context.set_offline(True)
    answer(page, keys)
    expect(page.get_by_role("alert").first).to_contain_text("The connection is lost")
    page.context.set_offline(False)
    stored(page)


def a_reload(page: Page, keys: list[str]) -> None:
    """At once after the last key. What was answered is not shown again, be it on its way or not."""
    answer(page, keys)
    page.reload()
    expect(page.locator("#row")).to_be_visible()
    assert page.locator("#name").inner_text() not in keys
    stored(page)


def a_sign_out(page: Page, address: str, keys: list[str]) -> None:
    """The session ends in another window."""
    other = page.context.new_page()
    other.goto("/jobs")
    other.get_by_role("button", name="Sign out").click()
    expect(other.get_by_label("Key", exact=True)).to_be_visible()
    page.bring_to_front()
    answer(page, keys)
    expect(page.get_by_role("alert").first).to_contain_text("You are signed out")
    sign_in(page, address)
    told_of_unsent(page)


def a_lost_network(page: Page, keys: list[str]) -> None:
    """The browser keeps what it cannot send."""
    expect(page.locator("#row")).to_be_visible()
    page.wait_for_load_state("networkidle")
    page.context.set_offline(True)
    answer(page, keys)
    expect(page.get_by_role("alert").first).to_contain_text("The connection is lost")
    kept(page, *(shown_in(name) for name in keys[-AT_A_TIME:]))


def told_of_unsent(page: Page) -> None:
    expect(page.locator("#restored")).to_contain_text(f"{AT_A_TIME} answers of yours had not reached")
    stored(page)


def the_rest(page: Page, keys: list[str]) -> list[dict[str, str]]:
    """The last rows, and the table then. The window that is no more holds some for a minute: they are taken over."""
    while len(keys) < DOUBTFUL:
        page.wait_for_selector("#row:not([hidden]), #holders:not([hidden]) button")
        if page.locator("#row").is_visible():
            answer(page, keys, 1)
        else:
            # the minute may be over by now: then the rows come by themselves
            with suppress(PageTimeout):
                page.get_by_role("button", name="Take over").click(timeout=2000)
    expect(page.locator("#nothing")).to_contain_text("No doubtful row is left.")
    stored(page)
    with page.expect_download() as download:
        page.keyboard.press("d")
    return list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text("utf-8-sig"))))


def right_table(table: list[dict[str, str]], keys: list[str]) -> None:
    """All rows are there in their order, each doubtful one was answered by one key, and says what its image shows."""
    assert (len(keys), len(set(keys))) == (DOUBTFUL, DOUBTFUL)
    assert [row["name"] for row in table] == [name_of(number) for number in range(IMAGES)]
    by_people = {row["name"]: row["prediction"] for row in table if row["answered_by"] == "person"}
    assert by_people == {name: shown_in(name) for name in keys}


def test_who_comes_for_the_first_time_gets_from_a_drop_to_a_certificate(page: Page, api: Client) -> None:
    page.goto("/")
    page.get_by_role("button", name="Try it with a sample pile").click()
    expect(page.get_by_role("button", name="Read the scans")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#state")).to_have_text("Done")
    job = page.url.rpartition("/")[2]
    doubtful = api.job(job).counts.review
    assert doubtful
    page.get_by_role("link", name="Review the doubtful ones").click()
    for left in range(doubtful, 0, -1):
        expect(page.locator("#left")).to_have_text(str(left))
        page.keyboard.press("Enter")
    expect(page.locator("#nothing")).to_contain_text("No doubtful row is left.")
    stored(page)
    page.get_by_role("link", name="To the job").click()
    page.get_by_label("Status", exact=True).select_option("recognised")
    page.get_by_role("gridcell").first.click()
    expect(page.locator(".guesses")).to_be_visible()
    page.get_by_role("group", name="Answers").get_by_role("button", name="No digit").click()
    expect(page.locator("#row-sending")).to_have_text("All answers are stored.")
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Certificate").click()
    expect(page.locator("article")).to_contain_text("Answered by people")
    expect(page.locator("article .problem")).to_have_count(0)
    expect(page.locator("article")).to_contain_text(str(doubtful + 1))
    assert api.job(job).counts.corrected == doubtful + 1
