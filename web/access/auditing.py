"""Audit lines of calls that change something."""

from __future__ import annotations

from flask import request

from digitmill.system.telemetry import audit
from web.context import caller


def audit_call(action: str, job_id: str, **what: str) -> None:
    """Who did what to this job, from where. Never what images show or what people said of them."""
    _audit(action, job=job_id, **what)


def audit_publishing(template: str) -> None:
    """Who published this template, from where."""
    _audit("publish_template", template=template)


def audit_model(action: str, model: str, **what: str) -> None:
    """Who did what with this model, from where."""
    _audit(action, model=model, **what)


def audit_webhook(action: str, webhook: str) -> None:
    """Who did what with this registered webhook, from where."""
    _audit(action, webhook=webhook)


def _audit(action: str, **what: str) -> None:
    who = caller()
    audit(action, key=who.key_id, key_name=who.key_name, client=request.remote_addr, **what)
