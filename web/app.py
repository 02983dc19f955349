"""The application factory."""

from __future__ import annotations

from apiflask import APIFlask
from werkzeug.routing import IntegerConverter

from digitmill.imaging.drawers import Drawers
from digitmill.service import Service
from digitmill.settings import Settings
from web.auth import init_auth, require_safe_address
from web.connection import init_connection
from web.context import EXTENSION, Context
from web.errors import init_errors
from web.inputs import DigitmillRequest
from web.limits import init_limits
from web.metrics import Metrics
from web.openapi import init_openapi
from web.pages.documentation import documentation
from web.pages.drawing import drawing_pages
from web.pages.drop import drop
from web.pages.jobs import jobs_pages
from web.pages.language import language
from web.pages.layout import init_pages
from web.pages.models import models_pages
from web.pages.review import review_pages
from web.pages.sign_in import sign_in
from web.refusals import refuse_key
from web.requests import init_requests
from web.views.events import events
from web.views.images import images
from web.views.jobs import jobs
from web.views.limits import limits
from web.views.models import models
from web.views.probes import probes
from web.views.results import results
from web.views.review import review
from web.views.sample import sample
from web.views.webhooks import webhooks
from web.waiting import Waiting

PAGES = (drop, jobs_pages, review_pages, drawing_pages, models_pages, sign_in, language, documentation)


class RowIndex(IntegerConverter):
    """A short whole number: Python refuses to read one of thousands of digits."""

    regex = "[0-9]{1,9}"


class Digitmill(APIFlask):
    request_class = DigitmillRequest


def create_app(service: Service | None = None) -> APIFlask:
    """The WSGI application over ``service``, or over the one that the environment's settings describe.

    Nothing is sent before the first request, so the application may be made before a fork or after it; but where
    other machines can reach the server and no admin key is set, Redis is asked whether there is another key.

    Raises:
        SettingsError: the settings cannot be used, or would let strangers in.
        StorageUnavailable: Redis was asked, and does not answer.
    """
    if service is None:
        service = Service.open(Settings.load())
    settings = service.settings
    require_safe_address(settings, service.keys)
    app = Digitmill(
        __name__, title="Digitmill", spec_path="/openapi.json", docs_path=None, json_errors=False,
        static_folder="static", template_folder="templates",
    )  # fmt: skip
    app.extensions[EXTENSION] = Context(
        service, Waiting(settings.web_threads), Metrics(service.store), Drawers(settings)
    )
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.url_map.converters["int"] = RowIndex
    init_requests(app)
    init_connection(app)
    init_errors(app)
    init_auth(app, settings, service.keys, service.mark, refuse_key)
    init_limits(app, settings)
    init_openapi(app, settings)
    init_pages(app)
    for blueprint in (jobs, results, review, sample, images, events, models, limits, probes, webhooks):
        app.register_blueprint(blueprint)
    for blueprint in PAGES:
        app.register_blueprint(blueprint)
    return app
