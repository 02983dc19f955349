"""What networks read that a service trained is held against the figures of the document."""

from __future__ import annotations

from typing import Any, cast

import pytest

from digitmill.client import Client
from digitmill.client.documents import Training
from digitmill.networks.presets import PRESETS
from training.learning.presets import compared, told


class Trained:
    """A service that has trained a network as soon as it is asked to."""

    def __init__(self, accuracy: float | None) -> None:
        self.accuracy = accuracy
        self.asked: list[str] = []

    def networks(self) -> list[dict[str, str]]:
        return [{"name": name} for name in PRESETS]

    def train(self, *, architecture: str, name: str) -> Training:
        self.asked.append(architecture)
        report = None if self.accuracy is None else {"accuracy": self.accuracy, "images": 10_000}
        return Training(name, name, "completed", [{"seconds": 2.0}], 1, report, None, {})

    def wait_for_training(self, training_id: str) -> Training:
        return self.train(architecture=self.asked.pop(), name=training_id)


def test_the_document_tells_what_each_network_reads_but_the_largest() -> None:
    assert set(PRESETS) - set(told()) == {"compact"}
    assert all(0.97 < share < 1 for share in told().values())


@pytest.mark.parametrize(("accuracy", "good"), [(0.9804, True), (0.9770, True), (0.9750, False), (None, False)])
def test_one_that_reads_less_than_is_told_is_said_to(accuracy: float | None, good: bool) -> None:
    service, lines = Trained(accuracy), list[str]()
    client: Any = cast(Client, service)
    assert compared(client, ["dense-128"], lines.append) is good
    assert service.asked == ["dense-128"]
    assert len(lines) == 1


def test_all_are_trained_where_none_is_named() -> None:
    service, lines = Trained(0.999), list[str]()
    client: Any = cast(Client, service)
    assert compared(client, [], lines.append)
    assert service.asked == list(PRESETS)
    assert "no figure" in lines[-1]
