"""Calibrations: a temperature and a threshold for one model on scans of one kind, found on labelled rows of them.

They lie beside the published models, as ``<name>/<version>/calibrations/<calibration>.json``, those of built-in models
too. One that is there never changes.
"""

from __future__ import annotations

import logging
import re
from typing import Protocol

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from digitmill.errors import Conflict, ModelNotFound
from digitmill.models.manifest import Manifest, Name, Sha256, Share, Version

FOLDER = "calibrations"
ENDING = ".json"
NAME = r"[a-z0-9][a-z0-9-]{0,63}"

_log = logging.getLogger(__name__)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class CalibratedModel(_Frozen):
    """The exact weights that a calibration is for."""

    name: Name
    version: Version
    sha256: Sha256


class ErrorInterval(_Frozen):
    """The share of wrong rows among the accepted: ``most`` is what was asked for, and by ``accepted`` rows of which
    ``wrong`` were wrong it lies between ``low`` and ``high`` (Clopper-Pearson, 95 %)."""

    most: Share
    accepted: int = Field(ge=0)
    wrong: int = Field(ge=0)
    low: Share
    high: Share


class Calibration(_Frozen):
    """``rows`` are the labelled images that it was found on; ``error`` was measured on rows held out of the fit."""

    name: Name
    model: CalibratedModel
    temperature: float = Field(gt=0, allow_inf_nan=False)
    review_below: Share
    rows: int = Field(ge=1)
    error: ErrorInterval
    created_at: AwareDatetime


class Repository(Protocol):
    """Where files lie, by their path in it."""

    def names(self, folder: str) -> list[str]:
        """Of the files in ``folder``, in order; none where there is no such folder."""

    def read(self, path: str) -> bytes | None: ...

    def write(self, path: str, content: bytes) -> None: ...


class Calibrations:
    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    def of(self, manifest: Manifest) -> list[Calibration]:
        """Those for exactly the weights of ``manifest``, by name. A broken one is logged and left out."""
        names = [
            file.removesuffix(ENDING) for file in self._repository.names(_folder(manifest)) if file.endswith(ENDING)
        ]
        return [found for found in (self._read(manifest, name) for name in names) if found is not None]

    def get(self, manifest: Manifest, name: str) -> Calibration:
        """The calibration ``name`` for exactly the weights of ``manifest``.

        Raises:
            ModelNotFound: there is none, or it is broken.
        """
        found = self._read(manifest, name)
        if found is None:
            names = ", ".join(each.name for each in self.of(manifest)) or "none"
            raise ModelNotFound(f"{manifest.label} has no calibration {name!r}. Its calibrations: {names}.")
        return found

    def publish(self, manifest: Manifest, calibration: Calibration) -> None:
        """Make ``calibration`` known to jobs of this model.

        Raises:
            Conflict: the name is taken.
        """
        path = f"{_folder(manifest)}/{calibration.name}{ENDING}"
        if self._repository.read(path) is not None:
            raise Conflict(
                f"{manifest.label} has a calibration {calibration.name!r} already. Publish under another name."
            )
        self._repository.write(path, f"{calibration.model_dump_json(indent=2)}\n".encode())

    def _read(self, manifest: Manifest, name: str) -> Calibration | None:
        # the name becomes a file's: no slash, no leading dot
        if re.fullmatch(NAME, name) is None:
            return None
        path = f"{_folder(manifest)}/{name}{ENDING}"
        content = self._repository.read(path)
        if content is None:
            return None
        try:
            found = Calibration.model_validate_json(content)
        except ValidationError:
            _log.warning("%s is not a valid calibration. Remove it, and calibrate again.", path)
            return None
        return found if (found.name, found.model.sha256) == (name, manifest.sha256) else None


def _folder(manifest: Manifest) -> str:
    return f"{manifest.name}/{manifest.version}/{FOLDER}"
