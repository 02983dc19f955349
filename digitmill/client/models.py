"""The calls of the client about models."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from digitmill.client.documents import Document, Job, Model
from digitmill.client.transport import Transport

PathLike = str | os.PathLike[str]


class ModelCalls:
    _transport: Transport

    def models(self) -> list[Model]:
        """By name, oldest version first."""
        return self._transport.read(
            lambda answer: [Model.read(model) for model in answer["models"]], "GET", "/v1/models"
        )

    def model(self, name: str, version: str) -> Model:
        return self._transport.read(Model.read, "GET", _path(name, version))

    def publish_model(self, file: PathLike, card: Mapping[str, Any]) -> Job:
        """Have a ``.keras`` file looked at, measured and published: a job whose ``report`` says what was found.

        Args:
            card: at least ``name`` and ``version``; what else it may say is told under Card in the service's /docs.

        Raises:
            Conflict: the version is taken.
            OSError: the file cannot be read.
        """
        files = {
            "card": (None, json.dumps(dict(card)).encode(), "application/json"),
            "model": (Path(file).name, Path(file).read_bytes(), "application/octet-stream"),
        }
        return self._transport.read(Job.read, "POST", "/v1/models", files=files)

    def releases(self) -> Document:
        """Which models jobs get: ``defaults``, ``canaries``, ``shadows``, ``retired`` and ``history``."""
        return self._transport.read(_document, "GET", "/v1/models/releases")

    def set_default_model(self, label: str) -> Document:
        """Give ``name@version`` to jobs that name no model. Answers as ``releases``, and so do the calls below."""
        return self._transport.read(_document, "PUT", "/v1/models/default", json={"model": label})

    def roll_back_model(self, reads: str = "digit") -> Document:
        """Make the model the default again that was it before.

        Raises:
            Conflict: none is known (``code`` nothing_before).
        """
        return self._transport.read(_document, "POST", "/v1/models/rollback", json={"reads": reads})

    def start_trial(self, kind: str, label: str, share: float) -> Document:
        """Try a model on a share, above 0 and up to 1, of the jobs that name none: as a "canary" it answers them, as a
        "shadow" it answers them too, and only the default's answers count."""
        body = {"model": label, "share": share}
        return self._transport.read(_document, "PUT", f"/v1/models/{quote(kind, safe='')}", json=body)

    def end_trial(self, kind: str, reads: str = "digit") -> Document:
        """End the "canary" or the "shadow"."""
        return self._transport.read(_document, "DELETE", f"/v1/models/{quote(kind, safe='')}", params={"reads": reads})

    def retire_model(self, name: str, version: str) -> Document:
        """Let no new job name this model.

        Raises:
            Conflict: it is the default, on trial, or that of an open job (``code`` model_in_use).
        """
        return self._transport.read(_document, "PUT", f"{_path(name, version)}/retired")

    def bring_back_model(self, name: str, version: str) -> Document:
        return self._transport.read(_document, "DELETE", f"{_path(name, version)}/retired")


def _document(answer: Document) -> Document:
    return dict(answer)


def _path(name: str, version: str) -> str:
    return f"/v1/models/{quote(name, safe='')}/{quote(version, safe='')}"
