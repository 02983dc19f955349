"""Submit jobs again and again while random children, workers, web servers and Redis are killed; check every row.

Ends with status 0 if no row was lost, doubled or wrong, and no job stuck; Ctrl-C ends it early, with its report. The
seed decides who is killed when, and what is submitted: the same seed tries the same again, as far as the machine's
timing lets it.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.end_to_end.conftest import running_stack
from tests.soak.chaos import Chaos
from tests.soak.measures import Memory, key_names
from tests.soak.submitting import Ledger, Submitter, Unserved

SUBMITTERS = 2
TOLD_EVERY = 100
"""Kills after which a long run gives a sign of life."""
SETTINGS = {"DIGITMILL_WORKER_CONCURRENCY": "2", "DIGITMILL_CHUNK_IMAGES": "50"}


def main() -> int:
    options = _options()
    enough = threading.Event()
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, lambda *_: enough.set())
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10**6)
    _say(f"seed {seed}: up to {options.kills} kills and {options.minutes:g} minutes")
    with (
        tempfile.TemporaryDirectory(prefix="digitmill-soak-") as folder,
        running_stack(Path(folder), **SETTINGS) as stack,
    ):
        ledger = Ledger()
        first = Submitter(stack.url, random.Random(seed), ledger, options.images)
        first.learn()
        keys = key_names(stack)
        memory, chaos = Memory(stack), Chaos(stack, random.Random(seed + 1), first.probe)
        others = [
            Submitter(stack.url, random.Random(seed + 2 + n), ledger, options.images, first.answers)
            for n in range(SUBMITTERS)
        ]
        with chaos.supervising(), _submitting(others):
            try:
                _kill(chaos, memory, options.kills, time.monotonic() + 60 * options.minutes, enough)
            except Unserved as error:
                ledger.note("stuck", 1, str(error))
        left = key_names(stack) - keys
    chaos.report(_say)
    memory.report(_say)
    _say(f"keys of Redis: {len(keys)} before, {len(left)} of other names after: {', '.join(sorted(left)) or 'none'}")
    ledger.report(_say)
    return 0 if ledger.sound and not left else 1


def _kill(chaos: Chaos, memory: Memory, kills: int, end: float, enough: threading.Event) -> None:
    told = 0
    while time.monotonic() < end and (chaos.kills < kills or not kills) and not enough.is_set():
        if kills:
            chaos.strike()
            if chaos.kills >= told + TOLD_EVERY:
                told = chaos.kills
                _say(f"{told} kills")
        else:
            enough.wait(1)
        memory.sample()


@contextmanager
def _submitting(submitters: list[Submitter]) -> Iterator[None]:
    """While it lasts, all submit; at its end each has seen its last job through."""
    stop = threading.Event()
    threads = [threading.Thread(target=submitter.run, args=(stop,)) for submitter in submitters]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=1000, help="processes to kill; 0 kills none (default %(default)s)")
    parser.add_argument("--minutes", type=float, default=120, help="the longest that it may take (default %(default)s)")
    parser.add_argument("--images", type=int, default=1500, help="the most in a job (default %(default)s)")
    parser.add_argument("--seed", type=int, help="whom to kill when; printed when not given")
    return parser.parse_args()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
