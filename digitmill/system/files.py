"""File systems of fsspec: which are there, how they are opened, and what they raise when they fail."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec
from fsspec.utils import get_protocol

from digitmill.errors import SettingsError

ANSWER_SECONDS = 30.0
SLOWEST_BYTES = 1 << 20
"""A second. A storage that takes or gives fewer, and longer than ``ANSWER_SECONDS`` besides, is taken to be away."""

S3 = ("s3", "s3a")
S3_TRIES = 2
"""Of each request. With the five that s3fs makes, inside five of its own, of each of which the package beneath it makes
five again, one read would be 125 requests to a server that is away."""


def nearest(folder: Path) -> Path:
    """The folder itself, or the nearest above it that exists."""
    return next(place for place in (folder, *folder.parents) if place.exists())


def check_kind(url: str, setting: str) -> None:
    """Raises SettingsError for a URL of an unknown kind, or of one whose package is not installed. Opens nothing."""
    with _as_settings_errors(setting):
        fsspec.get_filesystem_class(get_protocol(url))


def open_files(url: str, setting: str) -> tuple[Any, str]:
    """The file system of a URL, and the path of that in it.

    For first use, not before: that of S3 starts a thread, and a process that forks others must have none.
    """
    with _as_settings_errors(setting):
        files, path = fsspec.core.url_to_fs(url, use_listings_cache=False, **_options(get_protocol(url)))
    if is_s3(files):
        files.retries = 1
    return files, path.rstrip("/")


def _options(protocol: str) -> dict[str, Any]:
    """What is asked of a storage beyond its defaults, unless fsspec's own configuration says something else of it."""
    if protocol not in S3 or "config_kwargs" in fsspec.config.conf.get(protocol, {}):
        return {}
    return {"config_kwargs": {"retries": {"total_max_attempts": S3_TRIES}}}


def failures_of(files: Any) -> tuple[type[Exception], ...]:
    """What the methods of a file system raise when the storage fails, FileNotFoundError among them."""
    # that of S3 lets most errors of the package beneath it through, which is not among this project's own
    beneath = sys.modules.get("botocore.exceptions") if is_s3(files) else None
    return (OSError, beneath.BotoCoreError) if beneath else (OSError,)


def within(files: Any, size: int = 0) -> dict[str, float]:
    """An argument for a method of ``files`` that moves so many bytes: it raises TimeoutError before it waits for ever.

    Empty for storages that know no such argument. Those that do may hang in more ways than their own settings tell: S3
    is asked for leave to send a body, and nothing bounds the wait for that.
    """
    return {"timeout": ANSWER_SECONDS + size / SLOWEST_BYTES} if getattr(files, "async_impl", False) else {}


def is_s3(files: Any) -> bool:
    return hasattr(files, "call_s3")


@contextmanager
def _as_settings_errors(setting: str) -> Iterator[None]:
    try:
        yield
    except (ValueError, ImportError) as error:
        raise SettingsError(f"{setting} cannot be used: {error}") from error
