"""What one upload may hold, and how it is cut."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from digitmill.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Sizes are in bytes. See settings.py for what each means."""

    max_images: int
    max_member_bytes: int
    max_pages: int
    chunk_images: int
    chunk_bytes: int

    @classmethod
    def from_settings(cls, settings: Settings, images_a_chunk: int | None = None) -> Self:
        """``images_a_chunk``: the most that the reader takes at a time, where it knows."""
        return cls(
            max_images=settings.max_images,
            max_member_bytes=settings.max_member_bytes,
            max_pages=settings.max_pages,
            chunk_images=min(settings.chunk_images, images_a_chunk or settings.chunk_images),
            chunk_bytes=settings.chunk_bytes,
        )

    @property
    def max_members(self) -> int:
        """Members of one zip, folders and litter included: a Mac adds a file of litter to every file."""
        return 4 * self.max_images + 10_000
