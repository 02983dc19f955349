"""One improvement of a model by the service: from what lies in the folder of its task to its report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from digitmill.errors import TrainingError
from digitmill.imaging.drawn.memory import bounded
from digitmill.models.manifest import MODEL_FILE, Manifest, normaliser_for, read_manifest
from digitmill.models.runtime import open_model
from digitmill.networks.task import BASE_FILE
from digitmill.programs import loading
from digitmill.settings import Settings
from training.learning.before_after import FEWEST_TO_LEARN, Split, before_and_after, split_of
from training.pictures.data import EXTRAS, MNIST, NO_DIGITS, Digits, Source, joined, load_sources
from training.pictures.own import Own, read_own

MOST_ROWS = 10_000
BUILT_IN_SEED = 1
"""By which the built-in models, and the reference pictures, hold digits out."""
MANY_ROWS = f"At most {MOST_ROWS:,} rows are learnt from at once, and these are {{:,}}. Name fewer jobs."
ONE_SCAN = (
    "These rows are all of one scan, by their names, so none can be held out to measure by. Name jobs with rows of "
    "other scans too."
)
NO_MEMORY = "The labelled images need more memory than DIGITMILL_IMAGE_MEMORY_BYTES. Name fewer jobs."


@dataclass(frozen=True)
class Given:
    """What a model is improved on: the owner's rows, and what the built-in ones learnt. ``held`` are digits held out
    of that, ``mnist`` is its test part."""

    manifest: Manifest
    own: Own
    split: Split
    replayed: Digits = NO_DIGITS
    held: Digits = NO_DIGITS
    mnist: Digits = NO_DIGITS

    @property
    def can_learn(self) -> bool:
        return len(self.split.learnt) >= FEWEST_TO_LEARN


def given_in(folder: Path, zips: list[Path], settings: Settings) -> Given:
    """Read all that an improvement needs; the model's manifest lies in ``folder``.

    Raises:
        TrainingError: there are too few rows, too many, or of one scan alone, or MNIST cannot be had.
    """
    manifest = read_manifest(folder)
    try:
        with bounded(settings.image_memory_bytes):
            own = read_own(zips, normaliser_for(manifest), settings.max_image_pixels)
    except MemoryError as error:
        raise TrainingError(NO_MEMORY) from error
    if len(own) > MOST_ROWS:
        raise TrainingError(MANY_ROWS.format(len(own)))
    split = split_of(own, BUILT_IN_SEED)
    if not len(split.held):
        raise TrainingError(ONE_SCAN)
    given = Given(manifest, own, split)
    if not given.can_learn:
        return given
    return replayed(given, load_sources(settings.data, BUILT_IN_SEED, built_in_names()))


def built_in_names() -> tuple[str, ...]:
    """Pen strokes are left out: to draw them takes longer than all else here."""
    return (MNIST, *(extra.name for extra in EXTRAS))


def replayed(given: Given, sources: tuple[Source, ...]) -> Given:
    digits = joined([source.training.digits for source in sources])
    held = joined([source.validation.digits for source in sources])
    test = sources[0].test or NO_DIGITS
    return Given(given.manifest, given.own, given.split, digits, held, test)


def report_of(given: Given, folder: Path, threads: int, *, way: float, in_time: bool) -> dict[str, Any]:
    """What came of it. ``way`` is the share of the way to the new weights; 0 where nothing was learnt."""
    manifest, own, split = given.manifest, given.own, given.split
    before = open_model(manifest, folder / BASE_FILE, threads=threads)
    after = open_model(manifest, folder / MODEL_FILE, threads=threads) if way > 0 else None
    return {
        "method": "fine_tuned" if given.can_learn else "calibrated",
        "in_time": in_time,
        "model": manifest.label,
        "rows": len(own),
        "scans": int(own.scans.max()) + 1,
        "learnt": len(split.learnt),
        "held_out": len(split.held),
        "left_out": {reason: len(names) for reason, names in own.left_out.items()},
        "way": way,
        "doubtful_cut": manifest.doubtful_cut,
        **before_and_after(split, before, after, given.mnist),
    }


def improve_in(folder: Path, given: Given, threads: int, watch: Any, *, epochs: int) -> float:
    """Learn where there are rows enough. Returns the share of the way to the new weights that was gone."""
    with loading():
        from training.learning.improve import Replay, improve  # noqa: PLC0415 - it brings TensorFlow

    if not given.can_learn:
        return 0.0
    replay = Replay(given.replayed, given.held)
    return improve(given.split.learnt, replay, folder, threads, watch, epochs=epochs, seed=BUILT_IN_SEED)
