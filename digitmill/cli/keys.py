"""``digitmill keys``: make, list, limit, rotate and revoke keys, in the service's own Redis."""

from __future__ import annotations

import os
import re
import socket
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from digitmill.cli.local import service_settings
from digitmill.cli.terminal import printable, say
from digitmill.domain.access import ApiKey, Quotas, Scope
from digitmill.system.telemetry import audit

if TYPE_CHECKING:
    from digitmill.keys import Keys
    from digitmill.webhooks.signing import Secrets

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
DURATION = re.compile(r"([0-9]{1,6})([smhd])")
OWNER = re.compile(r"[A-Za-z0-9._-]{1,64}")
MOST_NAME = 64


def register(app: typer.Typer) -> None:
    keys = typer.Typer(
        help="Make, list, limit, rotate and revoke keys to the HTTP interface, in the service's own Redis.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    keys.command()(create)
    keys.command("list")(list_keys)
    keys.command()(limit)
    keys.command()(rotate)
    keys.command()(revoke)
    keys.command()(webhook_secret)
    app.add_typer(keys, name="keys")


def duration(text: str) -> float:
    match = DURATION.fullmatch(text)
    if match is None:
        raise typer.BadParameter(f"{text!r} is not a number with s, m, h or d behind it, such as 90d.")
    return float(match[1]) * SECONDS[match[2]]


def lifetime(text: str) -> float:
    seconds = duration(text)
    if seconds == 0:
        raise typer.BadParameter("a key cannot expire before it begins.")
    return seconds


def name_of_key(text: str) -> str:
    if not (0 < len(text) <= MOST_NAME and text.isprintable()):
        raise typer.BadParameter(f"a name has 1 to {MOST_NAME} characters that can be printed.")
    return text


def owner_of_jobs(text: str) -> str:
    if OWNER.fullmatch(text) is None:
        raise typer.BadParameter("an owner has 1 to 64 letters, digits, dots, dashes and underscores.")
    return text


def scopes_of_key(text: str) -> str:
    unknown = sorted(set(text.split(",")) - set(Scope))
    if unknown:
        raise typer.BadParameter(f"{unknown[0]!r} is no scope; take some of {', '.join(Scope)}, with commas between.")
    return text


ImagesADay = Annotated[
    int | None, typer.Option("--images-a-day", min=1, help="Images that it may submit from midnight to midnight, UTC.")
]
OpenJobs = Annotated[
    int | None, typer.Option("--open-jobs", min=1, help="Open jobs of its owner with which it may not submit another.")
]
RequestsAMinute = Annotated[
    int | None, typer.Option("--requests-a-minute", min=1, help="Requests, in place of DIGITMILL_RATE_LIMIT.")
]
Keep = Annotated[
    float | None,
    typer.Option(
        "--keep", parser=lifetime, metavar="TIME", help="How long its jobs are kept after their end, such as 30d."
    ),
]


def create(
    name: Annotated[
        str, typer.Option(parser=name_of_key, metavar="NAME", help="Whose key it is, for lists and log lines.")
    ],
    scopes: Annotated[
        str, typer.Option(parser=scopes_of_key, metavar="SCOPES", help="Some of submit,read,review,admin.")
    ],
    expires: Annotated[
        float | None,
        typer.Option(parser=lifetime, metavar="TIME", help="How long it lives, such as 90d. Unset: until revoked."),
    ] = None,
    owner: Annotated[
        str | None,
        typer.Option(
            parser=owner_of_jobs,
            metavar="OWNER",
            help="Whose jobs it opens; keys with one owner share theirs. Unset: an owner of its own.",
        ),
    ] = None,
    images_a_day: ImagesADay = None,
    open_jobs: OpenJobs = None,
    requests_a_minute: RequestsAMinute = None,
    keep: Keep = None,
) -> None:
    """Make a key, and print it: it is shown this once."""
    _make_sure_of_store()
    quotas = Quotas(images_a_day, open_jobs, requests_a_minute, _kept(keep))
    wanted = [Scope(scope) for scope in scopes.split(",")]
    key, text = _keys().create(name, wanted, lifetime=expires, owner=owner, quotas=quotas)
    _make_sure_of_store()
    _audit("key_create", key)
    typer.echo(text)
    say(f"Key {key.id} is made, for {key.name}. This is the only time that it is shown.")


def list_keys() -> None:
    """List the keys, oldest first, those that have ended too; never the secrets."""
    from digitmill.keys import state_of  # noqa: PLC0415

    now = time.time()
    for key in _keys().list():
        ends = key.secrets[0].expires_at
        typer.echo(
            f"{key.id}  {state_of(key, now):<7}  {','.join(sorted(key.scopes)):<25}  created {_day(key.created_at)}  "
            f"expires {'never     ' if ends is None else _day(ends)}  owner {key.owner:<12}  {printable(key.name)}"
            f"{_told(key.quotas)}"
        )


def limit(
    key_id: str,
    images_a_day: ImagesADay = None,
    open_jobs: OpenJobs = None,
    requests_a_minute: RequestsAMinute = None,
    keep: Keep = None,
) -> None:
    """Say how much a key may use. What is not named is no longer limited; the limits of the service stay."""
    key = _keys().limit(key_id, Quotas(images_a_day, open_jobs, requests_a_minute, _kept(keep)))
    _audit("key_limit", key)
    told = _told(key.quotas).strip() or "no limits of its own"
    say(f"Key {key.id} of {key.name}: {told}. The service goes by it within seconds.")


def rotate(
    key_id: str,
    overlap: Annotated[
        float,
        typer.Option(parser=duration, metavar="TIME", help="How long the old secret still lives; 0s: it ends now."),
    ] = "7d",  # type: ignore[assignment]  # the parser makes seconds of it
) -> None:
    """Give a key a new secret, and print it: it is shown this once.

    Id, owner and scopes stay. If the key expires, the new secret lives as long as the first was given.
    """
    key, text = _keys().rotate(key_id, overlap=overlap)
    _audit("key_rotate", key)
    typer.echo(text)
    say(f"Key {key.id} has a new secret, which is shown only now. The old one ends {_time(time.time() + overlap)}.")


def revoke(key_id: str) -> None:
    """End a key for good, with all its secrets."""
    key = _keys().revoke(key_id)
    _audit("key_revoke", key)
    say(f"Key {key.id} of {key.name} is revoked: the service refuses it within seconds. Jobs stay until they expire.")


def webhook_secret(
    key_id: Annotated[
        str | None,
        typer.Argument(help="Whose webhooks: the key, or `admin` for DIGITMILL_ADMIN_KEY. Unset where none is asked."),
    ] = None,
    overlap: Annotated[
        float,
        typer.Option(parser=duration, metavar="TIME", help="How long the old secret signs too; 0s: it ends now."),
    ] = "7d",  # type: ignore[assignment]  # the parser makes seconds of it
) -> None:
    """Make or renew the secret that webhooks are signed with, and print it: it is shown this once.

    It belongs to the owner of the key, as jobs do. For the overlap webhooks carry two signatures.
    """
    owner = _keys().owner_of(key_id)
    text = _secrets().renew(owner, overlap=overlap)
    audit("webhook_secret", key=key_id, key_name=None, client=_who(), owner=owner)
    typer.echo(text)
    say(
        f"Webhooks of {owner} are signed with a new secret, which is shown only now. If there was another, it goes on "
        f"signing until {_time(time.time() + overlap)}."
    )


def _keys() -> Keys:
    # Redis' client is needed here alone
    from digitmill.keys import Keys  # noqa: PLC0415
    from digitmill.store.connection import connect  # noqa: PLC0415
    from digitmill.store.key_store import KeyStore  # noqa: PLC0415
    from digitmill.store.redis_clock import StoreClock  # noqa: PLC0415

    settings = service_settings()
    client = connect(settings.redis)
    return Keys(settings, KeyStore(client), StoreClock(client).now)


def _make_sure_of_store() -> None:
    """Also tells the mark beside the uploads of a first key. Raises StoreReplaced."""
    from digitmill.store.blobs import BlobStore  # noqa: PLC0415
    from digitmill.store.connection import connect  # noqa: PLC0415
    from digitmill.store.redis_mark import StoreMark  # noqa: PLC0415

    settings = service_settings()
    StoreMark(connect(settings.redis), BlobStore(settings.blobs)).check(now=True)


def _secrets() -> Secrets:
    from digitmill.store.connection import connect  # noqa: PLC0415
    from digitmill.store.webhook_store import WebhookStore  # noqa: PLC0415
    from digitmill.webhooks.signing import Secrets  # noqa: PLC0415

    return Secrets(WebhookStore(connect(service_settings().redis)))


def _audit(action: str, key: ApiKey) -> None:
    audit(action, key=key.id, key_name=key.name, client=_who(), owner=key.owner, scopes=",".join(sorted(key.scopes)))


def _kept(keep: float | None) -> int | None:
    """Whole seconds. Raises BadParameter where no job may be kept so long."""
    most = service_settings().max_expires_in
    if keep is not None and keep > most:
        raise typer.BadParameter(
            f"no job is kept longer than DIGITMILL_MAX_EXPIRES_IN, {most} seconds; raise that first."
        )
    return None if keep is None else int(keep)


def _told(quotas: Quotas) -> str:
    """What is limited, with two spaces before each; nothing where nothing is."""
    told = {
        "images a day": quotas.images_a_day,
        "open jobs": quotas.open_jobs,
        "requests a minute": quotas.requests_a_minute,
    }
    kept = "" if quotas.keep_seconds is None else f"  kept {_span(quotas.keep_seconds)}"
    return "".join(f"  {most:,} {what}" for what, most in told.items() if most is not None) + kept


def _span(seconds: int) -> str:
    """As ``duration`` reads it, in the largest unit that it is a whole number of."""
    unit, length = max((pair for pair in SECONDS.items() if seconds % pair[1] == 0), key=lambda pair: pair[1])
    return f"{seconds // length}{unit}"


def _who() -> str:
    return f"user {os.getuid()} on {socket.gethostname()}"


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
