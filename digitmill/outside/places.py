"""Addresses of files elsewhere, s3:// and https://, and which of them the settings allow."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from digitmill.errors import SettingsError
from digitmill.outside.addresses import MOST_CHARACTERS, Target, read_url
from digitmill.system.files import check_kind

S3 = "s3://"
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Place:
    """``origin`` is ``s3://bucket`` or ``https://host:port``; ``path`` begins with a slash. ``target`` is where to ask
    for an https:// address. ``told`` is how it is told of: without the query, in which there may be a signature."""

    origin: str
    path: str
    target: Target | None = None

    @property
    def told(self) -> str:
        return f"{self.origin.removesuffix(':443')}{self.path}"

    @property
    def bucket(self) -> str:
        return self.origin.removeprefix(S3)

    @property
    def key(self) -> str:
        return self.path.removeprefix("/")

    def within(self, folder: Place) -> bool:
        """Whether it is ``folder`` itself or lies in it."""
        above = folder.path.rstrip("/")
        return self.origin == folder.origin and (self.path.rstrip("/") == above or self.path.startswith(f"{above}/"))


def read_place(url: str) -> Place:
    """
    Raises:
        ValueError: it is no such address; the message ends a sentence about it.
    """
    place = _s3_place(url) if url.startswith(S3) else _https_place(url)
    # servers may follow these, and lead out of what is allowed; Tomcat looks no further than the semicolon
    steps = unquote(place.path).replace("\\", "/").split("/")
    if any(step.partition(";")[0] in (".", "..") for step in steps):
        raise ValueError("must not hold . or .. between slashes")
    return place


def _s3_place(url: str) -> Place:
    bucket, _, key = url.removeprefix(S3).partition("/")
    if len(url) > MOST_CHARACTERS or _CONTROL.search(url) or "?" in url:
        raise ValueError(f"must have at most {MOST_CHARACTERS} characters, and neither ? nor control characters")
    if not _BUCKET.fullmatch(bucket):
        raise ValueError("must name a bucket: s3://bucket/path")
    return Place(f"{S3}{bucket}", f"/{key}")


def _https_place(url: str) -> Place:
    if not url.startswith("https://"):
        raise ValueError("must begin with s3:// or https://")
    target = read_url(url)
    return Place(f"https://{target.host}:{target.port}", target.path.partition("?")[0], target)


class Allowed:
    """What a setting allows: addresses, with commas between; what is or lies in one of them is allowed."""

    def __init__(self, setting: str, value: str | None, kinds: Sequence[str]) -> None:
        """Raises SettingsError for what is no address of these ``kinds``, such as ``s3``, or needs a package that is
        not installed."""
        self._setting = setting
        self._folders = [self._folder(text.strip(), kinds) for text in value.split(",")] if value else []

    def _folder(self, url: str, kinds: Sequence[str]) -> Place:
        try:
            if url.partition("://")[0] not in kinds:
                raise ValueError(f"must begin with {' or '.join(f'{kind}://' for kind in kinds)}")
            place = read_place(url)
            if place.target is not None and "?" in place.target.path:
                raise ValueError("must not hold a query")
        except ValueError as error:
            raise SettingsError(f"{self._setting}: {url!r} {error}.") from error
        if place.target is None:
            check_kind(url, self._setting)
        return place

    def check(self, place: Place) -> None:
        """Raises ValueError, whose message ends a sentence, unless it is allowed."""
        if not any(place.within(folder) for folder in self._folders):
            raise ValueError(f"is not among the addresses that this administrator allows ({self._setting})")
