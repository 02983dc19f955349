"""`digitmill doctor`: what it prints, and its exit status."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from digitmill.cli import main
from digitmill.store.connection import connect
from digitmill.store.redis import RedisJobStore
from digitmill.store.upkeep import WorkerInfo
from tests.core.conftest import publish
from tests.embedded.test_redis_versions import data, stand_in


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A folder and an environment without settings but the folder for data."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DIGITMILL_VAR", str(tmp_path / "var"))
    publish(tmp_path / "var" / "models")
    return monkeypatch


def test_a_healthy_service_ends_with_0_and_one_without_workers_with_1(
    machine: pytest.MonkeyPatch, empty_redis_url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    machine.setenv("DIGITMILL_REDIS_URL", empty_redis_url)
    assert main(["doctor"]) == 1
    told = capfd.readouterr().out
    assert "WRONG  no_worker: No worker was heard of" in told
    assert "To mend it: Start a worker" in told

    RedisJobStore(connect(empty_redis_url)).upkeep.beat([WorkerInfo("a:1/2", "openvino", "cpu", "bf16", "digits@1")])
    code = main(["doctor", "--json"])
    document = json.loads(capfd.readouterr().out)
    wrong = [finding["code"] for finding in document["findings"] if finding["wrong"]]
    assert document["healthy"] is (not wrong)
    assert code == (1 if wrong else 0)
    assert set(wrong) <= {"disk_nearly_full"}, "whatever machine the tests run on"
    assert set(document["facts"]) == {"redis", "workers", "waiting", "queued_images"}


def test_a_misspelt_setting_is_found(machine: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    machine.setenv("DIGITMILL_LEASE_SECOND", "3")
    assert main(["doctor"]) == 1
    told = capfd.readouterr().out
    assert "bad_settings" in told
    assert "DIGITMILL_LEASE_SECOND is not a setting" in told


def test_a_service_that_does_not_run_is_found(machine: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 1
    (finding,) = json.loads(capfd.readouterr().out)["findings"]
    assert finding["code"] == "no_service"


def test_which_redis_made_the_folder_is_told_and_which_read_it(
    machine: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bin").mkdir()
    for name, version in (("redis-server", "Redis 7.0"), ("valkey-server", "Valkey 99.2")):
        Path(stand_in(tmp_path, version)).rename(tmp_path / "bin" / name)
    machine.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    data(tmp_path / "var", "Valkey 99.1")
    main(["doctor"])
    told = capfd.readouterr().out
    assert f"The data in {tmp_path}/var/redis was made by Valkey 99.1: " in told
    assert f"Redis 7.0 ({tmp_path}/bin/redis-server) cannot read it; Valkey 99.2 (" in told
    main(["doctor", "--json"])
    folder = json.loads(capfd.readouterr().out)["folder"]
    assert folder["made_by"] == "Valkey 99.1"
    assert [each["reads"] for each in folder["programs"][:2]] == [False, True]


def test_what_is_repaired_is_told(
    machine: pytest.MonkeyPatch, empty_redis_url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    machine.setenv("DIGITMILL_REDIS_URL", empty_redis_url)
    connect(empty_redis_url).set("dm:queued", 20_000)
    main(["doctor"])
    assert "WRONG  counters_differ: " in capfd.readouterr().out
    main(["doctor", "--repair"])
    told = capfd.readouterr().out
    assert told.startswith("Mended: queued 1 times.\n")
    assert "counters_differ" not in told
    main(["doctor", "--repair", "--json"])
    assert json.loads(capfd.readouterr().out)["mended"] == {}
