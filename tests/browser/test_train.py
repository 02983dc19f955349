"""A network is put together, trained and used, by somebody who has never done so."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Container, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, Locator, Page, expect

from digitmill.client import Change, Client, Job, Model
from digitmill.models.reference import FIT, NON_DIGITS, load_reference
from tests.browser.conftest import browsing, running_up, send
from tests.browser.test_draw import STROKES, draw
from tests.browser.watching import Watch, assert_accessible
from training.drawn.ink import bent
from training.pictures.data import MNIST_SHAPES

pytestmark = [pytest.mark.service, pytest.mark.browser]

PATIENCE_MS = 240_000
EACH = 24
SIDE = 64


def written(digit: str, random: np.random.Generator) -> bytes:
    """A digit drawn by a pen that shakes, leans and presses now more and now less."""
    page = np.full((SIDE, SIDE), 255, np.uint8)
    lean, size = random.uniform(-0.15, 0.15), random.uniform(0.8, 1.1)
    for stroke in STROKES[digit]:
        points = np.array(stroke) + random.normal(0, 0.012, (len(stroke), 2))
        points = (points - 0.5) * size
        points[:, 0] += lean * points[:, 1]
        cv2.polylines(page, [((points + 0.5) * SIDE).astype(np.int32)], False, (0,), int(random.integers(3, 7)))
    return bytes(cv2.imencode(".png", page)[1])


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    random, content = np.random.default_rng(1), io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for digit in STROKES:
            for number in range(EACH):
                archive.writestr(f"{digit}/{number}.png", written(digit, random))
    path = tmp_path / "labelled.zip"
    path.write_bytes(content.getvalue())
    return path


@pytest.fixture
def builder(page: Page) -> Page:
    page.goto("/train")
    expect(page.get_by_role("button", name="LeNet-5")).to_be_visible()
    return page


def layers(page: Page) -> Locator:
    return page.locator("#layers > li")


def test_a_newcomer_trains_a_network_that_reads_what_they_draw(builder: Page, labelled: Path) -> None:
    page = builder
    expect(page.locator("#no-trainer")).to_have_count(0, timeout=PATIENCE_MS)
    assert_accessible(page)
    page.get_by_role("button", name="One dense layer of 128").click()
    expect(page.locator("#whole")).to_contain_text("101,770 weights")
    page.get_by_label("Epochs").fill("6")
    page.get_by_label("Images a step").fill("16")
    page.get_by_label("Learn from MNIST").uncheck()
    page.get_by_label("Learn from images of your own").set_input_files(labelled)
    page.get_by_label("Name").fill("first")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("first")
    expect(page.locator("#said")).to_contain_text("Epoch", timeout=PATIENCE_MS)
    expect(page.locator("#test-share")).to_contain_text("%", timeout=PATIENCE_MS)
    expect(page.locator("#epochs tr")).to_have_count(6)
    expect(page.locator("#confusion tbody tr")).to_have_count(10)
    assert_accessible(page)
    page.get_by_role("button", name="Publish it").click()
    page.get_by_role("link", name="Draw with it").click(timeout=PATIENCE_MS)
    expect(page.get_by_label("Model", exact=True)).to_have_value("first@1")
    draw(page, page.get_by_label("Box to draw a digit in"), "7")
    expect(page.locator("#said")).to_contain_text("a 7")


def test_a_training_starts_at_an_address_without_tls_where_browsers_lack_some_calls(page: Page) -> None:
    page.add_init_script("delete Crypto.prototype.randomUUID")
    page.route("**/v1/trainings", lambda route: route.fulfill(status=202, json={"id": "started"}))
    page.route("**/train/started", lambda route: route.fulfill(content_type="text/html", body="<title>Started</title>"))
    page.goto("/train")
    page.get_by_role("button", name="LeNet-5").click()
    page.get_by_role("button", name="Start").click()
    page.wait_for_url("**/train/started")


def test_what_was_put_together_is_there_after_a_reload_and_on_the_way_back(builder: Page) -> None:
    page = builder
    page.get_by_role("button", name="784-256-128-10").click()
    page.get_by_label("Units").first.fill("77")
    page.get_by_label("Epochs").fill("3")
    page.get_by_label("Name").fill("third")
    page.get_by_label("Learn from MNIST").uncheck()

    def assert_there() -> None:
        expect(page.get_by_label("Units").first).to_have_value("77")
        expect(layers(page)).to_have_count(3)
        expect(page.get_by_label("Epochs")).to_have_value("3")
        expect(page.get_by_label("Name")).to_have_value("third")
        expect(page.get_by_label("Learn from MNIST")).not_to_be_checked()
        expect(page.get_by_role("button", name="784-256-128-10")).to_have_attribute("aria-pressed", "false")

    page.reload()
    assert_there()
    page.goto("/models")
    page.go_back()
    assert_there()
    page.get_by_role("button", name="LeNet-5").click()
    page.reload()
    expect(page.get_by_role("button", name="LeNet-5")).to_have_attribute("aria-pressed", "true")


def test_layers_are_put_in_order_by_keyboard_alone(builder: Page) -> None:
    page = builder
    page.get_by_role("button", name="784-256-128-10").click()
    expect(layers(page)).to_have_count(3)
    page.get_by_role("button", name="Move layer 3, Dense up").press("Enter")
    expect(layers(page).nth(1).locator("input")).to_have_value("128")
    expect(page.get_by_role("button", name="Move layer 2, Dense up")).to_be_focused()
    page.get_by_label("Add a layer").select_option("Dropout")
    page.get_by_role("button", name="Add", exact=True).press("Enter")
    expect(page.get_by_label("Share left out")).to_be_focused()
    page.get_by_role("button", name="Remove layer 4, Dropout").press("Enter")
    expect(page.get_by_role("button", name="Remove layer 3, Dense")).to_be_focused()


def test_each_layer_says_what_it_makes_as_one_types_and_what_is_wrong_with_it(builder: Page) -> None:
    page = builder
    page.get_by_role("button", name="One dense layer of 128").click()
    expect(layers(page).nth(1)).to_contain_text("100,480 weights")
    page.get_by_label("Units").fill("16")
    expect(layers(page).nth(1)).to_contain_text("makes 16 · 12,560 weights")
    expect(page.locator("#whole")).to_contain_text("12,730 weights")
    page.get_by_label("Units").fill("0")
    expect(layers(page).nth(1).locator(".layer-fault")).to_contain_text("units is out of range")
    expect(page.get_by_label("Units")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_role("button", name="Start")).to_be_disabled()
    page.get_by_label("Units").fill("16")
    page.get_by_role("button", name="Move layer 2, Dense up").click()
    expect(layers(page).nth(0).locator(".layer-fault")).to_contain_text("flatten")
    expect(page.locator("#whole")).to_contain_text("cannot be trained yet")
    assert_accessible(page)


def test_a_layer_is_moved_by_the_mouse(builder: Page) -> None:
    page = builder
    page.get_by_role("button", name="784-256-128-10").click()
    expect(layers(page)).to_have_count(3)
    layers(page).nth(2).locator("strong").drag_to(layers(page).nth(1))
    expect(layers(page).nth(1).locator("input")).to_have_value("128")


def test_what_the_service_refuses_is_said_and_nothing_is_lost(builder: Page, watch: Watch) -> None:
    page = builder
    watch.tolerated.append("400")
    page.get_by_role("button", name="LeNet-5").click()
    page.get_by_label("Epochs").fill("100000")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("alert").first).to_contain_text(re.compile("epochs must be at most"))
    expect(layers(page)).to_have_count(7)


FORMS = 34
"""With a box of each digit: more than 200 rows are left to learn from."""
LEARNING_MS = 900_000
"""Five epochs of the default model."""


def mnist_as_it_seems() -> dict[str, NDArray[np.uint8]]:
    """Arrays of MNIST's shapes, with the reference pictures of digits again and again, bent anew each time.

    All differ: were there few, one of them that is lost would be hundreds of the held-out digits.
    """
    parts, random = load_reference(), np.random.default_rng(2)
    digits = [part for name, part in parts.items() if name not in (FIT, NON_DIGITS)]
    known = np.concatenate([part.images for part in digits]), np.concatenate([part.own for part in digits])
    arrays: dict[str, NDArray[np.uint8]] = {}
    for part in ("train", "test"):
        (count, *_) = MNIST_SHAPES[f"y_{part}"]
        pictures, labels = (np.resize(each, (count, *each.shape[1:])).astype(np.uint8) for each in known)
        arrays |= {f"x_{part}": np.stack([bent(each, random) for each in pictures]), f"y_{part}": labels}
    return arrays


@pytest.fixture
def improving(tmp_path: Path) -> Iterator[str]:
    """A service that has MNIST, as it seems."""
    data = tmp_path / "data"
    data.mkdir()
    np.savez(data / "mnist.npz", allow_pickle=False, **mnist_as_it_seems())
    with running_up(tmp_path, DATA=str(data)) as address:
        yield address


def corrected(client: Client) -> Job:
    """A job of forms by many hands, of which a person has answered every box."""
    random = np.random.default_rng(3)
    files = [(f"form-{form:03}/{digit}.png", written(digit, random)) for form in range(FORMS) for digit in STROKES]
    job = client.wait(send(client, files).id)
    rows = list(client.results(job.id))
    changes: list[Change] = [
        {"index": row.index, "revision": row.revision, "prediction": name.rpartition("/")[2][0]}
        for row, (name, _) in zip(rows, files, strict=True)
    ]
    assert all(changed.error is None for changed in client.correct_many(job.id, changes))
    return job


def new(client: Client, known: Container[str]) -> list[Model]:
    """Versions of ``digits`` that were not known."""
    return [model for model in client.models() if model.name == "digits" and model.version not in known]


def test_a_model_is_improved_on_corrections_looked_at_and_published(chromium: Browser, improving: str) -> None:
    with Client(improving) as client, browsing(chromium, improving) as (context, _):
        job, known = corrected(client), {model.version: model for model in client.models() if model.name == "digits"}
        page = context.new_page()
        page.goto("/train")
        expect(page.locator("#no-trainer")).to_have_count(0, timeout=PATIENCE_MS)
        expect(page.locator(f"#job-{job.id}")).to_be_checked()
        expect(page.locator("#improve")).to_contain_text(f"{FORMS * len(STROKES)} answered rows")
        page.get_by_role("button", name="Improve the model").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("digits")
        lines = page.locator("#before-after tr")
        expect(lines.filter(has_text="your rows")).to_have_count(3, timeout=LEARNING_MS)
        expect(page.locator("#nothing-kept")).to_be_hidden()
        expect(lines.filter(has_text="reference pictures")).to_have_count(2)
        expect(lines.filter(has_text="MNIST")).to_have_count(2)
        expect(page.locator("#suggestion")).not_to_be_empty()
        expect(page.locator("#improvement-threshold")).to_contain_text("threshold")
        assert_accessible(page)
        assert new(client, known) == [], "nothing is published by itself"
        page.get_by_role("button", name="Publish it").click()
        expect(page.locator("#uses")).to_be_visible(timeout=LEARNING_MS)
        (published,) = new(client, known)
        (usual,) = (model for model in known.values() if model.default)
        assert published.manifest["temperature"] == usual.manifest["temperature"], "it answers other pictures as before"
        assert published.manifest["review_below"] >= usual.manifest["review_below"], "and accepts none more lightly"
        improvement = next(client.trainings()).improvement
        assert improvement is not None
        assert published.manifest["review_below"] == improvement["review_below"]
        assert not published.default
