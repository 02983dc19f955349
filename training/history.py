"""What each finished epoch of a run gave: ``training_history.json`` in its folder."""

from __future__ import annotations

import json
from pathlib import Path

HISTORY_FILE = "training_history.json"
FORMER_HISTORY_FILE = "history.json"
"""Its name in runs of version 0.1.0 and before."""

Epoch = dict[str, float]
"""``training_loss``, ``training_accuracy``, ``validation_loss`` and ``validation_accuracy``."""


def read_history(folder: Path) -> list[Epoch]:
    """The finished epochs of the run in ``folder``, in order; none where it has not begun."""
    for name in (HISTORY_FILE, FORMER_HISTORY_FILE):
        if (folder / name).is_file():
            history: list[Epoch] = json.loads((folder / name).read_text())
            return history
    return []


def history_text(history: list[Epoch]) -> str:
    return json.dumps(history, indent=1) + "\n"


def in_words(figures: Epoch) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in figures.items())
