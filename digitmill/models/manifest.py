"""What a published model says of itself: where it comes from, how good it is, how to read its answers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from digitmill.domain import DIGITS, KINDS, ModelReference
from digitmill.errors import ModelRejected
from digitmill.imaging.normalisers import Normaliser, held_versions, normaliser_of
from digitmill.settings import EngineName, PrecisionName

MODEL_FILE = "model.keras"
MANIFEST_FILE = "manifest.json"
OPENVINO_GRAPH = "openvino/model.xml"
OPENVINO_WEIGHTS = "openvino/model.bin"
INT8_GRAPH = "openvino/int8.xml"
INT8_WEIGHTS = "openvino/int8.bin"

LARGEST_DIFFERENCE = 0.005
"""Confidences may differ by so much before an engine is said to disagree with Keras."""

Name = Annotated[str, StringConstraints(pattern=r"\A[a-z0-9][a-z0-9-]*\z", max_length=64)]
Version = Annotated[str, StringConstraints(pattern=r"\A[0-9A-Za-z][0-9A-Za-z.-]*\z", max_length=64)]
Sha256 = Annotated[str, StringConstraints(pattern=r"\A[0-9a-f]{64}\z")]
NONE = "none"
"""The one class behind the digits that older models have, for whatever is no digit."""

PictureName = Annotated[str, StringConstraints(pattern=r"\A[a-z0-9_]{1,64}\.png\z")]
Share = Annotated[float, Field(ge=0, le=1)]


def _begin_with_digits(classes: tuple[str, ...]) -> tuple[str, ...]:
    if classes[: len(DIGITS)] != tuple(DIGITS):
        raise ValueError("the classes must begin with the digits 0 to 9, in order")
    return classes


def _go_on_with_kinds(classes: tuple[str, ...]) -> tuple[str, ...]:
    kinds = classes[len(DIGITS) :]
    if kinds != (NONE,) and (len(set(kinds)) < len(kinds) or not set(kinds) <= set(KINDS)):
        raise ValueError(f"behind the digits may come {', '.join(KINDS)}, each once, or {NONE} alone")
    return classes


Classes = Annotated[tuple[str, ...], AfterValidator(_begin_with_digits), AfterValidator(_go_on_with_kinds)]


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


class OpenVino(_Frozen):
    """What ``model.keras`` became for OpenVINO: the sha256 of a graph (.xml) and of its weights (.bin)."""

    graph_sha256: Sha256
    weights_sha256: Sha256


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


class Manifest(_Frozen):
    """One version of a model.

    ``classes`` name the outputs in order: the ten digits, then any of ``KINDS``. ``temperature`` calibrates the outputs
    to probabilities and rows below ``review_below`` are set aside for a person. ``doubtful_cut`` is what the
    probabilities are multiplied by where the picture may lack a part of the digit, as measured. ``normaliser`` is the
    version (``digitmill.imaging.normalisers``) that made the training images. ``openvino`` is None where the model was
    published without a conversion, ``openvino_int8`` where that was not quantised, and ``engines`` names those that
    were compared with Keras. ``pictures`` are those of its report, PNG files beside the manifest.
    """

    name: Name
    version: Version
    architecture: Architecture
    data_sets: tuple[DataSet, ...]
    seed: int
    normaliser: int = Field(ge=1)
    classes: Classes
    temperature: float = Field(gt=0, allow_inf_nan=False)
    review_below: Share
    doubtful_cut: Share = 1.0
    metrics: Metrics
    sha256: Sha256
    size: int = Field(ge=1, description="Bytes of the model file.")
    openvino: OpenVino | None = None
    openvino_int8: OpenVino | None = None
    engines: tuple[EngineAgreement, ...] = ()
    pictures: dict[PictureName, Sha256] = Field(default_factory=dict)
    created_at: AwareDatetime

    @classmethod
    def parse(cls, text: str | bytes, source: str) -> Self:
        """Read the JSON of a manifest; ``source`` names it in the error.

        Raises:
            ModelRejected: it is not JSON, lacks a field, has one too many, or a value is out of range.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            fault = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in fault["loc"]) or "the file"
            raise ModelRejected(
                f"{source} is not a valid manifest: {where}: {fault['msg']}. Publish the model again."
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
        if self.openvino is not None:
            files[OPENVINO_GRAPH] = self.openvino.graph_sha256
            files[OPENVINO_WEIGHTS] = self.openvino.weights_sha256
        if self.openvino_int8 is not None:
            files[INT8_GRAPH] = self.openvino_int8.graph_sha256
            files[INT8_WEIGHTS] = self.openvino_int8.weights_sha256
        return {**files, **self.pictures}

    def agrees(self, engine: EngineName, precision: PrecisionName) -> bool:
        """Whether this engine was found to answer as Keras does."""
        return any(each.agrees for each in self.engines if (each.engine, each.precision) == (engine, precision))

    @property
    def label(self) -> str:
        """``name@version``, as callers write it."""
        return f"{self.name}@{self.version}"


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
