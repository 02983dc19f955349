"""``digitmill up`` and ``digitmill demo``: the whole service on this machine."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

import digitmill
from digitmill.cli.exits import Exit
from digitmill.cli.rows import print_table
from digitmill.cli.submit import follow, send
from digitmill.cli.terminal import say, summary
from digitmill.client import Client, Job, Row
from digitmill.errors import CannotStart
from digitmill.settings import Settings

SAMPLES = Path(digitmill.__file__).parents[1] / "samples"
LABEL = re.compile(r"(?:.*/)?(\d|blank|broken)_[^/]*")
"""A sample's name begins with what its row should say."""

LEAST_AGREEMENT = 0.9


def register(app: typer.Typer) -> None:
    app.command()(up)
    app.command()(demo)


def up() -> None:
    """Run the whole service on this machine.

    That is a private Redis, a worker and the web server. Prints the address when it is ready, and runs
    until it is interrupted.
    """
    # Redis' client and locks of Unix are needed here alone
    from digitmill.embedded.stack import running_stack  # noqa: PLC0415

    try:
        with running_stack(Settings.load(), say) as stack:
            typer.echo(f"Digitmill {'refuses all calls' if stack.refuses else 'is ready'} at {stack.url}")
            stack.supervise()
    except KeyboardInterrupt:
        say("Digitmill has stopped.")


def demo() -> None:
    """Start a service, read the samples, stop.

    Everything happens in a temporary folder, which is gone afterwards.

    Exit status 0: every sample has its row, and the rows say what the samples' names say.
    """
    from digitmill.embedded.stack import running_stack  # noqa: PLC0415

    if not SAMPLES.is_dir():
        raise CannotStart(f"The samples are not here: {SAMPLES}. Run the demo in a checkout of Digitmill.")
    with _settings_of_its_own() as settings, running_stack(settings, say) as stack:
        key = settings.admin_key.get_secret_value() if settings.admin_key is not None else None
        with Client(stack.url, key) as client:
            job = follow(client, send(client, [str(SAMPLES)], {}).id)
            rows = list(client.results(job.id))
        print_table(rows)
        typer.echo(f"Read at {stack.url}. Start a service of your own with `digitmill up`.")
    say(summary(job))
    verdict, good = judge(job, rows)
    typer.echo(verdict)
    raise typer.Exit(Exit.DONE if good else Exit.PROBLEM)


@contextmanager
def _settings_of_its_own() -> Iterator[Settings]:
    """The user's settings, but with Redis, blobs, models and port of the demo's own."""
    with tempfile.TemporaryDirectory(prefix="digitmill-demo-") as folder:
        var = Path(folder)
        own = {
            "var": var,
            "host": "127.0.0.1",
            "port": 0,
            "redis_url": None,
            "blobs_url": (var / "blobs").as_uri(),
            "models_url": (var / "models").as_uri(),
        }
        yield Settings.load().model_copy(update=own)


def judge(job: Job, rows: list[Row]) -> tuple[str, bool]:
    """What the demo has to say of its rows, and whether all is well."""
    if job.state != "completed" or len(rows) != job.counts.total:
        return f"{len(rows)} rows came for {job.counts.total} samples, and the job is {job.state}.", False
    agreeing = sum(map(_agrees, rows))
    verdict = f"{agreeing} of {len(rows)} rows say what their sample's name says."
    return verdict, agreeing >= LEAST_AGREEMENT * len(rows)


def _agrees(row: Row) -> bool:
    label = LABEL.fullmatch(row.name)
    answer = {"blank": "blank", "failed": "broken"}.get(row.status, row.prediction)
    return label is not None and label[1] == answer
