"""What a published model says of itself: where it comes from, how good it is, how to read its answers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import from_json, to_json

from digitmill.domain.jobs import ModelReference
from digitmill.domain.rows import DIGIT, DIGITS, KINDS
from digitmill.errors import ModelRejected
from digitmill.faults import faults_of, in_words
from digitmill.forms.certainty import Looks
from digitmill.imaging.normaliser.normalisers import Normaliser, held_versions, normaliser_of
from digitmill.settings import EngineName, PrecisionName
from digitmill.strips.certainty import Certainty
from digitmill.strips.lattice import Weighing

MODEL_FILE = "model.keras"
MANIFEST_FILE = "manifest.json"
OPENVINO_GRAPH = "openvino/model.xml"
OPENVINO_WEIGHTS = "openvino/model.bin"
SEQUENCE_GRAPH = "openvino/sequence.xml"
SEQUENCE_WEIGHTS = "openvino/sequence.bin"
INT8_GRAPH = "openvino/int8.xml"
INT8_WEIGHTS = "openvino/int8.bin"

OPENVINO_FILES = {
    PrecisionName.F32: (OPENVINO_GRAPH, OPENVINO_WEIGHTS),
    PrecisionName.INT8: (INT8_GRAPH, INT8_WEIGHTS),
}

LARGEST_DIFFERENCE = 0.005
"""Confidences may differ by so much before an engine is said to disagree with Keras."""

Name = Annotated[str, StringConstraints(pattern=r"\A[a-z0-9][a-z0-9-]*\z", max_length=64)]
Version = Annotated[str, StringConstraints(pattern=r"\A[0-9A-Za-z][0-9A-Za-z.-]*\z", max_length=64)]
Sha256 = Annotated[str, StringConstraints(pattern=r"\A[0-9a-f]{64}\z")]
NONE = "none"
"""The one class behind the digits that older models have, for whatever is no digit."""

PictureName = Annotated[str, StringConstraints(pattern=r"\A[a-z0-9_]{1,64}\.png\z")]
Share = Annotated[float, Field(ge=0, le=1)]


ArtifactName = Annotated[str, StringConstraints(pattern=r"\A[a-z0-9_]+(/[a-z0-9_]+)?\.[a-z0-9]+\z", max_length=128)]
Fitted = TypeVar("Fitted", Looks | None, Certainty | None)
Artifacts = dict[EngineName, dict[PrecisionName, dict[ArtifactName, Sha256]]]
"""The files of a model for each engine and precision: the sha256 of each by its path beside the manifest."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Architecture(_Frozen):
    """``parameters`` counts the weights; ``multiply_adds`` is the work for one image."""

    name: Name
    description: str
    parameters: int = Field(ge=1)
    multiply_adds: int = Field(ge=1)


class DataSet(_Frozen):
    """A source of training images: how many the weights were fitted to, and how many were held out."""

    name: str
    licence: str
    training_images: int = Field(ge=0)
    validation_images: int = Field(ge=0)


class Scores(_Frozen):
    """How a model does on one set of images.

    ``accuracy`` is the share of all images read right. ``calibration_error`` is the expected calibration
    error over 15 equal bins of confidence (Guo et al., "On Calibration of Modern Neural Networks", 2017).
    ``coverage`` is the share of images at or above ``review_below``, ``accepted_error`` the share of those
    that are wrong.
    """

    images: int = Field(ge=1)
    accuracy: Share
    calibration_error: Share
    coverage: Share
    accepted_error: Share


class NonDigitScores(_Frozen):
    """Pictures that are not one digit; ``accepted`` is the share that got one at ``review_below`` or surer.

    ``told`` is the share that was named as the kind it is; None where that was not measured.
    """

    images: int = Field(ge=1)
    accepted: Share
    told: Share | None = None


class Metrics(_Frozen):
    """``validation`` served to choose weights, temperature and threshold; ``test`` was only looked at last."""

    validation: dict[str, Scores]
    test: dict[str, Scores] = Field(default_factory=dict)
    non_digits: dict[str, NonDigitScores] = Field(default_factory=dict)


