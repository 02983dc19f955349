"""TensorFlow's settings, which are those of a process: whichever test comes first makes them for all others."""

from __future__ import annotations

import pytest

from digitmill.models.engines.keras import configure
from digitmill.settings import DeviceName


@pytest.fixture(scope="session", autouse=True)
def one_tensorflow() -> None:
    """A test that builds a network itself must not start TensorFlow with as many threads as there are cores."""
    configure(DeviceName.CPU, threads=1)
