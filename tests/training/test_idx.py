from __future__ import annotations

import gzip
import struct
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from digitmill.errors import TrainingError
from training.pictures.idx import parse_idx

BYTES = arrays.arrays(np.uint8, arrays.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=6))


def idx_of(array: NDArray[np.uint8]) -> bytes:
    head = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return head + array.tobytes()


@given(BYTES, st.booleans())
def test_an_array_comes_back_gzipped_or_not(array: NDArray[np.uint8], zipped: bool) -> None:
    data = idx_of(array)
    np.testing.assert_array_equal(parse_idx(gzip.compress(data) if zipped else data, "file"), array)


@given(BYTES, st.data(), st.booleans())
def test_a_file_that_is_cut_off_is_refused(array: NDArray[np.uint8], data: st.DataObject, zipped: bool) -> None:
    whole = gzip.compress(idx_of(array)) if zipped else idx_of(array)
    kept = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(TrainingError):
        parse_idx(whole[:kept], "file")


@given(BYTES, st.binary(min_size=1, max_size=9))
def test_a_file_that_is_longer_than_it_says_is_refused(array: NDArray[np.uint8], more: bytes) -> None:
    with pytest.raises(TrainingError, match="holds more"):
        parse_idx(idx_of(array) + more, "file")


@given(st.binary(max_size=60) | st.binary(max_size=60).map(lambda rest: b"\0\0\x08" + rest))
def test_any_bytes_give_an_array_or_a_reason(data: bytes) -> None:
    for content in (data, gzip.compress(data), b"\x1f\x8b" + data):
        with suppress(TrainingError):
            assert parse_idx(content, "file").ndim <= 3


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "begins with nothing"),
        (b"\x89PNG", "begins with 89504e47"),
        (b"\0\0\x0d\x01" + bytes(8), "holds float32.*Convert"),
        (b"\0\0\x08\x04" + bytes(20), "4 dimensions"),
        (b"\0\0\x08\x03" + b"\xff" * 12, "more than it can hold"),
        (b"\0\0\x08\x01\0\0\0\x05abc", "promises 5 numbers and holds 3"),
    ],
)
def test_what_is_wrong_is_said(data: bytes, said: str) -> None:
    with pytest.raises(TrainingError, match=said):
        parse_idx(data, "file")
