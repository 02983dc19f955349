"""A job of form pages in the browser: a table of the pages, and the correction of a doubtful field by keyboard."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from digitmill.client import Client, Job
from tests.browser.watching import assert_accessible
from tests.end_to_end.test_forms import BY_CODE, BY_MARKS, SEED, page_of
from tests.forms.made import form_named, png
from tests.web.test_placing import lost
from training.forms.layout import Form
from training.forms.measure import form_of

RIGHT_OF_TEXT = """cell => {
    const range = document.createRange();
    range.selectNodeContents(cell.firstChild);
    return range.getBoundingClientRect().right;
}"""

pytestmark = [pytest.mark.service, pytest.mark.browser]


RECTANGLES = """place => [...place.querySelectorAll("img, svg")].map((each) => {
    const { x, y, width, height } = each.getBoundingClientRect();
    return [x, y, width, height].map(Math.round);
})"""


def publish(api: Client, form: Form, folder: Path) -> Form:
    (folder / "template.json").write_text(form.template.as_json())
    (folder / "reference.png").write_bytes(png(form.blank))
    api.publish_template(folder / "template.json", folder / "reference.png")
    return form


def form_job(api: Client, folder: Path, **changed: Any) -> Job:
    """Two pages of one form, of which each has doubtful fields. Of its template something may be ``changed``."""
    form = form_of(BY_MARKS, SEED)
    form = publish(api, replace(form, template=form.template.model_copy(update=changed)), folder)
    files = [(f"{number}.png", io.BytesIO(page_of(form, number, "flatbed")[1])) for number in range(2)]
    return api.wait(api.submit(files, read="form", template=[form.template.label], review_below=0.9999).id, timeout=120)


def test_the_fields_of_pages_are_seen_and_a_doubtful_one_is_corrected(page: Page, api: Client, tmp_path: Path) -> None:
    job = form_job(api, tmp_path)
    # from the queue of what waits for a person
    page.goto("/review")
    page.locator(f'a[href^="/jobs/{job.id}"]').first.click()
    expect(page.locator("#job")).to_have_attribute("data-id", job.id)
    page.goto(f"/jobs/{job.id}/check")
    expect(page).to_have_url(re.compile(f"/jobs/{job.id}$"))
    rows = list(api.results(job.id))
    expect(page.locator("#pages tr")).to_have_count(len(rows))
    doubtful = [
        (row.index, name) for row in rows for name, field in (row.fields or {}).items() if field.status == "review"
    ]
    assert doubtful
    expect(page.locator("#pages button[data-doubtful]")).to_have_count(len(doubtful))
    assert_accessible(page)
    links = [page.get_by_role("link", name=name) for name in ("0.png", "Marked pages (PDF)")]
    kinds = [page.request.get(link.get_attribute("href") or "").headers["content-type"] for link in links]
    assert kinds == ["image/png", "application/pdf"]
    page.get_by_role("button", name="Next doubtful field").press("Enter")
    expect(page.locator("#field-title")).to_have_text(doubtful[0][1])
    expect(page.locator("#field-picture")).to_have_js_property("complete", True)
    assert page.locator("#field-picture").evaluate("picture => picture.naturalWidth") > 0
    assert_accessible(page)
    page.keyboard.type("042")
    page.keyboard.press("Enter")
    expect(page.locator("#field-title")).to_have_text(doubtful[1][1])
    page.keyboard.press("Escape")
    expect(page.locator("#pages button[data-doubtful]")).to_have_count(len(doubtful) - 1)
    index, name = doubtful[0]
    fields = next(row.fields for row in api.results(job.id) if row.index == index)
    said = fields[name].correction if fields is not None else None
    assert said is not None
    assert said.prediction == "042"
    page.reload()
    expect(page.locator("#pages button[data-answered]")).to_have_text("042")
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_every_value_stands_under_the_name_of_its_field(page: Page, api: Client, tmp_path: Path) -> None:
    backwards = form_of(BY_MARKS, SEED).template.fields[::-1]
    job = form_job(api, tmp_path, name="backwards", fields=backwards)
    names = [field.name for field in backwards]
    assert names != sorted(names)
    rows = [row.fields or {} for row in api.results(job.id)]
    page.goto(f"/jobs/{job.id}")
    expect(page.locator("#pages tr")).to_have_count(len(rows))
    headings = page.locator("thead th")
    expect(headings).to_have_count(len(names) + 1)
    assert headings.evaluate_all("all => all.slice(1).map(({ title }) => title)") == names
    for line, fields in zip(page.locator("#pages tr").all(), rows, strict=True):
        shown = line.locator("td").all_inner_texts()
        assert shown == [fields[name].value if fields[name].value is not None else "\u2013" for name in names]


def test_keys_lead_from_the_page_of_a_job_of_pages_as_from_that_of_others(
    page: Page, api: Client, tmp_path: Path
) -> None:
    job = form_job(api, tmp_path)
    page.goto(f"/jobs/{job.id}")
    expect(page.locator("#pages tr")).to_have_count(2)
    for key, ending in (("d", ".csv"), ("e", ".xlsx")):
        with page.expect_download() as download:
            page.keyboard.press(key)
        assert download.value.suggested_filename.endswith(ending)
    page.keyboard.press("r")
    expect(page).to_have_url(re.compile(f"/jobs/{job.id}/review$"))


def test_the_page_of_a_job_of_pages_leads_to_its_certificate(page: Page, api: Client, tmp_path: Path) -> None:
    job = form_job(api, tmp_path)
    page.goto(f"/jobs/{job.id}")
    page.get_by_role("link", name="Certificate").click()
    expect(page.locator("#errors")).to_have_text("Not measured.")
    # of pages no sample is drawn
    expect(page.get_by_role("link", name="Check the accepted rows")).to_have_count(0)


def test_pages_are_read_with_the_threshold_that_is_told_before(page: Page, api: Client, tmp_path: Path) -> None:
    form = publish(api, form_of(BY_MARKS, SEED), tmp_path)
    page.goto(f"/?template={form.template.label}")
    expect(page.get_by_label("A page of a form")).to_be_checked()
    told = page.locator("#threshold-value").input_value()
    shown = page.locator('label[for="threshold-model"]').inner_text()
    assert shown.startswith("As the model advises: ")
    assert float(shown.split()[-2]) == float(told)
    page.locator("#files").set_input_files({"name": "blank.png", "mimeType": "image/png", "buffer": png(form.blank)})
    page.get_by_role("button", name="Read the scans").click()
    expect(page.locator("#state")).to_have_text("Done", timeout=60_000)
    read_with = api.job(page.locator("#job").get_attribute("data-id") or "").options["review_below"]
    assert float(told) == pytest.approx(read_with * 100)


def test_why_a_page_was_not_read_is_seen_whole(page: Page, api: Client, tmp_path: Path) -> None:
    form = publish(api, form_of(BY_MARKS, SEED), tmp_path)
    other = png(form_named("another", 3).blank)
    job = api.wait(
        api.submit([("scans/a long name.png", io.BytesIO(other))], read="form", template=form.template.label).id
    )
    for width in (1280, 360):
        page.set_viewport_size({"width": width, "height": 740})
        page.goto(f"/jobs/{job.id}")
        why = page.locator("#pages td")
        expect(why).to_contain_text("does not show the form")
        assert why.evaluate(RIGHT_OF_TEXT) < width


def test_fields_are_called_as_what_objects_have_and_long_names_of_files_leave_them_room(
    page: Page, api: Client, tmp_path: Path
) -> None:
    plain = publish(api, form_of(BY_MARKS, SEED), tmp_path)
    form = form_of(BY_CODE, SEED)
    names = ("constructor", "toString", "hasOwnProperty", "valueOf")
    fields = (*map(renamed, form.template.fields, names), *form.template.fields[len(names) :])
    changed = {"name": "methods", "fields": fields, "checks": ()}
    odd = publish(api, replace(form, template=form.template.model_copy(update=changed)), tmp_path)
    files = [
        ("odd.png", io.BytesIO(page_of(form, 0, "flatbed")[1])),
        (f"{'long' * 40}.png", io.BytesIO(page_of(plain, 0, "flatbed")[1])),
    ]
    labels = [odd.template.label, plain.template.label]
    job = api.wait(api.submit(files, read="form", template=labels, review_below=0.9999).id, timeout=120)
    assert [row.template for row in api.results(job.id)] == labels
    for place in ("review", "review/groups", "review/pages"):
        page.goto(f"/jobs/{job.id}/{place}")
        expect(page.locator("#row")).to_be_visible()
    for name in names:
        expect(page.locator(f'#page-fields [data-field="{name}"] input')).to_have_count(1)
    page.goto(f"/jobs/{job.id}")
    expect(page.locator("#pages tr")).to_have_count(2)
    for name in names:
        expect(page.locator(f'#pages button[data-name="{name}"]')).to_have_count(1)
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.locator("#pages th").first.evaluate("cell => cell.offsetWidth") < 360 / 2
    for name in names:
        page.locator(f'#pages button[data-name="{name}"]').click()
        page.locator("#field-value").press("Enter")
        expect(page.locator(f'#pages button[data-name="{name}"]')).to_have_attribute("data-answered", "")
        page.locator("#field-close").click()


def renamed(field: Any, name: str) -> Any:
    return field.model_copy(update={"name": name})


def test_doubtful_fields_are_answered_one_by_one_beside_their_page(page: Page, api: Client, tmp_path: Path) -> None:
    job = form_job(api, tmp_path)
    rows = {row.index: row.fields or {} for row in api.results(job.id)}
    doubtful = [
        (index, name) for index, fields in rows.items() for name, each in fields.items() if each.status == "review"
    ]
    page.goto("/review")
    page.locator(f'a[href="/jobs/{job.id}/review"]').click()
    typed = page.get_by_label("What it shows")
    expect(page.locator("#left")).to_have_text(str(len(doubtful)))
    expect(typed).to_be_focused()
    expect(page.locator("#beside polygon").first).to_be_visible()
    expect(page.locator("#picture img")).to_have_js_property("complete", True)
    assert_accessible(page)
    page.locator("#enlarge").click()
    expect(page.locator("#whole polygon").first).to_be_in_viewport()
    page.keyboard.press("Escape")
    # what the field cannot hold is not sent
    typed.fill("1x")
    page.keyboard.press("Enter")
    assert typed.evaluate("field => field.validity.customError")
    for left in range(len(doubtful), 0, -1):
        expect(page.locator("#left")).to_have_text(str(left))
        typed.fill("1")
        page.keyboard.press("Enter")
    expect(page.locator("#nothing-text")).to_have_text("No doubtful row is left.")
    expect(page.locator("#sending")).to_have_text("All answers are stored.")
    now = {row.index: row.fields or {} for row in api.results(job.id)}
    for index, name in doubtful:
        said = now[index][name].correction
        assert said is not None
        assert said.prediction == "1"
    assert api.job(job.id).counts.unanswered == 0


def test_the_marked_field_stays_in_view_when_the_page_comes_late(page: Page, api: Client, tmp_path: Path) -> None:
    job = form_job(api, tmp_path)
    waiting: list[Route] = []

    def hold(route: Route) -> None:
        waiting.append(route)

    page.route("**/image?view=registered", hold)
    page.goto(f"/jobs/{job.id}/review")
    expect(page.locator("#whole-page polygon").first).to_be_attached()
    page.locator("#enlarge").click()
    expect(page.locator("#whole polygon").first).to_be_in_viewport()
    for each in waiting:
        each.continue_()
    page.unroute("**/image?view=registered")
    for place in ("#beside", "#whole-page"):
        expect(page.locator(f"{place} img")).to_have_js_property("complete", True)
        assert page.locator(f"{place} img").evaluate("picture => picture.naturalWidth") > 0
        picture, boxes = page.locator(place).evaluate(RECTANGLES)
        assert picture == boxes, "the boxes lie where the picture shows them"
    expect(page.locator("#whole polygon").first).to_be_in_viewport()


def test_an_answer_to_a_field_is_taken_back_and_its_history_told(page: Page, api: Client, tmp_path: Path) -> None:
    job = form_job(api, tmp_path)
    page.goto(f"/jobs/{job.id}/review")
    # two pages have fields of one name
    field = page.locator("#row-question, #name")
    typed = page.get_by_label("What it shows")
    expect(typed).to_be_focused()
    first = field.all_text_contents()
    # it is stored when the person is back on its field
    held: list[Route] = []
    page.route("**/results", lambda route: held.append(route))
    typed.fill("1")
    with page.expect_request("**/results"):
        page.keyboard.press("Enter")
    expect(page.locator("#said")).to_be_empty()
    expect(page.locator("#left")).not_to_have_text("0")
    assert field.all_text_contents() != first
    page.keyboard.press("ArrowUp")
    expect(field).to_have_text(first)
    expect(page.locator("#said")).to_have_text("You said: 1")
    held[0].continue_()
    page.unroute("**/results")
    expect(page.locator("#history li")).to_have_count(1)
    page.keyboard.press("u")
    expect(page.locator("#history li")).to_have_count(2)
    expect(page.locator("#said")).to_be_empty()
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_page_that_was_not_found_is_read_where_its_corners_are_dragged(
    page: Page, api: Client, tmp_path: Path
) -> None:
    form = publish(api, form_named("dragged", 3), tmp_path)
    scan, corners = lost(form, "171")
    files = [("lost.png", io.BytesIO(png(scan)))]
    job = api.wait(api.submit(files, read="form", template=form.template.label).id, timeout=120)
    page.goto(f"/jobs/{job.id}")
    page.get_by_role("button", name="Show where the page lies on lost.png").click()
    picture = page.get_by_role("img", name="The scan")
    expect(picture).to_have_js_property("complete", True)
    assert_accessible(page)
    box = picture.bounding_box()
    assert box is not None
    height, width = scan.shape
    for handle, (x, y) in zip(page.locator("[data-corner]").all(), corners, strict=True):
        handle.hover()
        page.mouse.down()
        page.mouse.move(box["x"] + x / width * box["width"], box["y"] + y / height * box["height"], steps=3)
        page.mouse.up()
    page.get_by_role("button", name="Read it there").click()
    expect(page.locator("#pages button[data-name]").first).to_be_visible(timeout=60_000)
    expect(page.locator("#corners")).to_be_hidden()
    (row,) = api.results(job.id)
    assert row.error is None
    assert (row.template, len(row.fields or {})) == (form.template.label, len(form.template.fields))


def test_whole_pages_are_read_and_their_fields_answered_in_turn(page: Page, api: Client, tmp_path: Path) -> None:
    job = form_job(api, tmp_path)
    rows = {row.index: row.fields or {} for row in api.results(job.id)}
    doubtful = [(index, name) for index, some in rows.items() for name, each in some.items() if each.status == "review"]
    page.goto(f"/jobs/{job.id}/review")
    page.get_by_role("link", name="Page by page").click()
    expect(page.locator("#page-fields li")).to_have_count(len(rows[0]))
    expect(page.locator("#page-picture polygon").first).to_be_visible()
    picture, boxes = page.locator("#page-picture").evaluate(RECTANGLES)
    assert picture == boxes
    assert_accessible(page)
    for left in range(len(doubtful), 0, -1):
        expect(page.locator("#left")).to_have_text(str(left))
        field = page.locator("#page-fields [data-doubtful] input").first
        expect(field).to_be_focused()
        field.fill("1")
        page.keyboard.press("Enter")
    expect(page.locator("#nothing-text")).to_have_text("No further page has doubtful fields.")
    assert api.job(job.id).counts.unanswered == 0
    # what was answered can be looked at and changed
    page.reload()
    accepted = next(name for name, each in rows[0].items() if each.status == "recognized" and each.value)
    other = page.locator(f'[data-field="{accepted}"] input')
    other.fill("" if other.input_value() else "1")
    other.press("Enter")
    expect(page.locator("#nothing-text")).to_be_visible()
    fields = next(row.fields or {} for row in api.results(job.id) if row.index == 0)
    assert fields[accepted].correction is not None
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
