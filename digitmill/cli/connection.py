"""Which service the commands speak to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from digitmill.client import BadRequest, Client
from digitmill.errors import BadOptions, SettingsError
from digitmill.settings import Settings

Url = Annotated[
    str | None,
    typer.Option("--url", help="Address of the service. Unset: DIGITMILL_URL, else the one that `up` listens on."),
]
Key = Annotated[
    str | None,
    typer.Option("--key", help="Key to send. Better set in DIGITMILL_KEY: others can read a command line."),
]


def connect(url: str | None, key: str | None) -> Client:
    """
    Raises:
        SettingsError: a setting cannot be used, or none names the address.
    """
    settings = Settings.load()
    if key is None and settings.key is not None:
        key = settings.key.get_secret_value()
    return Client(url or settings.url or _own_address(settings), key)


@contextmanager
def naming(**called: str) -> Iterator[None]:
    """Let what the service refuses be called as on the command line: ``created_after="--since"``. Raises BadOptions."""
    try:
        yield
    except BadRequest as error:
        field, blank, rest = error.detail.partition(" ")
        raise BadOptions(f"{called.get(field, field)}{blank}{rest}") from error


def _own_address(settings: Settings) -> str:
    if settings.port == 0:
        raise SettingsError("DIGITMILL_PORT is 0, so the port is any free one; name the address with --url.")
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"