class EngineAgreement(_Frozen):
    """How an engine's answers to the validation images compare with those of Keras in f32.

    ``same_labels`` counts the images that got the same class; ``largest_difference`` is that of a confidence.
    """

    engine: EngineName
    precision: PrecisionName
    images: int = Field(ge=1)
    same_labels: int = Field(ge=0)
    largest_difference: Share

    @property
    def agrees(self) -> bool:
        return self.same_labels == self.images and self.largest_difference <= LARGEST_DIFFERENCE


class Provenance(_Frozen):
    """Where a model comes from that was published through the service. ``text`` is what its maker says; ``by`` is the
    id of the key that published it, ``job`` the job, ``uploaded_sha256`` of the file as it was sent."""

    text: str = ""
    by: str | None = None
    job: str | None = None
    uploaded_sha256: Sha256 | None = None


class SequencePart(_Frozen):
    """The network of a model of numbers that reads strips as one sequence, in OpenVINO.

    ``weight`` is what its log probability of a text counts for beside that of the lattice; ``graph`` and ``weights``
    are the sha256 of its files.
    """

    parameters: int = Field(ge=1)
    weight: float = Field(ge=0, allow_inf_nan=False)
    graph: Sha256
    weights: Sha256

    @property
    def files(self) -> dict[str, Sha256]:
        return {SEQUENCE_GRAPH: self.graph, SEQUENCE_WEIGHTS: self.weights}


