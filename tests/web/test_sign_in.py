"""Signing in with a key in a browser: what the cookie opens, and what another site cannot do with it."""

from __future__ import annotations

import re

import pytest
from pydantic import SecretStr

from digitmill.domain.access import Scope
from tests.built_in import PLACE
from tests.web.conftest import Answer, Client, Mill, assert_problem, form, submit
from tests.web.fakes import one

KEY = "correct-horse"
WITH_KEY = pytest.mark.parametrize("mill", [{"admin_key": SecretStr(KEY)}], indirect=True)
PAGES = ["/", "/jobs", "/jobs/x?a=b", "/models", f"/models/{PLACE}"]


def sign_in(client: Client, key: str = KEY, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post("/sign-in", data={"key": key, "next": "/jobs"}, headers=named)


def token_of(client: Client) -> str:
    """The token of forms on the page that the browser has before it."""
    found = re.search(r'name="csrf-token" content="(\w+)"', client.get("/").text)
    assert found
    return found[1]


@WITH_KEY
@pytest.mark.parametrize("path", PAGES)
def test_pages_send_strangers_to_the_sign_in_and_back(client: Client, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 303
    page = client.get(response.headers["Location"])
    assert page.status_code == 200
    assert f'name="next" value="{path}"' in page.text


@WITH_KEY
def test_the_key_is_asked_once_and_not_kept(client: Client) -> None:
    response = sign_in(client, f" {KEY} ")
    assert (response.status_code, response.headers["Location"]) == (303, "/jobs")
    cookie = response.headers["Set-Cookie"]
    assert KEY not in cookie
    assert all(part in cookie for part in ("HttpOnly", "SameSite=Strict", "Path=/", "Max-Age="))
    assert "Secure" not in cookie
    assert client.get("/jobs").status_code == 200
    assert client.get("/v1/jobs").status_code == 200


@WITH_KEY
def test_behind_https_the_cookie_never_leaves_it(client: Client) -> None:
    assert "Secure" in sign_in(client, X_Forwarded_Proto="https").headers["Set-Cookie"]


@WITH_KEY
@pytest.mark.parametrize("key", ["", "wrong", KEY + "x", "dm_0123456789ab_" + "0" * 48])
def test_a_wrong_key_opens_nothing_and_is_told(client: Client, key: str) -> None:
    response = sign_in(client, key)
    assert response.status_code == 401
    assert 'role="alert"' in response.text
    assert "Set-Cookie" not in response.headers
    assert_problem(client.get("/v1/jobs"), 401, "unauthorized")


@WITH_KEY
@pytest.mark.parametrize("address", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:1", ""])
def test_signing_in_leads_nowhere_else(client: Client, address: str) -> None:
    response = client.post("/sign-in", data={"key": KEY, "next": address})
    assert response.headers["Location"] == "/"


@WITH_KEY
@pytest.mark.parametrize("headers", [{"Sec_Fetch_Site": "cross-site"}, {"Origin": "https://evil.example"}])
def test_another_site_cannot_sign_anybody_in(client: Client, headers: dict[str, str]) -> None:
    response = sign_in(client, KEY, **headers)
    assert response.status_code == 403
    assert "Set-Cookie" not in response.headers


@WITH_KEY
def test_changes_by_cookie_need_the_token_of_the_page(client: Client) -> None:
    sign_in(client)
    token = token_of(client)
    for wrong in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": "0" * 64}):
        refused = client.post("/v1/jobs", data=form([("a.png", one())]), headers=wrong)
        assert_problem(refused, 403, "forbidden")
    accepted = submit(client, [("a.png", one())], X_CSRF_Token=token)
    assert accepted.status_code == 202
    location = accepted.headers["Location"]
    assert_problem(client.delete(location), 403, "forbidden")
    assert_problem(client.post(f"{location}/cancel"), 403, "forbidden")
    assert client.delete(location, headers={"X-CSRF-Token": token}).status_code == 204


@WITH_KEY
def test_a_key_in_the_request_needs_no_token_even_beside_a_cookie(client: Client) -> None:
    sign_in(client)
    assert submit(client, [("a.png", one())], Authorization=f"Bearer {KEY}").status_code == 202
    assert_problem(client.get("/v1/jobs", headers={"Authorization": "Bearer wrong"}), 401, "unauthorized")


@WITH_KEY
def test_signing_out_ends_the_session_for_good(client: Client) -> None:
    cookie = sign_in(client).headers["Set-Cookie"].partition(";")[0]
    assert client.post("/sign-out").status_code == 403
    assert client.get("/v1/jobs").status_code == 200
    assert client.post("/sign-out", data={"csrf_token": token_of(client)}).headers["Location"] == "/sign-in"
    assert_problem(client.get("/v1/jobs", headers={"Cookie": cookie}), 401, "unauthorized")


def test_a_session_has_the_scopes_of_its_key(client: Client, mill: Mill) -> None:
    _, text = mill.service.keys.create("reader", [Scope.READ], lifetime=None)
    mill.pass_time(10)
    sign_in(client, text)
    assert client.get("/jobs").status_code == 200
    assert_problem(submit(client, [("a.png", one())], X_CSRF_Token=token_of(client)), 403, "forbidden")


def test_a_key_that_may_not_read_sees_no_pages(client: Client, mill: Mill) -> None:
    _, text = mill.service.keys.create("scanner", [Scope.SUBMIT], lifetime=None)
    sign_in(client, text)
    response = client.get("/jobs")
    assert response.status_code == 403
    assert "scope" in response.text


def test_where_no_key_is_asked_nobody_signs_in_and_old_cookies_do_no_harm(client: Client) -> None:
    assert client.get("/sign-in?next=/models").headers["Location"] == "/models"
    assert "Set-Cookie" not in sign_in(client, "x").headers
    assert client.get("/jobs", headers={"Cookie": "digitmill_session=old"}).status_code == 200


def test_what_is_not_there_is_told_as_a_page(client: Client) -> None:
    for path in ("/jobs/nobody", "/models/nothing/1"):
        response = client.get(path)
        assert response.status_code == 404
        assert response.headers["Content-Type"].startswith("text/html")
        assert "<h1>" in response.text
