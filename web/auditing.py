"""Audit lines of calls that change something."""

from __future__ import annotations

from flask import request

from digitmill.telemetry import audit
from web.context import caller


def audit_call(action: str, job_id: str, **what: str) -> None:
    """Who did what to this job, from where. Never what images show or what people said of them."""
    who = caller()
    audit(action, key=who.key_id, key_name=who.key_name, client=request.remote_addr, job=job_id, **what)
