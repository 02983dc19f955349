"""A sound .keras file, that of the built-in model, and what strangers may make of it."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

from digitmill.models.registry import BUILT_IN
from digitmill.publishing.files import CONFIG, WEIGHTS

SOUND = sorted((BUILT_IN / "digits").glob("*/model.keras"))[-1].read_bytes()


def members(content: bytes = SOUND) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(parts: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()


def with_member(name: str, content: bytes) -> bytes:
    return zipped(members() | {name: content})


def with_config(change: Callable[[dict[str, Any]], Any]) -> bytes:
    """``change`` alters the config, or returns another."""
    config = json.loads(members()[CONFIG])
    changed = change(config)
    return with_member(CONFIG, json.dumps(config if changed is None else changed).encode())


def with_layer(**fields: Any) -> bytes:
    """The last layer's description with these fields instead."""
    return with_config(lambda config: config["config"]["layers"][-1].update(fields))


def with_weights(fill: Callable[[Any], None]) -> bytes:
    """``fill`` writes what it will into the HDF5 file."""
    import h5py

    out = io.BytesIO(members()[WEIGHTS])
    with h5py.File(out, "r+") as file:
        fill(file)
    return with_member(WEIGHTS, out.getvalue())
