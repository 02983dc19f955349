"""Run ``digitmill up`` under normal load, with Prometheus and the alerts of deploy/prometheus; say what they said.

Ends with status 0 if no alert fired, every call was answered as it should be, and Prometheus could look at every rule.
Alerts that were pending, and went away by themselves, are told. Needs ``prometheus``.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from digitmill.embedded.claims import free_port
from tests.normal_load.board import draw
from tests.normal_load.load import Load
from tests.normal_load.prometheus import SCRAPE_SECONDS, Prometheus, scraping
from tests.receiver import receiving

PROGRAM = "import sys; from digitmill.cli import main; sys.exit(main())"
READY = "Digitmill is ready at "
LAST_SECONDS = 3 * SCRAPE_SECONDS
"""After the load, so that its end is seen too."""


def main() -> int:
    options = _options()
    enough = threading.Event()
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, lambda *_: enough.set())
    with (
        tempfile.TemporaryDirectory(prefix="digitmill-load-") as made,
        receiving() as receiver,
        service(Path(made)) as url,
        scraping(url.removeprefix("http://"), Path(made)) as prometheus,
    ):
        load = Load(url, receiver.url, options.seed)
        began = time.time()
        with load.going_on():
            enough.wait(60 * options.minutes)
        time.sleep(LAST_SECONDS)
        _say(f"{(time.time() - began) / 60:.0f} minutes, seed {options.seed}, {len(receiver.received)} webhooks")
        _say(", ".join(f"{times:,} {what}" for what, times in sorted(load.done.items())))
        fired = _tell(prometheus, began, time.time())
        if options.picture is not None:
            draw(prometheus, began, time.time(), options.picture)
    for fault in load.faults:
        _say(f"went wrong: {fault}")
    return 1 if fired or load.faults or not load.done["jobs"] else 0


def _tell(prometheus: Prometheus, began: float, ended: float) -> bool:
    """Whether an alert fired, or could not have."""
    alerts, sick = prometheus.alerts(began, ended), prometheus.sick_rules()
    for alert in alerts:
        _say(f"{alert.state}: {alert.name}, {alert.seconds:.0f} s")
    if not alerts:
        _say("no alert was pending or firing")
    for name in sick:
        _say(f"not looked at: {name}")
    _say(f"scrapes without an answer: {prometheus.unanswered(began, ended)}")
    return bool(sick) or any(alert.state == "firing" for alert in alerts)


@contextmanager
def service(folder: Path) -> Iterator[str]:
    """The address of ``digitmill up``, which keeps its data in the folder."""
    settings = {
        "DIGITMILL_VAR": str(folder / "var"),
        "DIGITMILL_PORT": str(free_port("127.0.0.1", 0)),
        "DIGITMILL_WEBHOOK_PRIVATE_ADDRESSES": "true",
    }
    others = {name: value for name, value in os.environ.items() if not name.startswith("DIGITMILL_")}
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "up"],
        env=others | settings,
        stdout=subprocess.PIPE,
        stderr=sys.stderr,
        text=True,
        # Ctrl-C ends the load first
        start_new_session=True,
    )
    try:
        line = process.stdout.readline() if process.stdout else ""
        if not line.startswith(READY):
            raise SystemExit(f"digitmill up said {line!r}")
        yield line.removeprefix(READY).strip()
    finally:
        process.terminate()
        process.wait()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.normal_load", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=60, help="how long (default %(default)s)")
    parser.add_argument("--seed", type=int, default=24, help="what is submitted when (default %(default)s)")
    parser.add_argument("--picture", type=Path, help="draw the dashboard of deploy/grafana into this file at the end")
    return parser.parse_args()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
