"""A critical field in the browser: two people enter it without each other, and a third decides."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from digitmill.client import Client, Job
from tests.browser.conftest import PROGRAM, browsing, running_up
from tests.browser.watching import assert_accessible
from tests.forms.made import first_of, png
from tests.web.test_double_entry import critical_form

pytestmark = [pytest.mark.service, pytest.mark.browser]


@dataclass
class Office:
    """A service that asks for keys, those of three people, and a job with one critical field, ``field``."""

    url: str
    keys: dict[str, str]
    job: Job
    field: str


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with running_up(tmp_path) as url:
        first = _key(tmp_path, "Ann", "admin")
        owner = first.split("_")[1]
        others = {name: _key(tmp_path, name, "read,review", "--owner", owner) for name in ("Bea", "Cem")}
        form = critical_form()
        (tmp_path / "template.json").write_text(form.template.as_json())
        (tmp_path / "reference.png").write_bytes(png(form.blank))
        with Client(url, first) as client:
            client.publish_template(tmp_path / "template.json", tmp_path / "reference.png")
            files = [("a.png", io.BytesIO(png(form.blank)))]
            sent = client.submit(files, read="form", template=form.template.label)
            job = client.wait(sent.id, timeout=120)
        name = form.template.fields[first_of(form, "digits")].name
        yield Office(url, {"Ann": first, **others}, job, name)


def _key(folder: Path, name: str, scopes: str, *more: str) -> str:
    environment = {**os.environ, "DIGITMILL_VAR": str(folder / "var")}
    command = [sys.executable, "-c", PROGRAM, "keys", "create", "--name", name, "--scopes", scopes, *more]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found = re.search(r"dm_[0-9a-f]{12}_[0-9a-f]{48}", done.stdout)
    assert found is not None, done.stdout
    return found[0]


def enter(chromium: Browser, office: Office, name: str, text: str, *shown: str) -> None:
    """As this person, read what the page says of the field, which is ``shown``, and type the text."""
    with browsing(chromium, office.url) as (context, watch):
        watch.tolerated.append("401")
        page = context.new_page()
        page.goto(f"/jobs/{office.job.id}/review")
        page.get_by_label("Key", exact=True).fill(office.keys[name])
        page.get_by_role("button", name="Sign in").click()
        expect(page.locator("#row-question")).to_have_text(office.field)
        for words in shown:
            expect(page.locator("#row")).to_contain_text(words)
        assert_accessible(page)
        type_in(page, text)
        expect(page.locator("#nothing")).to_be_visible()
        expect(page.locator("#sending")).to_have_text("All answers are stored.")


def type_in(page: Page, text: str) -> None:
    field = page.locator("[data-typed]")
    expect(field).to_be_focused()
    expect(field).to_have_value("")
    page.keyboard.type(text)
    with page.expect_response(lambda response: response.request.method == "PATCH"):
        page.keyboard.press("Enter")


def test_two_enter_a_critical_field_and_a_third_decides(chromium: Browser, office: Office) -> None:
    enter(chromium, office, "Ann", "12", "is for two people to enter")
    enter(chromium, office, "Bea", "17", "Somebody has entered this field", "Ann entered it")
    enter(chromium, office, "Cem", "17", "Ann entered 12, and Bea 17", "Bea said: 17")
    with Client(office.url, office.keys["Ann"]) as client:
        (row,) = client.results(office.job.id)
        said = (row.fields or {})[office.field]
        assert said.correction is not None
        assert (said.correction.prediction, said.correction.by_name, said.entries) == ("17", "Cem", ())
        assert client.job(office.job.id).counts.unanswered == 0