class Manifest(_Frozen):
    """One version of a model.

    ``reads`` is what a picture shows to it, ``input`` the height and width of one in pixels. ``classes`` name the
    outputs in order: the characters of its ``alphabet``, then any of ``KINDS``. ``temperature`` calibrates the outputs
    to probabilities and rows below ``review_below`` are set aside for a person. ``doubtful_cut`` is what the
    probabilities are multiplied by where the picture may lack a part of the digit, as measured. ``normaliser`` is the
    version (``digitmill.imaging.normaliser``) that made the training images. ``lattice`` says how the answers of a
    model that reads numbers become one, ``sequence`` which network reads the strip as a whole beside it, ``certainty``
    how sure those on strips are, ``looks`` how sure numbers in boxes
    are by those of a model that learnt from boxes of forms. ``artifacts`` are the files for engines other than Keras,
    and ``engines`` names those that were compared with it. ``pictures`` are those of its report, PNG files beside the
    manifest.
    ``provenance`` belongs to models that were published through the service.
    """

    name: Name
    version: Version
    architecture: Architecture
    data_sets: tuple[DataSet, ...]
    seed: int
    normaliser: int = Field(ge=1)
    reads: str = DIGIT
    input: tuple[int, int] = (28, 28)
    alphabet: Annotated[str, StringConstraints(min_length=1)] = DIGITS
    classes: tuple[str, ...]
    temperature: float = Field(gt=0, allow_inf_nan=False)
    review_below: Share
    doubtful_cut: Share = 1.0
    lattice: Weighing | None = None
    sequence: SequencePart | None = None
    certainty: Certainty | None = None
    looks: Looks | None = None
    metrics: Metrics
    sha256: Sha256
    size: int = Field(ge=1, description="Bytes of the model file.")
    artifacts: Artifacts = Field(default_factory=dict)
    engines: tuple[EngineAgreement, ...] = ()
    pictures: dict[PictureName, Sha256] = Field(default_factory=dict)
    provenance: Provenance | None = None
    created_at: AwareDatetime

    @field_validator("classes")
    @classmethod
    def _characters_then_kinds(cls, classes: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        alphabet = tuple(info.data.get("alphabet", DIGITS))
        kinds = classes[len(alphabet) :]
        if classes[: len(alphabet)] != alphabet:
            raise ValueError(f"the classes must begin with {' '.join(alphabet)}, in this order")
        if kinds != (NONE,) and (len(set(kinds)) < len(kinds) or not set(kinds) <= set(KINDS)):
            raise ValueError(f"behind the alphabet may come {', '.join(KINDS)}, each once, or {NONE} alone")
        return classes

    @field_validator("looks", "certainty")
    @classmethod
    def _weighs_what_is_seen(cls, found: Fitted) -> Fitted:
        if found is not None and not found.fits:
            raise ValueError("there must be a weight for each feature that this release sees")
        return found

    @model_validator(mode="after")
    def _weighs_the_sequence(self) -> Self:
        if self.certainty is not None and self.certainty.spelled != (self.sequence is not None):
            raise ValueError("the certainty must weigh the sequence network where the model has one, and only there")
        return self

    @classmethod
    def parse(cls, text: str | bytes, source: str) -> Self:
        """Read the JSON of a manifest; ``source`` names it in the error.

        Raises:
            ModelRejected: it is not JSON, lacks a field, has one too many, or a value is out of range.
        """
        try:
            return cls.model_validate_json(_carried_over(text))
        except ValidationError as error:
            fault = faults_of(error)[0]
            where = ".".join(str(part) for part in fault["loc"]) or "the file"
            raise ModelRejected(
                f"{source} is not a valid manifest: {where}: {in_words(fault)}. Publish the model again."
            ) from error

    def to_json(self) -> str:
        return self.model_dump_json(indent=2) + "\n"

    @property
    def reference(self) -> ModelReference:
        return ModelReference(self.name, self.version, self.sha256)

    @property
    def files(self) -> dict[str, Sha256]:
        """The sha256 of each file of the model, by its path beside the manifest."""
        files = {MODEL_FILE: self.sha256}
        for precisions in self.artifacts.values():
            for artifact in precisions.values():
                files |= artifact
        return files | (self.sequence.files if self.sequence is not None else {}) | self.pictures

    def artifact(self, engine: EngineName, precision: PrecisionName) -> Mapping[str, Sha256]:
        """The files for this engine and precision; none where the model was published without."""
        return self.artifacts.get(engine, {}).get(precision, {})

    def agrees(self, engine: EngineName, precision: PrecisionName) -> bool:
        """Whether this engine was found to answer as Keras does."""
        return any(each.agrees for each in self.engines if (each.engine, each.precision) == (engine, precision))

    @property
    def label(self) -> str:
        """``name@version``, as callers write it."""
        return f"{self.name}@{self.version}"


def openvino_artifact(graph: Sha256, weights: Sha256, precision: PrecisionName) -> dict[str, Sha256]:
    """What a manifest says of a conversion for OpenVINO, from the sha256 of its files."""
    return dict(zip(OPENVINO_FILES[precision], (graph, weights), strict=True))


def _carried_over(text: str | bytes) -> str | bytes:
    """A manifest as earlier releases wrote it, with fields for OpenVINO alone, as they are written now."""
    try:
        manifest = from_json(text)
    except ValueError:
        return text
    old = {PrecisionName.F32: "openvino", PrecisionName.INT8: "openvino_int8"}
    if not isinstance(manifest, dict) or not set(old.values()) & manifest.keys() or "artifacts" in manifest:
        return text
    artifacts: dict[str, Any] = {}
    for precision, name in old.items():
        match manifest.pop(name, None):
            case None:
                continue
            case {"graph_sha256": graph, "weights_sha256": weights, **more} if not more:
                artifacts[precision] = openvino_artifact(graph, weights, precision)
            case _:
                return text
    manifest["artifacts"] = {EngineName.OPENVINO: artifacts} if artifacts else {}
    return to_json(manifest)


def normaliser_for(manifest: Manifest) -> Normaliser:
    """What makes the pictures that this model was trained with.

    Raises:
        ModelRejected: this release does not hold that version of the normaliser.
    """
    try:
        return normaliser_of(manifest.normaliser)
    except KeyError as error:
        raise ModelRejected(
            f"{manifest.label} was trained with version {manifest.normaliser} of the normaliser, and this release has "
            f"{', '.join(map(str, held_versions()))}. Train it again, or run the release that it was made for."
        ) from error


def read_manifest(folder: Path) -> Manifest:
    """The manifest of the model in ``folder``.

    Raises:
        ModelRejected: there is none, or it is broken.
    """
    path = folder / MANIFEST_FILE
    try:
        return Manifest.parse(path.read_bytes(), str(path))
    except FileNotFoundError as error:
        raise ModelRejected(f"There is no {path}. Name the folder of a trained model.") from error
