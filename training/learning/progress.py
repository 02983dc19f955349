"""How a run goes, while it goes: bars on a terminal, and scalars that TensorBoard reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import rich
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from training.learning.history import Epoch

TENSORBOARD_FOLDER = "tensorboard"
SCALARS = {
    "train": {"training_loss": "epoch_loss", "training_accuracy": "epoch_accuracy"},
    "validation": {"validation_loss": "epoch_loss", "validation_accuracy": "epoch_accuracy"},
}
"""The folders and tags of ``keras.callbacks.TensorBoard``, and what the history calls the same figures."""
RATE_TAG = "epoch_learning_rate"


NOT_ONE_EPOCH = "Not one epoch was finished in the time that a training has. Take fewer images or weights."


class Enough(Exception):
    """Raised by what watches a run: it is to end with the epochs that are finished."""


class Watch:
    """What is told of a run while it goes. This one tells nobody."""

    @contextmanager
    def run(self, epochs: int, finished: int, steps: int) -> Iterator[None]:  # noqa: ARG002
        """While the block runs so many epochs go on from those that are finished, in so many steps each."""
        yield

    def step(self, batch: int, logs: Mapping[str, Any] | None) -> None:
        """One batch of the epoch is done; to be called by Keras. Raises Enough."""

    def epoch(self, number: int, figures: Epoch, learning_rate: float) -> None:
        """Epoch ``number``, from 0, is done and saved; it ended at this rate. Raises Enough."""


class Terminal(Watch):
    """Bars on a terminal, and scalars in ``folder`` for TensorBoard."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._bars: Bars | None = None
        self._scalars: Scalars | None = None

    @contextmanager
    def run(self, epochs: int, finished: int, steps: int) -> Iterator[None]:
        with Bars(epochs, finished, steps) as self._bars, Scalars(self._folder / TENSORBOARD_FOLDER) as self._scalars:
            yield

    def step(self, batch: int, logs: Mapping[str, Any] | None) -> None:
        if self._bars is not None:
            self._bars.step(batch, logs)

    def epoch(self, number: int, figures: Epoch, learning_rate: float) -> None:
        if self._bars is not None and self._scalars is not None:
            self._bars.epoch(figures)
            self._scalars.epoch(number, figures, learning_rate)


class Bars:
    """A bar for the epochs and one for the steps of each; nothing where the console is no terminal."""

    def __init__(self, epochs: int, finished: int, steps: int) -> None:
        console = rich.get_console()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(20),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[detail]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._epochs = self._progress.add_task("epochs", total=epochs, completed=finished, detail="")
        self._steps = self._progress.add_task("steps", total=steps, detail="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def step(self, batch: int, logs: Mapping[str, Any] | None) -> None:
        """One batch of the epoch is done; to be called by Keras."""
        loss = f"loss {logs['loss']:.4f}" if logs else ""
        self._progress.update(self._steps, completed=batch + 1, detail=loss)

    def epoch(self, figures: Epoch) -> None:
        """One epoch is done."""
        self._progress.update(self._epochs, advance=1, detail=f"{figures['validation_accuracy']:.2%} right")


class Scalars:
    """Writes each epoch as ``keras.callbacks.TensorBoard`` would; a resumed run adds files to the same folders.

    That callback itself needs the package tensorboard, which nothing else here does.
    """

    def __init__(self, folder: Path) -> None:
        import tensorflow as tf  # noqa: PLC0415 - reading this module's names needs no framework

        self._summary = tf.summary
        self._scalar = tf.compat.v1.SummaryMetadata(
            plugin_data=tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars")
        )
        self._writers = {part: tf.summary.create_file_writer(str(folder / part)) for part in SCALARS}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for writer in self._writers.values():
            writer.close()

    def epoch(self, number: int, figures: Epoch, learning_rate: float) -> None:
        """Write epoch ``number``, from 0, with the rate that it ended at."""
        for part, tags in SCALARS.items():
            with self._writers[part].as_default(step=number):
                for name, tag in tags.items():
                    self._write(tag, figures[name])
                if part == "train":
                    self._write(RATE_TAG, learning_rate)
            self._writers[part].flush()

    def _write(self, tag: str, value: float) -> None:
        self._summary.write(tag, np.float32(value), metadata=self._scalar)
