"""``digitmill webhooks`` and ``digitmill deliveries``: receivers that are told of all jobs, and what became of it."""

from __future__ import annotations

import json
from enum import StrEnum
from itertools import islice
from typing import Annotated

import typer

from digitmill.cli.connection import Key, Url, connect, naming
from digitmill.cli.exits import Exit
from digitmill.cli.keys import duration
from digitmill.cli.terminal import printable, say
from digitmill.client import Delivery, Webhook
from digitmill.errors import BadOptions

SENT_SECONDS = 60.0
"""A worker takes a test up within moments, and waits ten seconds for the receiver."""


class JobEvent(StrEnum):
    COMPLETED = "job.completed"
    FAILED = "job.failed"
    CANCELLED = "job.cancelled"
    DRIFTED = "job.drifted"
    PROGRESS = "job.progress"


class State(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    GONE = "gone"
    FAILED = "failed"


WebhookId = Annotated[str, typer.Argument(metavar="WEBHOOK", help="Its id, such as wh_0123456789abcdef.")]
Events = Annotated[
    list[JobEvent] | None,
    typer.Option("--event", help="What it is told of; may be given again. Unset: of jobs that are final."),
]
Description = Annotated[str | None, typer.Option(help="A note of your own.")]
AsJson = Annotated[bool, typer.Option("--json", help="For machines: as the service tells it, one JSON object a line.")]


def register(app: typer.Typer) -> None:
    webhooks = typer.Typer(
        help="Register receivers that are told of all your jobs, and change, try and remove them.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    webhooks.command("list")(list_webhooks)
    for command in (add, change, remove, rotate):
        webhooks.command()(command)
    webhooks.command("test")(try_out)
    app.add_typer(webhooks, name="webhooks")
    app.command()(deliveries)


def list_webhooks(as_json: AsJson = False, url: Url = None, key: Key = None) -> None:
    """List them, oldest first; never the secrets."""
    with connect(url, key) as client:
        for hook in client.webhooks():
            typer.echo(_as_json(hook) if as_json else _line(hook))


def add(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="Where events are posted to, https:// or http://.")],
    event: Events = None,
    description: Description = None,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Register a receiver, and print the secret that signs what is sent there: it is shown this once."""
    with connect(url, key) as client, naming(url="The address"):
        hook = client.add_webhook(address.strip(), events=event, description=description)
    typer.echo(_as_json(hook) if as_json else hook.secret)
    say(
        f"Webhook {hook.id} is told of {', '.join(hook.events)}. This is the only time that its secret is shown. "
        f"`digitmill webhooks test {hook.id}` tries it."
    )


def change(
    webhook_id: WebhookId,
    address: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Where events go from now on.")] = None,
    event: Annotated[
        list[JobEvent] | None,
        typer.Option("--event", help="What it is told of, in place of what it was; may be given again."),
    ] = None,
    description: Description = None,
    enabled: Annotated[bool | None, typer.Option("--on/--off", help="Whether anything is sent there.")] = None,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Change what is named, and leave the rest."""
    # typer makes an empty list of an option that is not there
    events = event or None
    if address is None and events is None and description is None and enabled is None:
        raise BadOptions("Say what is to change: --address, --event, --description, --on or --off.")
    where = None if address is None else address.strip()
    with connect(url, key) as client, naming(url="The address"):
        hook = client.change_webhook(webhook_id, url=where, events=events, description=description, enabled=enabled)
    typer.echo(_as_json(hook) if as_json else _line(hook))


def remove(webhook_id: WebhookId, url: Url = None, key: Key = None) -> None:
    """Remove one; what waits to be sent there is not sent."""
    with connect(url, key) as client:
        client.remove_webhook(webhook_id)
    typer.echo(f"Webhook {webhook_id} is removed.")


def rotate(
    webhook_id: WebhookId,
    overlap: Annotated[
        float,
        typer.Option(parser=duration, metavar="TIME", help="How long the old secret signs too; 0s: it ends now."),
    ] = "7d",  # type: ignore[assignment]  # the parser makes seconds of it
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Give one a new secret, and print it: it is shown this once."""
    with connect(url, key) as client:
        hook = client.renew_webhook_secret(webhook_id, overlap=int(overlap))
    typer.echo(_as_json(hook) if as_json else hook.secret)
    old = "The old one signs no more." if overlap == 0 else f"The old one signs too, for {overlap:,.0f} s."
    say(f"Webhook {hook.id} has a new secret, which is shown only now. {old}")


def try_out(webhook_id: WebhookId, as_json: AsJson = False, url: Url = None, key: Key = None) -> None:
    """Send a test event there, once, also where it is off, and say what the receiver answered.

    Exit status 1: it did not take it.
    """
    with connect(url, key) as client:
        delivery = client.test_webhook(webhook_id, timeout=SENT_SECONDS)
    if as_json:
        typer.echo(json.dumps(delivery.document, ensure_ascii=False))
    else:
        typer.echo(printable(f"{delivery.url}: {_outcome(delivery)}."))
    if delivery.state != State.DELIVERED:
        raise typer.Exit(Exit.PROBLEM)


def deliveries(
    state: Annotated[list[State] | None, typer.Option(help="In this state alone; may be given again.")] = None,
    event: Annotated[list[JobEvent] | None, typer.Option(help="Of this event alone; may be given again.")] = None,
    webhook: Annotated[str | None, typer.Option(metavar="WEBHOOK", help="To this registered one alone.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="The most to list.")] = 20,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """List what was sent of all your jobs, those of the newest job first, and what came of it."""
    with connect(url, key) as client, naming(webhook="--webhook"):
        found = client.all_deliveries(
            state=",".join(state) if state else None, event=",".join(event) if event else None, webhook=webhook
        )
        for delivery in islice(found, limit):
            if as_json:
                typer.echo(json.dumps(delivery.document, ensure_ascii=False))
                continue
            typer.echo(_row(delivery))


def _as_json(hook: Webhook) -> str:
    return json.dumps(hook.document, ensure_ascii=False)


def _line(hook: Webhook) -> str:
    tested = "" if hook.last_test is None else f"  last test: {_outcome(hook.last_test)}"
    note = f"  {hook.description}" if hook.description else ""
    return printable(
        f"{hook.id}  {'on ' if hook.enabled else 'off'}  {','.join(hook.events)}  {hook.url}{note}{tested}"
    )


def _row(delivery: Delivery) -> str:
    place = delivery.url or f"{delivery.webhook}, which is removed"
    head = f"{delivery.job_id}  {delivery.event:<13}  {delivery.state:<9}"
    return printable(f"{head}  {place}  {_told(delivery)}")


def _told(delivery: Delivery) -> str:
    """What came of it, when, and when it is tried again."""
    if not delivery.attempts:
        return "not tried yet"
    when = delivery.attempts[-1].at.isoformat(" ", "seconds")
    due = delivery.next_attempt_at
    again = "" if due is None else f", again {due.isoformat(' ', 'seconds')}"
    return f"{_outcome(delivery)} ({when}, attempt {len(delivery.attempts)}{again})"


def _outcome(delivery: Delivery) -> str:
    """What the receiver answered to the last attempt, or why it did not."""
    if not delivery.attempts:
        return "not sent yet"
    last = delivery.attempts[-1]
    if last.status is not None:
        return f"answered {last.status}"
    return (last.error or "written").rstrip(".")
