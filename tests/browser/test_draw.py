"""Drawing a digit, and sums whose answers are drawn."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from playwright.sync_api import Locator, Page, expect

from digitmill.client import Client
from tests.browser.watching import assert_accessible

pytestmark = [pytest.mark.service, pytest.mark.browser]

Points = Sequence[tuple[float, float]]

# digits as strokes through points, from 0 to 1 to the right and downwards
STROKES: dict[str, Sequence[Points]] = {
    "0": [[(0.5, 0.2), (0.36, 0.3), (0.32, 0.5), (0.36, 0.7), (0.5, 0.8), (0.64, 0.7), (0.68, 0.5), (0.64, 0.3),
           (0.5, 0.2)]],
    "1": [[(0.5, 0.18), (0.5, 0.82)]],
    "2": [[(0.34, 0.32), (0.4, 0.22), (0.52, 0.18), (0.63, 0.24), (0.64, 0.38), (0.52, 0.56), (0.34, 0.8),
           (0.68, 0.8)]],
    "3": [[(0.36, 0.24), (0.5, 0.18), (0.62, 0.26), (0.6, 0.4), (0.48, 0.47), (0.62, 0.55), (0.65, 0.7), (0.52, 0.82),
           (0.35, 0.76)]],
    "4": [[(0.38, 0.18), (0.34, 0.52), (0.66, 0.52)], [(0.6, 0.2), (0.6, 0.82)]],
    "5": [[(0.64, 0.2), (0.4, 0.2), (0.38, 0.46), (0.54, 0.43), (0.65, 0.54), (0.63, 0.72), (0.5, 0.82),
           (0.35, 0.76)]],
    "6": [[(0.6, 0.18), (0.44, 0.34), (0.36, 0.56), (0.38, 0.74), (0.5, 0.82), (0.62, 0.74), (0.62, 0.6), (0.5, 0.53),
           (0.39, 0.62)]],
    "7": [[(0.32, 0.2), (0.68, 0.2), (0.46, 0.82)]],
    "8": [[(0.5, 0.48), (0.38, 0.36), (0.42, 0.22), (0.58, 0.22), (0.62, 0.36), (0.5, 0.48), (0.36, 0.62), (0.4, 0.8),
           (0.6, 0.8), (0.64, 0.62), (0.5, 0.48)]],
    "9": [[(0.62, 0.36), (0.52, 0.47), (0.39, 0.42), (0.38, 0.27), (0.5, 0.18), (0.61, 0.26), (0.62, 0.36),
           (0.58, 0.82)]],
}  # fmt: skip


def draw(page: Page, canvas: Locator, digit: str) -> None:
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    for first, *rest in STROKES[digit]:
        for number, (right, down) in enumerate([first, *rest]):
            page.mouse.move(box["x"] + right * box["width"], box["y"] + down * box["height"], steps=3)
            if number == 0:
                page.mouse.down()
        page.mouse.up()


def test_a_stroke_is_read_as_it_ends(page: Page, api: Client) -> None:
    before = {job.id for job in api.jobs()}
    page.goto("/draw")
    assert_accessible(page)
    draw(page, page.get_by_label("Box to draw a digit in"), "7")
    expect(page.locator("#said")).to_contain_text("a 7")
    expect(page.locator(".digit-bars .best")).to_contain_text("7")
    shares = page.locator(".digit-bars meter").evaluate_all("(bars) => bars.map((bar) => bar.value)")
    assert max(shares) == shares[7]
    assert sum(shares) <= 1 + 1e-3, "the rest is the chance that it is no digit"
    assert_accessible(page)
    page.get_by_role("button", name="Clear").click()
    expect(page.locator(".digit-bars .best")).to_have_count(0)
    page.wait_for_load_state("networkidle")
    assert {job.id for job in api.jobs()} == before


def test_a_digit_can_be_drawn_with_the_keyboard(page: Page) -> None:
    page.goto("/draw")
    page.get_by_label("Box to draw a digit in").focus()
    for key, times in (("ArrowUp", 6), ("Space", 1), ("ArrowDown", 12), ("Space", 1)):
        for _ in range(times):
            page.keyboard.press(key)
    expect(page.locator("#said")).to_contain_text("a 1")
    page.keyboard.press("Escape")
    expect(page.locator("#said")).to_contain_text("nothing to read")


def test_a_right_answer_brings_the_next_sum_and_a_wrong_one_does_not(page: Page) -> None:
    page.goto("/practice")
    assert_accessible(page)
    sum_of_page = page.locator("#sum")
    first = sum_of_page.inner_text()
    answer = str(answer_to(first))
    boxes = page.locator(".box canvas")
    expect(boxes).to_have_count(2)
    wrong = "1" if answer[0] != "1" else "7"
    for place, digit in enumerate(wrong + answer[1:]):
        draw(page, boxes.nth(place), digit)
    # of a digit that it doubts the page does not say what it read
    expect(page.locator("#said")).to_contain_text(re.compile("That reads|hard to read"))
    told_wrong = "That reads" in page.locator("#said").inner_text()
    page.get_by_role("button", name="Clear box 1").click()
    draw(page, boxes.first, answer[0])
    expect(page.locator("#said")).to_contain_text("Right!")
    # what it could not read counts for nothing
    expect(page.locator("#score")).to_have_text(f"{0 if told_wrong else 1} of 1 sum right at once")
    expect(sum_of_page).not_to_have_text(first)


def test_every_sum_counts_also_one_that_is_given_up(page: Page) -> None:
    page.goto("/practice")
    for given_up in range(1, 4):
        page.get_by_role("button", name="Another sum").click()
        expect(page.locator("#score")).to_contain_text(f"0 of {given_up} sum")


def test_the_boxes_do_not_tell_how_long_the_answer_is(page: Page) -> None:
    page.goto("/practice")
    lengths = set()
    # of the products alone a third have one digit
    for _ in range(60):
        lengths.add(len(str(answer_to(page.locator("#sum").inner_text()))))
        expect(page.locator(".box canvas")).to_have_count(2)
        expect(page.locator("#said")).to_have_text("")
        page.get_by_role("button", name="Another sum").click()
    assert lengths == {1, 2}


def answer_to(words: str) -> int:
    found = re.fullmatch(r"(\d+) (.) (\d+) =", words)
    assert found, words
    one, other = int(found[1]), int(found[3])
    return {"+": one + other, "\N{MINUS SIGN}": one - other, "\N{MULTIPLICATION SIGN}": one * other}[found[2]]
