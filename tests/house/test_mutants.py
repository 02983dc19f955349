"""What counts as a change that the tests notice."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.mutants import fails


@pytest.mark.parametrize(("code", "noticed"), [("", False), ("raise SystemExit(1)", True), ("while True: pass", True)])
def test_a_change_is_noticed_where_the_tests_fail_or_do_not_end(tmp_path: Path, code: str, noticed: bool) -> None:
    seconds = 1.0 if "while" in code else 600.0
    assert fails([sys.executable, "-c", code], tmp_path, seconds) is noticed
