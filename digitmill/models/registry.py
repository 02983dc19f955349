"""Which models exist, and their verified files.

A shelf is a folder ``<name>/<version>/{model.keras,manifest.json}``, with ``openvino/model.{xml,bin}`` where the
model was converted for OpenVINO and ``openvino/int8.{xml,bin}`` where that was quantised. There are two: the
built-in models, shipped with the package, and the published ones, under any fsspec URL. A published model hides a
built-in one of the same name and version. The file ``default`` beside the published models holds the ``name@version``
that jobs get when they name none; without it that is the newest built-in version of ``digits``.

What is published is also kept under ``.kept/<sha256>/``: open jobs end by the weights that they began with, though
somebody removes a version by hand, or publishes another in its place.

A release holds earlier built-in versions too, for the jobs that were begun with them. These are retired: they are read
with when they are named in full, and not offered.

Loads no deep-learning framework: the web process uses it.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

from digitmill.domain import ModelReference
from digitmill.errors import Conflict, ModelNotFound, ModelRejected, StorageUnavailable
from digitmill.files import check_kind, failures_of, open_files, within
from digitmill.models.calibrations import Calibrations
from digitmill.models.engines.base import Converted
from digitmill.models.manifest import (
    INT8_GRAPH,
    INT8_WEIGHTS,
    MANIFEST_FILE,
    MODEL_FILE,
    OPENVINO_GRAPH,
    OPENVINO_WEIGHTS,
    Manifest,
)

BUILT_IN = Path(__file__).parent / "builtin"
BUILT_IN_DEFAULT = "digits"
DEFAULT_FILE = "default"
KEPT = ".kept"

FRESH_SECONDS = 1.0
MOST_BYTES = 32 << 20
"""Hardly a file of a model has more: so long a published one is awaited."""
SETTING = "DIGITMILL_MODELS_URL"

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.-]{0,63}")
_log = logging.getLogger(__name__)


class Registry:
    """The built-in models and those under ``published_url``; ``cache`` keeps local copies of the latter.

    The shelves are read anew, so that a model published elsewhere is seen without a restart.
    """

    def __init__(self, published_url: str, cache: Path) -> None:
        """Raises SettingsError for a URL of an unknown kind, or of one whose package is not installed."""
        self._published = _Shelf(published_url)
        self._kept_url = f"{published_url.rstrip('/')}/{KEPT}"
        # built-in models go with the release, and are never replaced by hand
        self._keeps = published_url.rstrip("/") != BUILT_IN.as_uri()
        self._built_in = _Shelf(str(BUILT_IN))
        self._shelves = (self._published, self._built_in)
        self._resolved: dict[str | None, tuple[Manifest, float]] = {}
        self.cache = cache
        self.calibrations = Calibrations(self._published)

    def list(self, *, retired: bool = False) -> list[Manifest]:
        """All models, by name, oldest version first; the ``retired`` only where asked for.

        One whose manifest is broken is logged and left out.
        """
        found: dict[tuple[str, str], Manifest] = {}
        for shelf in reversed(self._shelves):
            for name, version in shelf.versions():
                try:
                    manifest = shelf.manifest(name, version)
                except ModelRejected as error:
                    _log.warning("%s", error.detail)
                    continue
                if manifest is not None:
                    found[name, version] = manifest
        offered = [manifest for manifest in found.values() if retired or not self.is_retired(manifest)]
        return sorted(offered, key=lambda manifest: (manifest.name, version_order(manifest.version)))

    def is_retired(self, manifest: Manifest) -> bool:
        """Whether it is a built-in model with a newer version of its name, and not the default all the same."""
        if manifest.version == _newest(manifest.name, (self._built_in,)) or not self._is_built_in(manifest):
            return False
        return manifest.label != self._named_default()

    def _is_built_in(self, manifest: Manifest) -> bool:
        built_in = self._built_in.manifest(manifest.name, manifest.version)
        return built_in is not None and built_in.reference == manifest.reference

    def get(self, name: str, version: str | None = None) -> Manifest:
        """One model; without ``version`` the newest of that name.

        Raises:
            ModelNotFound: there is none.
            ModelRejected: its manifest is broken.
        """
        if version is None:
            version = _newest(name, self._shelves)
        if version is not None:
            for shelf in self._shelves:
                manifest = shelf.manifest(name, version)
                if manifest is not None:
                    return manifest
        raise self._not_found(name if version is None else f"{name}@{version}")

    def default(self) -> Manifest:
        """The model for jobs that name none.

        Raises:
            ModelNotFound: the ``default`` file names a model that does not exist.
            ModelRejected: its manifest is broken.
        """
        named = self._named_default()
        if named is not None:
            return self._parsed(named)
        return self.get(BUILT_IN_DEFAULT, _newest(BUILT_IN_DEFAULT, (self._built_in,)))

    def resolve(self, text: str | None) -> Manifest:
        """The model that a caller means by ``name``, ``name@version`` or None (the default), as of the last second.

        Raises:
            ModelNotFound: there is none.
            ModelRejected: its manifest is broken.
        """
        known = self._resolved.get(text)
        if known is not None and time.monotonic() - known[1] < FRESH_SECONDS:
            return known[0]
        manifest = self.default() if text is None else self._parsed(text)
        self._resolved[text] = manifest, time.monotonic()
        return manifest

    def exact(self, reference: ModelReference) -> Manifest:
        """The manifest of exactly the weights of ``reference``.

        Raises:
            ModelNotFound: there is no such model.
            ModelRejected: its manifest is broken, or other weights now carry this name.
        """
        return self._located(reference)[1]

    def path(self, reference: ModelReference) -> Path:
        """A local file with exactly the weights of ``reference``, its sha256 checked on every call.

        Raises:
            ModelNotFound: there is no such model.
            ModelRejected: the file does not fit its manifest, or other weights now carry this name.
        """
        return self._local(*self._located(reference), MODEL_FILE)

    def converted(self, reference: ModelReference) -> Converted | None:
        """Local files of ``reference`` for OpenVINO, checked likewise; None where it was published without.

        Raises as ``path``.
        """
        shelf, manifest = self._located(reference)
        if manifest.openvino is None:
            return None
        return Converted(self._local(shelf, manifest, OPENVINO_GRAPH), self._local(shelf, manifest, OPENVINO_WEIGHTS))

    def quantised(self, reference: ModelReference) -> Converted | None:
        """The same in int8."""
        shelf, manifest = self._located(reference)
        if manifest.openvino_int8 is None:
            return None
        return Converted(self._local(shelf, manifest, INT8_GRAPH), self._local(shelf, manifest, INT8_WEIGHTS))

    def picture(self, name: str, version: str, picture: str) -> Path:
        """A local PNG file of the model's report, its sha256 checked.

        Raises:
            ModelNotFound: there is no such model, or it has no such picture.
            ModelRejected: the file does not fit its manifest.
        """
        manifest = self.get(name, version)
        if picture not in manifest.pictures:
            pictures = ", ".join(manifest.pictures) or "none"
            raise ModelNotFound(f"{manifest.label} has no picture {picture!r}. The pictures there: {pictures}.")
        return self._local(*self._located(manifest.reference), picture)

    def publish(self, manifest: Manifest, folder: Path) -> None:
        """Put the files of ``folder`` on the published shelf; the model can be named once its manifest is there, last.

        Raises:
            Conflict: the version is taken. Versions never change.
            ModelRejected: a file does not fit the manifest or is missing, or the name is reserved.
        """
        if manifest.name == DEFAULT_FILE:
            raise ModelRejected("A model cannot be called `default`. Choose another name.")
        contents = {file: _read(folder / file, manifest, file) for file in manifest.files}
        if self._published.manifest(manifest.name, manifest.version) is not None:
            raise Conflict(f"{manifest.label} is already published. Publish under a new version.")
        target = f"{manifest.name}/{manifest.version}"
        for shelf in (*([self._kept(manifest.reference)] if self._keeps else []), self._published):
            for file, content in contents.items():
                shelf.write(f"{target}/{file}", content)
            shelf.write(f"{target}/{MANIFEST_FILE}", manifest.to_json().encode())
        self._resolved.clear()

    def set_default(self, name: str, version: str) -> Manifest:
        """Make this model the default from now on.

        Raises:
            ModelNotFound: there is none.
            ModelRejected: its manifest is broken.
        """
        manifest = self.get(name, version)
        self._published.write(DEFAULT_FILE, f"{manifest.label}\n".encode())
        self._resolved.clear()
        return manifest

    def _named_default(self) -> str | None:
        content = self._published.read(DEFAULT_FILE)
        return None if content is None else content.decode("utf-8", "replace").strip()

    def _parsed(self, text: str) -> Manifest:
        name, at, version = text.partition("@")
        return self.get(name, version if at else None)

    def _not_found(self, asked: str) -> ModelNotFound:
        labels = ", ".join(manifest.label for manifest in self.list()) or "none"
        return ModelNotFound(f"There is no model {asked!r}. The models here: {labels}.")

    def _kept(self, reference: ModelReference) -> _Shelf:
        return _Shelf(f"{self._kept_url}/{reference.sha256}")

    def _located(self, reference: ModelReference) -> tuple[_Shelf, Manifest]:
        for shelf in (*self._shelves, self._kept(reference)):
            manifest = shelf.manifest(reference.name, reference.version)
            if manifest is not None and manifest.sha256 == reference.sha256:
                return shelf, manifest
        found = self.get(reference.name, reference.version)
        raise ModelRejected(
            f"The weights of {found.label} have changed since they were chosen (sha256 {found.sha256[:12]}…, "
            f"not {reference.sha256[:12]}…). Submit the job again; new weights need a new version."
        )

    def _local(self, shelf: _Shelf, manifest: Manifest, file: str) -> Path:
        """The path of a file that is what the manifest says, fetched if need be."""
        if shelf is self._built_in:
            local = BUILT_IN / manifest.name / manifest.version / file
            _read(local, manifest, file)
            return local
        sha256 = manifest.files[file]
        local = (self.cache / sha256).with_suffix(Path(file).suffix)
        if local.is_file() and _sha256(local.read_bytes()) == sha256:
            return local
        content = _checked(shelf.read(f"{manifest.name}/{manifest.version}/{file}"), manifest, file)
        self.cache.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=self.cache)
        with os.fdopen(descriptor, "wb") as copy:
            copy.write(content)
        return Path(temporary).replace(local)


class _Shelf:
    """One folder of models on a file system; a missing folder is an empty shelf."""

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


def _well_formed(name: str, version: str) -> bool:
    """Both become folder names, so nothing else may pass: no slash, no leading dot, no wildcard."""
    return _NAME.fullmatch(name) is not None and _VERSION.fullmatch(version) is not None


def version_order(version: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key: parts between dots and dashes compare as numbers where numeric, and numbers follow words."""
    return tuple(
        (1, int(part), "") if re.fullmatch(r"[0-9]+", part) else (0, 0, part) for part in re.split("[.-]", version)
    )


def _newest(name: str, shelves: tuple[_Shelf, ...]) -> str | None:
    versions = [version for shelf in shelves for found, version in shelf.versions() if found == name]
    return max(versions, key=version_order, default=None)


def _read(path: Path, manifest: Manifest, file: str) -> bytes:
    return _checked(path.read_bytes() if path.is_file() else None, manifest, file)


def _checked(content: bytes | None, manifest: Manifest, file: str) -> bytes:
    if content is None:
        raise ModelRejected(f"{manifest.label} has a manifest but no {file}. Publish it again.")
    if _sha256(content) != manifest.files[file]:
        raise ModelRejected(
            f"The file {file} of {manifest.label} is not the one its manifest describes (its sha256 differs). "
            "Publish the model again."
        )
    return content


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
