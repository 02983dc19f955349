"""What ``python -m training metamorphic`` asks, counts and writes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from typer.testing import CliRunner

from digitmill.domain.jobs import Polarity
from digitmill.errors import TrainingError
from training.__main__ import app
from training.metamorphic.asking import Answer, Reader
from training.metamorphic.digits import Digit, digits_of
from training.metamorphic.kinds import KindsReport, kinds, measure_kinds
from training.metamorphic.measure import Counts, Pair, Report, measure
from training.metamorphic.pictures import Grey, ink_box
from training.metamorphic.transformations import LEAST_INK_SIDE, MARGINS, UNCUT, Asked, transformations

SEVEN = Answer(7, 0.99, accepted=True)
ONE = Answer(1, 0.98, accepted=True)
DOUBTED = Answer(1, 0.5, accepted=False)
BLANK = Answer(None, 0.0, accepted=False)


def bar(height: int = 50, width: int = 20) -> Grey:
    """Dark on light, 20 px from each edge."""
    picture = np.full((height + 40, width + 40), 230, np.uint8)
    picture[20:-20, 20:-20] = 40
    return picture


class Always:
    """A model that is sure of one digit."""

    def __init__(self, digit: int) -> None:
        self.row = np.eye(10, dtype=np.float32)[digit]
        self.asked = 0

    def predict(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.asked += len(batch)
        return np.tile(self.row, (len(batch), 1))


def counted(before: Answer, after: Answer) -> Counts:
    counts = Counts()
    counts.add(Pair(Digit("set", "one", 7, bar()), "cut", Asked(bar()), before, after))
    return counts


@pytest.mark.parametrize("margin", MARGINS)
def test_a_cut_leaves_the_ink_and_its_margin(margin: int) -> None:
    asked = transformations()[f"cut, margin {margin}"](bar(), np.random.default_rng(1))
    assert asked is not None
    assert asked.picture.shape == (50 + 2 * margin, 20 + 2 * margin)
    assert (asked.picture == 40).sum() == 50 * 20


@pytest.mark.parametrize("name", transformations())
def test_every_transformation_leaves_ink_and_draws_the_same_from_a_seed(name: str) -> None:
    hollow = bar(60, 40)
    hollow[28:72, 28:52] = 230
    first, again = (transformations()[name](hollow, np.random.default_rng(3)) for _ in range(2))
    assert first is not None
    assert again is not None
    assert first.picture.dtype == np.uint8
    assert np.ptp(first.picture) > 40
    assert np.array_equal(first.picture, again.picture)
    light = "light" in name
    assert first.polarity == (Polarity.AUTO if "told" not in name else [*Polarity][1 + light])


def test_no_digit_is_made_smaller_than_a_person_can_read() -> None:
    shrink = transformations()["scale 0.3 to 1"]
    for seed in range(50):
        asked = shrink(bar(14, 6), np.random.default_rng(seed))
        box = None if asked is None else ink_box(asked.picture)
        assert box is None or box.height >= LEAST_INK_SIDE - 1


def test_a_picture_whose_ink_touches_its_edge_is_not_cut() -> None:
    touching = bar()[20:]
    assert transformations()["cut, margin 3"](touching, np.random.default_rng(1)) is None


def test_only_an_accepted_digit_can_change_into_another_or_be_kept() -> None:
    assert counted(SEVEN, ONE).changed == 1
    assert counted(SEVEN, DOUBTED).changed == counted(DOUBTED, ONE).changed == counted(SEVEN, BLANK).changed == 0
    assert counted(SEVEN, SEVEN).kept == 1
    assert counted(SEVEN, ONE).kept == counted(SEVEN, DOUBTED).kept == counted(DOUBTED, SEVEN).kept == 0


def test_counts_say_what_was_right_accepted_wrong_and_blank() -> None:
    right, wrong, blank = counted(SEVEN, SEVEN), counted(SEVEN, ONE), counted(SEVEN, BLANK)
    assert (right.pairs, right.right, right.accepted, right.wrong, right.blank) == (1, 1, 1, 0, 0)
    assert (wrong.pairs, wrong.right, wrong.accepted, wrong.wrong, wrong.blank) == (1, 0, 1, 1, 0)
    assert (blank.pairs, blank.right, blank.accepted, blank.wrong, blank.blank) == (1, 0, 0, 0, 1)


def test_each_transformation_has_its_share_of_the_pairs_and_small_sets_are_taken_whole() -> None:
    digits = [Digit("large", f"large {number}", 7, bar()) for number in range(50)]
    digits += [Digit("small", f"small {number}", 1, bar()) for number in range(5)]
    some = {name: change for name, change in transformations().items() if name in (UNCUT, "invert", "blur")}
    report = Report(model="", normaliser=0, seed=1)
    offenders = measure(digits, some, Reader(Always(7), 0.9), 40, 1, report)
    assert {name: counts.pairs for name, counts in report.by_transformation.items()} == {
        UNCUT: 20,
        "invert": 20,
        "blur": 20,
    }
    assert {name: counts.pairs for name, counts in report.by_set.items()} == {"small": 10, "large": 30}
    assert report.total.pairs == 40
    assert report.total.wrong == len(offenders.wrong) == 10
    assert offenders.changed == []


def test_pictures_without_ink_are_blank_and_the_model_is_not_asked() -> None:
    model = Always(3)
    blank, read = Reader(model, 0.9).answers([Asked(np.full((40, 40), 200, np.uint8)), Asked(bar())])
    assert blank == BLANK
    assert read == Answer(3, 1.0, accepted=True)
    assert model.asked == 1


def test_what_holds_several_digits_or_none_is_wrong_when_accepted() -> None:
    digits = digits_of(None, 30, np.random.default_rng(1))
    report = KindsReport(model="", normaliser=0, seed=1)
    shown = measure_kinds(digits, Reader(Always(7), 0.9), 4, 1, report)
    assert set(report.kinds) == set(kinds())
    for name in ("overwritten", "two digits, margin 0", "cross"):
        assert report.kinds[name].wrong == report.kinds[name].accepted == 4
        assert len(shown[name]) == 4


def test_the_samples_take_the_place_of_a_data_folder() -> None:
    digits = digits_of(None, 30, np.random.default_rng(1))
    assert {digit.source.partition("/")[0] for digit in digits} == {"samples", "thick on white", "drawn sevens"}
    assert {digit.label for digit in digits} == set(range(10))
    assert len({digit.name for digit in digits}) == len(digits)


def test_a_folder_without_digits_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"mnist\.npz"):
        digits_of(tmp_path, 10, np.random.default_rng(1))


def test_a_folder_of_digits_is_read(tmp_path: Path) -> None:
    light = np.zeros((20, 28, 28), np.uint8)
    light[:, 5:23, 10:18] = 255
    labels = np.arange(20, dtype=np.uint8) % 10
    np.savez(tmp_path / "mnist.npz", x_test=light, y_test=labels)
    digits = [digit for digit in digits_of(tmp_path, 12, np.random.default_rng(1)) if digit.source == "mnist"]
    assert len(digits) == 12
    assert all(ink_box(digit.picture) is not None for digit in digits)
    np.savez(tmp_path / "mnist.npz", x_test=light)
    with pytest.raises(TrainingError, match="y_test"):
        digits_of(tmp_path, 12, np.random.default_rng(1))


def test_the_command_prints_tables_and_writes_a_report_and_sheets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DIGITMILL_DATA", raising=False)
    report, sheets = tmp_path / "pairs.json", tmp_path / "sheets"
    options = ["--pairs", "400", "--report", str(report), "--pictures", str(sheets)]
    done = CliRunner().invoke(app, ["metamorphic", *options])
    assert done.exit_code == 0, done.output
    assert "cut, margin 12" in done.stdout
    written = Report.model_validate(json.loads(report.read_text()))
    assert written.model.startswith("digits@")
    assert written.total.pairs > 200
    for path in sheets.glob("*.png"):
        Image.open(path).verify()


def test_the_command_measures_kinds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DIGITMILL_DATA", raising=False)
    report, sheets = tmp_path / "kinds.json", tmp_path / "sheets"
    options = ["--kinds", "6", "--report", str(report), "--pictures", str(sheets)]
    done = CliRunner().invoke(app, ["metamorphic", *options])
    assert done.exit_code == 0, done.output
    assert "circled" in done.stdout
    assert set(KindsReport.model_validate_json(report.read_bytes()).kinds) == set(kinds())
