"""A calibration for scans of one kind moves no further from the model's own than labelled rows prove."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from typer.testing import CliRunner

from digitmill.domain.jobs import Rule
from digitmill.domain.rows import DIGITS
from digitmill.errors import Conflict, DigitmillError, TrainingError
from digitmill.models.registry import Registry
from digitmill.models.runtime import as_strict, calibrate
from tests.models.published import manifest_of
from tests.training.drawn import digits_of
from training.__main__ import app
from training.measuring.calibrate import Rows, calibration_of, fit, interval

OWN = Rule(temperature=1.0, review_below=0.95)
TEMPERATURES = st.floats(0.2, 5.0)


def rows_of(*groups: tuple[int, float, bool]) -> Rows:
    """So many rows of each group: how sure the model is, and whether it is right."""
    count = sum(number for number, _, _ in groups)
    raw = np.zeros((count, len(DIGITS)), np.float32)
    right = np.concatenate([np.full(number, is_right) for number, _, is_right in groups])
    raw[:, 0] = np.concatenate([np.full(number, confidence) for number, confidence, _ in groups])
    raw[:, 1] = 1 - raw[:, 0]
    return Rows(raw, np.ones(count, np.float32), np.where(right, 0, 1).astype(np.uint8), np.arange(count))


@pytest.mark.parametrize(
    ("accepted", "wrong", "low", "high"),
    [(200, 0, 0, 0.018275), (200, 1, 0.000127, 0.027541), (10, 10, 0.691503, 1), (0, 0, 0, 1)],
)
def test_the_interval_is_that_of_clopper_and_pearson(accepted: int, wrong: int, low: float, high: float) -> None:
    assert interval(accepted, wrong) == pytest.approx((low, high), abs=1e-6)


def test_two_hundred_right_rows_prove_no_lower_threshold() -> None:
    rows = rows_of((195, 0.97, True), (5, 0.9, True))
    assert rows.counts(OWN) == (195, 0)
    assert rows.counts(fit(rows, OWN, 1.0, most=0.001))[0] <= 195


def test_a_threshold_is_lowered_as_far_as_the_rows_prove_it() -> None:
    rows = rows_of((2000, 0.99, True), (200, 0.8, True), (10, 0.7, True), (10, 0.7, False))
    rule = fit(rows, OWN, 1.0, most=0.004)
    assert rows.counts(rule) == (2200, 0)


def test_a_threshold_that_lets_too_much_through_is_raised_above_the_errors() -> None:
    rows = rows_of((150, 0.999, True), (40, 0.97, True), (10, 0.97, False))
    assert rows.counts(OWN) == (200, 10)
    assert rows.counts(fit(rows, OWN, 1.0, most=0.001)) == (150, 0)


def test_one_error_in_few_rows_is_no_proof() -> None:
    rows = rows_of((180, 0.99, True), (1, 0.99, False))
    assert rows.counts(fit(rows, OWN, 1.0, most=0.001)) == rows.counts(OWN) == (181, 1)


def test_what_is_no_digit_counts_as_wrong_where_it_is_accepted() -> None:
    rows = rows_of((150, 0.999, True), (20, 0.97, False))
    nothing = Rows(rows.raw, rows.worth, np.where(rows.labels == 1, 10, 0).astype(np.uint8), rows.scans)
    assert nothing.counts(OWN) == (170, 20)
    assert nothing.counts(fit(nothing, OWN, 1.0, most=0.001)) == (150, 0)


def test_answers_that_are_surer_than_right_get_a_higher_temperature() -> None:
    surer = rows_of((700, 0.97, True), (300, 0.97, False))
    assert fit(surer, OWN, 1.0, most=0.5).temperature > 2
    honest = rows_of((970, 0.97, True), (30, 0.97, False))
    assert fit(honest, OWN, 1.0, most=0.5).temperature == OWN.temperature


@given(
    st.lists(st.floats(1e-6, 1.0), min_size=10, max_size=12), TEMPERATURES, TEMPERATURES, st.floats(0.5, 0.999),
    st.sampled_from([1.0, 0.99, 0.7]),
)  # fmt: skip
def test_no_temperature_accepts_what_the_models_own_rule_refuses(
    weights: list[float], own: float, other: float, review_below: float, worth: float
) -> None:
    raw = np.array([weights], np.float32) ** 4
    raw /= raw.sum(axis=1, keepdims=True)
    threshold = as_strict(Rule(own, review_below), other, len(weights), worth)

    def accepted(temperature: float, least: float) -> NDArray[np.bool_]:
        best = calibrate(raw, temperature).max()
        return np.array([best >= least, best * worth >= least])

    assert not (accepted(other, threshold + 2e-6) & ~accepted(own, review_below)).any()


def test_the_error_is_measured_on_rows_that_the_rule_was_not_fitted_to() -> None:
    """Each of these errors can be shut out by a threshold of its own, if it is known."""
    rows = rows_of((150, 0.98, True), *((1, 0.98 + 0.0005 * number, False) for number in range(1, 21)))
    found = calibration_of(rows, manifest_of(b"x", temperature=1.0, review_below=0.95), "mine", 0.001)
    assert rows.counts(Rule(found.temperature, found.review_below))[1] == 0
    assert found.error.wrong > 0
    assert 0 < found.error.low < found.error.high
    assert found.rows == 170


def test_pages_of_one_scan_are_held_out_together() -> None:
    rows = rows_of((100, 0.999, True), (20, 0.98, False))
    one_scan = Rows(rows.raw, rows.worth, rows.labels, np.where(rows.labels == 1, 0, 1 + rows.scans))
    manifest = manifest_of(b"x", temperature=1.0, review_below=0.95)
    # without that scan nothing shows that the threshold is too low
    assert calibration_of(one_scan, manifest, "mine", 0.001).error.wrong == 20
    assert calibration_of(rows, manifest, "mine", 0.001).error.wrong == 0


def test_a_name_that_is_no_file_name_is_refused() -> None:
    rows = rows_of((100, 0.99, True))
    with pytest.raises(TrainingError, match="cannot be called"):
        calibration_of(rows, manifest_of(b"x"), "../mine", 0.001)


@pytest.fixture
def labelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A labelled.zip of 60 printed digits, a picture of no digit, one without ink and a missing one."""
    monkeypatch.chdir(tmp_path)
    printed = digits_of(6, seed=4)
    labels = io.StringIO()
    rows = csv.writer(labels)
    rows.writerow(("name", "label"))
    with zipfile.ZipFile("labelled.zip", "w") as archive:

        def add(name: str, picture: NDArray[np.uint8], label: str) -> None:
            content = io.BytesIO()
            Image.fromarray(picture).save(content, "PNG")
            archive.writestr(name, content.getvalue())
            rows.writerow((name, label))

        for number, (image, label) in enumerate(zip(printed.images, printed.labels, strict=True)):
            add(f"images/{number:06d}-a.png", np.invert(np.pad(image, 8)), str(label))
        add("images/000060-a.png", np.tri(60, dtype=np.uint8) * 200, "none")
        add("images/000061-a.png", np.full((40, 40), 255, np.uint8), "blank")
        rows.writerow(("images/000062-a.png", "7"))
        archive.writestr("labels.csv", labels.getvalue())
    return tmp_path / "labelled.zip"


