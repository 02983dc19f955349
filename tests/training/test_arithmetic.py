from __future__ import annotations

import pytest
import tensorflow as tf

from training import __main__ as command_line
from training.config import Arithmetic
from training.learning import arithmetic


@pytest.mark.parametrize(
    ("gpus", "bf16", "taken"),
    [([], False, "float32"), ([], True, "mixed_bfloat16"), (["a GPU"], False, "mixed_bfloat16")],
)
def test_a_new_run_takes_bf16_only_where_it_is_quick(
    gpus: list[str], bf16: bool, taken: Arithmetic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arithmetic, "has_bf16", lambda: bf16)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: gpus)
    assert command_line._new(None, {"version": "1"}).arithmetic == taken
    assert command_line._new("lenet5", {"version": "1"}).arithmetic == "float32"
