"""What a reader is: it takes a decoded image apart for the model, and makes values of the model's answers."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from digitmill.domain.columns import Columns
from digitmill.domain.jobs import Options
from digitmill.domain.rows import DIGIT, Value
from digitmill.forms.certainty import Looks
from digitmill.forms.registration.reference import Reference
from digitmill.imaging.normaliser.normalisers import Normaliser
from digitmill.strips.certainty import Certainty
from digitmill.strips.lattice import Weighing
from digitmill.strips.sequence import SequenceNetwork


class Outputs(Protocol):
    """What a reader has to know of a model: which pictures it takes, and what its answers mean."""

    @property
    def normaliser(self) -> Normaliser:
        """What made the pictures that it was trained with."""

    @property
    def classes(self) -> Sequence[str]:
        """Its answers by columns: the characters of its alphabet, then any of ``KINDS``, or ``none``, which is taken
        for ``other``."""

    @property
    def doubtful_cut(self) -> float:
        """What probabilities are multiplied by, 0 to 1, where the normaliser finds the cut doubtful."""

    @property
    def lattice(self) -> Weighing | None:
        """How its answers become a number; None where it sees single digits."""

    @property
    def certainty(self) -> Certainty | None:
        """How sure numbers on strips are by its answers; None where their share in the lattice alone says."""

    @property
    def sequence(self) -> SequenceNetwork | None:
        """What reads strips as one sequence; None where the lattice alone says which number one shows."""

    @property
    def looks(self) -> Looks | None:
        """How sure numbers in boxes of form pages are by its answers; None for the usual weights."""


class Asked(Outputs, Protocol):
    """A model that a reader asks by itself."""

    def predict(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Calibrated probabilities float32[n, classes] for uint8[n, 28, 28], light ink on dark."""


@dataclass(slots=True)
class Opened:
    """One image, taken apart. ``pictures`` are for the model, each uint8 [28, 28], light ink on dark; there may be
    none. A reader adds what it needs to make values of the answers."""

    pictures: Sequence[NDArray[np.uint8]]


OpenedType = TypeVar("OpenedType", bound=Opened)


class Reader(ABC, Generic[OpenedType]):
    """One way to read an image. It keeps no state of an image: one object serves all of a job at least.

    Attributes:
        name: the value of the option ``read``.
        pictures: what a picture shows that it asks a model about; the manifest of the model says that it reads it.
        by_template: whether the images are pages that the templates of the job belong to.
        review_below: the threshold for jobs that name none; None for the model's own.
        images_a_chunk: the most images that a worker takes at a time; None where the settings alone say.
        keys: the characters that a person may type, in the order of the keypad.
        pattern: the regular expression of the texts that a person may type.
        longest: the most characters of such a text.
        groups: those that a review tells of even where no value waits in them, in their order.
    """

    name: str
    pictures: str = DIGIT
    by_template: bool = False
    review_below: float | None = None
    images_a_chunk: int | None = None
    keys: str
    pattern: str
    longest: int = 1
    groups: Sequence[str]

    def prepared(
        self, options: Options, references: Callable[[Sequence[str]], Sequence[Reference]], alive: Callable[[], None]
    ) -> Self:
        """The reader for the images of one job.

        Args:
            references: gives the templates of these labels, ready to be looked for.
            alive: to be called every few seconds while an image is opened.

        Raises:
            TemplateNotFound, StorageUnavailable: a template of the job cannot be had.
        """
        del options, references, alive
        return self

    def asking(self, second: Asked) -> Self:
        """The reader with a second model, for what the job's own does not read."""
        del second
        return self

    @abstractmethod
    def open(self, grey: NDArray[np.uint8], options: Options, model: Outputs) -> OpenedType:
        """Take one image apart; ``grey`` is uint8 [height, width] as decoded.

        Raises:
            ItemFailure: it cannot be read. Its row then says why.
        """

    @abstractmethod
    def close(
        self, images: Sequence[OpenedType], probabilities: NDArray[np.float32], options: Options, model: Outputs
    ) -> Columns:
        """The values of these images, of one job.

        Args:
            images: as ``open`` returned them.
            probabilities: calibrated, float32 [pictures, classes], of the pictures of all ``images`` in their order.
        """

    def accepts(self, text: str) -> bool:
        """Whether a person may say that this is what a place shows."""
        return re.fullmatch(self.pattern, text) is not None

    @abstractmethod
    def group(self, value: Value) -> str:
        """The sheet of a review on which this value is looked at, among others of its like; no spaces."""
