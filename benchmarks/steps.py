"""Where the time of a worker process goes: one chunk, step by step, through the service's own code."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import numpy as np

from digitmill.domain.jobs import Options, Polarity
from digitmill.domain.planned import Chunk
from digitmill.imaging.files.decode import decode
from digitmill.imaging.pdf.pages import count_pages
from digitmill.models.runtime import Model
from digitmill.settings import Settings
from digitmill.uploads.codec import pack_plan, unpack_plan
from digitmill.uploads.limits import Limits
from digitmill.uploads.members import read_member
from digitmill.uploads.plan import Plan
from digitmill.uploads.spool import Spool
from digitmill.work.pipeline import answer_opened, open_chunk
from worker.trial import default_model

OVERHEAD = "handing on"
"""What the whole takes beyond its parts: loops, answers in columns, the watch over each image."""


def steps(settings: Settings, source: Path, rounds: int) -> dict[str, float]:
    """Microseconds of processor time an image, by step, of the first chunk of the zip ``source``; medians."""
    with Spool(settings.spool, settings.max_upload_bytes) as spool, source.open("rb") as stream:
        spool.add(source.name, stream)
        chunk = next(Plan(spool, Limits.from_settings(settings), count_pages).chunks())
    model, content = default_model(settings), source.read_bytes()
    found = [_round(settings, chunk, model, content) for _ in range(rounds + 1)][1:]
    return {step: statistics.median(each[step] for each in found) for step in found[0]}


def _round(settings: Settings, chunk: Chunk, model: Model, content: bytes) -> dict[str, float]:
    clock = _Clock(len(chunk.entries))
    packed, view = pack_plan(chunk.entries), memoryview(content)
    clock.lap()
    entries = unpack_plan(packed)
    plan = clock.lap()
    members = [read_member(view[each.offset : each.offset + each.span], each, each.size) for each in entries]
    unzip = clock.lap()
    greys = [decode(member, max_pixels=settings.max_image_pixels) for member in members]
    decoding = clock.lap()
    pictures = [picture for grey in greys if (picture := model.normaliser(grey, Polarity.AUTO)[0]) is not None]
    normalising = clock.lap()
    model.predict(np.stack(pictures))
    predicting = clock.lap()
    opened = open_chunk(
        entries,
        lambda start, end: content[start:end],
        Options(review_below=model.manifest.review_below),
        model,
        max_member_bytes=settings.max_member_bytes,
        max_pixels=settings.max_image_pixels,
        on_image=lambda _: None,
    )
    answers = answer_opened([opened], model)[0]
    whole = clock.lap()
    answers.packed()
    packing = clock.lap()
    parts = {"unzip": unzip, "decode": decoding, "normalise": normalising, "model": predicting}
    return {
        **parts,
        "plan and rows packed": plan + packing,
        OVERHEAD: max(0.0, whole - sum(parts.values())),
    }


class _Clock:
    """Processor microseconds of this process for each of so many images, since the last look."""

    def __init__(self, images: int) -> None:
        self._images = images
        self._last = time.process_time()

    def lap(self) -> float:
        now = time.process_time()
        took, self._last = now - self._last, now
        return 1e6 * took / self._images
