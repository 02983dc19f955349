"""Boxes of drawn forms to learn from: their labels are what they show, and a network learns them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import training.forms.boxes
import training.forms.certainty
import training.forms.reading
from digitmill.errors import TrainingError
from digitmill.forms.certainty import FIRST, SECOND
from digitmill.models.manifest import read_manifest
from digitmill.models.registry import BUILT_IN, Registry
from digitmill.models.runtime import of_digits, open_model
from tests.training.conftest import RUN
from tests.training.drawn import digits_of
from training.__main__ import app
from training.forms.boxes import Boxes, boxes_of_form, keep_boxes, kept_boxes, save_boxes
from training.forms.certainty import Samples
from training.learning.train import start
from training.measuring.evaluate import BOXES, evaluate
from training.pictures.data import Digits, Source
from training.pictures.kinds import KINDS, classes_of_labels, label_of


@pytest.fixture(scope="module")
def drawn() -> Boxes:
    """Those of one page as a flatbed scans it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training.forms.boxes, "KINDS", ("flatbed",))
        return boxes_of_form(2, 1, digits_of(20))


def test_each_box_shows_what_its_label_says(drawn: Boxes) -> None:
    default = Registry(BUILT_IN.as_uri(), Path("unused")).default()
    folder = BUILT_IN / default.name / default.version
    answers = open_model(read_manifest(folder), folder / "model.keras", threads=1).predict(drawn.pictures.images)
    own = classes_of_labels(drawn.pictures.labels)
    digits = own < 10
    assert digits.sum() > 20
    assert (of_digits(answers).argmax(axis=1) == own)[digits].mean() > 0.8
    assert len(drawn.doubtful) == len(own)


def test_the_same_seed_draws_the_same_boxes(drawn: Boxes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training.forms.boxes, "KINDS", ("flatbed",))
    again = boxes_of_form(2, 1, digits_of(20))
    assert np.array_equal(again.pictures.images, drawn.pictures.images)
    assert np.array_equal(again.pictures.labels, drawn.pictures.labels)


def test_digits_to_learn_from_are_in_no_box_for_validation(
    sources: tuple[Source, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = []

    def noted(digits: Digits, numbers: list[int], seed: int) -> Boxes:
        used.append(({image.tobytes() for image in digits.images}, set(numbers)))
        return Boxes(digits[:seed], np.zeros(seed, bool))

    monkeypatch.setattr(training.forms.boxes, "drawn_boxes", noted)
    made = keep_boxes(sources, 20, 3, tmp_path)
    (learnt, forms), (held, others) = used
    assert learnt == {image.tobytes() for source in sources for image in source.training.images}
    assert held < {image.tobytes() for source in sources for image in source.validation.images}
    assert (forms | others, forms & others) == (set(range(20)), set())
    kept = kept_boxes(tmp_path)
    assert kept is not None
    for one, other in zip(made, kept, strict=True):
        assert np.array_equal(one.pictures.images, other.pictures.images)
    with pytest.raises(TrainingError, match="at least"):
        keep_boxes(sources, 2, 3, tmp_path)


def test_a_network_learns_the_boxes_that_lie_in_its_folder(sources: tuple[Source, ...], tmp_path: Path) -> None:
    circled = np.full(60, label_of("circled"), np.uint8)
    rings = np.repeat(np.eye(28, dtype=np.uint8)[None] * 255, 60, axis=0)
    boxes = Boxes(Digits(rings, circled), np.ones(60, bool))
    save_boxes(tmp_path, boxes, boxes)
    config = RUN.model_copy(update={"box_forms": 5})
    manifest = start(config, sources, tmp_path, 1, resume=False)
    seen = open_model(manifest, tmp_path / "model.keras", threads=1).predict(rings[:1])
    assert manifest.classes[int(seen.argmax())] == "circled"
    assert manifest.classes[10:] == KINDS
    assert json.loads((tmp_path / "config.json").read_text())["box_forms"] == 5
    assert BOXES not in evaluate(tmp_path, config, sources, tmp_path / "metrics.json", 1).metrics.validation
    some = Boxes(sources[0].validation, np.zeros(len(sources[0].validation), bool))
    save_boxes(tmp_path, boxes, some)
    figures = evaluate(tmp_path, config, sources, tmp_path / "metrics.json", 1).metrics.validation
    assert figures[BOXES] == figures[sources[0].name]


def test_how_sure_fields_are_by_a_network_is_kept_in_its_manifest(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Path(shutil.copytree(trained, tmp_path / "run"))
    random = np.random.default_rng(1)
    first, second = (list(map(tuple, random.normal(0, 1, (40, len(each.features))))) for each in (FIRST, SECOND))
    right = [row[0] > 0 for row in first]
    some = Samples(
        first, second, right, [(0.5, 1.0, 0.5), (0.1, 2.0, 0.2)], [True, False], [(0.5, 1.0), (0.1, 0.0)], [True, False]
    )
    monkeypatch.setattr(training.forms.certainty, "gathered", lambda *_: some)
    monkeypatch.setattr(training.forms.reading, "fitting_digits", lambda _: None)
    monkeypatch.setenv("DIGITMILL_VAR", str(tmp_path))
    assert CliRunner().invoke(app, ["certainty", "--model", "digits", "--keep"]).exit_code != 0
    answer = CliRunner().invoke(app, ["certainty", "--model", str(run), "--keep", "--pages", "1"])
    assert answer.exit_code == 0, answer.output
    looks = read_manifest(run).looks
    assert looks is not None
    assert looks.first.features[0] > max(map(abs, looks.first.features[1:]))
