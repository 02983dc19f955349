"""Pictures for browsers are drawn in processes that are few, walled in, and replaced."""

from __future__ import annotations

import gc
import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from digitmill.domain.jobs import Polarity
from digitmill.errors import FailureCode, ItemFailure, Overloaded
from digitmill.imaging.drawn import drawers as drawing_processes
from digitmill.imaging.drawn.drawers import Drawers
from digitmill.imaging.drawn.drawing import Picture, View, draw, receive, send
from digitmill.settings import Settings
from tests.pictures import drawn_digit, encoded, heic, jpeg, png, tiff
from tests.web.conftest import peak_rss, wait_until

MEGABYTE = 1 << 20
SERVER = """
import time
from digitmill.imaging.drawn.drawers import Drawers
from digitmill.imaging.drawn.drawing import Picture, View
from digitmill.settings import Settings
from tests.imaging.test_drawers import drawn_digit, picture, png
drawers = Drawers(Settings())
drawers.draw(lambda: picture(png(drawn_digit())), View.PNG)
print(drawers.pids[0], flush=True)
time.sleep(600)
"""


def picture(data: bytes, page: int = 0, pages: int = 1) -> Picture:
    return Picture(data, page, pages, Polarity.AUTO)


def huge() -> bytes:
    """25 million pixels in some hundred bytes."""
    return encoded(Image.fromarray(np.full((5000, 5000), 250, np.uint8)).convert("RGB"), "WEBP", lossless=True)


@pytest.fixture
def made() -> Iterator[Callable[..., Drawers]]:
    """Makes Drawers with settings by name."""
    all_made: list[Drawers] = []

    def make(**settings: Any) -> Drawers:
        all_made.append(Drawers(Settings(**settings)))
        return all_made[-1]

    yield make
    all_made.clear()


@pytest.mark.parametrize("view", [View.PNG, View.THUMBNAIL, View.NORMALISED])
@pytest.mark.parametrize(
    ("data", "page", "pages"),
    [
        (png(drawn_digit()), 0, 1),
        (jpeg(drawn_digit(side=300)), 0, 1),
        (heic(drawn_digit(side=200)), 0, 1),
        (tiff([drawn_digit(1), drawn_digit(4, 100)]), 1, 2),
    ],
)
def test_what_comes_back_is_what_would_be_drawn_here(
    made: Callable[..., Drawers], view: View, data: bytes, page: int, pages: int
) -> None:
    drawn = made().draw(lambda: picture(data, page, pages), view)
    assert drawn == draw(picture(data, page, pages), view, max_pixels=1_000_000)
    assert drawn is not None


def test_nothing_is_started_before_a_picture_is_asked_for_and_processes_end_with_their_owner() -> None:
    drawers = Drawers(Settings())
    assert drawers.pids == []
    drawers.draw(lambda: picture(png(drawn_digit())), View.PNG)
    (pid,) = drawers.pids
    del drawers
    gc.collect()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_blank_picture_has_nothing_for_the_model(made: Callable[..., Drawers]) -> None:
    blank = picture(png(np.full((40, 40), 255, np.uint8)))
    assert made().draw(lambda: blank, View.NORMALISED) is None


def test_what_cannot_be_read_keeps_its_reason_and_the_process(made: Callable[..., Drawers]) -> None:
    drawers = made(max_image_pixels=10_000)
    for data, expected in (
        (b"text", FailureCode.NOT_AN_IMAGE),
        (png(drawn_digit(side=101)), FailureCode.IMAGE_TOO_LARGE),
        (png(drawn_digit())[:-30], FailureCode.TRUNCATED_IMAGE),
    ):
        with pytest.raises(ItemFailure) as caught:
            drawers.draw(lambda data=data: picture(data), View.PNG)  # type: ignore[misc]
        assert caught.value.failure is expected
    assert len(drawers.pids) == 1


def test_twelve_huge_pictures_at_once_cost_this_process_little_and_the_others_what_is_set(
    made: Callable[..., Drawers], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing_processes, "PATIENCE_SECONDS", 300.0)
    data = huge()
    drawers = made(web_drawers=2, image_memory_bytes=600 * MEGABYTE, image_seconds=300)
    before = peak_rss(os.getpid())
    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(lambda _: drawers.draw(lambda: picture(data), View.THUMBNAIL), range(12)))
    assert {Image.open(io.BytesIO(answer or b"")).size for answer in answers} == {(96, 96)}
    assert peak_rss(os.getpid()) - before < 60 * MEGABYTE
    assert 1 <= len(drawers.pids) <= 2
    # what the wall counts, and the libraries themselves
    assert all(peak_rss(pid) < 800 * MEGABYTE for pid in drawers.pids)


@pytest.mark.parametrize("kind", ["PNG", "JPEG2000", "AVIF"])
def test_a_picture_that_needs_too_much_memory_is_refused_and_the_next_is_drawn(
    made: Callable[..., Drawers], kind: str
) -> None:
    drawers = made(image_memory_bytes=128 * MEGABYTE)
    data = encoded(Image.fromarray(np.full((7000, 7000), 250, np.uint8)).convert("RGB"), kind)
    with pytest.raises(ItemFailure) as caught:
        drawers.draw(lambda: picture(data), View.THUMBNAIL)
    assert caught.value.failure is FailureCode.IMAGE_TOO_LARGE
    assert drawers.draw(lambda: picture(png(drawn_digit())), View.THUMBNAIL)


