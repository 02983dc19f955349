"""A model is gone on with by what people answered: what is learnt, what is kept, and what is told before and after."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from digitmill.domain.jobs import Rule
from digitmill.domain.rows import DIGITS
from digitmill.models.manifest import MANIFEST_FILE, MODEL_FILE, read_manifest
from digitmill.networks.task import BASE_FILE
from tests.training.drawn import digits_of
from training.learning import improvement
from training.learning.before_after import acceptable, kept, own_figures, split_of, verdict
from training.learning.improve import wanted_of
from training.learning.improvement import Given, improve_in, report_of
from training.learning.progress import Watch
from training.measuring.calibrate import Rows
from training.pictures.data import Source
from training.pictures.kinds import KINDS
from training.pictures.own import Own

ROWS, SCANS = 300, 60


def mirrored(count: int = ROWS, seed: int = 3) -> Own:
    """Rows of a source whose digits stand on their heads, a handful to each scan."""
    digits = digits_of(count // 10, seed=seed)
    order = np.random.default_rng(seed).permutation(len(digits))
    images, labels = digits.images[order, ::-1].copy(), digits.labels[order]
    return Own(images, np.zeros(len(labels), bool), labels, np.arange(len(labels)) % SCANS)


def given_of(own: Own, trained: Path, sources: tuple[Source, ...], folder: Path) -> Given:
    shutil.copyfile(trained / MODEL_FILE, folder / BASE_FILE)
    shutil.copyfile(trained / MANIFEST_FILE, folder / MANIFEST_FILE)
    given = Given(read_manifest(folder), own, split_of(own, 1))
    return improvement.replayed(given, sources)


class Counted(Watch):
    def __init__(self) -> None:
        self.epochs: list[int] = []

    def epoch(self, number: int, figures: Any, learning_rate: float) -> None:
        assert figures["training_loss"] > 0
        assert learning_rate > 0
        self.epochs.append(number)


def test_a_source_that_was_not_known_is_learnt_and_the_report_says_how_it_was_before(
    trained: Path, sources: tuple[Source, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.learning.improve.WAYS", (1.0,))
    monkeypatch.setattr("training.learning.improve._right", lambda *_: 0)
    given, watch = given_of(mirrored(), trained, sources, tmp_path), Counted()
    way = improve_in(tmp_path, given, 1, watch, epochs=2)
    report = report_of(given, tmp_path, 1, way=way, in_time=True)
    json.dumps(report)
    assert watch.epochs == [0, 1]
    assert (report["method"], report["rows"], report["scans"], report["way"]) == ("fine_tuned", ROWS, SCANS, 1.0)
    assert report["learnt"] + report["held_out"] == ROWS
    assert report["own"]["after"]["right"] > report["own"]["before"]["right"] + 0.1
    assert report["reference"]["before"]["images"] == report["reference"]["after"]["images"] == 2540
    assert report["mnist"]["before"]["images"] == 100
    # one that was killed after its last epoch only looks at what there is
    assert improve_in(tmp_path, given, 1, again := Counted(), epochs=2) == 1.0
    assert again.epochs == []


def test_where_every_step_forgets_something_the_model_stays_as_it_was(
    trained: Path, sources: tuple[Source, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = iter([10, 9, 9, 9, 9])
    monkeypatch.setattr("training.learning.improve._right", lambda *_: next(told))
    given = given_of(mirrored(), trained, sources, tmp_path)
    way = improve_in(tmp_path, given, 1, Watch(), epochs=1)
    report = report_of(given, tmp_path, 1, way=way, in_time=True)
    assert way == 0
    assert "after" not in report["own"]
    assert report["suggestion"] != "publish"


def test_few_rows_calibrate_alone(trained: Path, sources: tuple[Source, ...], tmp_path: Path) -> None:
    given = given_of(mirrored(100), trained, sources, tmp_path)
    assert not given.can_learn
    way = improve_in(tmp_path, given, 1, Watch(), epochs=2)
    report = report_of(given, tmp_path, 1, way=way, in_time=True)
    assert (report["method"], report["suggestion"]) == ("calibrated", "keep")
    assert not (tmp_path / MODEL_FILE).exists()
    assert set(report["own"]) == {"before", "calibrated"}


def test_no_scan_is_learnt_from_and_measured_with() -> None:
    own = mirrored()
    split = split_of(own, 1)
    assert not set(split.learnt.scans) & set(split.held.scans)
    assert len(split.held) == pytest.approx(ROWS / 4, abs=10)
    one = Own(own.images, own.doubtful, own.labels, np.zeros(ROWS, np.intp))
    assert len(split_of(one, 1).held) == 0


def test_what_a_person_calls_no_digit_keeps_the_kind_that_the_model_thought_of() -> None:
    own = Own(np.zeros((2, 28, 28), np.uint8), np.zeros(2, bool), np.array([10, 3], np.uint8), np.arange(2))
    before = np.full((2, 17), 0.04, np.float32)
    before[0, 10 + KINDS.index("cross")] = 0.4
    wanted = wanted_of(own, before, 17)
    assert wanted[0, : len(DIGITS)].sum() == 0
    assert wanted[0].sum() == pytest.approx(1)
    assert wanted[0].argmax() == 10 + KINDS.index("cross")
    assert wanted[1].tolist() == np.eye(17)[3].tolist()


def test_as_much_is_acceptable_as_has_few_enough_errors() -> None:
    confidences = np.linspace(1, 0, 1000)
    wrong = np.zeros(1000, bool)
    assert acceptable(confidences, wrong) == 1
    wrong[[600, 700]] = True
    # two in a thousand may be wrong
    assert acceptable(confidences, wrong) == 1
    wrong[650] = True
    assert acceptable(confidences, wrong) == 0.65
    wrong[:] = True
    assert acceptable(confidences, wrong) == 0
    assert acceptable(np.empty(0), np.empty(0, bool)) == 0


def test_the_interval_is_wider_where_rows_of_a_scan_are_alike() -> None:
    raw = np.full((400, 10), 0.01, np.float32)
    raw[:, 0] = np.linspace(0.5, 0.999, 400)
    labels = np.where(np.arange(400) % 100 == 0, 1, 0).astype(np.uint8)

    def width(scans: Any) -> float:
        rows = Rows(raw, np.ones(400, np.float32), labels, scans)
        figures = own_figures(rows, Rule(1.0, 0.9))
        return float(figures["acceptable_high"] - figures["acceptable_low"])

    assert width(np.arange(400) // 40) >= width(np.arange(400)) > 0


def figures(right: float, acceptable: float, accepted: int = 500, wrong: int = 0) -> dict[str, Any]:
    return {
        "right": right, "acceptable": acceptable, "accepted": accepted / 1000,
        "error": {"accepted": accepted, "wrong": wrong},
    }  # fmt: skip


def known(right: float, wrong: int = 0, nothing: float = 0.0) -> dict[str, Any]:
    return {"images": 2000, "right": right, "wrong": wrong, "non_digits_accepted": nothing}


@pytest.mark.parametrize(
    ("after", "reference", "said"),
    [
        (figures(0.98, 0.8), known(0.99), (True, True, "publish")),
        (figures(0.98, 0.6), known(0.99), (False, True, "keep")),
        (figures(0.95, 0.8), known(0.99), (False, True, "keep")),
        (figures(0.98, 0.8, wrong=3), known(0.99), (False, True, "keep")),
        (figures(0.98, 0.8), known(0.989), (True, False, "keep")),
        (figures(0.98, 0.8), known(0.99, wrong=2), (True, False, "keep")),
        (figures(0.98, 0.8), known(0.99, nothing=0.0025), (True, False, "keep")),
    ],
)
def test_publishing_is_suggested_only_where_both_hold(after: Any, reference: Any, said: tuple[bool, bool, str]) -> None:
    own = {"before": figures(0.97, 0.7), "calibrated": figures(0.97, 0.7), "after": after}
    found = verdict(own, {"before": known(0.99), "after": reference}, None)
    assert (found["own_holds"], found["reference_holds"], found["suggestion"]) == said


def test_a_calibration_is_suggested_where_it_accepts_more_and_nothing_was_learnt() -> None:
    own = {"before": figures(0.97, 0.7), "calibrated": figures(0.97, 0.7, accepted=600, wrong=1)}
    assert verdict(own, {"before": known(0.99)}, None)["suggestion"] == "calibrate"
    assert kept(known(0.99), known(0.9896))
