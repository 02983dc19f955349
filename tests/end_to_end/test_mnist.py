"""The 10,000 test images of MNIST through the whole service."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digitmill.models.registry import Registry
from digitmill.models.runtime import load_model, of_digits
from digitmill.settings import Settings
from tests.end_to_end.conftest import Stack

DOWNLOADED = Path.home() / ".keras" / "datasets" / "mnist.npz"


def test_mnist_comes_back_in_order_and_as_accurate_as_in_process(shared_stack: Stack, tmp_path: Path) -> None:
    folder = Settings.load().data
    source = folder / "mnist.npz" if folder else DOWNLOADED
    if not source.is_file():
        pytest.skip("no mnist.npz: set DIGITMILL_DATA, or let `python -m training evaluate` download it once")
    with np.load(source) as arrays:
        pictures, labels = arrays["x_test"], arrays["y_test"]
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as writer:
        for number, picture in enumerate(pictures):
            png = io.BytesIO()
            Image.fromarray(picture).save(png, "PNG")
            writer.writestr(f"{number:05}.png", png.getvalue())
    archive.seek(0)
    with shared_stack.client() as client:
        job = client.wait(client.submit([("mnist.zip", archive)]).id, timeout=300)
        rows = list(client.results(job.id))
    assert [row.name for row in rows] == [f"{number:05}.png" for number in range(10_000)]
    registry = Registry(Settings(var=tmp_path).published_models, tmp_path)
    expected = of_digits(load_model(registry, registry.default().reference).predict(pictures)).argmax(axis=1)
    answered = np.array([int(row.prediction or -1) for row in rows])
    assert (answered == labels).sum() == (expected == labels).sum()
