"""Submit jobs again and again while faults of many kinds come at random; check every row.

Ends with status 0 if no row was lost, doubled or wrong, no job stuck, and nothing left behind; Ctrl-C ends it early,
with its report. The seed decides which fault comes when, and what is submitted: the same seed tries the same again, as
far as the machine's timing lets it.
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

from tests.moved_clock import MISSING
from tests.soak.chaos import Chaos
from tests.soak.faults import FAULTS, USUAL, VERSIONS, Scene
from tests.soak.gate import Gate
from tests.soak.measures import Memory, key_names, leftovers, stray_uploads, to_mend
from tests.soak.stack import running
from tests.soak.submitting import Ledger, Submitter, Unserved

SUBMITTERS = 2
TOLD_EVERY = 10
"""Faults after which a long run gives a sign of life."""


def main() -> int:
    options = _options()
    enough = threading.Event()
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, lambda *_: enough.set())
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10**6)
    _say(f"seed {seed}: up to {options.faults} faults and {options.minutes:g} minutes")
    if missing := [kind for kind in FAULTS if kind not in USUAL]:
        _say(f"LEFT OUT: {', '.join(missing)}, for {MISSING}")
    with (
        tempfile.TemporaryDirectory(prefix="digitmill-soak-") as folder,
        running(Path(folder)) as stack,
    ):
        ledger, gate = Ledger(), Gate()
        first = Submitter(stack.url, gate, random.Random(seed), ledger, options.images)
        first.learn(VERSIONS)
        keys = key_names(stack)
        # whose jobs are cancelled and deleted unread
        caller = Submitter(stack.url, gate, random.Random(seed + 2), ledger, options.images, first.answers)
        scene = Scene(stack, random.Random(seed + 1), caller, gate)
        memory, chaos = (
            Memory(stack),
            Chaos(scene, options.kinds, first.probe),
        )
        others = [
            Submitter(stack.url, gate, random.Random(seed + 3 + n), ledger, options.images, first.answers)
            for n in range(SUBMITTERS)
        ]
        with chaos.supervising(), _submitting(others):
            try:
                _strike(chaos, memory, ledger, options, enough)
            except Unserved as error:
                ledger.note("stuck", 1, str(error))
        left = key_names(stack) - keys
        remains, strays = leftovers(stack), stray_uploads(stack)
    chaos.report(_say)
    memory.report(_say)
    _say(f"keys of Redis: {len(keys)} before, {len(left)} of other names after: {', '.join(sorted(left)) or 'none'}")
    _say(f"left behind once all jobs were deleted: {', '.join(remains) or 'nothing'}")
    _say(f"uploads without a job, which the purge takes after hours: {strays}")
    ledger.report(_say)
    return 0 if ledger.sound and not left and not remains else 1


def _strike(chaos: Chaos, memory: Memory, ledger: Ledger, options: argparse.Namespace, enough: threading.Event) -> None:
    told, details, end = 0, 0, time.monotonic() + 60 * options.minutes
    while time.monotonic() < end and (chaos.faults < options.faults or not options.faults) and not enough.is_set():
        if options.faults:
            struck = chaos.strike()
            if wrong := to_mend(chaos.stack):
                ledger.note("to mend", sum(wrong.values()), f"after {struck}: {wrong}")
            if chaos.faults >= told + TOLD_EVERY:
                told = chaos.faults
                _say(f"{told} faults, {ledger.jobs} jobs, {ledger.faults.total()} wrong")
            for detail in ledger.details[details:]:
                details += 1
                _say(f"  after {chaos.faults} faults, the last one {struck}: {detail}")
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
    parser.add_argument("--faults", type=int, default=1000, help="how many; 0 for none (default %(default)s)")
    parser.add_argument(
        "--kinds", nargs="+", metavar="KIND", choices=FAULTS, default=USUAL, help="of these: " + ", ".join(FAULTS)
    )
    parser.add_argument("--minutes", type=float, default=120, help="the longest that it may take (default %(default)s)")
    parser.add_argument("--images", type=int, default=1500, help="the most in a job (default %(default)s)")
    parser.add_argument("--seed", type=int, help="which fault comes when; printed when not given")
    return parser.parse_args()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
