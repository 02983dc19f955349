from __future__ import annotations

from pathlib import Path

import pytest

from digitmill.models.engines.base import Converted
from digitmill.models.engines.conversion import convert
from digitmill.models.engines.quantisation import quantise_apart
from tests.models.published import random_images, save_network


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A .keras file of a small untrained network, 28x28 to ten classes."""
    return save_network(tmp_path_factory.mktemp("network") / "model.keras")


@pytest.fixture(scope="session")
def converted(network: Path, tmp_path_factory: pytest.TempPathFactory) -> Converted:
    """The same network for OpenVINO."""
    return convert(network, tmp_path_factory.mktemp("converted"), 10)


@pytest.fixture(scope="session")
def quantised(converted: Converted, tmp_path_factory: pytest.TempPathFactory) -> Converted:
    """The same in int8."""
    folder = tmp_path_factory.mktemp("quantised")
    return quantise_apart(converted, Converted(folder / "int8.xml", folder / "int8.bin"), random_images(100))
