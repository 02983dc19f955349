"""Redis, worker and web server together: started in order, watched, and stopped in the reverse order."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from types import FrameType

import httpx
import redis
from pydantic import SecretStr

from digitmill import programs
from digitmill.domain.roles import Role
from digitmill.embedded import redis_server
from digitmill.embedded.children import Child, Guard
from digitmill.embedded.claims import claimed_folder, free_port, private_files, private_folder
from digitmill.embedded.leftovers import stop_leftovers
from digitmill.errors import CannotStart, StoreReplaced
from digitmill.settings import PREFIX, Settings
from digitmill.store.connection import connect
from digitmill.store.redis_mark import REFUSED

START_SECONDS = 240.0
"""Loading a framework and a model for the first time takes a slow machine a minute or two."""

READY = "ready"
LOOK_SECONDS = 0.1
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
STEADY_SECONDS = 60.0
"""A child that ran for so long is started again after the first pause; one that did not, after twice its last."""

NO_TENSORFLOW = (
    "Networks cannot be trained here, for which TensorFlow is needed: pip install 'digitmill[train]', and start again."
)

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Programs:
    """What to run; without a ``trainer`` nothing can be trained. ``-P`` keeps a folder named web or worker in the
    current directory out of the way."""

    worker: Sequence[str] = (sys.executable, "-P", "-m", "worker")
    web: Sequence[str] = (sys.executable, "-P", "-m", "web")
    trainer: Sequence[str] | None = worker


@contextmanager
def running_stack(
    settings: Settings, say: Say, commands: Programs | None = None, redis_program: Path | None = None
) -> Iterator[Stack]:
    """Start everything, and stop it when the block ends. For the main thread.

    SIGINT and SIGTERM raise KeyboardInterrupt in the block; a second one hurries the stop up.

    Args:
        say: is called with every sentence about what goes on.
        redis_program: the Redis or Valkey to run; else the first of this machine that reads the folder's data.

    Raises:
        CannotStart: a child ended or did not get ready; the port or the folder is in use.
    """
    with private_files(), claimed_folder(settings.var):
        chosen = None if redis_program is None else redis_server.chosen_binary(redis_program)
        if chosen is not None and settings.redis_url is not None:
            raise CannotStart(f"{PREFIX}REDIS_URL names a Redis that runs already: unset it to start {redis_program}.")
        stack = Stack(settings, say, commands or Programs(), chosen)
        with _signals_stop(stack):
            try:
                stack.start()
                yield stack
            finally:
                stack.stop()


@contextmanager
def _signals_stop(stack: Stack) -> Iterator[None]:
    asked = False

    def on_signal(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 (what a handler is called with)
        nonlocal asked
        if asked:
            stack.hurry = True
            return
        asked = True
        raise KeyboardInterrupt

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass(slots=True)
class Watched:
    """A child and when to start it again. ``stop_seconds`` is its time for stopping in good order."""

    child: Child
    stop_seconds: float
    next_pause: float = FIRST_PAUSE
    started: float = field(default_factory=time.monotonic)
    due: float | None = None


class Stack:
    """``url`` is the web server's address. ``refuses``: it answers no call, for its store
    was replaced. Set ``hurry`` to have a stop in progress kill what still runs."""

    def __init__(self, settings: Settings, say: Say, commands: Programs, redis_program: str | None = None) -> None:
        self._settings = settings
        self._say = say
        self._commands = commands
        self._redis_program = redis_program
        self._guard = Guard()
        self._watched: list[Watched] = []
        self._logs = settings.var / "logs"
        self._running = settings.var.absolute() / "running"
        self._port = 0
        self.hurry = False
        self.refuses = False

    @property
    def url(self) -> str:
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._settings.host, self._settings.host)  # noqa: S104
        return f"http://[{host}]:{self._port}" if ":" in host else f"http://{host}:{self._port}"

    def start(self) -> None:
        """Raises CannotStart."""
        if stop_leftovers(self._running):
            self._say("Stopped what an earlier run that was killed had left behind.")
        self._port = free_port(self._settings.host, self._settings.port)
        for name in ("logs", "blobs", "spool"):
            private_folder(self._settings.var / name)
        environment = self._environment(self._start_redis())
        self._say("Starting the worker and the web server…")
        self._add("worker", "The worker", self._commands.worker, environment, stop_seconds=40.0)
        self._add("web", "The web server", self._commands.web, environment, stop_seconds=40.0)
        loading = False
        for _ in self._waiting("The service"):
            answer = self._readiness()
            if answer == READY:
                self._start_trainer(environment)
                return
            if answer == StoreReplaced.code:
                self.refuses = True
                self._say(f"All calls are refused. {REFUSED}")
                return
            if answer is not None and not loading:
                self._say("The worker is loading the model…")
                loading = True

    def _start_trainer(self, environment: Mapping[str, str]) -> None:
        """Where there is what it needs; it comes up beside the service, which needs none."""
        if self._commands.trainer is None:
            return
        if find_spec("tensorflow") is None:
            self._say(NO_TENSORFLOW)
            return
        role = {f"{PREFIX}WORKER_ROLE": Role.TRAINER}
        self._add("trainer", "The trainer", self._commands.trainer, {**environment, **role}, stop_seconds=40.0)

    def supervise(self) -> None:
        """Start again what ends, until an exception (KeyboardInterrupt, say) leads out."""
        while True:
            self._guard.renew(watched.child for watched in self._watched if watched.child.running)
            for watched in self._watched:
                watched.child.rotate_log()
                self._look_after(watched)
            time.sleep(LOOK_SECONDS)

    def stop(self) -> None:
        """Stop the web server, then the worker, which finishes its chunk, then Redis; leave nothing behind."""
        for watched in reversed(self._watched):
            seconds = 0.0 if self.hurry else watched.stop_seconds
            if not watched.child.stop(self._guard, lambda: self.hurry, seconds):
                why = "since you asked again" if self.hurry else f"since it did not stop within {seconds:g} s"
                self._say(f"{watched.child.name} was killed, {why}.")
        self._guard.close()

    def _start_redis(self) -> str:
        """The address of the Redis to use, once it answers."""
        if self._settings.redis_url is not None:
            _require_redis(self._settings.redis_url)
            return self._settings.redis_url
        self._say("Starting Redis…")
        folder = self._settings.var / "redis"
        if told := redis_server.fitting_binary(folder, self._redis_program)[1]:
            self._say(told)
        command, url = redis_server.prepare(folder, self._redis_program)
        self._add("redis", "Redis", command, os.environ, stop_seconds=15.0)
        for _ in self._waiting("Redis"):
            if redis_server.answers(url):
                break
        return url

    def _add(
        self, log: str, name: str, command: Sequence[str], environment: Mapping[str, str], *, stop_seconds: float
    ) -> None:
        rank = len(self._watched)
        child = Child(name, rank, command, environment, self._logs / f"{log}.log", self._running / str(rank))
        self._watched.append(Watched(child, stop_seconds))
        child.start(self._guard)

    def _waiting(self, what: str) -> Iterator[None]:
        """Yield until the caller has seen what it waits for; raise CannotStart when that will not happen."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            for watched in self._watched:
                if not watched.child.running:
                    raise _ended(watched.child)
            yield
            time.sleep(LOOK_SECONDS)
        raise CannotStart(f"{what} was not ready within {START_SECONDS:g} s; look into the logs in {self._logs}.")

    def _readiness(self) -> str | None:
        """What /readyz says: READY, or the code of a problem; None while nothing answers."""
        try:
            # without TLS there is nothing to verify, and httpx reads the certificates of all authorities for each call
            answer = httpx.get(f"{self.url}/readyz", timeout=5.0, trust_env=False, verify=False)  # noqa: S501
            return READY if answer.is_success else str(answer.json()["code"])
        except httpx.TransportError:
            return None
        except (ValueError, KeyError):
            return ""

    def _look_after(self, watched: Watched) -> None:
        child, now = watched.child, time.monotonic()
        if watched.due is not None:
            if now >= watched.due:
                watched.due, watched.started = None, now
                child.start(self._guard)
        elif not child.running:
            pause = FIRST_PAUSE if now - watched.started > STEADY_SECONDS else watched.next_pause
            watched.due, watched.next_pause = now + pause, min(2 * pause, LONGEST_PAUSE)
            self._say(f"{child.name} {child.how_it_ended()} and starts again in {pause:g} s. Its log: {child.log}")
            child.kill_group(self._guard)

    def _environment(self, redis_url: str) -> dict[str, str]:
        """Every setting that was made, wherever it came from, with the choices made here."""
        settings = self._settings.model_copy(
            update={"redis_url": redis_url, "port": self._port, "var": self._settings.var.absolute()}
        )
        made = {name: getattr(settings, name) for name in settings.model_fields_set}
        others = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        return programs.environment(others) | {
            PREFIX + name.upper(): value.get_secret_value() if isinstance(value, SecretStr) else str(value)
            for name, value in made.items()
            if value is not None
        }


def _ended(child: Child) -> CannotStart:
    return CannotStart(
        f"{child.name} {child.how_it_ended()} before it was ready. The end of its log, {child.log}:\n"
        f"{child.last_lines()}"
    )


def _require_redis(url: str) -> None:
    try:
        with connect(url) as client:
            client.ping()
    except (redis.RedisError, ValueError) as error:
        raise CannotStart(f"The Redis that DIGITMILL_REDIS_URL names does not answer: {error}") from error
