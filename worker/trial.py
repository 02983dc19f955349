"""Answer sample chunks as a worker process does, without a service round it: what `digitmill tune` compares.

``python -m worker.trial`` takes the settings of its environment and says ``ready``, with engine and precision, and
``agrees`` if these were found to answer as Keras does. To each line of standard input, seconds, it answers with a line:
images answered, and the seconds that took.
"""

from __future__ import annotations

import io
import sys
import time
import zipfile
import zlib

import cv2
import numpy as np

from digitmill.domain.jobs import Options
from digitmill.domain.planned import Entry, Packing
from digitmill.errors import DigitmillError
from digitmill.models.registry import Registry
from digitmill.models.runtime import Model
from digitmill.settings import EngineName, PrecisionName, Settings
from digitmill.work.pipeline import answer_chunk
from worker.loading import loaded

SCAN_SIDES = (28, 28, 28, 90)
"""Pixels of the samples: most forms arrive cut up, some as larger scans."""
DIFFERENT = 200
PAPER, INK = 235, 40


def samples(images: int) -> tuple[list[Entry], bytes]:
    """So many drawn digits in a zip, and the entries of it; the same every time."""
    random = np.random.default_rng(1)
    files = [_scan(number, random) for number in range(min(images, DIFFERENT))]
    content, entries = io.BytesIO(), []
    with zipfile.ZipFile(content, "w") as archive:
        for number in range(images):
            file, start = files[number % len(files)], content.tell()
            archive.writestr(f"{number}.png", file)
            span = content.tell() - start
            entries.append(Entry(f"{number}.png", start, span, len(file), Packing.STORED, zlib.crc32(file)))
    return entries, content.getvalue()


def _scan(number: int, random: np.random.Generator) -> bytes:
    side = SCAN_SIDES[number % len(SCAN_SIDES)]
    page = np.full((side, side), PAPER, np.uint8)
    place, thickness = (side // 4, 4 * side // 5), max(1, side // 14)
    cv2.putText(page, str(number % 10), place, cv2.FONT_HERSHEY_SIMPLEX, side / 34, (INK,), thickness)
    grainy = np.clip(page + random.normal(0, 3, page.shape), 0, 255).astype(np.uint8)
    return bytes(cv2.imencode(".png", grainy)[1])


def default_model(settings: Settings) -> Model:
    """As a worker process has it, warm; and OpenCV as it has it, without threads."""
    cv2.setNumThreads(1)
    registry = Registry(settings.published_models, settings.var / "cache" / "models")
    return loaded(settings, registry, registry.default().reference)


def answer_for(seconds: float, model: Model, settings: Settings, entries: list[Entry], content: bytes) -> str:
    """Whole chunks until so many seconds are over: images, and the seconds that it took."""
    options = Options(review_below=model.manifest.review_below)
    images, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        answers = answer_chunk(
            entries,
            lambda start, end: content[start:end],
            model,
            options,
            max_member_bytes=settings.max_member_bytes,
            max_pixels=settings.max_image_pixels,
        )
        answers.packed()
        images += len(entries)
    return f"{images} {time.perf_counter() - started}"


def main() -> int:
    try:
        settings = Settings.load()
        model = default_model(settings)
    except DigitmillError as error:
        sys.stderr.write(f"{error.detail}\n")
        return 1
    entries, content = samples(settings.chunk_images)
    _say(f"ready {model.engine.name} {model.engine.precision} {_agreement(model)}")
    for line in sys.stdin:
        _say(answer_for(float(line), model, settings, entries, content))
    return 0


def _agreement(model: Model) -> str:
    engine, precision = EngineName(model.engine.name), PrecisionName(model.engine.precision)
    return "agrees" if engine is EngineName.KERAS or model.manifest.agrees(engine, precision) else "differs"


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
