"""What a store of API keys must do. ``redis_key_store.py``, ``memory_key_store.py`` do it, one suite holds both."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from digitmill.domain import ApiKey


class KeyStore(ABC):
    """Keys by id; none is ever removed. All methods raise StorageUnavailable when the store cannot be reached."""

    @abstractmethod
    def add(self, key: ApiKey) -> None:
        """Raises Conflict where the id is taken."""

    @abstractmethod
    def find(self, key_id: str) -> ApiKey | None:
        """The key as it is now."""

    @abstractmethod
    def update(self, key_id: str, change: Callable[[ApiKey], ApiKey]) -> ApiKey:
        """Put ``change(key)`` in the key's place and return it; nothing can come in between.

        ``change`` may be called several times. What it raises is raised, and leaves the key as it was.

        Raises:
            NotFound: there is no such key.
        """

    @abstractmethod
    def list(self) -> Sequence[ApiKey]:
        """All keys, oldest first."""

    @abstractmethod
    def any(self) -> bool:
        """Whether a key was ever added."""


def in_order(keys: Sequence[ApiKey]) -> list[ApiKey]:
    return sorted(keys, key=lambda key: (key.created_at, key.id))
