"""Which models exist, and their verified files.

A repository is a folder ``<name>/<version>/{model.keras,manifest.json}``, with ``openvino/model.{xml,bin}`` where the
model was converted for OpenVINO and ``openvino/int8.{xml,bin}`` where that was quantised. There are two: the
built-in models, shipped with the package, and the published ones, under any fsspec URL. A published model hides a
built-in one of the same name and version. The file ``default`` beside the published models holds the ``name@version``
that jobs get when they name none, a line for each thing that models read; without it that is the newest built-in
version of ``digits``, of ``numbers`` for jobs that read those, and of ``boxes`` for those that read form pages.

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
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from digitmill.domain.jobs import ModelReference
from digitmill.domain.rows import DIGIT, NUMBER
from digitmill.errors import Conflict, ModelNotFound, ModelRejected
from digitmill.models.calibrations import Calibrations
from digitmill.models.engines.base import Converted
from digitmill.models.manifest import (
    MANIFEST_FILE,
    MODEL_FILE,
    OPENVINO_FILES,
    SEQUENCE_GRAPH,
    SEQUENCE_WEIGHTS,
    Manifest,
)
from digitmill.models.releases import ReleaseFile
from digitmill.models.repository import Repository, UnchangedRepository, newest, version_order
from digitmill.settings import EngineName, PrecisionName

BUILT_IN = Path(__file__).parent / "builtin"
BUILT_IN_DEFAULTS = {DIGIT: "digits", NUMBER: "numbers"}
"""The name of the built-in models by what they read."""
BOX = "box"
"""Stands for the model of digits that reads the boxes of form pages where a job names none."""
BUILT_IN_BOXES = "boxes"
"""That of the built-in models of digits that learnt from boxes of forms."""
DEFAULT_FILE = "default"
KEPT = ".kept"

FRESH_SECONDS = 1.0
_log = logging.getLogger(__name__)


class Registry:
    """The built-in models and those under ``published_url``; ``cache`` keeps local copies of the latter.

    The repositories are read again, so that a model published elsewhere is seen without a restart.
    """

    def __init__(self, published_url: str, cache: Path) -> None:
        """Raises SettingsError for a URL of an unknown kind, or of one whose package is not installed."""
        self._published = Repository(published_url)
        self._kept_url = f"{published_url.rstrip('/')}/{KEPT}"
        # built-in models go with the release, and are never replaced by hand
        self._keeps = published_url.rstrip("/") != BUILT_IN.as_uri()
        self._built_in = UnchangedRepository(str(BUILT_IN))
        self._repositories = (self._published, self._built_in)
        self._resolved: dict[tuple[str | None, str], tuple[Manifest, float]] = {}
        self.cache = cache
        self.calibrations = Calibrations(self._published)
        self.releases = ReleaseFile(self._published)

    def list(self, *, retired: bool = False) -> list[Manifest]:
        """All models, by name, oldest version first; the ``retired`` only where asked for.

        One whose manifest is broken is logged and left out.
        """
        found: dict[tuple[str, str], Manifest] = {}
        for repository in reversed(self._repositories):
            for name, version in repository.versions():
                try:
                    manifest = repository.manifest(name, version)
                except ModelRejected as error:
                    _log.warning("%s", error.detail)
                    continue
                if manifest is not None:
                    found[name, version] = manifest
        offered = [manifest for manifest in found.values() if retired or not self.is_retired(manifest)]
        return sorted(offered, key=lambda manifest: (manifest.name, version_order(manifest.version)))

    def is_retired(self, manifest: Manifest) -> bool:
        """Whether somebody has retired it, or it is a built-in model with a newer version of its name, and is not the
        default all the same."""
        if self.was_retired(manifest.label):
            return True
        if manifest.version == newest(manifest.name, (self._built_in,)) or not self.is_built_in(manifest):
            return False
        return manifest.label not in self._named_defaults()

    def was_retired(self, label: str) -> bool:
        """Whether somebody has: then jobs cannot name it."""
        return label in self.releases.read().retired

    def is_built_in(self, manifest: Manifest) -> bool:
        """Whether it came with this release."""
        built_in = self._built_in.manifest(manifest.name, manifest.version)
        return built_in is not None and built_in.reference == manifest.reference

    def get(self, name: str, version: str | None = None) -> Manifest:
        """One model; without ``version`` the newest of that name.

        Raises:
            ModelNotFound: there is none.
            ModelRejected: its manifest is broken.
        """
        if version is None:
            version = newest(name, self._repositories)
        if version is not None:
            for repository in self._repositories:
                manifest = repository.manifest(name, version)
                if manifest is not None:
                    return manifest
        raise self._not_found(name if version is None else f"{name}@{version}")

    def default(self, reads: str = DIGIT) -> Manifest:
        """The model for jobs that name none, among those that read this.

        For BOX that is the newest built-in one of boxes, unless somebody has retired it, or has made another model of
        digits the default than the newest built-in one.

        Raises:
            ModelNotFound: the ``default`` file names a model that does not exist, or none reads this.
            ModelRejected: its manifest is broken.
        """
        if reads == BOX:
            digits, boxes = self.default(), self._newest_built_in(BUILT_IN_BOXES)
            chosen = digits.reference != self._newest_built_in(BUILT_IN_DEFAULTS[DIGIT]).reference
            return digits if chosen or self.was_retired(boxes.label) else boxes
        for named in map(self._parsed, self._named_defaults()):
            if named.reads == reads:
                return named
        if reads not in BUILT_IN_DEFAULTS:
            raise ModelNotFound(f"No model reads {reads}. Publish one, and write its label into {DEFAULT_FILE!r}.")
        return self._newest_built_in(BUILT_IN_DEFAULTS[reads])

    def _newest_built_in(self, name: str) -> Manifest:
        return self.get(name, newest(name, (self._built_in,)))

    def is_default(self, manifest: Manifest) -> bool:
        """Whether jobs get it that name none."""
        try:
            return self.default(manifest.reads).reference == manifest.reference
        except ModelNotFound:
            return False

    def resolve(self, text: str | None, reads: str = DIGIT) -> Manifest:
        """The model that a caller means by ``name``, ``name@version`` or None (the default of those that read this), as
        of the last second.

        Raises:
            ModelNotFound: there is none.
            ModelRejected: its manifest is broken.
        """
        known = self._resolved.get((text, reads))
        if known is not None and time.monotonic() - known[1] < FRESH_SECONDS:
            return known[0]
        manifest = self.default(reads) if text is None else self._offered(text)
        self._resolved[text, reads] = manifest, time.monotonic()
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
        return self._openvino(reference, PrecisionName.F32)

    def quantised(self, reference: ModelReference) -> Converted | None:
        """The same in int8."""
        return self._openvino(reference, PrecisionName.INT8)

    def sequence(self, reference: ModelReference) -> Converted | None:
        """The files of its sequence network; None where it has none."""
        repository, manifest = self._located(reference)
        if manifest.sequence is None:
            return None
        return Converted(*(self._local(repository, manifest, file) for file in (SEQUENCE_GRAPH, SEQUENCE_WEIGHTS)))

    def _openvino(self, reference: ModelReference, precision: PrecisionName) -> Converted | None:
        repository, manifest = self._located(reference)
        if not manifest.artifact(EngineName.OPENVINO, precision):
            return None
        return Converted(*(self._local(repository, manifest, file) for file in OPENVINO_FILES[precision]))

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

    def refuse_taken(self, name: str, version: str) -> None:
        """Raises Conflict where a model of this name and version, built in or published, is there."""
        if any(repository.manifest(name, version) is not None for repository in self._repositories):
            raise Conflict(f"{name}@{version} is already published. Publish under a new version.")

    def publish(self, manifest: Manifest, folder: Path) -> None:
        """Put the files of ``folder`` in the published repository. The manifest is last; then the model can be named.

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
        for repository in (*([self._kept(manifest.reference)] if self._keeps else []), self._published):
            for file, content in contents.items():
                repository.write(f"{target}/{file}", content)
            repository.write(f"{target}/{MANIFEST_FILE}", manifest.to_json().encode())
        self._resolved.clear()

    def set_default(self, name: str, version: str) -> Manifest:
        """Make this model the default from now on, of those that read what it reads.

        Raises:
            ModelNotFound: there is none.
            ModelRejected: its manifest is broken.
        """
        manifest = self.get(name, version)
        others = [label for label in self._named_defaults() if self._parsed(label).reads != manifest.reads]
        self._published.write(DEFAULT_FILE, "".join(f"{label}\n" for label in (*others, manifest.label)).encode())
        self._resolved.clear()
        return manifest

    def _named_defaults(self) -> Sequence[str]:
        content = self._published.read(DEFAULT_FILE)
        return [] if content is None else content.decode("utf-8", "replace").split()

    def _offered(self, text: str) -> Manifest:
        """What jobs may name. Of several versions the newest that was not retired."""
        name, at, _ = text.partition("@")
        retired = {label.partition("@")[2] for label in self.releases.read().retired if label.startswith(f"{name}@")}
        if not at and retired:
            version = newest(name, self._repositories, leave_out=retired)
            if version is not None:
                return self.get(name, version)
        if self.was_retired(text) or (not at and retired):
            raise ModelNotFound(f"{text} is retired. Name another model, or bring it back.")
        return self._parsed(text)

    def _parsed(self, text: str) -> Manifest:
        name, at, version = text.partition("@")
        return self.get(name, version if at else None)

    def _not_found(self, asked: str) -> ModelNotFound:
        labels = ", ".join(manifest.label for manifest in self.list()) or "none"
        return ModelNotFound(f"There is no model {asked!r}. The models here: {labels}.")

    def _kept(self, reference: ModelReference) -> Repository:
        return Repository(f"{self._kept_url}/{reference.sha256}")

    def _located(self, reference: ModelReference) -> tuple[Repository, Manifest]:
        for repository in (*self._repositories, self._kept(reference)):
            manifest = repository.manifest(reference.name, reference.version)
            if manifest is not None and manifest.sha256 == reference.sha256:
                return repository, manifest
        found = self.get(reference.name, reference.version)
        raise ModelRejected(
            f"The weights of {found.label} have changed since they were chosen (sha256 {found.sha256[:12]}…, "
            f"not {reference.sha256[:12]}…). Submit the job again; new weights need a new version."
        )

    def _local(self, repository: Repository, manifest: Manifest, file: str) -> Path:
        """The path of a file that is what the manifest says, fetched if need be."""
        if repository is self._built_in:
            local = BUILT_IN / manifest.name / manifest.version / file
            _read(local, manifest, file)
            return local
        sha256 = manifest.files[file]
        local = (self.cache / sha256).with_suffix(Path(file).suffix)
        if local.is_file() and _sha256(local.read_bytes()) == sha256:
            return local
        content = _checked(repository.read(f"{manifest.name}/{manifest.version}/{file}"), manifest, file)
        self.cache.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=self.cache)
        with os.fdopen(descriptor, "wb") as copy:
            copy.write(content)
        return Path(temporary).replace(local)


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
