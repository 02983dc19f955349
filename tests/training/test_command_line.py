from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console
from typer.testing import CliRunner

import training.pictures.sources
from digitmill.domain.rows import Reason, Row, RowStatus
from digitmill.errors import NotFound
from digitmill.models.manifest import read_manifest
from digitmill.models.runtime import open_model
from digitmill.settings import Settings
from tests.training.conftest import RUN
from tests.training.drawn import digits_of
from training.__main__ import app, main
from training.measuring.predict import predict, table
from training.pictures.data import Source


@pytest.fixture(autouse=True)
def here(tmp_path: Path, sources: tuple[Source, ...], monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, with small data sets in place of the built-in ones."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(training.pictures.sources, "load_sources", lambda *_: sources[:1])
    monkeypatch.setattr(training.pictures.sources, "pen_sources", lambda *_: [])
    return tmp_path


@pytest.fixture
def run(trained: Path, here: Path) -> Path:
    """A copy of a finished run."""
    return Path(shutil.copytree(trained, here / "run"))


@pytest.fixture
def scans(here: Path) -> Path:
    """A folder of images: ten printed digits, one without ink, a broken one, and the litter of a Mac."""
    folder = here / "scans"
    folder.mkdir()
    printed = digits_of(1, seed=4)
    for image, label in zip(printed.images, printed.labels, strict=True):
        Image.fromarray(np.invert(np.pad(image, 8))).save(folder / f"{label}.png")
    Image.new("L", (40, 40), 255).save(folder / "blank.png")
    (folder / "broken[bold].png").write_bytes(b"no image")
    (folder / ".DS_Store").write_bytes(b"litter")
    return folder


def said(*arguments: object) -> str:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def refused(*arguments: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    monkeypatch.setattr("sys.argv", ["training", *map(str, arguments)])
    assert main() == 1
    return capsys.readouterr().err


def test_a_model_goes_from_prepared_data_to_publication(here: Path, scans: Path) -> None:
    classes = here / "mine"
    for number, (image, label) in enumerate(zip(*printed_arrays(), strict=True)):
        (classes / str(label)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.invert(np.pad(image, 8))).save(classes / str(label) / f"{number}.png")
    (classes / "3" / "broken[bold].png").write_bytes(b"no image")
    prepared = said("prepare", classes, "--out", "mine.npz")
    assert "not_an_image" in prepared
    assert "3/broken[bold].png" in prepared

    options = ["--version", "7", "--data", "mine.npz", "--epochs", "1", "--batch-size", "8", "--no-augment"]
    said("train", "runs/tiny", "--architecture", "tiny", *options, "--threads", "1")
    manifest = read_manifest(here / "runs" / "tiny")
    assert manifest.label == "tiny@7"
    assert [(each.name, each.licence) for each in manifest.data_sets] == [("mnist", "CC0"), ("mine", "not stated")]

    assert "test mine" in said("evaluate", "runs/tiny", "--threads", "1")
    assert "runs/tiny/MODEL_CARD.md" in said("report", "runs/tiny", "--threads", "1").splitlines()
    assert "tiny@7 is published" in said("publish", "runs/tiny", "--threads", "1")
    table = said("predict", "scans", "--model", "tiny@7", "--threads", "1")
    assert "tiny@7 on" in table
    assert "scans/9.png" in table


def printed_arrays() -> tuple[np.ndarray, np.ndarray]:
    printed = digits_of(4, seed=5)
    return printed.images, printed.labels


def test_predictions_are_those_of_the_service_for_every_image(run: Path, scans: Path) -> None:
    model = open_model(read_manifest(run), run / "model.keras", threads=1)
    rows = predict([scans / "9.png", scans], model, Settings())
    assert [Path(row.name).name for row in rows] == [
        "9.png",
        *(f"{digit}.png" for digit in range(10)),
        "blank.png",
        "broken[bold].png",
    ]
    assert [row.status for row in rows[-2:]] == [RowStatus.BLANK, RowStatus.FAILED]
    for row in rows[:-2]:
        assert row.confidence is not None
        sure = row.confidence >= model.manifest.review_below
        assert row.status == (RowStatus.RECOGNIZED if sure else RowStatus.REVIEW)
    assert rows[0].prediction == rows[10].prediction


def test_the_table_of_predictions_shows_digit_confidence_status_and_reason(run: Path, scans: Path) -> None:
    lines = said("predict", scans.name, "--model", run, "--threads", "1").splitlines()
    assert "small@1 on keras" in lines[0]
    broken = next(line for line in lines if "broken[bold].png" in line)
    assert "failed" in broken
    assert "not_an_image" in broken
    assert "blank" in next(line for line in lines if "blank.png" in line).partition("blank.png")[2]


def test_the_table_of_predictions_says_why_a_row_is_to_review() -> None:
    row = Row(0, "box.png", RowStatus.REVIEW, "4", 0.125, reason=Reason.STRUCK_OUT)
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(table([row], "a model"))
    assert "review: struck_out" in console.export_text()


def test_a_file_that_is_not_there_is_named(run: Path, here: Path) -> None:
    model = open_model(read_manifest(run), run / "model.keras", threads=1)
    with pytest.raises(NotFound, match=r"gone\.png does not exist"):
        predict([here / "gone.png"], model, Settings())


def test_a_finished_run_is_resumed_without_naming_its_options_again(run: Path) -> None:
    before = (run / "training_history.json").read_bytes()
    said("train", run, "--resume", "--threads", "1")
    assert (run / "training_history.json").read_bytes() == before


def test_a_run_is_not_resumed_with_other_options(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ("train", run, "--resume", "--seed", RUN.seed + 1)
    assert "options that the run began with" in refused(*asked, monkeypatch=monkeypatch, capsys=capsys)


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (("train", "runs/new"), "needs a version"),
        (("train", "runs/new", "--resume"), "holds no run to resume"),
        (("train", "runs/new", "--version", "1", "--architecture", "resnet"), "There is no architecture"),
        (("train", "runs/new", "--version", "1", "--data", "gone"), "gone does not exist. Name a folder"),
        (("report", "gone"), "Name the folder of a trained model"),
        (("predict", "gone.png", "--model", "gone@1"), "There is no model 'gone@1'"),
        (("prepare", "gone", "--out", "gone.npz"), "gone does not exist"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(
    arguments: tuple[str, ...], answer: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert answer in refused(*arguments, monkeypatch=monkeypatch, capsys=capsys)
    assert not Path("runs/new/config.json").exists()


def test_a_run_leaves_scalars_for_tensorboard(trained: Path) -> None:
    for part, tags in (("train", ("loss", "accuracy", "learning_rate")), ("validation", ("loss", "accuracy"))):
        (events,) = (trained / "tensorboard" / part).iterdir()
        assert "tfevents" in events.name
        written = scalars(events)
        assert sorted(written) == sorted(f"epoch_{tag}" for tag in tags)
        history = json.loads((trained / "training_history.json").read_text())
        name = "training" if part == "train" else part
        assert written["epoch_loss"] == pytest.approx([epoch[f"{name}_loss"] for epoch in history])


def scalars(events: Path) -> dict[str, list[float]]:
    """The values of each tag that TensorBoard would show as a scalar, by epoch."""
    import tensorflow as tf

    found: dict[str, dict[int, float]] = {}
    for record in tf.data.TFRecordDataset([str(events)]):
        event = tf.compat.v1.Event.FromString(record.numpy())
        for value in event.summary.value:
            assert value.metadata.plugin_data.plugin_name == "scalars"
            found.setdefault(value.tag, {})[event.step] = float(tf.make_ndarray(value.tensor))
    return {tag: [values[step] for step in sorted(values)] for tag, values in found.items()}
