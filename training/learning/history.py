"""What each finished epoch of a run gave: ``training_history.json`` in its folder."""

from __future__ import annotations

import json
from pathlib import Path

HISTORY_FILE = "training_history.json"

Epoch = dict[str, float]
"""``training_loss``, ``training_accuracy``, ``validation_loss`` and ``validation_accuracy``."""


def read_history(folder: Path) -> list[Epoch]:
    """The finished epochs of the run in ``folder``, in order; none where it has not begun."""
    path = folder / HISTORY_FILE
    history: list[Epoch] = json.loads(path.read_text()) if path.is_file() else []
    return history


def history_text(history: list[Epoch]) -> str:
    return json.dumps(history, indent=1) + "\n"


def in_words(figures: Epoch) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in figures.items())
