"""Every network to begin with, trained over HTTP by a running service, beside the figures of docs/model-owner.md.

``python -m training.learning.presets URL [NAME…]`` trains those that are named, or all, one after another, as
``GET /v1/networks`` says, and ends with 1 where one reads less than ``LEAST`` below what the document tells.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from digitmill.client import Client
from digitmill.client.documents import Training

DOCUMENT = Path(__file__).parents[2] / "docs" / "model-owner.md"
_ROW = re.compile(r"^\| `([a-z0-9-]+)` \| [0-9,]+ \|.*\| ([0-9.]+) % \|$", re.MULTILINE)
LEAST = 0.004
"""Share of MNIST's test part by which two trainings of the same network differ, by the machine and the threads."""


def told(document: Path = DOCUMENT) -> dict[str, float]:
    """The shares of MNIST's test part that are read right, by the names of the networks in the document's table."""
    return {name: float(percent) / 100 for name, percent in _ROW.findall(document.read_text("utf-8"))}


def compared(client: Client, names: Sequence[str], say: Callable[[str], object]) -> bool:
    """Train the networks of these names, or all, and say what each reads. Whether none reads less than is told."""
    figures, sound = told(), True
    for network in client.networks():
        name = network["name"]
        if names and name not in names:
            continue
        ended = client.wait_for_training(client.train(architecture=name, name=name).id)
        line, good = _said(ended, figures.get(name))
        say(f"{name}: {line}")
        sound = sound and good
    return sound


def _said(ended: Training, documented: float | None) -> tuple[str, bool]:
    if ended.report is None:
        return (ended.error.detail if ended.error is not None else ended.state), False
    right = float(ended.report["accuracy"])
    seconds = sum(epoch["seconds"] for epoch in ended.epochs)
    line = f"{right:.2%} of {ended.report['images']:,} test images right, {len(ended.epochs)} epochs in {seconds:.0f} s"
    if documented is None:
        return f"{line}; the document has no figure of it", True
    return f"{line}; documented {documented:.2%}", right >= documented - LEAST


def main() -> int:
    """With the key in DIGITMILL_KEY, where the service asks for one."""
    url, *names = sys.argv[1:] or ["http://127.0.0.1:8000"]
    with Client(url, os.environ.get("DIGITMILL_KEY")) as client:
        return 0 if compared(client, names, lambda line: sys.stdout.write(f"{line}\n")) else 1


if __name__ == "__main__":
    sys.exit(main())
