"""The built-in model of numbers, and the real fields that the samples have."""

from __future__ import annotations

import zipfile
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from digitmill.domain.jobs import Options
from digitmill.domain.rows import NUMBER, Row
from digitmill.models.registry import Registry
from digitmill.models.runtime import Model, load_model
from digitmill.readers.number import NumberReader
from digitmill.settings import DeviceName, EngineName, PrecisionName
from digitmill.store.rows import Answers
from digitmill.work.pipeline import OpenedChunk, answer_opened

FIELDS = Path(__file__).parents[1] / "samples" / "numbers.zip"

Grey = NDArray[np.uint8]


@cache
def model() -> Model:
    registry = Registry("memory://nothing", Path("unused"))
    reference = registry.default(NUMBER).reference
    return load_model(
        registry, reference, engine=EngineName.OPENVINO, device=DeviceName.CPU, precision=PrecisionName.F32
    )


@cache
def field_files() -> dict[str, bytes]:
    """The samples by their names, which begin with what they show."""
    with zipfile.ZipFile(FIELDS) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def label_of(name: str) -> str:
    return name.partition("_")[0]


@cache
def fields() -> dict[str, Grey]:
    return {
        name: np.asarray(cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE), np.uint8)
        for name, content in field_files().items()
    }


def rows_of(*pictures: Grey, review_below: float | None = None) -> list[Row]:
    """What the service says of these strips."""
    threshold = model().manifest.review_below if review_below is None else review_below
    options = Options(read=NUMBER, review_below=threshold)
    reader = NumberReader()
    opened = [reader.open(np.ascontiguousarray(picture), options, model()) for picture in pictures]
    chunk = OpenedChunk(len(opened), options, list(range(len(opened))), list(opened))
    (answers,) = answer_opened([chunk], model())
    names = [str(place) for place in range(len(opened))]
    return Answers.unpacked(answers.packed()).rows(0, names)
