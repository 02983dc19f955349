"""The networks to begin with are those that the training builds, with the shapes and weights that Keras counts."""

from __future__ import annotations

import pytest

from digitmill.desk.trainings import CLASSES
from digitmill.networks.layers import PICTURE, layers_of, outline
from digitmill.networks.presets import PRESETS
from training.learning.architectures import build
from training.learning.recipes import RECIPES

LISTED = [name for name, preset in PRESETS.items() if preset.layers]


@pytest.mark.parametrize("name", LISTED)
def test_a_list_makes_what_the_architecture_of_its_name_makes(name: str) -> None:
    listed = list(PRESETS[name].layers)
    drawn = outline(listed, CLASSES)
    for network in (build(name, CLASSES), build("listed", CLASSES, layers_of(listed, CLASSES))):
        assert network.count_params() == drawn.weights
        shapes = [layer.output.shape[1:] for layer in network.layers]
        assert shapes == [PICTURE, *(placed.shape for placed in drawn.layers), (CLASSES,)]
        weights = [layer.count_params() for layer in network.layers[1:-1]]
        assert weights == [placed.weights for placed in drawn.layers]


@pytest.mark.parametrize("name", PRESETS)
def test_its_settings_are_those_of_its_recipe(name: str) -> None:
    preset, recipe = PRESETS[name], RECIPES[name](version="1")
    assert (preset.optimizer, preset.learning_rate, preset.batch_size, preset.augmentation) == (
        recipe.optimizer, recipe.learning_rate, recipe.batch_size, recipe.augmented,
    )  # fmt: skip
    # the built-in model was trained for hours, which nobody waits for in a browser
    assert preset.epochs == recipe.epochs or name == "compact"


def test_what_is_no_list_has_as_many_weights_as_are_told() -> None:
    assert build("compact", CLASSES).count_params() == PRESETS["compact"].weights
