from __future__ import annotations

import json
import re
from pathlib import Path

import keras
import pytest

from digitmill.errors import TrainingError
from digitmill.models.engines.keras import multiply_adds
from tests.house.sources import ROOT
from training.config import Config, read_config
from training.learning.architectures import DESCRIPTIONS, build
from training.learning.recipes import CLASSICS, RECIPES, configured
from training.measuring.evaluate import Report

PAGE = ROOT / "docs" / "model-owner.md"
RUNS = ROOT / "training" / "runs"


@pytest.mark.parametrize("name", RECIPES)
def test_every_architecture_has_a_recipe_and_a_description_and_can_be_built(name: str) -> None:
    config = configured(name, {"version": "1"})
    assert config.architecture == name
    assert name in DESCRIPTIONS
    network = build(name, 10)
    assert (network.input_shape, network.output_shape) == ((None, 28, 28, 1), (None, 10))


def test_the_classics_are_trained_on_mnist_as_it_is_under_their_own_names() -> None:
    for name in CLASSICS:
        config = configured(name, {"version": "1"})
        assert (config.name, config.data_sets, config.augmented) == (name, ("mnist",), False)


@pytest.mark.parametrize(
    ("name", "weights", "work"),
    [
        ("dense-128", 101_770, 784 * 128 + 128 * 10),
        ("mlp-256-128", 235_146, 784 * 256 + 256 * 128 + 128 * 10),
        ("lenet5", 61_706, 28 * 28 * 25 * 6 + 10 * 10 * 25 * 6 * 16 + 400 * 120 + 120 * 84 + 84 * 10),
    ],
)
def test_the_classics_have_the_size_that_their_names_say(name: str, weights: int, work: int) -> None:
    network = build(name, 10)
    assert network.count_params() == weights
    assert multiply_adds(network) == work


def test_a_seed_gives_the_weights_that_runs_have_begun_with_so_far() -> None:
    keras.utils.set_random_seed(1)
    network = build("compact", 10)
    assert float(abs(network.get_weights()[0]).sum()) == pytest.approx(30.0316, abs=1e-3)
    assert float(abs(network.get_weights()[-2]).sum()) == pytest.approx(188.9877, abs=1e-3)


def test_options_win_over_the_recipe_and_a_run_reads_back_as_it_was(tmp_path: Path) -> None:
    config = configured("lenet5", {"version": "1", "epochs": 3, "data": ("mine",)})
    assert (config.epochs, config.batch_size, config.data) == (3, 128, ("mine",))
    (tmp_path / "config.json").write_text(config.model_dump_json())
    assert read_config(tmp_path) == config


def test_what_a_configuration_does_not_name_is_as_in_the_recipe_of_compact(tmp_path: Path) -> None:
    earlier = {
        "name": "digits",
        "version": "1",
        "architecture": "compact",
        "epochs": 14,
        "batch_size": 128,
        "learning_rate": 0.002,
        "weight_decay": 0.02,
        "scan_share": 0.6,
        "seed": 1,
    }
    (tmp_path / "config.json").write_text(json.dumps(earlier))
    named = {"version": "1", "epochs": 14, "batch_size": 128, "learning_rate": 0.002}
    assert read_config(tmp_path) == Config.model_validate(named) == configured("compact", named)


def test_layers_from_a_file_make_a_run_named_after_it(tmp_path: Path) -> None:
    path = tmp_path / "My_net.json"
    path.write_text('[{"type": "flatten"}, {"type": "dense", "units": 12}]')
    config = configured(str(path), {"version": "1"})
    assert (config.name, config.architecture, len(config.layers)) == ("my-net", "my-net", 2)
    assert build("my-net", 10, config.layers).count_params() == 785 * 12 + 13 * 10
    (tmp_path / "config.json").write_text(config.model_dump_json())
    assert read_config(tmp_path) == config


@pytest.mark.parametrize(
    ("architecture", "options", "said"),
    [
        ("resnet", {"version": "1"}, "There is no architecture 'resnet'. Name one of compact, conv5-bn"),
        ("lenet5", {"version": "1", "epochs": 0}, "epochs must be greater"),
        ("lenet5", {"version": "../1"}, "version must be of letters"),
    ],
)
def test_options_that_cannot_be_used_are_named(architecture: str, options: dict[str, object], said: str) -> None:
    with pytest.raises(TrainingError, match=re.escape(said)):
        configured(architecture, options)


@pytest.mark.parametrize("name", [*CLASSICS, "my-net"])
def test_the_table_of_claims_says_what_was_measured(name: str) -> None:
    metrics = Report.model_validate_json((RUNS / name / "metrics.json").read_bytes()).metrics
    config = read_config(RUNS / name)
    assert config is not None
    if name in CLASSICS:
        assert config == configured(name, {"version": "1"}), "the recipe has changed since: train it again"
    claim = CLASSICS[name].claim if name in CLASSICS else "none"
    shares = (metrics.validation["mnist"].accuracy, metrics.test["mnist"].accuracy)
    measured = " | ".join(f"{share:.2%}".replace("%", " %") for share in shares)
    network = build(name, 10, config.layers)
    assert f"| `{name}` | {network.count_params():,} | {claim} | {measured} |" in PAGE.read_text()
