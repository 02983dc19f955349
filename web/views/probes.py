"""What watches the service: liveness, readiness, metrics."""

from __future__ import annotations

from apiflask import APIBlueprint
from flask import Response
from prometheus_client import CONTENT_TYPE_LATEST

from digitmill import errors
from digitmill.errors import NoWorker
from web.context import context, service
from web.documents.answers import json_answer
from web.documents.openapi import answer, operation
from web.metrics import WORKER_SECONDS

probes = APIBlueprint("probes", __name__, tag="Operation")


@probes.get("/healthz")
@operation(probes, {200: answer("It is.", "Health")}, everywhere=False)
def healthz() -> Response:
    """Whether this process is alive; asks nothing else"""
    return json_answer({"status": "alive"})


@probes.get("/readyz")
@operation(probes, {200: answer("It can.", "Health")}, errors.StorageUnavailable, errors.NoWorker, everywhere=False)
def readyz() -> Response:
    """Whether the service can work: the job store answers, and a worker is alive"""
    service().store.upkeep.ping()
    if not service().store.upkeep.workers(WORKER_SECONDS):
        raise NoWorker(
            f"No worker was heard of in the last {WORKER_SECONDS:.0f} seconds; start one with `python -m worker`."
        )
    return json_answer({"status": "ready"})


@probes.get("/metrics")
@operation(
    probes, {200: answer("Prometheus' text format.", ("text/plain", {"type": "string"}))}, errors.Unauthorized,
    errors.Forbidden, errors.StorageUnavailable, everywhere=False,
)  # fmt: skip
def metrics() -> Response:
    """Figures for Prometheus"""
    return Response(context().metrics.scrape(), content_type=CONTENT_TYPE_LATEST)