def test_a_labelled_zip_becomes_a_calibration_beside_the_models(labelled: Path) -> None:
    arguments = ["calibrate", "--data", str(labelled), "--threads", "1"]
    said = CliRunner().invoke(app, [*arguments, "--name", "my-scans"])
    assert said.exit_code == 0, said.output
    assert "by itself" in said.stdout
    assert "left out: 1 no ink" in said.stdout
    assert "do not prove" in said.stdout
    registry = Registry(str(Path("var/models").absolute()), Path("cache"))
    manifest = registry.default()
    (found,) = registry.calibrations.of(manifest)
    assert found.name == "my-scans"
    assert said.stdout.startswith(f"{found.rows} rows of {found.rows} scans")
    assert registry.calibrations.get(manifest, "my-scans") == found
    path = Path("var/models") / manifest.name / manifest.version / "calibrations" / "my-scans.json"
    document = json.loads(path.read_text())
    assert document["model"] == {"name": manifest.name, "version": manifest.version, "sha256": manifest.sha256}
    assert {"temperature", "review_below", "rows", "error", "created_at"} <= document.keys()

    with pytest.raises(Conflict, match="another name"):
        registry.calibrations.publish(manifest, found)
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert len(registry.calibrations.of(manifest)) == 1


def test_too_few_rows_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "labelled.zip", "w") as archive:
        archive.writestr("labels.csv", "name,label\r\n")
    said = CliRunner().invoke(app, ["calibrate", "--data", str(tmp_path / "labelled.zip"), "--threads", "1"])
    assert isinstance(said.exception, DigitmillError)
    assert "50 are needed" in said.exception.detail
