"""What a store keeps of templates. ``redis_templates.py`` does it; their pictures are blobs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateRecord:
    """A published template without its text, which never changes. ``width`` and ``height`` are those of its reference
    picture in pixels, which lies in ``blob`` as a PNG; ``number`` and ``of`` say which page of its form it is.
    ``sha256`` is of text and picture. ``by`` is the id of the key that published it."""

    name: str
    version: str
    title: str
    width: int
    height: int
    number: int
    of: int
    fields: int
    published_at: float
    by: str
    sha256: str
    blob: str

    @property
    def label(self) -> str:
        return f"{self.name}@{self.version}"


class TemplateStore(ABC):
    """All methods raise StorageUnavailable when the store cannot be reached or is full."""

    @abstractmethod
    def add(self, record: TemplateRecord, text: str) -> TemplateRecord:
        """Make the template known, unless one of its name and version is; return the record of the one that is."""

    @abstractmethod
    def find(self, label: str) -> TemplateRecord | None:
        """The template of this ``name@version``."""

    @abstractmethod
    def text(self, label: str) -> str | None:
        """Its JSON."""

    @abstractmethod
    def list(self) -> Sequence[TemplateRecord]:
        """All of them, in no order."""
