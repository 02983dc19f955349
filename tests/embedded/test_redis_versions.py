"""A folder whose data another version of Redis made."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from digitmill.embedded.redis_server import server_binary
from digitmill.embedded.redis_versions import Version, fitting, maker, version_of
from digitmill.errors import CannotStart
from tests.embedded.conftest import Up, eventually

StartUp = Callable[..., Up]


def stand_in(folder: Path, version: str) -> str:
    """A program that tells its version, and does nothing else."""
    path = folder / version.replace(" ", "-")
    path.write_text(f"#!/bin/sh\necho '{version.split(maxsplit=1)[0]} server v={version.split()[1]}.0 sha=0'\n")
    path.chmod(0o755)
    return str(path)


def data(folder: Path, version: str) -> Path:
    """The head of what such a version writes."""
    name, number = version.lower().split()
    redis = folder / "redis"
    base = redis / "appendonlydir" / "appendonly.aof.1.base.rdb"
    if name == "redis" and number < "7":
        base = redis / "appendonly.aof"
    base.parent.mkdir(parents=True)
    text = f"{number}.4"
    base.write_bytes(b"REDIS0010\xfa\x0a" + f"{name}-ver".encode() + bytes([len(text)]) + text.encode() + b"\xfa")
    return redis


@pytest.mark.parametrize(
    ("made_by", "present", "used"),
    [
        ("Redis 7.0", ["Redis 6.2", "Valkey 9.1"], "Valkey 9.1"),
        ("Redis 7.0", ["Redis 7.0", "Valkey 9.1"], "Redis 7.0"),
        ("Redis 6.2", ["Redis 7.0", "Redis 6.2"], "Redis 7.0"),
        ("Valkey 9.1", ["Redis 7.0", "Valkey 9.1"], "Valkey 9.1"),
        ("Valkey 9.1", ["Redis 8.0", "Valkey 9.0"], None),
        ("Redis 7.4", ["Redis 7.0", "Valkey 9.1"], None),
    ],
)
def test_the_first_that_can_read_the_data_is_used_and_said(
    tmp_path: Path, made_by: str, present: list[str], used: str | None
) -> None:
    binaries = [stand_in(tmp_path, version) for version in present]
    folder = data(tmp_path, made_by)
    if used is None:
        with pytest.raises(CannotStart, match=f"made by {made_by}, which no Redis of this machine can read"):
            fitting(folder, binaries)
        return
    binary, told = fitting(folder, binaries)
    assert binary == binaries[present.index(used)]
    assert (told is None) == (used == present[0])
    if told is not None:
        assert f"made by {made_by}, which {present[0]} cannot read; {used} is used" in told


def test_a_folder_without_data_is_for_the_usual_one(tmp_path: Path) -> None:
    assert fitting(tmp_path, ["usual", "other"]) == ("usual", None)
    (tmp_path / "appendonly.aof").write_bytes(b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n")
    assert maker(tmp_path) is None


@pytest.mark.service
def test_up_says_that_the_usual_redis_cannot_read_its_folder_and_keeps_the_data(up: StartUp, tmp_path: Path) -> None:
    first = up().until_ready()
    with first.redis() as client:
        client.set("kept", "yes")
        client.bgrewriteaof()  # before 7.0 a file says who made it from then on only
        eventually(lambda: maker(first.var / "redis") is not None, "the file was written again")
    assert first.stop() == 0
    made_by = maker(first.var / "redis")
    assert made_by == version_of(server_binary())
    older = tmp_path / "older"
    older.mkdir()
    Path(stand_in(older, "Redis 5.0")).rename(older / "redis-server")
    (older / "valkey-server").symlink_to(server_binary())
    second = up(PATH=f"{older}{os.pathsep}{os.environ['PATH']}").until_ready()
    assert f"which Redis 5.0 cannot read; {made_by} is used." in second.output
    with second.redis() as client:
        assert client.get("kept") == "yes"


@pytest.mark.service
def test_a_redis_that_was_chosen_runs_or_says_why_not(up: StartUp, tmp_path: Path) -> None:
    chosen, calls = tmp_path / "chosen", tmp_path / "calls"
    chosen.write_text(f'#!/bin/sh\necho "$*" >>{calls}\nexec {server_binary()} "$@"\n')
    chosen.chmod(0o755)
    first = up(UP_REDIS=str(chosen)).until_ready()
    assert [call for call in calls.read_text().splitlines() if "--version" not in call], "it was asked, and not started"
    assert first.stop() == 0
    data(tmp_path / "other", "Redis 99.1")
    for program, why in (
        (tmp_path / "nothing", "is no program of Redis or Valkey"),
        (Path("/bin/true"), "is no program of Redis or Valkey"),
        (Path(stand_in(tmp_path, "Redis 5.0")), "made by Redis 99.1, which no Redis of this machine can read"),
    ):
        refused = up(var="other", UP_REDIS=str(program))
        assert refused.wait() != 0
        assert why in refused.output


def test_versions_are_compared_by_number() -> None:
    assert Version("redis", (7, 10)).reads(Version("redis", (7, 9)))
    assert not Version("redis", (7, 0)).reads(Version("valkey", (7, 0)))
