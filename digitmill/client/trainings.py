"""The calls of the client about trainings."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from digitmill.client.documents import FINAL_STATES, Training
from digitmill.client.errors import WaitTimeout
from digitmill.client.transport import Transport

PathLike = str | os.PathLike[str]
PAUSE_SECONDS = 2.0


class TrainingCalls:
    _transport: Transport

    def networks(self) -> list[Mapping[str, Any]]:
        """Networks to begin with: ``name``, ``layers``, ``weights`` and how each is trained."""
        return self._transport.read(lambda answer: list(answer["networks"]), "GET", "/v1/networks")

    def train(self, data: Iterable[PathLike] = (), *, idempotency_key: str | None = None, **wish: Any) -> Training:
        """Have a network trained, by its ``architecture`` or ``layers`` and the other fields of a training; or the
        default model of digits improved, by ``improve=True`` and ``jobs``.

        Args:
            data: zips of labelled images.
            idempotency_key: the same key gives the same training, however often it is asked for. Unset: a new one for
                this call, which covers this call's own repetitions.

        Raises:
            BadRequest: the network cannot be built, or another field is out of range; ``errors`` name the place.
            Busy: no trainer is running.
            OSError: a file cannot be read.
        """
        files: list[tuple[str, Any]] = [("training", (None, json.dumps(wish), "application/json"))]
        for path in map(Path, data):
            files.append(("data", (path.name, path.read_bytes(), "application/zip")))
        headers = {"Idempotency-Key": idempotency_key or uuid.uuid4().hex}
        return self._transport.read(Training.read, "POST", "/v1/trainings", files=files, headers=headers)

    def training(self, training_id: str) -> Training:
        return self._transport.read(Training.read, "GET", _path(training_id))

    def trainings(self) -> Iterator[Training]:
        """Yours, newest first; without the pictures of their mistakes."""
        cursor = None
        while True:
            query: dict[str, str] = {"cursor": cursor} if cursor else {}
            page = self._transport.read(dict, "GET", "/v1/trainings", params=query)
            yield from map(Training.read, page["trainings"])
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def wait_for_training(
        self,
        training_id: str,
        *,
        on_progress: Callable[[Training], None] | None = None,
        timeout: float | None = None,
    ) -> Training:
        """Look at a training until it is completed, cancelled or failed, and return it so.

        Args:
            on_progress: called with the training at first, and whenever it got on.
            timeout: seconds; unset waits for ever.

        Raises:
            WaitTimeout: it was not final in time; it goes on.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        told = None
        while True:
            training = self.training(training_id)
            if on_progress is not None and told != (training.state, len(training.epochs)):
                told = training.state, len(training.epochs)
                on_progress(training)
            if training.state in FINAL_STATES:
                return training
            if deadline is not None and time.monotonic() >= deadline:
                raise WaitTimeout(f"Training {training_id} is {training.state} after {timeout:g} s; it goes on.")
            time.sleep(PAUSE_SECONDS)

    def cancel_training(self, training_id: str) -> Training:
        """Stop it; the best epoch so far stays."""
        return self._transport.read(Training.read, "POST", f"{_path(training_id)}/cancel")

    def trained_model(self, training_id: str) -> bytes:
        """The network of the best epoch so far, a .keras file. Raises NotFound while no epoch is finished."""
        return self._transport.request("GET", f"{_path(training_id)}/model.keras", headers={"Accept": "*/*"}).content


def _path(training_id: str) -> str:
    return f"/v1/trainings/{quote(training_id, safe='')}"
