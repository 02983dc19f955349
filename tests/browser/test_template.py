"""Making a template in the browser: a page dropped, its fields named, tried on filled pages and published."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from digitmill.client import Client
from digitmill.forms.template import DigitsField, MarkField, NumberField, PlainField, Template
from tests.browser.watching import Watch, assert_accessible
from tests.end_to_end.test_forms import BY_MARKS, SEED, page_of
from tests.forms.made import png
from training.forms.measure import form_of

pytestmark = [pytest.mark.service, pytest.mark.browser]

BOXES, OTHER = 30, 7
SLOW_MS = 120_000
"""A busy machine looks for boxes, and reads pages, for half a minute."""
NOTHING = "\N{EN DASH}"
WORDS = {word for kind in (DigitsField, NumberField, MarkField, PlainField) for word in kind.model_fields} - {"grid"}
"""All that a field may say. A grid is opened as its boxes."""


@pytest.fixture
def blank(tmp_path: Path) -> Path:
    """An empty page with more than thirty boxes."""
    path = tmp_path / "survey.png"
    path.write_bytes(png(form_of(BY_MARKS, SEED).blank))
    return path


def filled(folder: Path, count: int) -> tuple[list[Path], list[dict[str, str | None]]]:
    """Pages of the same form, and what is written on them."""
    paths, truths = [], []
    for number in range(count):
        page, content = page_of(form_of(BY_MARKS, SEED), number, "flatbed")
        path = folder / f"filled{number}.png"
        path.write_bytes(content)
        paths.append(path)
        truths.append(page.truth)
    return paths, truths


def opened(page: Page, blank: Path) -> Locator:
    """The fields that are proposed for the page, as a list of names."""
    page.goto("/templates/new")
    expect(page.get_by_role("heading", name="Drop an empty page of your form here")).to_be_visible()
    page.locator("#file").set_input_files(blank)
    expect(page.locator("#fields input").first).to_be_focused(timeout=SLOW_MS)
    return page.locator("#fields input")


def shapes(page: Page) -> list[str | None]:
    """Names and boxes as they are drawn over the page."""
    found: list[str | None] = page.locator("#over g").evaluate_all(
        "groups => groups.map((group) => group.textContent + [...group.querySelectorAll('polygon')].map((one) => "
        "one.getAttribute('points')).join(' ')).sort()"
    )
    return found


def test_a_newcomer_gets_from_an_empty_page_to_the_table(page: Page, blank: Path, api: Client, tmp_path: Path) -> None:
    page.goto("/")
    page.get_by_role("link", name="Templates").click()
    page.get_by_role("link", name="Make a template").click()
    expect(page.get_by_role("heading", name="Drop an empty page of your form here")).to_be_visible()
    page.locator("#file").set_input_files(blank)
    names = page.locator("#fields input")
    expect(names.first).to_be_focused(timeout=SLOW_MS)
    assert page.locator("#over polygon").count() > BOXES
    count = names.count()
    for number in range(count):
        # each is seen on the page while its name is typed
        expect(page.locator("#over .selected")).to_have_count(1)
        page.keyboard.type(f"question {number + 1}")
        page.keyboard.press("Tab")
    assert names.evaluate_all("inputs => inputs.map((input) => input.value)") == [
        f"question_{number + 1}" for number in range(count)
    ]
    pages, truths = filled(tmp_path, 3)
    page.locator("#try-file").set_input_files(pages)
    expect(page.locator("#try-state")).to_contain_text("would go to a person", timeout=SLOW_MS)
    expect(page.locator("#tried-table tbody tr")).to_have_count(count)
    expect(page.locator(".tried svg polygon")).to_have_count(3 * count)
    tried = page.locator("#tried-table tbody tr").evaluate_all(
        "rows => rows.map((row) => [...row.cells].map((cell) => cell.textContent))"
    )
    expect(page.locator("#faulty")).to_be_hidden()
    assert_accessible(page)
    page.get_by_role("button", name="Publish", exact=True).click()
    expect(page.locator("#published-text")).to_have_text("survey@1 is published.")
    page.get_by_role("link", name="Read pages by it").click()
    expect(page.get_by_label("A page of a form")).to_be_checked()
    expect(page.get_by_label("Template")).to_have_value("survey@1")
    page.locator("#files").set_input_files(pages)
    page.get_by_role("button", name="Read the scans").click()
    expect(page.locator("#state")).to_have_text("Done", timeout=SLOW_MS)
    expect(page.locator("#pages tr")).to_have_count(3)
    job = page.locator("#job").get_attribute("data-id") or ""
    api.results_csv(job, tmp_path / "rows.csv")
    lines = list(csv.DictReader(io.StringIO((tmp_path / "rows.csv").read_text())))
    for name, *values in tried:
        assert [line[name] for line in lines] == [value.rstrip(" ?").replace(NOTHING, "") for value in values], name
    written = {value for truth in truths for value in truth.values() if value}
    assert len(written & {value for line in lines for value in line.values()}) > len(written) / 2


def change_one_field(page: Page) -> Iterator[None]:
    """Stops after each change: of name, boxes, place, size, and copies of it."""
    # the first that is one of digits
    digits = page.locator("#fields li", has_text="4 digits").first.locator("input")
    digits.fill("Men of age")
    expect(digits).to_have_value("Men_of_age")
    yield
    page.get_by_label("Boxes", exact=True).fill("6")
    page.keyboard.press("Tab")
    expect(page.locator("#over .selected polygon")).to_have_count(6)
    yield
    page.locator("#view").focus()
    for keys in ("Shift+ArrowRight", "Alt+Shift+ArrowDown", "Control+d"):
        page.keyboard.press(keys)
        yield
    drag(page, page.locator("#over .selected polygon").first, 0, 30)
    yield
    page.get_by_label("How many copies").fill("3")
    page.get_by_role("button", name="Copy", exact=True).click()
    yield
    drag(page, page.locator('.handle[data-handle="se"]'), 15, 10)
    yield
    page.get_by_label("What stands there").select_option("number")
    expect(page.locator("#over .selected polygon")).to_have_count(1)
    yield


def change_fields(page: Page) -> Iterator[None]:
    """Stops after each: one is removed, one drawn, and two become one."""
    page.locator("#view").focus()
    page.keyboard.press("Delete")
    yield
    area = page.locator("#view").bounding_box()
    assert area is not None
    page.mouse.move(area["x"] + 300, area["y"] + 20)
    page.mouse.down()
    page.mouse.move(area["x"] + 340, area["y"] + 60, steps=3)
    page.mouse.up()
    yield
    page.locator("#fields input").first.focus()
    page.keyboard.down("Shift")
    page.locator("#over g").nth(1).locator("polygon").first.click(force=True)
    page.keyboard.up("Shift")
    page.get_by_role("button", name="Make one field").click()
    yield


def test_every_change_can_be_taken_back_and_leaving_loses_nothing(page: Page, blank: Path) -> None:
    names = opened(page, blank)
    steps = [shapes(page)]
    for _ in chain(change_one_field(page), change_fields(page)):
        steps.append(shapes(page))
        assert steps[-1] != steps[-2]
    assert [len(step) - len(steps[0]) for step in steps] == [0, 0, 0, 0, 0, 1, 1, 4, 4, 4, 3, 4, 3]
    expect(names).to_have_count(len(steps[-1]))
    expect(page.locator("#kept")).to_have_text("Kept in this browser")
    for step in reversed(steps[:-1]):
        page.get_by_role("button", name="Undo").click()
        assert shapes(page) == step
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()
    for step in steps[1:]:
        page.keyboard.press("Control+Shift+z")
        assert shapes(page) == step
    page.reload()
    expect(page.locator("#kept")).to_have_text("You go on where you were.")
    assert shapes(page) == steps[-1]
    page.get_by_role("button", name="Begin anew").click()
    page.get_by_role("dialog").get_by_role("button", name="Begin anew").click()
    expect(page.get_by_role("heading", name="Drop an empty page of your form here")).to_be_visible()


def test_tabs_do_not_write_over_each_others_drafts_and_a_closed_one_leaves_its_own_to_the_next(
    context: BrowserContext, blank: Path
) -> None:
    pages = [context.new_page() for _ in range(2)]
    for name, page in zip(("morning", "noon"), pages, strict=True):
        opened(page, blank)
        page.get_by_label("Name", exact=True).fill(name)
        expect(page.locator("#kept")).to_have_text("Kept in this browser")
    for name, page in zip(("morning", "noon"), pages, strict=True):
        page.reload()
        expect(page.locator("#kept")).to_have_text("You go on where you were.")
        expect(page.get_by_label("Name", exact=True)).to_have_value(name)
    pages[0].close()
    third = context.new_page()
    third.goto("/templates/new")
    expect(third.get_by_label("Name", exact=True)).to_have_value("morning")
    expect(pages[1].get_by_label("Name", exact=True)).to_have_value("noon")


def drag(page: Page, what: Locator, dx: int, dy: int) -> None:
    what.scroll_into_view_if_needed()
    box = what.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + dx, y + dy, steps=4)
    page.mouse.up()


def test_a_page_that_somebody_has_written_on_is_told_from_an_empty_one(page: Page, tmp_path: Path) -> None:
    ((path,), _) = filled(tmp_path, 1)
    opened(page, path)
    told = page.get_by_text("There are strokes in the boxes of this page")
    tick = page.locator("#filled")
    expect(told).to_be_visible()
    expect(tick).to_be_checked()
    assert_accessible(page)
    tick.uncheck()
    expect(told).to_be_hidden()


def test_what_is_wrong_is_told_where_it_is(page: Page, blank: Path, watch: Watch) -> None:
    names = opened(page, blank)
    names.nth(1).fill("station")
    names.nth(2).fill("station")
    line = page.locator("#fields li").nth(2)
    expect(line.locator(".fault")).to_contain_text("fields[1] has this name too")
    expect(names.nth(2)).to_have_attribute("aria-invalid", "true")
    names.nth(2).fill("women")
    expect(line.locator(".fault")).to_be_empty()
    page.get_by_text("Checks: what is always true").click()
    page.locator("#rules").fill("\nstation == men")
    expect(page.locator("#rule-faults")).to_contain_text("Line 2: At character")
    expect(page.locator("#rule-faults")).to_contain_text("men")
    watch.tolerated.append("400")
    page.get_by_role("button", name="Publish", exact=True).click()
    expect(page.locator("#problem")).to_contain_text("checks[0].rule")
    page.locator("#rules").fill("\nstation == women")
    expect(page.locator("#rule-faults")).to_be_empty()


@pytest.mark.parametrize("browsed", [{"color_scheme": "dark", "has_touch": True, "locale": "ru"}], indirect=True)
def test_the_next_version_is_made_of_a_published_one_on_a_phone(page: Page, api: Client, tmp_path: Path) -> None:
    form = form_of(OTHER, SEED)
    (tmp_path / "template.json").write_text(form.template.as_json())
    (tmp_path / "reference.png").write_bytes(png(form.blank))
    published = api.publish_template(tmp_path / "template.json", tmp_path / "reference.png")
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto("/templates")
    assert_accessible(page)
    page.locator(f'a[href="/templates/{published.name}/{published.version}/next"]').click()
    names = page.locator("#fields input")
    expect(names).to_have_count(len(form.template.fields))
    # a tap chooses, and a finger then moves what is chosen
    shape = page.locator("#over g").first
    before = shape.inner_html()
    shape.locator("polygon").first.tap()
    expect(shape).to_have_class("selected")
    assert shape.inner_html() == before
    assert_accessible(page)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 360
    names.first.fill("renamed")
    # which page of its form it is
    expect(page.locator("#page-form")).to_be_hidden()
    page.locator("#page-of").fill("3")
    page.locator("#page-form").fill("Whole Form")
    page.locator("#page-number").fill("2")
    page.locator("#publish").tap()
    expect(page.locator("#published")).to_be_visible()
    versions = [each.version for each in api.templates() if each.name == published.name]
    assert len(versions) == 2
    made = api.template(published.name, versions[-1]).document
    assert made["fields"][0]["name"] == "renamed"
    assert [made["page"][part] for part in ("form", "number", "of")] == ["whole-form", 2, 3]
    assert api.template(published.name, published.version).document["fields"][0]["name"] != "renamed"


def every_word(template: dict[str, Any]) -> dict[str, Any]:
    """The template with a field of each kind that says all that such a field may say, of names that sort otherwise."""
    template = {**template, "version": "7", "checks": [{"rule": "last <= first"}], "lists": {"places": ["01", "2"]}}
    written = {"label": "Größe 名前", "empty": "refuse", "crossed": "review", "dash": "refuse", "struck_out": "empty"}
    template["fields"] = [
        {"name": "last", "kind": "digits", "boxes": [quad(100), quad(160)], "length": [1, 2], "align": "left",
         "critical": True, **written},
        {"name": "first", "kind": "number", "quad": quad(300), "length": [1, 9], "separators": ".,", "critical": True,
         **written},
        {"name": "chosen", "kind": "mark", "options": {"да": quad(400), "no": quad(460)}, "choose": "any",
         "blackened": "taken_back", "critical": True, "label": "Открыто?"},
        {"name": "paper", "kind": "code", "quad": quad(520), "label": "コード"},
        {"name": "remark", "kind": "picture", "quad": quad(600), "label": "ملاحظات"},
    ]  # fmt: skip
    return template


def quad(left: float) -> list[list[float]]:
    return [[left, 300.0], [left + 50, 300.0], [left + 50, 350.0], [left, 350.0]]


def said(document: Any) -> dict[str, Any]:
    """All but the version, with what a template says where its JSON leaves something out."""
    return {**json.loads(Template.parsed(json.dumps(document)).as_json()), "version": ""}


def test_the_next_version_says_all_that_the_one_before_said(page: Page, api: Client, tmp_path: Path) -> None:
    form = form_of(OTHER, SEED)
    template = every_word({**json.loads(form.template.as_json()), "name": "worded"})
    assert {word for field in template["fields"] for word in field} == WORDS
    (tmp_path / "template.json").write_text(json.dumps(template))
    (tmp_path / "reference.png").write_bytes(png(form.blank))
    api.publish_template(tmp_path / "template.json", tmp_path / "reference.png")
    page.goto("/templates/worded/7/next")
    expect(page.locator("#fields input")).to_have_count(len(template["fields"]))
    page.get_by_role("button", name="Publish", exact=True).click()
    expect(page.locator("#published-text")).to_have_text("worded@8 is published.")
    assert said(api.template("worded", "8").document) == said(template)


def test_a_field_has_what_people_call_it_in_any_script(page: Page, blank: Path, api: Client) -> None:
    names = opened(page, blank)
    page.locator("#fields li", has_text="4 digits").first.locator("input").fill("carrots")
    label = page.get_by_label("What people call it, in any script")
    label.fill("  にんじん 1")
    label.press("Tab")
    # another kind keeps it, and a copy has the next number
    page.get_by_label("What stands there").select_option("mark")
    count = names.count()
    page.get_by_role("button", name="Copy", exact=True).click()
    expect(names).to_have_count(count + 1)
    expect(label).to_have_value("にんじん 2")
    # two boxes of one name would be one
    options = page.get_by_label("Names of the boxes, with commas between")
    options.fill("x, x, x, x")
    options.press("Tab")
    expect(options).to_have_value("x, x2, x3, x4")
    options.fill("yes, often|no| maybe |x4")
    options.press("Tab")
    expect(options).to_have_value("yes, often | no | maybe | x4")
    page.locator("#template-name").fill("garden")
    page.get_by_role("button", name="Publish", exact=True).click()
    expect(page.locator("#published-text")).to_have_text("garden@1 is published.")
    fields = {field["name"]: field for field in api.template("garden", "1").document["fields"]}
    assert [fields[name].get("label") for name in ("carrots", "carrots2")] == ["にんじん 1", "にんじん 2"]
    assert list(fields["carrots2"]["options"]) == ["yes, often", "no", "maybe", "x4"]


def test_a_field_is_called_as_what_objects_have_after_a_page_was_tried(page: Page, api: Client, tmp_path: Path) -> None:
    form = form_of(BY_MARKS, SEED)
    document = {**json.loads(form.template.as_json()), "name": "tried", "checks": []}
    (tmp_path / "template.json").write_text(json.dumps(document))
    (tmp_path / "reference.png").write_bytes(png(form.blank))
    published = api.publish_template(tmp_path / "template.json", tmp_path / "reference.png")
    page.goto(f"/templates/{published.name}/{published.version}/next")
    names = page.locator("#fields input")
    expect(names).to_have_count(len(form.template.fields))
    rows = page.locator("#tried-table tbody tr")
    before, after = filled(tmp_path, 2)[0]
    page.locator("#try-file").set_input_files(before)
    expect(rows).to_have_count(len(form.template.fields), timeout=SLOW_MS)
    names.first.fill("constructor")
    page.locator("#try-file").set_input_files(after)
    expect(rows).to_have_count(len(form.template.fields) + 1, timeout=SLOW_MS)
    cells = rows.filter(has_text="constructor").locator("td")
    expect(cells).to_have_count(2)
    # the page that was tried before has no such field
    assert cells.evaluate_all("cells => cells.map((cell) => cell.hasAttribute('data-status'))") == [False, True]
