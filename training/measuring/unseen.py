"""How much 500 corrected rows of a source gain that no model has seen: ``python -m training unseen``.

The source is made of pen strokes of UNIPEN's writers who are kept for testing, in a look that no code for training
draws. The writers with the fewest digits are those whose rows were corrected; the others' rows are "other scans of that
source", and no part of what the improvement sees.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from digitmill.domain.jobs import Polarity
from digitmill.domain.rows import DIGITS
from digitmill.errors import TrainingError
from digitmill.models.manifest import MANIFEST_FILE, MODEL_FILE, Manifest, normaliser_for
from digitmill.models.registry import Registry
from digitmill.models.runtime import open_model, rule_of
from digitmill.networks.task import BASE_FILE, IMPROVING_EPOCHS
from digitmill.settings import Settings
from training.learning.before_after import own_figures, split_of
from training.learning.improvement import BUILT_IN_SEED, Given, built_in_names, improve_in, replayed, report_of
from training.learning.progress import Terminal
from training.measuring.calibrate import rows_of
from training.pictures.data import load_sources
from training.pictures.own import Own
from training.pictures.pen_sources import UNIPEN_FOLDER, characters, is_for_testing
from training.pictures.unipen import PenCharacter, drawn

Picture = NDArray[np.uint8]

ROWS = 500
SEED = 5


def dotted(ink: Picture, _random: Generator) -> Picture:
    """As a printer of needles repeats it: round dots on a grid."""
    page = np.full_like(ink, 255)
    for row in range(2, ink.shape[0], 5):
        for column in range(2, ink.shape[1], 5):
            if ink[row, column] > 120:
                cv2.circle(page, (column, row), 2, (0,), -1)
    return page


def coarse(ink: Picture, random: Generator) -> Picture:
    """As a thumbnail keeps it: 16 pixels high, pale, with noise, in a JPEG of few bytes."""
    small = cv2.resize(cv2.GaussianBlur(255 - ink, (0, 0), 2.0), (16, 16), interpolation=cv2.INTER_AREA)
    pale = np.clip(235 - (255.0 - small) * 0.45 + random.normal(0, 9, small.shape), 0, 255).astype(np.uint8)
    data = cv2.imencode(".jpg", pale, [cv2.IMWRITE_JPEG_QUALITY, 12])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)


LOOKS: Mapping[str, Callable[[Picture, Generator], Picture]] = {"dotted": dotted, "coarse": coarse}


def unseen(look: str, settings: Settings, registry: Registry, folder: Path, threads: int) -> dict[str, Any]:
    """Improve the default model in ``folder`` on 500 rows. Returns the figures before and after on the other writers'
    rows, as ``before`` and ``after``, the ``report`` of the improvement and its ``seconds``.

    Raises:
        TrainingError: the data folder lacks UNIPEN, or the look is unknown.
    """
    if look not in LOOKS:
        raise TrainingError(f"There is no look {look!r}. Name one of {', '.join(LOOKS)}.")
    manifest = registry.default()
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(registry.path(manifest.reference), folder / BASE_FILE)
    (folder / MANIFEST_FILE).write_text(manifest.to_json())
    corrected, others = _parted(_written(settings.data), LOOKS[look], manifest)
    sources = load_sources(settings.data, BUILT_IN_SEED, built_in_names())
    given = replayed(Given(manifest, corrected, split_of(corrected, BUILT_IN_SEED)), sources)
    began = time.monotonic()
    way = improve_in(folder, given, threads, Terminal(folder), epochs=IMPROVING_EPOCHS)
    report = report_of(given, folder, threads, way=way, in_time=True)
    seconds = time.monotonic() - began
    files = {"before": folder / BASE_FILE, "after": folder / MODEL_FILE if way else folder / BASE_FILE}
    found = {
        when: own_figures(rows_of(others, open_model(manifest, path, threads=threads)), rule_of(manifest))
        for when, path in files.items()
    }
    return {**found, "report": report, "seconds": round(seconds, 1)}


def _written(data: Path | None) -> list[PenCharacter]:
    folder = None if data is None else data / UNIPEN_FOLDER
    if folder is None or not folder.is_dir():
        raise TrainingError(f"DIGITMILL_DATA has no {UNIPEN_FOLDER}. Unpack UNIPEN's release there.")
    return [character for character in characters(folder, "1a", DIGITS, 1) if is_for_testing(character)]


def _parted(
    written: list[PenCharacter], look: Callable[[Picture, Generator], Picture], manifest: Manifest
) -> tuple[Own, Own]:
    """The 500 rows that were corrected, and those of the other writers. A writer stands for a scan."""
    random, normaliser = np.random.default_rng(SEED), normaliser_for(manifest)
    images, doubtful = np.zeros((len(written), 28, 28), np.uint8), np.zeros(len(written), bool)
    for row, character in enumerate(written):
        picture, doubt = normaliser(look(drawn(character, random), random), Polarity.AUTO)
        if picture is not None:
            images[row], doubtful[row] = picture, doubt
    labels = np.array([int(character.label) for character in written], np.uint8)
    writers = np.unique([character.writer for character in written], return_inverse=True)[1]
    rows = Own(images, doubtful, labels, writers)
    fewest_first = np.argsort(np.bincount(writers), kind="stable")
    within = np.cumsum(np.bincount(writers)[fewest_first])
    chosen = fewest_first[: int(np.searchsorted(within, ROWS)) + 1]
    corrected = np.flatnonzero(np.isin(writers, chosen))[:ROWS]
    return rows[np.isin(np.arange(len(rows)), corrected)], rows[~np.isin(writers, chosen)]
