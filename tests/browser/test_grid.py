"""The rows of a job of thousands: only those in sight are drawn, and rightly, wherever they are scrolled."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from digitmill.client import Client
from tests.archives import zip_of
from tests.browser.conftest import send
from tests.web.fakes import one, seven

pytestmark = [pytest.mark.service, pytest.mark.browser]

ROWS = 3000
SCROLLED = """
async (steps) => {
  const grid = document.getElementById("grid");
  const box = grid.getBoundingClientRect();
  const heights = [1, box.height / 2, box.height - 8].map((each) => box.top + each);
  const found = [];
  for (let step = 0; step <= steps; step += 1) {
    grid.scrollTop = ((grid.scrollHeight - grid.clientHeight) * step) / steps;
    await new Promise(requestAnimationFrame);
    const lines = heights.map((y) => [y, y + 24, y - 24].map((each) => document.elementFromPoint(box.left + 30, each)));
    found.push(lines.map((places) => places.map((each) => each?.closest(".tile")).find(Boolean) ?? null).map((tile) =>
      tile && [Number(tile.dataset.position), tile.title]));
  }
  return found;
}
"""


@pytest.fixture(scope="module")
def job(url: str) -> str:
    """Ones, and a seven in each tenth row."""
    archive = zip_of((f"{number}.png", one() if number % 10 else seven()) for number in range(ROWS))
    with Client(url) as client:
        return client.wait(send(client, [("rows.zip", archive)]).id).id


@pytest.fixture
def rows(page: Page, job: str) -> Page:
    page.goto(f"/jobs/{job}")
    expect(page.locator("#shown")).to_have_text(f"{ROWS:,} rows")
    page.locator("#grid").scroll_into_view_if_needed()
    return page


def test_of_thousands_of_rows_only_those_in_sight_are_drawn(rows: Page) -> None:
    grid = rows.get_by_role("grid")
    columns = int(grid.get_attribute("aria-colcount") or 0)
    assert int(grid.get_attribute("aria-rowcount") or 0) == -(-ROWS // columns)
    rows.get_by_role("gridcell").first.focus()
    rows.keyboard.press("End")
    expect(rows.locator(".tile:focus")).to_have_attribute("data-position", f"{ROWS - 1}")
    expect(rows.locator(".tile:focus img")).to_be_visible()
    assert rows.get_by_role("gridcell").count() < 200
    rows.keyboard.press("Home")
    expect(rows.locator(".tile:focus")).to_have_attribute("data-position", "0")
    rows.get_by_label("Name", exact=True).fill("2999.png")
    expect(rows.get_by_role("gridcell")).to_have_count(1)


def test_no_place_of_the_scroll_bar_is_blank(rows: Page) -> None:
    frames: list[list[Any]] = rows.evaluate(SCROLLED, 60)
    for frame in frames:
        assert None not in frame
        positions = [position for position, _ in frame]
        assert positions == sorted(set(positions))
        assert [name for _, name in frame] == [f"{position}.png" for position in positions]
    assert frames[0][0][0] == 0
    assert frames[-1][-1][0] >= ROWS - 20


def test_a_tile_shows_the_picture_of_its_own_row_wherever_it_was_scrolled(rows: Page, job: str) -> None:
    rows.evaluate(SCROLLED, 30)
    # by single lines too, at whose ends tiles are used again
    rows.evaluate("() => { document.getElementById('grid').scrollTop -= 400; }")
    rows.wait_for_function("() => [...document.querySelectorAll('.tile img')].every((each) => each.naturalWidth > 0)")
    tiles = rows.locator(".tile").evaluate_all(
        "(tiles) => tiles.map((each) => [each.dataset.position, each.title, each.firstChild.getAttribute('src')])"
    )
    assert len(tiles) > 20
    for position, name, source in tiles:
        assert name == f"{position}.png"
        assert source == f"/v1/jobs/{job}/results/{position}/image?view=thumbnail"


def test_keys_lead_back_to_the_tile_that_was_scrolled_out_of_sight(rows: Page) -> None:
    rows.get_by_role("gridcell").nth(1).focus()
    rows.mouse.move(*middle(rows))
    rows.mouse.wheel(0, 20_000)
    expect(rows.locator("#grid")).to_be_focused()
    expect(rows.locator('.tile[data-position="0"]')).to_have_count(0)
    rows.keyboard.press("ArrowRight")
    expect(rows.locator(".tile:focus")).to_have_attribute("data-position", "2")


def test_tab_reaches_the_rows_wherever_they_were_scrolled(rows: Page) -> None:
    rows.mouse.move(*middle(rows))
    rows.mouse.wheel(0, 20_000)
    expect(rows.locator('.tile[data-position="0"]')).to_have_count(0)
    rows.get_by_role("button", name="Clear").focus()
    rows.keyboard.press("Tab")
    expect(rows.locator(".tile:focus")).to_have_attribute("data-position", "0")


def middle(page: Page) -> tuple[float, float]:
    box = page.locator("#grid").bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
