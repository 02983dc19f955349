from __future__ import annotations

from pathlib import Path

import pytest

from digitmill.models.engines.base import Converted
from digitmill.models.engines.conversion import convert
from tests.models.published import save_network


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A .keras file of a small untrained network, 28x28 to ten classes."""
    return save_network(tmp_path_factory.mktemp("network") / "model.keras")


@pytest.fixture(scope="session")
def converted(network: Path, tmp_path_factory: pytest.TempPathFactory) -> Converted:
    """The same network for OpenVINO."""
    return convert(network, tmp_path_factory.mktemp("converted"), 10)
