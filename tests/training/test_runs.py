from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import training.learning.train
import training.publish
from digitmill.errors import Conflict, ModelRejected, TrainingError
from digitmill.imaging.normaliser.normalise import NORMALISER_VERSION
from digitmill.models.engines.keras import multiply_adds
from digitmill.models.manifest import read_manifest
from digitmill.models.registry import Registry
from digitmill.models.runtime import load_model, of_digits
from tests.training.conftest import RUN
from training.__main__ import main
from training.learning.architectures import DESCRIPTIONS, build
from training.learning.train import start
from training.measuring.evaluate import Report, evaluate, table
from training.pictures.data import Digits, Source, joined
from training.pictures.kinds import KINDS
from training.publish import publish


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A copy of a finished run."""
    return Path(shutil.copytree(trained, tmp_path / "run"))


def held_out(sources: tuple[Source, ...]) -> Digits:
    return joined([source.validation for source in sources])


def test_a_run_leaves_its_configuration_history_and_a_manifest(trained: Path, sources: tuple[Source, ...]) -> None:
    assert json.loads((trained / "config.json").read_text())["architecture"] == "tiny"
    history = json.loads((trained / "training_history.json").read_text())
    assert len(history) == RUN.epochs
    assert history[1]["training_loss"] < history[0]["training_loss"]
    manifest = read_manifest(trained)
    assert manifest.label == "small@1"
    assert manifest.normaliser == NORMALISER_VERSION
    assert manifest.temperature != 1.0
    assert [(each.name, each.licence, each.training_images) for each in manifest.data_sets] == [
        (source.name, "CC0", len(source.training)) for source in sources
    ]


def test_the_published_file_holds_no_optimizer(trained: Path) -> None:
    assert (trained / "model.keras").stat().st_size < (trained / "checkpoint-2.keras").stat().st_size
    assert sorted(path.name for path in trained.glob("*checkpoint*")) == ["checkpoint-2.keras"]


def test_a_run_that_was_killed_goes_on_as_if_it_had_not_been(
    trained: Path, sources: tuple[Source, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit_one = training.learning.train._fit_one

    def killed_in_the_second_epoch(*arguments: Any) -> dict[str, float]:
        if arguments[-1] == 1:
            raise KeyboardInterrupt
        return fit_one(*arguments)

    folder = tmp_path / "run"
    monkeypatch.setattr(training.learning.train, "_fit_one", killed_in_the_second_epoch)
    with pytest.raises(KeyboardInterrupt):
        start(RUN, sources, folder, 1, resume=False)
    monkeypatch.undo()
    assert not (folder / "manifest.json").exists()
    start(RUN, sources, folder, 1, resume=True)
    whole, resumed = (json.loads((path / "training_history.json").read_text()) for path in (trained, folder))
    for expected, entry in zip(whole, resumed, strict=True):
        assert entry == pytest.approx(expected, abs=1e-4)


def test_a_run_does_not_overwrite_another(run: Path, sources: tuple[Source, ...]) -> None:
    with pytest.raises(TrainingError, match="--resume"):
        start(RUN, sources, run, 1, resume=False)


def test_a_run_is_not_resumed_with_another_configuration(run: Path, sources: tuple[Source, ...]) -> None:
    with pytest.raises(TrainingError, match="options"):
        start(RUN.model_copy(update={"seed": 2}), sources, run, 1, resume=True)


def test_a_run_begins_with_the_weights_of_another(trained: Path, sources: tuple[Source, ...], tmp_path: Path) -> None:
    config = RUN.model_copy(update={"begin_with": str(trained), "epochs": 1})
    start(config, sources, tmp_path / "further", 1, resume=False)
    first, further = (
        json.loads((run / "training_history.json").read_text()) for run in (trained, tmp_path / "further")
    )
    assert further[0]["training_loss"] < first[0]["training_loss"]


def test_a_run_begins_with_no_weights_that_do_not_fit(
    trained: Path, sources: tuple[Source, ...], tmp_path: Path
) -> None:
    nothing = RUN.model_copy(update={"begin_with": str(tmp_path / "nothing")})
    with pytest.raises(TrainingError, match="finished run"):
        start(nothing, sources, tmp_path / "one", 1, resume=False)
    seen = RUN.model_copy(update={"begin_with": str(trained), "seed": RUN.seed + 1})
    with pytest.raises(TrainingError, match=f"--seed {RUN.seed}"):
        start(seen, sources, tmp_path / "three", 1, resume=False)
    other = RUN.model_copy(update={"begin_with": str(trained), "non_digits": 0.0})
    with pytest.raises(TrainingError, match="another network"):
        start(other, sources, tmp_path / "two", 1, resume=False)


def test_a_run_that_never_began_is_not_resumed(tmp_path: Path, sources: tuple[Source, ...]) -> None:
    with pytest.raises(TrainingError):
        start(RUN, sources, tmp_path / "nothing", 1, resume=True)


def test_two_evaluations_write_the_same_file(run: Path, sources: tuple[Source, ...], tmp_path: Path) -> None:
    for name in ("one.json", "two.json"):
        evaluate(run, RUN, sources, tmp_path / name, 1)
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()


def test_an_evaluation_measures_every_source_and_the_test_set(run: Path, sources: tuple[Source, ...]) -> None:
    report = evaluate(run, RUN, sources, run / "metrics.json", 1)
    assert {name: scores.images for name, scores in report.metrics.validation.items()} == {
        "mnist": 60,
        "other": 20,
        "all": 80,
        "drawn": 160,
    }
    others = {name: scores.images for name, scores in report.metrics.non_digits.items()}
    assert others.pop("drawn") == 24
    assert set(others) <= {f"drawn {kind}" for kind in KINDS}
    assert sum(others.values()) == 24
    assert {name: scores.images for name, scores in report.metrics.test.items()} == {"mnist": 100}
    assert report.metrics.test["mnist"].accuracy > 0.3
    assert len(table(report).splitlines()) == 7 + len(others)
    assert Report.model_validate_json((run / "metrics.json").read_bytes()) == report


def test_what_is_published_is_what_was_evaluated(run: Path, sources: tuple[Source, ...], tmp_path: Path) -> None:
    report = evaluate(run, RUN, sources, run / "metrics.json", 1)
    registry = Registry(f"file://{tmp_path}/published", tmp_path / "cache")
    published = publish(run, registry, held_out(sources), 1)
    assert published.metrics == report.metrics
    assert published.pictures == {}
    assert registry.resolve("small@1") == published

    test = sources[0].test
    assert test is not None
    answers = of_digits(load_model(registry, published.reference).predict(test.images))
    assert float(np.mean(answers.argmax(axis=1) == test.labels)) == report.metrics.test["mnist"].accuracy


def test_a_version_is_published_once(run: Path, sources: tuple[Source, ...], tmp_path: Path) -> None:
    evaluate(run, RUN, sources, run / "metrics.json", 1)
    registry = Registry(f"file://{tmp_path}/published", tmp_path / "cache")
    publish(run, registry, held_out(sources), 1)
    with pytest.raises(Conflict):
        publish(run, registry, held_out(sources), 1)


def test_a_run_that_was_not_evaluated_is_not_published(run: Path, sources: tuple[Source, ...], tmp_path: Path) -> None:
    with pytest.raises(ModelRejected, match="training evaluate"):
        publish(run, Registry(f"file://{tmp_path}/published", tmp_path / "cache"), held_out(sources), 1)


def test_figures_of_other_weights_are_not_published(run: Path, sources: tuple[Source, ...], tmp_path: Path) -> None:
    report = evaluate(run, RUN, sources, run / "metrics.json", 1)
    (run / "metrics.json").write_text(report.model_copy(update={"sha256": "0" * 64}).model_dump_json())
    with pytest.raises(ModelRejected, match="training evaluate"):
        publish(run, Registry(f"file://{tmp_path}/published", tmp_path / "cache"), held_out(sources), 1)


def test_a_file_too_large_to_travel_is_not_published(
    run: Path, sources: tuple[Source, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluate(run, RUN, sources, run / "metrics.json", 1)
    monkeypatch.setattr(training.publish, "LARGEST_BYTES", 10)
    with pytest.raises(ModelRejected, match="10 is the limit"):
        publish(run, Registry(f"file://{tmp_path}/published", tmp_path / "cache"), held_out(sources), 1)


def test_the_command_line_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["training", "publish", str(tmp_path / "nothing")])
    assert main() == 1
    assert "Name the folder of a trained model" in capsys.readouterr().err


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_every_architecture_maps_pictures_to_classes(name: str) -> None:
    network = build(name, 10)
    assert (network.input_shape, network.output_shape) == ((None, 28, 28, 1), (None, 10))


def test_the_production_network_keeps_to_its_budget() -> None:
    network = build("compact", 11)
    assert network.count_params() <= 1_500_000
    assert multiply_adds(network) <= 8_000_000


def test_multiply_adds_count_every_position_of_a_convolution() -> None:
    network = build("tiny", 10)
    assert multiply_adds(network) == 9 * 8 * 14 * 14 + 9 * 8 * 16 * 7 * 7 + 16 * 7 * 7 * 10
