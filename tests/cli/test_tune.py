"""`digitmill tune`, with real worker processes that answer a few images."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from digitmill.cli import main, tune
from digitmill.cli.tune import Comparison, conclude
from digitmill.settings import Settings

TINY = ["tune", "--rounds", "2", "--seconds", "0.01"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, whose settings ask for small chunks."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DIGITMILL_VAR", str(tmp_path / "var"))
    return tmp_path


def test_what_is_faster_in_every_turn_and_by_enough_is_better() -> None:
    assert Comparison({}, [100.0, 110.0, 90.0], [120.0, 125.0, 130.0]).better
    assert not Comparison({}, [100.0, 110.0, 90.0], [120.0, 105.0, 130.0]).better, "not in every turn"
    assert not Comparison({}, [100.0, 100.0], [102.0, 103.0]).better, "not by enough"
    assert not Comparison({}).better, "not to be had"


def test_what_is_recommended_is_written_beside_what_is_there(folder: Path) -> None:
    (folder / ".env").write_text("DIGITMILL_PORT=8001\nDIGITMILL_CHUNK_IMAGES=7\n")
    conclude({"chunk_images": "128", "worker_threads": "2"}, write=True)
    settings = Settings.load({})
    assert (settings.port, settings.chunk_images, settings.worker_threads) == (8001, 128, 2)


def test_nothing_is_written_unless_asked_for(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conclude({"chunk_images": "128"}, write=False)
    assert capsys.readouterr().out == "DIGITMILL_CHUNK_IMAGES=128\n"
    assert not (folder / ".env").exists()


@pytest.mark.service
def test_real_processes_are_compared_and_an_answer_is_given(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tune, "PRECISIONS", ("f32",))
    monkeypatch.setattr(tune, "CHUNKS", ("16",))
    monkeypatch.setenv("DIGITMILL_CHUNK_IMAGES", "8")
    monkeypatch.setenv("DIGITMILL_ENGINE", "openvino")
    monkeypatch.setenv("DIGITMILL_WORKER_CONCURRENCY", "1")
    assert main(TINY) == 0
    told = capfd.readouterr().out
    assert "CHUNK_IMAGES 16 " in told
    if (os.cpu_count() or 1) > 1:
        assert f"WORKER_CONCURRENCY {os.cpu_count()}, WORKER_THREADS 1" in told
    assert "Nothing is faster" in told or "DIGITMILL_" in told


@pytest.mark.service
def test_settings_that_no_worker_can_use_are_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DIGITMILL_ENGINE", "keras")
    monkeypatch.setenv("DIGITMILL_PRECISION", "bf16")
    assert main(TINY) == 1
    assert "Keras computes in f32" in capfd.readouterr().err
