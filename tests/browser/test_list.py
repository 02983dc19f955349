"""The list of jobs: searched, filtered, and cleared of many at once; and the pile before it is sent."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from digitmill.client import Client
from tests.archives import zip_of
from tests.browser.conftest import send
from tests.browser.watching import assert_accessible
from tests.web.fakes import one, seven

CHANGES_ARE_COUNTED = """() => {
  window.changes = 0;
  const observer = new MutationObserver((records) => (window.changes += records.length));
  observer.observe(document.querySelector("main"), { subtree: true, childList: true, characterData: true });
}"""

pytestmark = [pytest.mark.service, pytest.mark.browser]


def test_jobs_are_searched_filtered_and_deleted_together(page: Page, api: Client) -> None:
    sent = {
        label: api.wait(send(api, [("a.png", one())], review_below=below, metadata={"label": label}).id).id
        for label, below in (("north one", 1.0), ("north two", 0.0), ("south", 1.0))
    }
    page.goto("/jobs")
    page.get_by_label("Name").fill("north")
    shown = page.locator("tbody tr:visible")
    expect(shown).to_have_count(2)
    expect(page).to_have_url(re.compile(r"\?name=north$"))
    assert_accessible(page)
    page.get_by_label("State").select_option("to review")
    expect(shown).to_have_count(1)
    page.get_by_label("State").select_option("all")
    page.get_by_label("Mark all that are shown").check()
    page.get_by_role("button", name="Delete those marked").click()
    expect(page.get_by_role("dialog")).to_contain_text("Delete 2 jobs?")
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    expect(shown).to_have_count(0)
    left = {job.id for job in api.jobs()}
    assert [label for label, job in sent.items() if job in left] == ["south"]
    page.get_by_label("Name").fill("")
    new = send(api, [("a.png", one())])
    page.get_by_role("link", name="There are new jobs").click()
    expect(page.get_by_text(new.id)).to_be_visible()


def test_the_list_follows_what_others_do_and_leaves_alone_what_somebody_is_at(page: Page, api: Client) -> None:
    job = api.wait(send(api, [("a.png", one()), ("b.png", one())], review_below=1.0, metadata={"label": "calm"}).id)
    page.goto("/jobs")
    line = page.get_by_role("row", name="calm")
    line.get_by_role("checkbox").check()
    page.evaluate(CHANGES_ARE_COUNTED)
    line.get_by_role("button", name="Delete").focus()
    for _ in range(2):
        page.wait_for_event("response", lambda response: "/v1/jobs?" in response.url)
    assert page.evaluate("changes") == 0, "nothing has happened"
    api.correct(job.id, 0, prediction="1")
    expect(line.locator(".left")).to_have_text("1 of 2 left")
    expect(line.get_by_role("button", name="Delete")).to_be_focused()
    expect(line.get_by_role("checkbox")).to_be_checked()
    page.get_by_label("State").select_option("to review")
    line.get_by_role("link").focus()
    api.correct(job.id, 1, prediction="1")
    expect(line.locator(".left")).to_have_text("0 of 2 left")
    expect(line.get_by_role("link")).to_be_focused()
    page.get_by_label("Name").focus()
    expect(line).to_be_hidden()


def test_the_pile_is_named_and_listed_and_the_same_one_is_told(page: Page, tmp_path: Path) -> None:
    pile, odd, book = tmp_path / "pile.zip", tmp_path / "odd.png", tmp_path / "book.xlsx"
    pile.write_bytes(zip_of([("a.png", one())]))
    odd.write_bytes(seven())
    book.write_bytes(zip_of([("[Content_Types].xml", b"<xml/>")]))
    page.goto("/")
    for files in ([pile, odd, book], [pile]):
        page.locator("#files").set_input_files(files)
        expect(page.locator("#chosen-text")).to_contain_text("2 files")
    expect(page.locator("#bad-list")).to_contain_text("book.xlsx is a document")
    expect(page.locator("#bad-list")).to_contain_text("pile.zip is in the pile already")
    page.locator("#good-text").click()
    expect(page.locator("#good-list")).to_contain_text(f"odd.png {odd.stat().st_size} B")
    page.get_by_role("button", name="Remove odd.png").click()
    expect(page.locator("#chosen-text")).to_contain_text("1 file,")
    assert_accessible(page)
    page.get_by_label("Name of the job").fill("Ward 7")
    page.get_by_role("button", name="Read the scans").click()
    expect(page.get_by_role("heading", name="Ward 7")).to_be_visible()
    page.goto("/")
    page.locator("#files").set_input_files(pile)
    expect(page.locator("#again")).to_contain_text("The same pile was sent before")
    assert_accessible(page)
    page.locator("#again").get_by_role("link", name="Ward 7").click()
    expect(page.get_by_role("heading", name="Ward 7")).to_be_visible()
