from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digitmill.errors import TrainingError
from digitmill.models.registry import Registry
from tests.training.conftest import RUN
from tests.training.drawn import digits_of
from training.learning.epochs import held_out
from training.measuring.answers import Answers
from training.measuring.evaluate import Report
from training.pictures.data import Source
from training.publish import publish
from training.reports.curves import draw_coverage, draw_reliability, draw_training, wilson
from training.reports.grids import draw_confusion, draw_misclassified, draw_predictions
from training.reports.report import report

LARGEST_PICTURE = 150_000
FILES = {
    "training_history.json",
    "training_curves.png",
    "reliability.png",
    "coverage.png",
    "coverage_by_set.png",
    "confusion_matrix.png",
    "predictions.png",
    "misclassified.png",
    "metrics.json",
    "MODEL_CARD.md",
}


@pytest.fixture(scope="module")
def reported(trained: Path, sources: tuple[Source, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of a finished run, with its report."""
    run = Path(shutil.copytree(trained, tmp_path_factory.mktemp("reports") / "run"))
    assert {path.name for path in report(run, RUN, sources, 1)} == FILES
    return run


@pytest.fixture(scope="module")
def answers() -> Answers:
    """Answers to 30 images, of which the 4th, 12th and 21st are wrong, the 12th the surest."""
    digits = digits_of(3)
    predictions = digits.labels.astype(np.intp)
    confidences = np.full(30, 0.99, np.float32)
    for row, confidence in ((3, 0.5), (11, 0.9), (20, 0.7)):
        predictions[row] = (predictions[row] + 1) % 10
        confidences[row] = confidence
    return Answers("30 test images", digits, predictions, confidences, 0.8)


def test_every_picture_is_a_small_png_without_a_date(reported: Path) -> None:
    for name in (name for name in FILES if name.endswith(".png")):
        assert (reported / name).stat().st_size < LARGEST_PICTURE
        with Image.open(reported / name) as picture:
            assert picture.format == "PNG"
            assert min(picture.size) > 300
            assert set(picture.info) <= {"dpi"}
            assert np.ptp(np.asarray(picture)) > 0


def test_two_reports_are_the_same_byte_for_byte(
    reported: Path, sources: tuple[Source, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = Path(shutil.copytree(reported, tmp_path / "again"))
    for name in FILES - {"training_history.json"}:
        (again / name).unlink()
    (tmp_path / "matplotlibrc").write_text("figure.facecolor: red\nfont.size: 30\n")
    monkeypatch.setenv("MATPLOTLIBRC", str(tmp_path / "matplotlibrc"))
    report(again, RUN, sources, 1)
    for name in FILES:
        assert (again / name).read_bytes() == (reported / name).read_bytes(), name


def test_the_figures_are_those_that_publish_asks_for(reported: Path) -> None:
    figures = Report.model_validate_json((reported / "metrics.json").read_bytes())
    assert figures.model == "small@1"
    assert figures.metrics.test["mnist"].images == 100


def test_the_pictures_are_published_with_the_model(reported: Path, sources: tuple[Source, ...], tmp_path: Path) -> None:
    registry = Registry(f"file://{tmp_path}/published", tmp_path / "cache")
    run = Path(shutil.copytree(reported, tmp_path / "run"))
    published = publish(run, registry, held_out(sources, RUN).clean, 1)
    assert set(published.pictures) == {name for name in FILES if name.endswith(".png")}
    for name in published.pictures:
        assert registry.picture("small", "1", name).read_bytes() == (reported / name).read_bytes()


def test_the_card_names_the_parts_of_every_data_set_and_shows_every_picture(
    reported: Path, sources: tuple[Source, ...]
) -> None:
    card = (reported / "MODEL_CARD.md").read_text()
    mnist, other = sources
    assert f"| mnist | {len(mnist.training)} | {len(mnist.validation)} | 100 | CC0 |" in card
    assert f"| other | {len(other.training)} | {len(other.validation)} | none | CC0 |" in card
    for name in re.findall(r"\]\((.+?)\)", card):
        assert (reported / name).is_file()
    assert {name for name in FILES if name.endswith(".png")} <= set(re.findall(r"\]\((.+?)\)", card))


def test_a_run_without_a_history_gets_no_report(trained: Path, sources: tuple[Source, ...], tmp_path: Path) -> None:
    run = Path(shutil.copytree(trained, tmp_path / "run"))
    (run / "training_history.json").unlink()
    with pytest.raises(TrainingError, match=r"no training_history\.json"):
        report(run, RUN, sources, 1)


def test_wrong_answers_come_surest_first(answers: Answers) -> None:
    assert answers.misclassified.tolist() == [11, 20, 3]
    assert answers.confusion.sum() == 30
    assert np.trace(answers.confusion) == 27
    assert answers.confusion[3, 4] == 1


def test_a_model_without_mistakes_or_without_accepted_answers_is_drawn_too(answers: Answers, tmp_path: Path) -> None:
    perfect = Answers("30 test images", answers.digits, answers.digits.labels.astype(np.intp), answers.confidences, 1.0)
    history = [dict.fromkeys(("training_loss", "training_accuracy", "validation_loss", "validation_accuracy"), 0.5)]
    draw_training(history, tmp_path / "training.png")
    for draw in (draw_reliability, draw_coverage, draw_confusion, draw_predictions, draw_misclassified):
        draw(perfect, tmp_path / f"{draw.__name__}.png")
    assert len(list(tmp_path.iterdir())) == 6


def test_right_answers_are_green_and_wrong_ones_red(answers: Answers, tmp_path: Path) -> None:
    draw_misclassified(answers, tmp_path / "wrong.png")
    draw_predictions(answers, tmp_path / "some.png")
    wrong, some = (np.asarray(Image.open(tmp_path / name).convert("RGB"), int) for name in ("wrong.png", "some.png"))

    def has(picture: np.ndarray, colour: tuple[int, int, int]) -> bool:
        return bool((np.abs(picture - colour).max(axis=2) < 12).any())

    green, red = (0x00, 0x9E, 0x73), (0xB2, 0x18, 0x2B)
    assert has(wrong, red)
    assert not has(wrong, green)
    assert has(some, red)
    assert has(some, green)


def test_an_interval_holds_its_share_and_narrows_with_the_images() -> None:
    shares = np.array([0.0, 0.5, 1.0])
    low, high = wilson(shares, np.array([20, 20, 20]))
    assert ((low <= shares + 1e-9) & (shares <= high + 1e-9)).all()
    assert (low[1], high[1]) == pytest.approx((0.2993, 0.7007), abs=1e-4)
    narrow = wilson(shares, np.array([2000, 2000, 2000]))
    assert (narrow[1] - narrow[0] < high - low).all()
