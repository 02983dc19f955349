"""How long a worker takes for a page: A4 at 300 dots per inch, 50 boxes, a grey JPEG, from its bytes to its row."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from digitmill.domain.jobs import Options
from digitmill.forms.certainty import REVIEW_BELOW
from digitmill.forms.registration.reference import Reference
from digitmill.imaging.files.decode import decode
from digitmill.models.runtime import Model
from digitmill.readers.form import FormReader
from training.forms.filling import written_on
from training.forms.layout import DPI, Form, laid_out
from training.forms.reading import Models
from training.pictures.data import Digits

Grey = NDArray[np.uint8]

SCAN_DPI = 300
BOXES = 50
QUALITY = 85
NOISE = 4.0
"""Grey levels of a flatbed's grain."""
TURN = 0.6
"""Degrees by which the page lies askew."""
WAYS: dict[str, dict[str, bool]] = {"print": {}, "markers": {"markers": True}, "code": {"code": True}}
FEWEST_BOXES = 45
HEADINGS = ("found by", "boxes", "decode ms", "open ms", "model ms", "close ms", "page ms", "pages a second")


def measured(seed: int, times: int, models: Models, digits: Digits) -> Table:
    """A table of CPU times, medians of so many runs in one thread, a row for each way to find the page."""
    cv2.setNumThreads(1)
    table = Table(*HEADINGS)
    for way, drawn in WAYS.items():
        form = _form(way, drawn, seed)
        content = _jpeg(written_on(form, digits, np.random.default_rng([seed, 5])).page, seed)
        reader = FormReader([Reference(form.template, form.blank)], numbers=models.numbers)
        runs = np.array([_times(content, reader, models.digits) for _ in range(times)])
        spent = np.median(runs, axis=0)
        boxes = sum(len(field.quads) for field in form.template.fields)
        cells = [f"{1000 * part:.0f}" for part in (*spent, spent.sum())]
        table.add_row(way, str(boxes), *cells, f"{1 / spent.sum():.1f}")
    return table


def _form(way: str, drawn: dict[str, bool], seed: int) -> Form:
    """An A4 form with about BOXES boxes of digits and marks."""
    for attempt in range(100):
        form = laid_out(np.random.default_rng([seed, 4, attempt]), f"by-{way}", **drawn)
        fields, boxes = [], 0
        for field in form.template.fields:
            if field.kind in ("digits", "mark") and boxes + len(field.quads) <= BOXES:
                fields.append(field)
                boxes += len(field.quads)
        if boxes >= FEWEST_BOXES and form.template.page.width * 297 < form.template.page.height * 212:
            return replace(form, template=form.template.model_copy(update={"fields": tuple(fields)}))
    raise ValueError("no drawn form has so many boxes")


def _jpeg(page: Grey, seed: int) -> bytes:
    factor = SCAN_DPI / DPI
    size = round(page.shape[1] * factor), round(page.shape[0] * factor)
    turn = cv2.getRotationMatrix2D((page.shape[1] / 2, page.shape[0] / 2), TURN, 1.0)
    large = cv2.warpAffine(page, np.diag([factor, factor]) @ turn, size, flags=cv2.INTER_CUBIC, borderValue=255)
    noisy = np.asarray(large, np.float32) + np.random.default_rng(seed).normal(0, NOISE, large.shape)
    picture = np.clip(noisy * 0.92 + 8, 0, 255).astype(np.uint8)
    return bytes(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1])


def _times(content: bytes, reader: FormReader, model: Model) -> tuple[float, float, float, float]:
    options = Options(review_below=REVIEW_BELOW)
    picture, decoding = _timed(lambda: decode(content, max_pixels=100_000_000))
    opened, opening = _timed(lambda: reader.open(picture, options, model))
    probabilities, asking = _timed(lambda: model.predict(np.stack(opened.pictures)))
    _, closing = _timed(lambda: reader.close([opened], probabilities, options, model))
    return decoding, opening, asking, closing


def _timed(call: Callable[[], Any]) -> tuple[Any, float]:
    began = time.process_time()
    result = call()
    return result, time.process_time() - began
