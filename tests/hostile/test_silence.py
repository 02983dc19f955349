"""No decoder writes to standard error, whatever it is given: a library that begins to shows here."""

from __future__ import annotations

import random

import pytest

from digitmill.errors import ItemFailure
from digitmill.imaging.files.decode import decode
from digitmill.imaging.files.pages import count_tiff_pages
from tests.hostile.mutations import corpus

MUTANTS = 300


# PDFs are opened in processes apart, whose standard error is nobody's
@pytest.mark.parametrize("name", sorted(name for name in corpus() if not name.endswith(".pdf")))
def test_damaged_files_leave_no_line(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    sound = corpus()[name]
    chance = random.Random(name)
    failed = 0
    for _ in range(MUTANTS):
        data = bytearray(sound)
        for _ in range(chance.choice((1, 1, 3, 10))):
            data[chance.randrange(len(data))] = chance.choice((0, 1, 127, 255, chance.randrange(256)))
        if chance.random() < 0.2:
            del data[chance.randrange(len(data)) :]
        try:
            decode(bytes(data), pages=count_tiff_pages(bytes(data), 20), max_pixels=1_000_000)
        except ItemFailure:
            failed += 1
    assert failed
    assert capfd.readouterr().err == ""
