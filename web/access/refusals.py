"""Requests without a valid key: counted, told in the log, and past a number of wrong keys told to wait."""

from __future__ import annotations

from flask import request

from digitmill.errors import RateLimited, Unauthorized
from web.access.auth import tell_of_refusal
from web.context import context


def refuse_key(error: Unauthorized, sent: bool) -> None:
    """Note that the present request has no valid key; ``sent`` says whether it has one at all.

    Raises:
        RateLimited: its address has sent too many. Valid keys from there still open everything.
    """
    context().metrics.refuse("key")
    seconds = context().wrong_keys.note(request.remote_addr) if sent else 0
    if seconds:
        raise RateLimited(
            "Too many wrong keys came from your address; wait before the next, and look at the key.",
            retry_after=seconds,
        ) from error
    tell_of_refusal(error.key_id, error.key_name, error.detail)
