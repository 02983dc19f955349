"""The review as a person goes about it, and what the service then has."""

from __future__ import annotations

import json

from playwright.sync_api import Page, expect

from digitmill.client import Client, Job, Row
from tests.browser.conftest import send
from tests.pictures import drawn_digit, png


def doubtful_job(api: Client, images: int) -> Job:
    """A finished job whose rows are all doubtful."""
    files = [(f"box-{number:02}.png", png(drawn_digit(number % 10, 32 + number))) for number in range(images)]
    job = api.wait(send(api, files, review_below=1.0).id)
    assert job.counts.review == images
    return job


def opened(page: Page, job: Job, mode: str = "") -> Page:
    page.goto(f"/jobs/{job.id}/review{mode}")
    expect(page.locator("#row")).to_be_visible()
    return page


def press(page: Page, key: str) -> str:
    """Press a key; the name of the row that was shown before."""
    name = page.locator("#name").inner_text()
    page.keyboard.press(key)
    return name


def stored(page: Page) -> None:
    """Wait until all answers are with the service."""
    expect(page.locator("#sending")).to_have_text("All answers are stored.")


# what the service does not have yet, by the keys under which the browser keeps it
UNSENT = """() => new Promise((resolve) => {
    const opening = indexedDB.open("digitmill", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("answers");
    opening.onsuccess = () => {
        const answers = opening.result.transaction("answers").objectStore("answers");
        const found = {};
        answers.openCursor().onsuccess = ({ target }) => {
            const cursor = target.result;
            if (cursor) {
                found[cursor.key] = cursor.value.said.prediction ?? cursor.value.said.status ?? null;
                cursor.continue();
            } else {
                opening.result.close();
                resolve(found);
            }
        };
    };
})"""


def unsent(page: Page) -> dict[str, str | None]:
    """What the browser keeps for the service, as {person, job and row: answer}."""
    found: dict[str, str | None] = page.evaluate(UNSENT)
    return found


def kept(page: Page, *answers: str | None) -> None:
    """Wait until the browser keeps just these answers, in the order of their rows or any other."""
    page.wait_for_function(
        f"async (wanted) => JSON.stringify(Object.values(await ({UNSENT})()).map(String).sort()) === wanted",
        arg=json.dumps(sorted("null" if each is None else each for each in answers), separators=(",", ":")),
    )


def close_offline(page: Page) -> None:
    """Close a page that is offline. While it closes, which may take a while, the browser has it online: nothing is sent
    then."""
    page.evaluate("() => { window.fetch = () => new Promise(() => {}); }")
    page.close()


def rows(api: Client, job: Job) -> dict[str, Row]:
    return {row.name: row for row in api.results(job.id)}


def said(row: Row) -> str | None:
    return None if row.correction is None else row.correction.prediction or row.correction.status
