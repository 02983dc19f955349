from __future__ import annotations

from pathlib import Path

import pytest

from tests.one_tensorflow import one_tensorflow
from tests.training.drawn import digits_of, source_of
from training.config import Config
from training.learning.train import start
from training.pictures.data import Source

__all__ = ["one_tensorflow"]

RUN = Config(
    name="small", version="1", architecture="tiny", arithmetic="float32", epochs=2, batch_size=8, scan_share=0.3
)


@pytest.fixture(scope="session")
def sources() -> tuple[Source, ...]:
    """Two small data sets of printed digits, the first with a test set."""
    return (source_of("mnist", 30, test=digits_of(10, seed=9)), source_of("other", 10))


@pytest.fixture(scope="session")
def trained(sources: tuple[Source, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run. Tests copy it before they change it."""
    folder = tmp_path_factory.mktemp("runs") / "small-1"
    start(RUN, sources, folder, 1, resume=False)
    return folder
