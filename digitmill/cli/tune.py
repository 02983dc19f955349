"""``digitmill tune``: which settings of the workers are the fastest on this machine."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeAlias

import typer
from dotenv import set_key

from digitmill import programs
from digitmill.cli.terminal import say
from digitmill.errors import CannotStart
from digitmill.settings import PREFIX, Settings

LEAST_GAIN = 0.05
"""Below this a difference is not worth a setting of its own."""
ENV_FILE = Path(".env")
NAMES = ("worker_concurrency", "worker_threads", "chunk_images", "engine", "precision")
PRECISIONS = ("int8", "bf16", "f32")
CHUNKS = ("256", "1024", "4096")

Values: TypeAlias = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Images a second with settings as they were and with ``changes``, measured in turns; none where they cannot be
    had."""

    changes: Values
    before: Sequence[float] = ()
    after: Sequence[float] = ()

    @property
    def gain(self) -> float:
        return statistics.median(self.after) / statistics.median(self.before) - 1

    @property
    def better(self) -> bool:
        """Whether it is more than noise: faster in every turn, and by enough."""
        return (
            bool(self.after)
            and self.gain >= LEAST_GAIN
            and all(b < a for b, a in zip(self.before, self.after, strict=True))
        )


class Team:
    """The processes of one worker, loaded and waiting."""

    def __init__(self, values: Values) -> None:
        environment = programs.environment(os.environ) | {
            PREFIX + name.upper(): value for name, value in values.items()
        }
        self._processes = [
            subprocess.Popen(
                [sys.executable, "-P", "-m", "worker.trial"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=environment,
            )
            for _ in range(int(values["worker_concurrency"]))
        ]

    def ready(self) -> tuple[str, str, bool]:
        """Engine and precision that were loaded, and whether they answer as Keras does.

        Raises:
            CannotStart: with the reason.
        """
        said = [process.stdout.readline().split() for process in self._processes if process.stdout]
        for process, words in zip(self._processes, said, strict=True):
            if not words and process.stderr:
                raise CannotStart(f"A worker process does not start: {process.stderr.read().strip()}")
        _, engine, precision, agreement = said[0]
        return engine, precision, agreement == "agrees"

    def images_a_second(self, seconds: float) -> float:
        """Of all processes, which work at the same time."""
        for process in self._processes:
            if process.stdin:
                process.stdin.write(f"{seconds}\n")
                process.stdin.flush()
        told = [process.stdout.readline().split() for process in self._processes if process.stdout]
        return sum(int(images) / float(took) for images, took in told)

    def stop(self) -> None:
        """A process ends with its input; leaving it as a context closes that and waits."""
        with ExitStack() as stack:
            for process in self._processes:
                stack.push(process)


def register(app: typer.Typer) -> None:
    app.command()(tune)


def tune(
    write: Annotated[bool, typer.Option("--write", help="Put what is recommended into the file .env.")] = False,
    rounds: Annotated[int, typer.Option(min=2, help="Turns of each comparison.")] = 5,
    seconds: Annotated[float, typer.Option(min=0.01, help="Length of a turn.")] = 1.0,
) -> None:
    """Measure which settings of the workers are the fastest on this machine.

    Worker processes answer sample images without a service, with the settings as they are and with others, in
    turns; what is not faster in every turn, and by 5 % in all, is not recommended. Takes a minute or two, on a
    machine that does nothing else. The settings of the web server are not tried.
    """
    settings = Settings.load()
    values = {name: str(getattr(settings, name)) for name in NAMES}
    say(f"The settings now: {_told(values)}.")
    recommended: dict[str, str] = {}
    for candidates in (_precisions(values), _layouts(values), _chunks(values)):
        compared = [_compared({**values, **recommended}, changes, rounds, seconds) for changes in candidates]
        best = max((each for each in compared if each.better), key=lambda each: each.gain, default=None)
        if best is not None:
            recommended |= best.changes
    conclude(recommended, write=write)


def _precisions(values: Values) -> list[Values]:
    with _team({**values, "worker_concurrency": "1"}) as team:
        engine, precision, _ = team.ready()
    say(f"Worker processes compute on {engine} in {precision}.")
    return [] if engine == "keras" else [{"precision": each} for each in PRECISIONS if each != precision]


def _layouts(values: Values) -> list[Values]:
    cores = os.cpu_count() or 1
    layouts = dict.fromkeys((max(1, cores // threads), threads) for threads in (1, 2, cores) if threads <= cores)
    now = int(values["worker_concurrency"]), int(values["worker_threads"])
    return [
        {"worker_concurrency": str(processes), "worker_threads": str(threads)}
        for processes, threads in layouts
        if (processes, threads) != now
    ]


def _chunks(values: Values) -> list[Values]:
    return [{"chunk_images": images} for images in CHUNKS if images != values["chunk_images"]]


def _compared(values: Values, changes: Values, rounds: int, seconds: float) -> Comparison:
    # only how many there are has to be tried with as many processes
    alone = {} if "worker_concurrency" in changes else {"worker_concurrency": "1"}
    with _team({**values, **alone}) as now, _team({**values, **alone, **changes}) as other:
        now.ready()
        try:
            _, _, agrees = other.ready()
        except CannotStart as error:
            typer.echo(f"{_told(changes):<45} not to be had: {error.detail}")
            return Comparison(changes)
        if not agrees:
            typer.echo(f"{_told(changes):<45} gives other answers than Keras")
            return Comparison(changes)
        before, after = [], []
        for _ in range(rounds):
            before.append(now.images_a_second(seconds))
            after.append(other.images_a_second(seconds))
    comparison = Comparison(changes, before, after)
    typer.echo(
        f"{_told(changes):<45} {statistics.median(after):>9,.0f} images a second, now "
        f"{statistics.median(before):,.0f}: {comparison.gain:+.0%}{'' if comparison.better else ', no better'}"
    )
    return comparison


@contextmanager
def _team(values: Values) -> Iterator[Team]:
    team = Team(values)
    try:
        yield team
    finally:
        team.stop()


def conclude(recommended: Values, *, write: bool) -> None:
    """Say what is recommended, as lines of `.env`, and with ``write`` put them there."""
    if not recommended:
        typer.echo("Nothing is faster than the settings as they are.")
        return
    lines = {PREFIX + name.upper(): value for name, value in recommended.items()}
    typer.echo("\n".join(f"{name}={value}" for name, value in lines.items()))
    if write:
        for name, value in lines.items():
            set_key(ENV_FILE, name, value, quote_mode="never")
        say(f"Written to {ENV_FILE.absolute()}. Start the service again.")


def _told(values: Values) -> str:
    return ", ".join(f"{name.upper()} {value}" for name, value in values.items())
