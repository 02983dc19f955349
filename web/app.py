"""The application factory."""

from __future__ import annotations

from typing import Any

from apiflask import APIFlask
from werkzeug.routing import IntegerConverter

from digitmill.errors import DigitmillError, NotFound, TemplateNotFound, Unauthorized
from digitmill.service import Service
from digitmill.settings import Settings
from web.access.auth import init_auth, looked_into, sure_of
from web.access.cors import init_cors
from web.access.limits import connections_of, init_limits
from web.access.refusals import refuse_key
from web.context import EXTENSION, Context, context
from web.documents.inputs import DigitmillRequest
from web.documents.openapi import init_openapi
from web.errors import init_errors
from web.metrics import Metrics
from web.pages.documentation import EXTENSION as DOCUMENTS
from web.pages.documentation import Documents, documentation
from web.pages.drawing import drawing_pages
from web.pages.drop import drop, samples
from web.pages.jobs import jobs_pages
from web.pages.language import language
from web.pages.layout import init_pages
from web.pages.models import models_pages
from web.pages.review import review_pages
from web.pages.sign_in import sign_in
from web.pages.templates import templates_pages
from web.pages.training import training_pages
from web.pages.webhooks import webhooks_pages
from web.requests import init_requests
from web.server.addresses import require_safe_address
from web.server.connection import init_connection
from web.server.streams import Streams
from web.server.waiting import Waiting
from web.traces import init_traces
from web.views.drafts import drafts
from web.views.events import events
from web.views.images import images
from web.views.jobs import jobs
from web.views.limits import limits
from web.views.marked import marked
from web.views.models import models
from web.views.probes import probes
from web.views.releases import releases
from web.views.results import results
from web.views.review import review
from web.views.sample import sample
from web.views.templates import templates
from web.views.trainings import trainings
from web.views.trials import trials
from web.views.webhooks import webhooks

PAGES = (
    drop, samples, jobs_pages, review_pages, drawing_pages, models_pages, templates_pages, training_pages,
    webhooks_pages, sign_in, language, documentation,
)  # fmt: skip


class RowIndex(IntegerConverter):
    """A short whole number: Python refuses to read one of thousands of digits."""

    regex = "[0-9]{1,9}"


MISSING = (NotFound, TemplateNotFound, Unauthorized)
"""What a call is told, too, whose Redis was emptied since the last look at it."""


class Digitmill(APIFlask):
    request_class = DigitmillRequest

    def dispatch_request(self, *values: Any) -> Any:
        with sure_of(context().service.mark):
            return super().dispatch_request(*values)

    def handle_user_exception(self, error: Exception) -> Any:
        missing = isinstance(error, MISSING) or isinstance(error.__cause__, MISSING)
        if missing and isinstance(error, DigitmillError):
            error = looked_into(error, context().service.mark)
        return super().handle_user_exception(error)


def open_service(settings: Settings) -> Service:
    """For a web process: no thread lacks a connection to Redis, and nobody waits long for one that is away."""
    return Service.open(settings, connections=connections_of(settings), patient=False)


def create_app(service: Service | None = None) -> APIFlask:
    """The WSGI application over ``service``, or over the one that the environment's settings describe.

    Nothing is sent before the first request, so the application may be made before a fork or after it; but where
    other machines can reach the server and no admin key is set, Redis is asked whether there is another key.

    Raises:
        SettingsError: the settings cannot be used, or would let strangers in.
        StorageUnavailable: Redis was asked, and does not answer.
    """
    if service is None:
        service = open_service(Settings.load())
    settings = service.settings
    require_safe_address(settings, service.keys)
    app = Digitmill(
        __name__, title="Digitmill", spec_path=None, docs_path=None, json_errors=False,
        static_folder="static", template_folder="templates",
    )  # fmt: skip
    metrics = Metrics(service.store, service.measures, settings.disk)
    streams = Streams(service.store, settings.web_streams)
    app.extensions[EXTENSION] = Context(service, Waiting(settings.web_threads), metrics, streams)
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.url_map.converters["int"] = RowIndex
    init_requests(app)
    init_traces(app)
    init_connection(app)
    init_errors(app)
    init_cors(app, settings.cors_allowed)
    init_auth(app, settings, service.keys, service.mark, refuse_key)
    init_limits(app, settings)
    init_openapi(app, settings)
    init_pages(app)
    app.extensions[DOCUMENTS] = Documents(app)
    for blueprint in (
        jobs, results, review, sample, images, marked, events, models, releases, templates, trials, drafts, limits,
        probes, webhooks, trainings,
    ):  # fmt: skip
        app.register_blueprint(blueprint)
    for blueprint in PAGES:
        app.register_blueprint(blueprint)
    return app
