"""What a store of API keys, and of the browsers signed in with them, must do.

``redis_key_store.py`` and ``memory_key_store.py`` do it; one suite holds both.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from digitmill.domain import ApiKey


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that is signed in: with which key, and with which of its secrets (SHA-256 in hex)."""

    key_id: str
    secret_sha256: str


class KeyStore(ABC):
    """Keys by id; none is ever removed. Sessions by the SHA-256 of their token, until they end.

    All methods raise StorageUnavailable when the store cannot be reached.
    """

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

    @abstractmethod
    def open_session(self, token_sha256: str, session: Session, *, seconds: int) -> None:
        """Keep the session for so long."""

    @abstractmethod
    def session(self, token_sha256: str) -> Session | None:
        """The session, unless it has ended."""

    @abstractmethod
    def close_session(self, token_sha256: str) -> None:
        """End the session, if there is one."""


def in_order(keys: Sequence[ApiKey]) -> list[ApiKey]:
    return sorted(keys, key=lambda key: (key.created_at, key.id))
