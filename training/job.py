"""One training of the service, in a process of its own: ``python -m training.job FOLDER``.

The worker that takes such a job (``digitmill/work/kinds/train.py``) writes ``task.json`` into the folder, beside what a
process before this one left there, and labelled zips. Of what happens it hears line by line: ``{"begun": …}``,
``{"epoch": …}`` and at last ``{"report": …}`` or ``{"failed": …}``. After an epoch the next one waits for a line in
return, so that the worker can keep what was saved. When the worker ends, so does this process.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np

from digitmill.errors import DigitmillError, TrainingError
from digitmill.imaging.drawn.memory import bounded
from digitmill.networks.task import TASK_FILE, Task
from digitmill.programs import loading
from digitmill.settings import Settings
from training.config import Config
from training.learning.history import Epoch, read_history
from training.learning.improvement import given_in, improve_in, report_of
from training.learning.progress import NOT_ONE_EPOCH, Enough, Watch
from training.learning.recipes import RECIPES, Classic
from training.pictures.data import MNIST, Source, load_sources
from training.pictures.sources import with_files

LEAST_DIGITS = 50
NO_MEMORY = "The labelled images need more memory than DIGITMILL_IMAGE_MEMORY_BYTES. Send fewer, or smaller ones."


class Channel:
    """Lines of JSON to the worker, and its lines in return."""

    def __init__(self, out: IO[str], source: IO[str]) -> None:
        self._out = out
        self._source = source
        self._told = threading.Semaphore(0)
        threading.Thread(target=self._listen, daemon=True).start()

    def say(self, kind: str, content: Any) -> None:
        self._out.write(json.dumps({kind: content}) + "\n")
        self._out.flush()

    def await_answer(self) -> None:
        self._told.acquire()

    def _listen(self) -> None:
        for _ in self._source:
            self._told.release()
        # the worker has died, or gives this training up
        os._exit(1)


class Telling(Watch):
    """Tells the worker of each epoch, and has enough when ``seconds`` are over."""

    def __init__(self, channel: Channel, seconds: float) -> None:
        self._channel = channel
        self._began = time.monotonic()
        self._ends = self._began + seconds
        self.in_time = True

    @contextmanager
    def run(self, epochs: int, finished: int, steps: int) -> Iterator[None]:
        self._channel.say("begun", {"epochs": epochs, "finished": finished, "steps": steps})
        self._began = time.monotonic()
        yield

    def step(self, batch: int, logs: Mapping[str, Any] | None) -> None:  # noqa: ARG002
        if time.monotonic() > self._ends:
            self.in_time = False
            raise Enough

    def epoch(self, number: int, figures: Epoch, learning_rate: float) -> None:
        seconds = round(time.monotonic() - self._began, 2)
        told = {"epoch": number + 1, **figures, "learning_rate": learning_rate, "seconds": seconds}
        self._channel.say("epoch", told)
        self._channel.await_answer()
        self._began = time.monotonic()


def config_of(task: Task) -> Config:
    """The run that a task asks for; what it leaves open is as in the recipe of its architecture."""
    recipe = (Classic if task.layers else RECIPES[task.architecture])(version="0")
    chosen = {
        "name": task.name,
        "version": "0",
        "architecture": task.architecture,
        "layers": task.layers,
        "epochs": task.epochs,
        "batch_size": task.batch_size,
        "optimizer": task.optimizer,
        "learning_rate": task.learning_rate,
        "augmented": task.augmentation,
        "arithmetic": "float32",
        "non_digits": 0,
        "data_sets": (MNIST,) if task.mnist else (),
        "repeated": {},
        "seed": task.seed,
    }
    return Config.model_validate(recipe.model_dump() | chosen)


def sources_of_task(task: Task, config: Config, folder: Path, settings: Settings) -> tuple[Source, ...]:
    """MNIST where it is asked for, and the labelled zips in ``folder``, whose decoding has bounded memory.

    Raises:
        TrainingError: a source cannot be read, or holds too few digits.
    """
    built_in = load_sources(settings.data, config.seed, (MNIST,)) if task.mnist else ()
    try:
        with bounded(settings.image_memory_bytes):
            paths = [folder / name for name in task.files]
            sources = with_files(built_in, paths, config, settings.max_image_pixels)
    except MemoryError as error:
        raise TrainingError(NO_MEMORY) from error
    digits = sum(len(source.training) for source in sources)
    if digits < LEAST_DIGITS or not any(len(source.validation) for source in sources):
        raise TrainingError(f"There are {digits} digits to learn from. Send at least {LEAST_DIGITS}, or add MNIST.")
    return tuple(_reduced(source, task.images / digits, config.seed) for source in sources) if task.images else sources


def _reduced(source: Source, share: float, seed: int) -> Source:
    """``source`` with this share of what it trains and is validated with, chosen by chance; its test part stays."""
    if share >= 1:
        return source
    random = np.random.default_rng(seed)

    def some(count: int) -> Any:
        return np.sort(random.permutation(count)[: max(1, round(share * count))])

    training, validation = source.training, source.validation
    return replace(source, training=training[some(len(training))], validation=validation[some(len(validation))])


def run(folder: Path, channel: Channel) -> None:
    """Raises DigitmillError where the task cannot be done."""
    settings = Settings.load()
    task = Task.model_validate_json((folder / TASK_FILE).read_bytes())
    if task.improves is not None:
        channel.say("report", improved(task, folder, settings, channel))
        return
    config = config_of(task)
    sources = sources_of_task(task, config, folder, settings)
    # imported when the images are decoded: it brings TensorFlow
    with loading():
        from training.learning.train import train  # noqa: PLC0415
        from training.measuring.measured import report_of as report_of_training  # noqa: PLC0415

    watch = Telling(channel, task.seconds)
    if task.seconds <= 0:
        finished = len(read_history(folder))
        if not finished:
            raise TrainingError(NOT_ONE_EPOCH)
        config = config.model_copy(update={"epochs": finished})
    manifest = train(config, sources, folder, settings.training_threads, watch)
    in_time = watch.in_time and task.seconds > 0
    channel.say("report", report_of_training(manifest, folder, sources, settings.training_threads, in_time=in_time))


def improved(task: Task, folder: Path, settings: Settings, channel: Channel) -> dict[str, Any]:
    """The report of a model that was improved. Raises as ``run``."""
    given = given_in(folder, [folder / name for name in task.files], settings)
    watch = Telling(channel, task.seconds)
    finished = len(read_history(folder))
    epochs = task.epochs if task.seconds > 0 else finished
    if not epochs and given.can_learn:
        raise TrainingError(NOT_ONE_EPOCH)
    way = improve_in(folder, given, settings.training_threads, watch, epochs=epochs)
    in_time = watch.in_time and task.seconds > 0
    return report_of(given, folder, settings.training_threads, way=way, in_time=in_time)


def main() -> int:
    folder = Path(sys.argv[1])
    # what libraries print goes where the log goes
    channel = Channel(os.fdopen(os.dup(1), "w"), sys.stdin)
    os.dup2(2, 1)
    try:
        run(folder, channel)
    except DigitmillError as error:
        channel.say("failed", {"code": error.code, "detail": error.detail})
    return 0


if __name__ == "__main__":
    sys.exit(main())
