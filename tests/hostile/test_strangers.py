"""A short stand of the crowd at the door; ``make hostile`` is the long one, which measures."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from tests.hostile.strangers import MOST_GROWTH, MOST_MEMORY, crowd, guarded_stack, watched

pytestmark = pytest.mark.service


def test_a_caller_and_the_probes_are_served_while_a_crowd_of_strangers_stands_at_the_door(tmp_path: Path) -> None:
    with guarded_stack(tmp_path) as stack, crowd(stack, 400):
        seen = watched(stack, 20)
    assert seen.images > 0
    assert math.inf not in seen.healthz
    assert seen.memory < MOST_MEMORY
    assert seen.growth < MOST_GROWTH
