"""Damage of every kind done to real files: what copying, cutting and malice leave of them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from hypothesis import strategies as st

CORPUS = Path(__file__).parent / "corpus"
EDGES = (b"\x00", b"\x01", b"\x7f", b"\x80", b"\xff", b"\x00" * 4, b"\xff" * 4, b"\xff" * 8, b"\x7f\xff\xff\xff")
MOST_BYTES = 64 << 10


@cache
def corpus() -> dict[str, bytes]:
    """The files of the corpus by name: a few kilobytes each, one for each way through the readers."""
    return {path.name: path.read_bytes() for path in sorted(CORPUS.iterdir())}


def _flip(draw: st.DrawFn, data: bytearray, place: int) -> None:
    data[place] ^= 1 << draw(st.integers(0, 7))


def _set(draw: st.DrawFn, data: bytearray, place: int) -> None:
    block = draw(st.sampled_from(EDGES) | st.binary(min_size=1, max_size=8))
    data[place : place + len(block)] = block


def _insert(draw: st.DrawFn, data: bytearray, place: int) -> None:
    data[place:place] = draw(st.binary(min_size=1, max_size=16))


def _remove(draw: st.DrawFn, data: bytearray, place: int) -> None:
    del data[place : place + draw(st.integers(1, 64))]


def _truncate(draw: st.DrawFn, data: bytearray, place: int) -> None:
    del data[place:]


def _repeat(draw: st.DrawFn, data: bytearray, place: int) -> None:
    block = bytes(data[place : place + draw(st.integers(1, 200))])
    data[place:place] = block * draw(st.integers(1, 20))


def _splice(draw: st.DrawFn, data: bytearray, place: int) -> None:
    """The end of another file in the place of one's own."""
    other = draw(st.sampled_from(list(corpus().values())))
    data[place:] = other[draw(st.integers(0, len(other) - 1)) :]


DAMAGES = (_flip, _flip, _set, _set, _insert, _remove, _truncate, _repeat, _splice)


@st.composite
def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    """``data`` with one to five damages, half of them near its beginning or its end, where formats decide."""
    changed = bytearray(data)
    for _ in range(draw(st.integers(1, 5))):
        if not changed:
            break
        reach = min(len(changed), draw(st.sampled_from((64, 256, MOST_BYTES))))
        place = draw(st.integers(0, reach - 1))
        if draw(st.booleans()):
            place = len(changed) - 1 - place
        draw(st.sampled_from(DAMAGES))(draw, changed, place)
        del changed[MOST_BYTES:]
    return bytes(changed)


@st.composite
def damaged_files(draw: st.DrawFn) -> tuple[str, bytes]:
    """The name and the damaged content of a file of the corpus."""
    name = draw(st.sampled_from(sorted(corpus())))
    return name, draw(damaged(corpus()[name]))
