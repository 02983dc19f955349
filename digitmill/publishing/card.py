"""What is told of a model that is to be published, and the report of what was found."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from digitmill.errors import BadOptions, FieldError
from digitmill.faults import faults_of, in_words
from digitmill.imaging.normaliser.normalise import NORMALISER_VERSION
from digitmill.imaging.normaliser.normalisers import held_versions
from digitmill.models.manifest import DataSet, EngineAgreement, Name, NonDigitScores, Scores, Share, Version

MOST_CARD_BYTES = 64 << 10
STEPS = ("received", "loaded", "measured", "converted", "published")
"""By which the progress of a job of this kind is told, and counted."""

Sentence = Annotated[str, Field(max_length=500)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Card(_Frozen):
    """What the maker of a model says of it. ``temperature`` and ``review_below`` are found on the reference pictures
    where they are left out. ``normaliser`` is the version that made the pictures which the model learnt from."""

    name: Name
    version: Version
    description: Annotated[str, Field(max_length=500, description="In a sentence.")] = "Uploaded."
    architecture: Annotated[Name, Field(description="A word for the network.")] = "uploaded"
    data_sets: Annotated[
        tuple[DataSet, ...], Field(max_length=50, description="What it learnt from, with the licence of each set.")
    ] = ()
    provenance: Annotated[Sentence, Field(description="Where it comes from: who trained it, with what code.")] = ""
    seed: Annotated[int, Field(ge=0)] = 0
    normaliser: Annotated[int, Field(ge=1, description="Version of the normaliser that made its pictures.")] = (
        NORMALISER_VERSION
    )
    temperature: Annotated[float | None, Field(gt=0, le=100, allow_inf_nan=False)] = None
    review_below: Annotated[Share | None, Field(description="Threshold of acceptance.")] = None
    doubtful_cut: Share = 1.0

    @classmethod
    def parse(cls, text: bytes) -> Self:
        """Read its JSON. Raises BadOptions, which names each field at fault."""
        try:
            card = cls.model_validate_json(text)
        except ValidationError as error:
            faults = tuple(
                FieldError(".".join(("card", *map(str, fault["loc"]))), in_words(fault))
                for fault in faults_of(error)[:10]
            )
            raise BadOptions(" ".join(f"{fault.field} {fault.message}." for fault in faults), errors=faults) from error
        if card.normaliser not in held_versions():
            known = ", ".join(map(str, held_versions()))
            message = f"must be a version that this release holds: {known}"
            raise BadOptions(f"normaliser {message}.", errors=(FieldError("card.normaliser", message),))
        return card

    @property
    def label(self) -> str:
        return f"{self.name}@{self.version}"


class Figures(_Frozen):
    """How a model does on the reference pictures, by the names of their parts."""

    reference: dict[str, Scores]
    non_digits: dict[str, NonDigitScores]


class Examined(_Frozen):
    """What the walled-in process found. ``images_a_second`` are of one thread, by engine and precision."""

    classes: int
    parameters: int
    multiply_adds: int
    layers: tuple[str, ...]
    temperature: float
    review_below: float
    figures: Figures
    default_figures: Figures | None
    engines: tuple[EngineAgreement, ...]
    images_a_second: dict[str, float]


class Report(_Frozen):
    """What was found of a model that is published now. ``uploaded_sha256`` is of the file that was sent: what is kept
    is written anew, without what only training needs. ``default`` is how the model that was the default did on the
    same pictures."""

    model: str
    sha256: str
    uploaded_sha256: str | None
    size: int
    classes: tuple[str, ...]
    layers: tuple[str, ...]
    parameters: int
    multiply_adds: int
    temperature: float
    review_below: float
    figures: Figures
    default: str | None = None
    default_figures: Figures | None = None
    engines: tuple[EngineAgreement, ...]
    images_a_second: dict[str, float]
