"""Forms that tests publish, filled in with upright strokes, which the model of the tests takes for 1, and level ones,
which it takes for 7."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.test import encode_multipart

from training.forms.capture import captured
from training.forms.layout import DPI, Form, laid_out
from training.pictures.data import Digits

Grey = NDArray[np.uint8]

SAMPLES = Path(__file__).parents[2] / "samples" / "digits.zip"


@cache
def form_named(name: str, seed: int) -> Form:
    return laid_out(np.random.default_rng(seed), name)


def scanned(page: Grey, kind: str = "flatbed", seed: int = 1) -> Grey:
    """The picture of a page out of a scanner or a phone, not to be written to. To make it takes seconds, and the tests
    of a file want the same ones again and again."""
    return _scanned(page.tobytes(), page.shape, kind, seed)


@lru_cache(maxsize=32)
def _scanned(pixels: bytes, shape: tuple[int, int], kind: str, seed: int) -> Grey:
    page = np.frombuffer(pixels, np.uint8).reshape(shape)
    picture = captured(page, DPI, kind, np.random.default_rng(seed)).picture
    picture.flags.writeable = False
    return picture


def png(picture: Grey) -> bytes:
    return bytes(cv2.imencode(".png", picture)[1])


def publication(form: Form, **changed: Any) -> dict[str, Any]:
    """What Flask's client posts to publish a form; ``changed`` are parts to send in the place of its own."""
    return body({"template": form.template.as_json(), "reference": file("reference.png", png(form.blank)), **changed})


def submission(files: Sequence[tuple[str, bytes]], options: Mapping[str, Any]) -> dict[str, Any]:
    """What it posts to submit a job."""
    return body({"files": [file(name, content) for name, content in files], "options": json.dumps(options)})


def file(name: str, content: bytes) -> FileStorage:
    return FileStorage(io.BytesIO(content), name)


def body(parts: Mapping[str, Any]) -> dict[str, Any]:
    """A multipart body in memory: Flask's client would leave large ones in files that nobody closes."""
    boundary, content = encode_multipart(MultiDict(parts))
    return {"data": content, "content_type": f"multipart/form-data; boundary={boundary}"}


def first_of(form: Form, kind: str) -> int:
    return next(number for number, field in enumerate(form.template.fields) if field.kind == kind)


@cache
def handwritten() -> Digits:
    """The digits of the samples that are in MNIST's form."""
    with zipfile.ZipFile(SAMPLES) as archive:
        names = [name for name in archive.namelist() if "_mnist_" in name]
        pictures = [cv2.imdecode(np.frombuffer(archive.read(name), np.uint8), 0) for name in names]
    return Digits(np.array(pictures, np.uint8), np.array([int(name[0]) for name in names]))


def with_strip(page: Grey, quad: Sequence[Sequence[float]], text: str) -> Grey:
    """The page with handwritten digits in a strip, each the first of its kind among the samples."""
    digits, result = handwritten(), page.copy()
    (left, top), _, (_, bottom), _ = np.rint(np.array(quad)).astype(int).tolist()
    side = round(1.1 * (bottom - top))
    x, y = left + side // 8, (top + bottom - side) // 2
    for label in text:
        image = digits.images[int(np.flatnonzero(digits.labels == int(label))[0])]
        part = result[y : y + side, x : x + side]
        np.minimum(part, 255 - cv2.resize(image, (side, side), interpolation=cv2.INTER_CUBIC), out=part)
        x += round(0.62 * side)
    return result


def filled_in(form: Form, number: int, text: str, on: Grey | None = None) -> Grey:
    """The page, blank or what it is ``on``, with ``text``, of 1 and 7, at the right end of the boxes of this field."""
    page = (form.blank if on is None else on).copy()
    quads = form.template.fields[number].quads
    for character, quad in zip(text, quads[len(quads) - len(text) :], strict=True):
        (left, top), _, (right, bottom), _ = np.rint(np.array(quad)).astype(int).tolist()
        across, down = right - left, bottom - top
        x, y = (left + right) // 2, (top + bottom) // 2
        if character == "1":
            cv2.line(page, (x, top + down // 5), (x, bottom - down // 5), 40, 4, cv2.LINE_AA)
        else:
            cv2.line(page, (left + across // 5, y), (right - across // 5, y), 40, 4, cv2.LINE_AA)
    return page


@cache
def form_of_two(name: str) -> tuple[Form, Form]:
    """The two pages of a form, called name-1 and name-2."""
    first, second = (form_named(name, seed) for seed in (3, 5))
    return _as_page(first, name, 1), _as_page(second, name, 2)


def _as_page(form: Form, name: str, number: int) -> Form:
    page = form.template.page.model_copy(update={"number": number, "of": 2, "form": name})
    return replace(form, template=form.template.model_copy(update={"name": f"{name}-{number}", "page": page}))


def copy_of_page(form: Form, copy: int) -> bytes:
    """A PNG of a page that is filled in otherwise than any other copy below 8."""
    return png(filled_in(form, first_of(form, "digits"), f"{copy:03b}".replace("0", "7")))
