"""``digitmill backup``, ``restore`` and ``accept-empty-store``: all that the service holds, as one file and back."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digitmill.cli.local import service_settings
from digitmill.cli.terminal import say
from digitmill.domain.access import Scope

if TYPE_CHECKING:
    from digitmill.upkeep.backup import Backup

LOST_KEYS = "of the store that was lost"


def register(app: typer.Typer) -> None:
    for command in (backup, restore, accept_empty_store):
        app.command()(command)


def backup(
    target: Annotated[Path, typer.Argument(help="A new file, or a folder for one that is named by the time.")],
    stopped: Annotated[bool, typer.Option("--stopped", help="Web and workers stand still, so Redis need not.")] = False,
) -> None:
    """Write all that the service holds to one file, while it runs.

    Jobs, rows, corrections, keys and uploads; published models are files of their own. Whoever reads the file can sign
    webhooks in your name. Redis takes no writes while it is read.
    """
    file, about = _backup().take(target, stopped=stopped)
    typer.echo(str(file))
    say(f"{about.keys:,} keys of Redis and {about.uploads:,} uploads are in {file}.")


def restore(file: Annotated[Path, typer.Argument(help="What `digitmill backup` wrote.", exists=True)]) -> None:
    """Bring a backup back, into a Redis that is empty.

    Jobs that were open go on. Where it was cut off, run it again.
    """
    about, changed = _backup().restore(file)
    taken = datetime.fromtimestamp(about.taken_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    if changed:
        say(f"{about.keys:,} keys of Redis and {about.uploads:,} uploads are as they were on {taken}.")
    else:
        say(f"This backup of {taken} was restored already, and the service has gone on since: nothing was changed.")


def accept_empty_store() -> None:
    """Begin again with a Redis that lost what it held, for good.

    Jobs, rows and keys of before are given up, and uploads of theirs are removed within hours. A service that asked for
    keys goes on asking.
    """
    # Redis' client is needed here alone
    from digitmill.keys import Keys  # noqa: PLC0415
    from digitmill.store.blobs import BlobStore  # noqa: PLC0415
    from digitmill.store.connection import connect  # noqa: PLC0415
    from digitmill.store.key_store import KeyStore  # noqa: PLC0415
    from digitmill.store.redis_mark import StoreMark  # noqa: PLC0415

    settings = service_settings()
    client = connect(settings.redis)
    mark, store = StoreMark(client, BlobStore(settings.blobs)), KeyStore(client)
    before = mark.beside_uploads()
    if before is None or not mark.replaced():
        say("This Redis is the store that the uploads belong to: there is nothing to accept.")
        return
    if before.keys and not store.any():
        keys = Keys(settings, store)
        # no key at all would let everybody in
        keys.revoke(keys.create(LOST_KEYS, [Scope.READ], lifetime=None)[0].id)
        say(
            "The keys are gone, and calls are refused until there are new ones: make them with `digitmill keys create`."
        )
    mark.accept()
    say("The service begins again with this Redis.")


def _backup() -> Backup:
    # Redis' client is needed here alone
    from digitmill.store.blobs import BlobStore  # noqa: PLC0415
    from digitmill.store.connection import connect  # noqa: PLC0415
    from digitmill.store.redis_copy import RedisCopy  # noqa: PLC0415
    from digitmill.store.redis_mark import StoreMark  # noqa: PLC0415
    from digitmill.upkeep.backup import Backup  # noqa: PLC0415

    settings = service_settings()
    client, blobs = connect(settings.redis), BlobStore(settings.blobs)
    return Backup(RedisCopy(client), blobs, StoreMark(client, blobs))
