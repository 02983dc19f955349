"""Receivers that an owner registers once: they are told of all jobs of that owner, each signed with its own secret."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace

from digitmill.errors import BadOptions, Conflict, FieldError, NotFound
from digitmill.outside.addresses import leads_inside, read_url
from digitmill.store.endpoint_store import Endpoint
from digitmill.store.webhook_store import ENDPOINT, WebhookStore
from digitmill.webhooks.signing import live_of, new_secret, renewed

MOST_ENDPOINTS = 20
NO_SUCH = "There is no such webhook."


class Endpoints:
    """Methods that take ``owner`` and ``endpoint_id`` raise NotFound for another owner's. All raise
    StorageUnavailable."""

    def __init__(self, store: WebhookStore, *, private_addresses: bool) -> None:
        self._store = store
        self._private_addresses = private_addresses

    def of(self, owner: str) -> Sequence[Endpoint]:
        """Oldest first."""
        return self._store.endpoints.of(owner)

    def get(self, owner: str, endpoint_id: str) -> Endpoint:
        for endpoint in self.of(owner):
            if endpoint.id == endpoint_id:
                return endpoint
        raise NotFound(NO_SUCH)

    def add(self, owner: str, url: str, events: Sequence[str], description: str) -> tuple[Endpoint, str]:
        """A new endpoint and its secret, which cannot be had again.

        Raises:
            BadOptions: no webhook can be sent to this address.
            Conflict: it is registered already, or too many are.
        """
        self._check(url)
        text = new_secret()
        endpoint = Endpoint(
            id=f"{ENDPOINT}{secrets.token_hex(8)}",
            url=url,
            events=tuple(dict.fromkeys(events)),
            description=description,
            enabled=True,
            created_at=self._store.now(),
            secrets=tuple(renewed([], text, 0)),
        )

        def added(known: Sequence[Endpoint]) -> Sequence[Endpoint]:
            # the same again: the call was repeated, for its answer was lost
            others = [each for each in known if each.id != endpoint.id]
            for other in others:
                if other.url == url:
                    raise Conflict(
                        f"This address is registered already, as {other.id}: change it, or renew its secret."
                    )
            if len(others) >= MOST_ENDPOINTS:
                raise Conflict(f"There are {MOST_ENDPOINTS} webhooks, the most that may be; remove one first.")
            return [*others, endpoint]

        self._store.endpoints.change(owner, added)
        return endpoint, text

    def change(
        self,
        owner: str,
        endpoint_id: str,
        *,
        url: str | None = None,
        events: Sequence[str] | None = None,
        description: str | None = None,
        enabled: bool | None = None,
    ) -> Endpoint:
        """Put what is given in the place of what was. Raises as ``add``."""
        if url is not None:
            self._check(url)

        def changed(endpoint: Endpoint) -> Endpoint:
            return replace(
                endpoint,
                url=endpoint.url if url is None else url,
                events=endpoint.events if events is None else tuple(dict.fromkeys(events)),
                description=endpoint.description if description is None else description,
                enabled=endpoint.enabled if enabled is None else enabled,
            )

        return self._changed(owner, endpoint_id, changed)

    def renew(self, owner: str, endpoint_id: str, *, overlap: float) -> tuple[Endpoint, str]:
        """Give the endpoint a new secret, which cannot be had again; the one before it signs too for ``overlap``
        seconds."""
        text, until = new_secret(), self._store.now() + overlap

        def with_new(endpoint: Endpoint) -> Endpoint:
            # a repeated change must not end what the first has left
            old = [secret for secret in endpoint.secrets if secret.text != text]
            return replace(endpoint, secrets=tuple(renewed(old, text, until)))

        return self._changed(owner, endpoint_id, with_new), text

    def remove(self, owner: str, endpoint_id: str) -> None:
        """What is on its way to the endpoint is not sent."""
        self.get(owner, endpoint_id)
        self._store.endpoints.change(owner, lambda known: [each for each in known if each.id != endpoint_id])

    def try_out(self, owner: str, endpoint_id: str) -> str:
        """Let a test event be due, whatever the endpoint is told of. Returns its name."""
        self.get(owner, endpoint_id)
        event = f"{endpoint_id}:test:{secrets.token_hex(8)}"
        self._store.endpoints.begin_test(owner, endpoint_id, event, self._store.now())
        return event

    def live(self, endpoint: Endpoint) -> list[str]:
        """The secrets to sign with, newest first."""
        return live_of(endpoint.secrets, self._store.now())

    def _changed(self, owner: str, endpoint_id: str, change: Callable[[Endpoint], Endpoint]) -> Endpoint:
        def changed(known: Sequence[Endpoint]) -> Sequence[Endpoint]:
            if all(endpoint.id != endpoint_id for endpoint in known):
                raise NotFound(NO_SUCH)
            return [change(endpoint) if endpoint.id == endpoint_id else endpoint for endpoint in known]

        self._store.endpoints.change(owner, changed)
        return self.get(owner, endpoint_id)

    def _check(self, url: str) -> None:
        check_address(url, "url", private_addresses=self._private_addresses)


def check_address(url: str, field: str, *, private_addresses: bool) -> None:
    """Refuse an address to which no webhook can be sent. Raises BadOptions, which names the ``field``."""
    try:
        target = read_url(url)
    except ValueError as error:
        raise bad_address(field, str(error)) from error
    if not private_addresses and leads_inside(target):
        raise bad_address(field, "must not be a private or special address, which this service does not call")


def bad_address(field: str, message: str) -> BadOptions:
    return BadOptions(f"{field} {message}.", errors=(FieldError(field, message),))


def tried_id(event: str) -> str:
    """The ``webhook-id`` of a test event."""
    return f"msg_{event.replace(':', '_')}"
