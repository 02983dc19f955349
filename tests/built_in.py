"""The newest of the models that the repository carries, whatever version it has come to."""

from __future__ import annotations

from digitmill.models.manifest import read_manifest
from digitmill.models.registry import BUILT_IN
from digitmill.models.repository import version_order

FOLDER = max(BUILT_IN.glob("digits/*"), key=lambda folder: version_order(folder.name))
MANIFEST = read_manifest(FOLDER)
PLACE = f"{MANIFEST.name}/{MANIFEST.version}"
"""As addresses name it."""
