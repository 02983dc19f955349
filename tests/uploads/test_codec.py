"""Entries packed for the job store come back as they were."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from digitmill.domain.planned import Entry, Packing
from digitmill.domain.rows import Failure
from digitmill.errors import FailureCode
from digitmill.uploads.codec import pack_plan, unpack_plan
from tests.archives import zip_of
from tests.uploads.planning import plan_zip

numbers = st.integers(0, 2**64)
entries = st.builds(
    Entry,
    name=st.text(st.characters(), max_size=30),
    offset=numbers,
    span=numbers,
    size=numbers,
    packing=st.sampled_from(Packing),
    crc=st.none() | st.integers(0, 2**32 - 1),
    page=st.integers(0, 1000),
    pages=st.integers(1, 1000),
    refused=st.none() | st.builds(Failure, st.sampled_from(FailureCode), st.text(max_size=20)),
)


@settings(deadline=None)
@given(st.lists(entries, max_size=20))
def test_every_field_of_every_entry_comes_back(planned: list[Entry]) -> None:
    assert unpack_plan(pack_plan(planned)) == tuple(planned)


def test_an_ordinary_member_takes_less_than_25_bytes(tmp_path: Path) -> None:
    members = {f"{number:05}.png": os.urandom(200 + number % 100) for number in range(256)}
    (chunk,) = plan_zip(tmp_path, zip_of(members)).chunks
    assert len(pack_plan(chunk.entries)) < 25 * 256
