"""File systems of fsspec: which are there, how they are opened, and what they raise when they fail."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import fsspec
from fsspec.utils import get_protocol

from digitmill.errors import SettingsError


def check_kind(url: str, setting: str) -> None:
    """Raises SettingsError for a URL of an unknown kind, or of one whose package is not installed. Opens nothing."""
    with _as_settings_errors(setting):
        fsspec.get_filesystem_class(get_protocol(url))


def open_files(url: str, setting: str) -> tuple[Any, str]:
    """The file system of a URL, and the path of that in it.

    For first use, not before: that of S3 starts a thread, and a process that forks others must have none.
    """
    with _as_settings_errors(setting):
        files, path = fsspec.core.url_to_fs(url, use_listings_cache=False)
    return files, path.rstrip("/")


def failures_of(files: Any) -> tuple[type[Exception], ...]:
    """What the methods of a file system raise when the storage fails, FileNotFoundError among them."""
    # that of S3 lets most errors of the package beneath it through, which is not among this project's own
    beneath = sys.modules.get("botocore.exceptions") if is_s3(files) else None
    return (OSError, beneath.BotoCoreError) if beneath else (OSError,)


def is_s3(files: Any) -> bool:
    return hasattr(files, "call_s3")


@contextmanager
def _as_settings_errors(setting: str) -> Iterator[None]:
    try:
        yield
    except (ValueError, ImportError) as error:
        raise SettingsError(f"{setting} cannot be used: {error}") from error
