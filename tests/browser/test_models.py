"""The page of the models: what jobs get, trials, going back, two models side by side."""

from __future__ import annotations

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import browsing
from tests.browser.watching import DESK, PHONE, assert_for_everybody
from tests.core.conftest import publish
from tests.web.conftest import Server
from tests.web.fakes import one, seven

pytestmark = [pytest.mark.service, pytest.mark.browser]


@pytest.fixture
def models(resting: Server) -> Server:
    """With digits@1, the default, digits@2 and digits@3."""
    folder = resting.var / "models"
    for version in ("2", "3"):
        publish(folder, "digits", version)
    (folder / "default").write_text("digits@1")
    return resting


def put(server: Server, path: str, **body: object) -> None:
    httpx.put(f"{server.url}/v1/models/{path}", json=body, trust_env=False).raise_for_status()


def test_a_model_is_made_the_usual_one_and_rolled_back_by_buttons(chromium: Browser, models: Server) -> None:
    with browsing(chromium, models.url) as (context, _):
        page = context.new_page()
        page.goto("/models")
        usual = page.get_by_role("region", name="Which model jobs get")
        expect(usual).to_contain_text("digits@1")
        page.get_by_role("button", name="Make digits@3 the usual one").press("Enter")
        expect(usual).to_contain_text("digits@3")
        back = usual.get_by_role("button", name="Back to digits@1")
        back.click()
        expect(back).to_have_count(0)
        expect(usual).to_contain_text("digits@1")
        usual.get_by_text("What was the usual one before").click()
        expect(usual.get_by_role("row")).to_have_count(3)


def test_a_trial_is_begun_seen_and_ended(chromium: Browser, models: Server) -> None:
    with browsing(chromium, models.url) as (context, _):
        page = context.new_page()
        page.goto("/models")
        page.get_by_label("Share of the jobs that digits@2 answers too").select_option("1.0")
        page.get_by_role("button", name="Let digits@2 answer too, without counting").click()
        expect(page.get_by_role("heading", name="digits@2 answers 100 % of the jobs too")).to_be_visible()
        expect(page.get_by_text("No job was answered by both yet.")).to_be_visible()
        models.turn()
        httpx.post(
            f"{models.url}/v1/jobs",
            files=[("files", ("1.png", one())), ("files", ("7.png", seven()))],
            headers={"Prefer": "wait=60"},
            timeout=90,
            trust_env=False,
        ).raise_for_status()
        page.reload()
        expect(page.get_by_text("Images answered twice")).to_be_visible()
        page.get_by_role("button", name="End the trial of digits@2").click()
        expect(page.get_by_text("Images answered twice")).to_have_count(0)


def test_what_cannot_be_done_is_said(chromium: Browser, models: Server) -> None:
    with browsing(chromium, models.url) as (context, watch):
        watch.tolerated.append("409")
        page = context.new_page()
        page.goto("/models")
        put(models, "canary", model="digits@2", share=0.5)
        page.get_by_role("button", name="Retire digits@2").click()
        expect(page.get_by_role("alert")).to_contain_text("digits@2 is on trial")
        page.get_by_role("button", name="Retire digits@3").click()
        page.get_by_text("Retired models").click()
        page.get_by_role("button", name="Bring digits@3 back").click()
        expect(page.get_by_role("button", name="Retire digits@3")).to_be_visible()


def test_two_models_are_compared_side_by_side(chromium: Browser, models: Server) -> None:
    with browsing(chromium, models.url) as (context, _):
        page = context.new_page()
        page.goto("/models")
        page.get_by_label("Compare", exact=True).select_option("digits@2")
        page.get_by_label("with", exact=True).select_option("digits@3")
        page.get_by_role("button", name="Side by side").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("digits@2 and digits@3")
        expect(page.get_by_role("row", name="Temperature")).to_contain_text("1.0000")


def test_they_stand_in_nobodys_way(chromium: Browser, models: Server) -> None:
    put(models, "canary", model="digits@2", share=0.25)
    put(models, "shadow", model="digits@3", share=0.5)
    put(models, "default", model="digits@2")
    put(models, "canary", model="digits@3", share=0.25)
    with browsing(chromium, models.url) as (context, _):
        page = context.new_page()
        for path in ("/models", "/models/compare?a=digits@2&b=digits@3"):
            page.goto(path)
            page.wait_for_load_state("networkidle")
            for summary in page.locator("summary").all():
                summary.click()
            assert_for_everybody(page, PHONE, DESK)
