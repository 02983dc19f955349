from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from digitmill.errors import TrainingError
from digitmill.networks.layers import Convolution, Dense, Flatten, Pooling
from tests.house.sources import ROOT
from training.config import read_config
from training.learning.architectures import build, description
from training.learning.recipes import read_layers

FLATTEN = {"type": "flatten"}
CONV = {"type": "conv", "filters": 4, "kernel_size": 3}
POOLING = {"type": "pooling", "pool_size": 2}
ANSWER = {"type": "dense", "units": 10, "activation": "softmax"}


def written(folder: Path, listed: Any) -> Path:
    path = folder / "net.json"
    path.write_text(json.dumps(listed))
    return path


def test_every_kind_of_layer_is_built_as_listed(tmp_path: Path) -> None:
    listed = [
        {"type": "conv", "filters": 4, "kernel_size": 5, "strides": 2, "padding": "valid", "activation": "tanh"},
        {"type": "batch_norm"},
        {"type": "pooling", "kind": "average", "pool_size": 3},
        {"type": "pooling", "pool_size": 2},
        {"type": "dropout", "rate": 0.25},
        FLATTEN,
        {"type": "dense", "units": 7},
    ]
    layers = read_layers(written(tmp_path, listed), 10)
    network = build("net", 10, layers)
    assert [layer.output.shape[1:] for layer in network.layers] == [
        (28, 28, 1),
        (12, 12, 4),
        (12, 12, 4),
        (4, 4, 4),
        (2, 2, 4),
        (2, 2, 4),
        (16,),
        (7,),
        (10,),
    ]
    assert "conv 4 5x5, batch_norm, pooling 3" in description("net", layers)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("strides", [1, 2, 3])
@pytest.mark.parametrize("kernel", [1, 4, 5])
def test_shapes_are_those_that_keras_makes(kernel: int, strides: int, padding: Any) -> None:
    layers = (
        Convolution(type="conv", filters=3, kernel_size=kernel, strides=strides, padding=padding),
        Pooling(type="pooling", pool_size=2),
        Flatten(type="flatten"),
        Dense(type="dense", units=2),
    )
    network = build("net", 10, layers)
    shape: tuple[int, ...] = (28, 28, 1)
    for layer, built in zip(layers, network.layers[1:], strict=False):
        shape = layer.after(shape)
        assert built.output.shape[1:] == shape


def test_an_answer_at_the_end_of_the_list_is_not_added_again(tmp_path: Path) -> None:
    with_answer = read_layers(written(tmp_path, [FLATTEN, ANSWER]), 10)
    assert with_answer == read_layers(written(tmp_path, [FLATTEN]), 10)
    assert build("net", 10, with_answer).count_params() == 7850


@pytest.mark.parametrize(
    ("listed", "said"),
    [
        ([CONV, {"type": "dense", "units": 8}], r"layer 2 \(dense\).*28x28 in 4 maps.*\"flatten\"} before it"),
        ([FLATTEN, CONV], r"layer 2 \(conv\).*vector of 784.*before the flatten"),
        ([FLATTEN, POOLING], r"layer 2 \(pooling\).*vector of 784.*before the flatten"),
        ([POOLING] * 5 + [FLATTEN], r"layer 5 \(pooling\).*1x1.*Leave it out"),
        ([POOLING] * 4 + [CONV | {"padding": "valid"}], r"layer 5 \(conv\).*3x3 kernel is larger.*smaller kernel_size"),
        ([CONV], r"layer 1 \(conv\): The list ends in pictures.*flatten"),
        ([ANSWER | {"units": 12}], r"layer 1 \(dense\).*It reads a vector"),
        ([FLATTEN, ANSWER | {"units": 12}], r"layer 2 \(dense\): There are 10 digits"),
        ([FLATTEN, ANSWER, {"type": "dense", "units": 3}], r"layer 2 \(dense\): Softmax .* another activation"),
        ([CONV | {"activation": "softmax"}, FLATTEN], r"layer 1 \(conv\): Softmax"),
        ([FLATTEN, {"type": "dens", "units": 3}], "layer 2: It has the type 'dens'.*dense, conv"),
        ([{"units": 3}], "layer 1: It has no type"),
        (["dense"], "layer 1: It has no type"),
        ([FLATTEN, {"type": "dense"}], r"layer 2 \(dense\): It lacks units"),
        ([FLATTEN, {"type": "dense", "units": 0}], r"layer 2 \(dense\): units is out of range"),
        ([FLATTEN, {"type": "dense", "units": 3, "rate": 0.5}], r"layer 2 \(dense\): It has no field rate"),
        ([{"type": "dropout", "rate": 1}, FLATTEN], r"layer 1 \(dropout\): rate is out of range"),
        ([CONV | {"kernel_size": "3"}], r"layer 1 \(conv\): kernel_size"),
        ([], "is a list of layers"),
        ({"layers": [FLATTEN]}, "is a list of layers"),
    ],
)
def test_a_list_that_cannot_be_built_says_which_layer_why_and_what_to_do(
    tmp_path: Path, listed: Any, said: str
) -> None:
    with pytest.raises(TrainingError, match=said):
        read_layers(written(tmp_path, listed), 10)


def test_a_file_that_is_missing_or_no_json_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"net\.json does not exist"):
        read_layers(tmp_path / "net.json", 10)
    (tmp_path / "net.json").write_bytes(b"\xff[")
    with pytest.raises(TrainingError, match="is not a JSON file"):
        read_layers(tmp_path / "net.json", 10)


def test_the_list_in_the_model_owners_page_can_be_built_and_is_the_one_that_was_measured(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "model-owner.md").read_text()
    (listed,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    layers = read_layers(written(tmp_path, json.loads(listed)), 10)
    measured = read_config(ROOT / "training" / "runs" / "my-net")
    assert measured is not None
    assert layers == measured.layers
    network = build("my-net", 10, layers)
    assert np.asarray(network(np.zeros((1, 28, 28, 1)))).sum() == pytest.approx(1)
