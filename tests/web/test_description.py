"""The OpenAPI document and the pages made from it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from pydantic import SecretStr

from digitmill.errors import FailureCode
from tests.built_in import PLACE
from tests.web.conftest import ROOT, Client
from web.documents.documentation import FAILURES, MEANINGS

PROBES = {("GET", path) for path in ("/healthz", "/readyz", "/metrics")}
PAGES = ["/", "/jobs", "/models", f"/models/{PLACE}", "/docs"]


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.sources: list[str] = []
        self.tags: list[str] = []
        self.inline: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.append(tag)
        if tag == "script" and "src" not in values and values.get("type") != "application/json":
            self.inline.append("script")
        self.inline += [name for name in values if name == "style" or name.startswith("on")]
        self.ids += [values["id"] or ""] if "id" in values else []
        if tag == "a":
            self.links.append(values["href"] or "")
        self.sources += [values[name] or "" for name in ("src", "href") if name in values and tag != "a"]


@pytest.fixture
def openapi(client: Client) -> dict[str, Any]:
    document: dict[str, Any] = client.get("/openapi.json").json
    return document


def test_the_document_describes_every_call_of_the_api(client: Client, openapi: dict[str, Any]) -> None:
    described = {(method.upper(), path) for path, operations in openapi["paths"].items() for method in operations}
    routed = {
        (method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in client.application.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    pages = {(method, path) for method, path in routed if not path.startswith("/v1/")} - PROBES
    assert described == routed - pages
    assert not [path for _, path in pages if path.startswith("/v1")]
    assert openapi["openapi"].startswith("3.1")


def test_every_reference_of_the_document_leads_somewhere(openapi: dict[str, Any]) -> None:
    def references(part: Any) -> set[str]:
        if isinstance(part, list):
            return set().union(*map(references, part))
        if not isinstance(part, dict):
            return set()
        found = {part["$ref"]} if isinstance(part.get("$ref"), str) else set()
        return found.union(*map(references, part.values()))

    known = {f"#/components/schemas/{name}" for name in openapi["components"]["schemas"]}
    used = references(openapi)
    assert used
    assert used <= known


def test_every_operation_names_its_errors_as_problems(openapi: dict[str, Any]) -> None:
    for operations in openapi["paths"].values():
        for operation in operations.values():
            assert operation["summary"]
            for status, answer in operation["responses"].items():
                if int(status) >= 400:
                    assert list(answer["content"]) == ["application/problem+json"]


@pytest.mark.parametrize(("mill", "secured"), [({}, False), ({"admin_key": SecretStr("k")}, True)], indirect=["mill"])
def test_a_key_is_described_as_needed_or_as_possible(openapi: dict[str, Any], secured: bool) -> None:
    operations = openapi["paths"]
    assert openapi["components"]["securitySchemes"] == {"key": {"type": "http", "scheme": "bearer"}}
    for path in ("/v1/jobs", "/v1/models", "/metrics"):
        asked = operations[path]["get"]["security"]
        assert {"key": []} in asked
        assert ({} in asked) is not secured
    assert operations["/healthz"]["get"]["security"] == []


@pytest.mark.parametrize("path", PAGES)
def test_a_page_loads_nothing_from_elsewhere_and_holds_no_script_or_style(client: Client, path: str) -> None:
    response = client.get(path)
    page = Page(response.text)
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert page.sources
    assert all(source.startswith(("/static/", "/v1/models/")) for source in page.sources)
    assert not {"iframe", "style"} & set(page.tags)
    assert page.inline == []
    assert "default-src 'self'" in response.headers["Content-Security-Policy"]
    assert "unsafe" not in response.headers["Content-Security-Policy"]
    style = client.get("/static/style.css", buffered=True)
    assert style.headers["Content-Type"].startswith("text/css")
    assert "url(" not in style.text
    assert "@import" not in style.text


@pytest.mark.parametrize("path", PAGES)
def test_every_link_of_a_page_leads_somewhere(client: Client, path: str) -> None:
    page = Page(client.get(path).text)
    assert len(page.ids) == len(set(page.ids))
    for link in page.links:
        if link.startswith("#"):
            assert link[1:] in page.ids
        else:
            assert client.get(link, buffered=True).status_code in (200, 503)


def test_the_documentation_explains_every_error_under_the_address_that_problems_name(client: Client) -> None:
    page = Page(client.get("/docs").text)
    for code in (*MEANINGS, *FAILURES):
        assert f"errors-{code}" in page.ids
    problem_type = client.get("/nope").json["type"]
    address, _, anchor = problem_type.partition("#")
    assert address == "/docs"
    assert anchor in page.ids


def test_the_documentation_shows_every_call_and_document(client: Client, openapi: dict[str, Any]) -> None:
    page = Page(client.get("/docs").text)
    for operations in openapi["paths"].values():
        assert {operation["operationId"] for operation in operations.values()} <= set(page.ids)
    assert {f"documents-{name}" for name in ("Job", "Row", "Page", "Problem", "Options", "Model")} <= set(page.ids)


def test_the_first_page_gives_a_line_that_can_be_run(client: Client) -> None:
    text = client.get("/", base_url="http://localhost:8123").text
    assert "curl -F files=@scans.zip" in text
    assert "http://localhost:8123/v1/jobs" in text


def test_generators_of_clients_find_words_that_they_know(openapi: dict[str, Any]) -> None:
    assert r"\\z" not in json.dumps(openapi), "patterns are those of ECMA 262"
    submission = openapi["paths"]["/v1/jobs"]["post"]
    queried = [each for each in submission["parameters"] if each["in"] == "query"]
    assert queried
    assert not [each["name"] for each in queried if "default" in each["schema"]], "defaults would be sent beside a form"
    form = submission["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert form["properties"]["files"]["items"]["format"] == "binary"


def test_the_integrators_table_has_every_code_of_every_call_with_its_status(openapi: dict[str, Any]) -> None:
    table = (ROOT / "docs" / "integrator.md").read_text().partition("## When a request is refused")[2]
    rows = [re.match(r"\| ([0-9]{3}) \| ([^|]+) \|", line) for line in table.partition("\n## ")[0].splitlines()]
    told = {(row[1], code) for row in rows if row for code in re.findall(r"`([a-z_]+)`", row[2])}
    answers = [
        (status, code)
        for operations in openapi["paths"].values()
        for operation in operations.values()
        for status, answered in operation["responses"].items()
        if status >= "400"
        for code in re.findall(r"`([a-z_]+)`", answered["description"])
        # scopes
        if status != "403"
    ]
    of_images = {("422", code.value) for code in FailureCode}
    assert ("404", "model_not_found") in answers
    assert set(answers) - of_images <= told


def test_linters_find_servers_security_and_the_items_of_arrays(openapi: dict[str, Any]) -> None:
    """What Spectral's and Redocly's rules call errors."""
    assert openapi["servers"]
    groups = [*openapi["paths"].values(), *openapi["webhooks"].values()]
    assert all("security" in described for operations in groups for described in operations.values())
    assert [place for place, schema in _arrays(openapi, "") if "items" not in schema] == []


def _arrays(part: Any, place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(part, dict):
        if part.get("type") == "array":
            yield place, part
        for name, inner in part.items():
            yield from _arrays(inner, f"{place}/{name}")
    elif isinstance(part, list):
        for number, inner in enumerate(part):
            yield from _arrays(inner, f"{place}/{number}")