def test_a_process_that_died_is_replaced_unnoticed(made: Callable[..., Drawers]) -> None:
    drawers = made()
    drawers.draw(lambda: picture(png(drawn_digit())), View.PNG)
    (first,) = drawers.pids
    os.kill(first, signal.SIGKILL)
    assert drawers.draw(lambda: picture(png(drawn_digit())), View.PNG)
    assert drawers.pids != [first]


def test_a_process_that_hangs_is_killed_and_replaced(made: Callable[..., Drawers]) -> None:
    drawers = made(image_seconds=60)
    drawers.draw(lambda: picture(png(drawn_digit())), View.PNG)
    (first,) = drawers.pids
    # that one alone: the next has to start on a machine that may be busy
    (hanging,) = drawers._all
    hanging._seconds = 1.0
    os.kill(first, signal.SIGSTOP)
    with pytest.raises(ItemFailure) as caught:
        drawers.draw(lambda: picture(png(drawn_digit())), View.PNG)
    assert caught.value.failure is FailureCode.POISON_IMAGE
    assert not Path(f"/proc/{first}").exists()
    assert drawers.draw(lambda: picture(png(drawn_digit())), View.PNG)


def test_a_picture_that_ends_every_process_is_given_up(made: Callable[..., Drawers]) -> None:
    drawers = made(image_seconds=60)
    slow = huge()
    killed: set[int] = set()
    done = threading.Event()

    def kill_each() -> None:
        while not done.is_set():
            for pid in set(drawers.pids) - killed:
                os.kill(pid, signal.SIGKILL)
                killed.add(pid)
            time.sleep(0.01)

    killer = threading.Thread(target=kill_each)
    killer.start()
    with pytest.raises(ItemFailure) as caught:
        drawers.draw(lambda: picture(slow), View.PNG)
    done.set()
    killer.join()
    assert caught.value.failure is FailureCode.POISON_IMAGE
    assert len(killed) == drawing_processes.TRIES


def test_when_too_many_pictures_wait_the_next_is_told_to_come_again(
    made: Callable[..., Drawers], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing_processes, "PATIENCE_SECONDS", 60.0)
    drawers = made(web_threads=4, image_seconds=60)
    drawers.draw(lambda: picture(png(drawn_digit())), View.PNG)
    os.kill(drawers.pids[0], signal.SIGSTOP)
    reads: list[int] = []

    def read() -> Picture:
        reads.append(1)
        return picture(png(drawn_digit()))

    with ThreadPoolExecutor(3) as threads:
        waiting = [threads.submit(drawers.draw, read, View.PNG) for _ in range(3)]
        # two have room, one at work and one that waits
        wait_until(lambda: len(reads) == 1 and any(each.done() for each in waiting))
        (refused,) = [each for each in waiting if each.done()]
        overloaded = refused.exception()
        os.kill(drawers.pids[0], signal.SIGCONT)
        assert all(each.result() for each in waiting if each is not refused)
    assert isinstance(overloaded, Overloaded)
    assert overloaded.retry_after > 0
    # who waits for a turn has read nothing yet
    assert len(reads) == 2


def test_processes_end_with_their_server_however_it_ends() -> None:
    server = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    pid = int(server.stdout.readline())
    server.kill()
    server.wait()
    server.stdout.close()
    wait_until(lambda: not Path(f"/proc/{pid}").exists() or " Z " in Path(f"/proc/{pid}/stat").read_text())


def test_a_process_that_draws_is_told_no_secret(made: Callable[..., Drawers], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITMILL_ADMIN_KEY", "a-long-secret")
    drawers = made()
    drawers.draw(lambda: picture(png(drawn_digit())), View.PNG)
    assert b"a-long-secret" not in Path(f"/proc/{drawers.pids[0]}/environ").read_bytes()


def test_the_kernel_bounds_the_time_of_a_process_and_ends_it_first(made: Callable[..., Drawers]) -> None:
    drawers = made(image_seconds=20)
    drawers.draw(lambda: picture(png(drawn_digit())), View.PNG)
    process = Path(f"/proc/{drawers.pids[0]}")
    (cpu,) = [line.split()[3] for line in (process / "limits").read_text().splitlines() if line.startswith("Max cpu")]
    assert 20 <= int(cpu) <= 30
    assert (process / "oom_score_adj").read_text().strip() == "1000"


def test_a_message_that_promises_too_much_is_not_read() -> None:
    stream = io.BytesIO()
    send(stream, {"blank": False}, b"x" * 100)
    for most, error in ((99, ValueError), (100, None)):
        stream.seek(0)
        if error is None:
            assert receive(stream, most) == ({"blank": False, "bytes": 100}, b"x" * 100)
        else:
            with pytest.raises(error):
                receive(stream, most)
    with pytest.raises(EOFError):
        receive(io.BytesIO(stream.getvalue()[:-1]), 100)
