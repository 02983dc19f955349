"""What the engine does without a service round it, on all cores."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from digitmill.domain.jobs import Polarity
from digitmill.errors import CannotStart, DigitmillError
from digitmill.imaging.files.decode import decode
from digitmill.imaging.normaliser.normalise import normalise
from digitmill.settings import Settings
from worker.trial import default_model


class Ceiling:
    """One process for each of the worker's, each with its share of the zip, started once and warm."""

    def __init__(self, settings: Settings, pile: Path, *, by_hand: bool = False) -> None:
        """``by_hand``: as a short script would read a pile of MNIST's pictures, with Pillow and as they are.

        Raises CannotStart where this machine has not the engine and precision that the settings name.
        """
        context = get_context("spawn")
        self._processes = []
        self._pipes: list[Connection] = []
        for number in range(settings.worker_concurrency):
            ours, theirs = context.Pipe()
            process = context.Process(
                target=_classify_when_asked,
                args=(settings, pile, number, settings.worker_concurrency, by_hand, theirs),
                daemon=True,
            )
            process.start()
            self._processes.append(process)
            self._pipes.append(ours)
        if fault := next((said for pipe in self._pipes if (said := pipe.recv())), ""):
            self._stop()
            raise CannotStart(fault)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        for process in self._processes:
            process.terminate()
            process.join()

    def images_a_second(self) -> float:
        """One pass over the zip by all processes at once."""
        started = time.perf_counter()
        for pipe in self._pipes:
            pipe.send(True)
        images = sum(pipe.recv() for pipe in self._pipes)
        return float(images / (time.perf_counter() - started))


def _classify_when_asked(
    settings: Settings, pile: Path, share: int, shares: int, by_hand: bool, pipe: Connection
) -> None:
    try:
        model = default_model(settings)
    except DigitmillError as error:
        pipe.send(error.detail)
        return
    pipe.send("")
    while pipe.recv():
        images = 0
        with zipfile.ZipFile(pile) as archive:
            names = archive.namelist()[share::shares]
            for first in range(0, len(names), settings.chunk_images):
                files = [archive.read(name) for name in names[first : first + settings.chunk_images]]
                read = _read_by_hand(files) if by_hand else _read(files, settings.max_image_pixels)
                images += len(model.predict(np.stack(read)))
        pipe.send(images)


def _read(files: Sequence[bytes], max_pixels: int) -> list[NDArray[np.uint8]]:
    grey = [decode(file, max_pixels=max_pixels) for file in files]
    return [picture for scan in grey if (picture := normalise(scan, Polarity.AUTO)) is not None]


def _read_by_hand(files: Sequence[bytes]) -> list[NDArray[np.uint8]]:
    return [np.asarray(Image.open(io.BytesIO(file)).convert("L")) for file in files]
