"""A folder of models on a file system: their manifests and files, unread or as they are."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any
from uuid import uuid4

from digitmill.errors import ModelRejected, StorageUnavailable
from digitmill.models.manifest import MANIFEST_FILE, Manifest
from digitmill.system.files import check_kind, failures_of, open_files, within

MOST_BYTES = 32 << 20
"""Hardly a file of a model has more: so long a published one is awaited."""
SETTING = "DIGITMILL_MODELS_URL"

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.-]{0,63}")


class Repository:
    """One folder of models on a file system; a missing folder is an empty repository."""

    def __init__(self, url: str) -> None:
        check_kind(url, SETTING)
        self._url = url

    @cached_property
    def _opened(self) -> tuple[Any, str]:
        return open_files(self._url, SETTING)

    @property
    def _files(self) -> Any:
        return self._opened[0]

    @property
    def _root(self) -> str:
        return self._opened[1]

    @contextmanager
    def _storage_errors(self) -> Iterator[None]:
        try:
            yield
        except failures_of(self._files) as error:
            raise StorageUnavailable(
                f"The models in {self._root} cannot be reached: {error}. Check MODELS_URL."
            ) from error

    def versions(self) -> list[tuple[str, str]]:
        """(name, version) of every manifest, unread."""
        with self._storage_errors():
            try:
                paths = self._files.glob(f"{self._root}/*/*/{MANIFEST_FILE}", **within(self._files))
            except FileNotFoundError:
                return []
        pairs = [tuple(path.split("/")[-3:-1]) for path in paths]
        return [(name, version) for name, version in pairs if _well_formed(name, version)]

    def manifest(self, name: str, version: str) -> Manifest | None:
        if not _well_formed(name, version):
            return None
        path = f"{name}/{version}/{MANIFEST_FILE}"
        content = self.read(path)
        if content is None:
            return None
        manifest = Manifest.parse(content, f"{self._root}/{path}")
        if (manifest.name, manifest.version) != (name, version):
            raise ModelRejected(f"{self._root}/{path} says that it is {manifest.label}. Publish the model again.")
        return manifest

    def names(self, folder: str) -> list[str]:
        with self._storage_errors():
            try:
                paths = self._files.ls(f"{self._root}/{folder}", detail=False, **within(self._files))
            except FileNotFoundError:
                return []
        return sorted(path.rpartition("/")[2] for path in paths)

    def read(self, path: str) -> bytes | None:
        with self._storage_errors():
            try:
                content: bytes = self._files.cat_file(f"{self._root}/{path}", **within(self._files, MOST_BYTES))
            except FileNotFoundError:
                return None
            return content

    def write(self, path: str, content: bytes) -> None:
        """Write beside, then move: a reader sees the old file or the new one, never half of it."""
        target = f"{self._root}/{path}"
        beside = f"{target}.{uuid4().hex}"
        with self._storage_errors():
            self._files.makedirs(target.rpartition("/")[0], exist_ok=True, **within(self._files))
            self._files.pipe_file(beside, content, **within(self._files, len(content)))
            self._files.mv(beside, target)


class UnchangedRepository(Repository):
    """One whose models stay the same while a process runs: it is listed once."""

    def versions(self) -> list[tuple[str, str]]:
        return self._versions

    @cached_property
    def _versions(self) -> list[tuple[str, str]]:
        return super().versions()


def _well_formed(name: str, version: str) -> bool:
    """Both become folder names, so nothing else may pass: no slash, no leading dot, no wildcard."""
    return _NAME.fullmatch(name) is not None and _VERSION.fullmatch(version) is not None


def version_order(version: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key: parts between dots and dashes compare as numbers where numeric, and numbers follow words."""
    return tuple(
        (1, int(part), "") if re.fullmatch(r"[0-9]+", part) else (0, 0, part) for part in re.split("[.-]", version)
    )


def newest(name: str, repositories: Sequence[Repository], leave_out: Collection[str] = ()) -> str | None:
    """The newest version of this name; None where there is none."""
    versions = (version for repository in repositories for found, version in repository.versions() if found == name)
    return max((version for version in versions if version not in leave_out), key=version_order, default=None)
