"""The page of webhooks: added by keyboard, the secret shown once, tried, changed and removed, with what was sent."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from digitmill.client import Client
from tests.browser.conftest import browsing
from tests.browser.watching import assert_accessible
from tests.receiver import Receiver
from tests.web.conftest import Server, wait_until
from tests.web.fakes import one

pytestmark = [pytest.mark.service, pytest.mark.browser]


@pytest.fixture
def own(telling: Server) -> Iterator[Client]:
    with Client(telling.url) as client:
        yield client
        for hook in client.webhooks():
            client.remove_webhook(hook.id)


@pytest.fixture(params=[{"viewport": {"width": 360, "height": 740}, "color_scheme": "dark"}, {}], ids=["phone", "desk"])
def page(chromium: Browser, telling: Server, request: pytest.FixtureRequest) -> Iterator[Page]:
    with browsing(chromium, telling.url, **request.param) as (context, _):
        yield context.new_page()


def fits(page: Page) -> bool:
    return bool(page.evaluate("() => document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def test_a_webhook_is_added_tried_changed_and_removed(page: Page, own: Client, receiver: Receiver) -> None:
    receiver.statuses = [500, 204]
    page.goto("/webhooks")
    expect(page.get_by_text("There are none yet.")).to_be_visible()
    page.get_by_label("Address").focus()
    page.keyboard.type(f"{receiver.url} ")
    page.keyboard.press("Tab")
    page.keyboard.type("ward")
    page.get_by_label("Another tenth of a job is done").first.press("Space")
    page.get_by_label("Note").press("Enter")
    secret = page.get_by_label("Secret", exact=True)
    expect(secret).to_have_value(re.compile("^whsec_"))
    expect(page.get_by_role("heading", name="Secret of")).to_be_focused()
    assert_accessible(page)
    assert fits(page)
    (hook,) = own.webhooks()
    assert (hook.url, hook.description, "job.progress" in hook.events) == (receiver.url, "ward", True)
    page.get_by_role("button", name="I have kept it").click()
    expect(secret).to_be_hidden()

    card = page.locator("#webhooks li")
    card.get_by_role("button", name="Test").click()
    expect(card.get_by_text("Last test: the receiver answered 500")).to_be_visible()
    card.get_by_role("button", name="Test").click()
    expect(card.get_by_text("Last test: the receiver answered 204")).to_be_visible()
    card.get_by_text("Choose events").click()
    card.get_by_label("A job is done", exact=True).uncheck()
    card.get_by_role("button", name="Save").click()
    expect(page.get_by_text("ward: it is saved.")).to_be_visible()
    expect(card.get_by_role("button", name="Save")).to_be_focused()
    card.get_by_role("button", name="Switch off").click()
    expect(card.get_by_text("Off: nothing is sent there but a test")).to_be_visible()
    changed = own.webhook(hook.id)
    assert ("job.completed" in changed.events, changed.enabled) == (False, False)

    card.get_by_role("button", name="New secret").click()
    page.get_by_role("dialog").get_by_role("button", name="New secret").click()
    expect(secret).to_have_value(re.compile("^whsec_"))
    page.reload()
    expect(card).to_have_count(1)
    expect(secret).to_be_hidden()
    card.get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Leave it as it is").click()
    expect(card.get_by_role("button", name="Remove")).to_be_focused()
    card.get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(card).to_have_count(0)
    expect(page.get_by_label("Address")).to_be_focused()
    assert own.webhooks() == []


def test_what_was_sent_is_shown_and_narrowed(page: Page, own: Client, receiver: Receiver) -> None:
    receiver.statuses = [500]
    hook = own.add_webhook(receiver.url)
    job = own.wait(own.submit([("a.png", io.BytesIO(one()))]).id).id
    wait_until(lambda: [len(each.attempts) for each in own.deliveries(job)] == [1])
    page.goto("/webhooks")
    row = page.locator("#deliveries tr").filter(has=page.locator(f'a[href="/jobs/{job}"]'))
    expect(row).to_contain_text("A job is done")
    page.get_by_role("button", name="Look again").click()
    expect(row).to_contain_text("answered 500")
    expect(row).to_contain_text("next attempt")
    assert_accessible(page)
    assert fits(page)
    page.get_by_label("Show").select_option("what arrived")
    expect(row).to_have_count(0)
    page.get_by_label("Show").select_option("what did not arrive")
    expect(row).to_have_count(1)
    own.remove_webhook(hook.id)


def test_what_is_wrong_is_said_and_nothing_is_added(chromium: Browser, telling: Server, own: Client) -> None:
    own.add_webhook("https://hooks.example/taken")
    with browsing(chromium, telling.url) as (context, watch):
        watch.tolerated.append("409")
        page = context.new_page()
        page.goto("/webhooks")
        page.get_by_label("Address").fill("ftp://hooks.example/")
        page.get_by_role("button", name="Add", exact=True).click()
        assert page.get_by_label("Address").evaluate("field => field.matches(':invalid')")
        page.get_by_label("Address").fill("https://hooks.example/taken")
        page.get_by_role("button", name="Add", exact=True).click()
        expect(page.get_by_role("alert")).to_contain_text("registered already")
        for box in page.locator("#add [name=event]").all():
            box.set_checked(False)
        page.get_by_role("button", name="Add", exact=True).click()
        expect(page.get_by_role("alert")).to_have_text("Choose one event at least.")
    assert len(own.webhooks()) == 1


def test_the_page_is_for_who_may_register(chromium: Browser, guarded: Server) -> None:
    with browsing(chromium, guarded.url) as (context, _):
        page = context.new_page()
        page.goto("/webhooks")
        expect(page).to_have_url(re.compile("/sign-in"))


@pytest.mark.parametrize(("language", "words"), [("ja-JP", "Webhook を送れません"), ("ru-RU", "отправить нельзя")])
def test_what_is_wrong_is_said_in_the_readers_language(
    chromium: Browser, telling: Server, own: Client, language: str, words: str
) -> None:
    with browsing(chromium, telling.url, locale=language) as (context, watch):
        watch.tolerated.append("400")
        page = context.new_page()
        page.goto("/webhooks")
        page.locator("#address").fill("https://user:password@hooks.example/")
        page.locator("#add button[type=submit]").click()
        expect(page.get_by_role("alert")).to_contain_text(words)
    assert own.webhooks() == []


def test_one_that_is_off_says_that_a_test_is_sent_all_the_same(
    chromium: Browser, telling: Server, own: Client, receiver: Receiver
) -> None:
    hook = own.add_webhook(receiver.url)
    own.change_webhook(hook.id, enabled=False)
    with browsing(chromium, telling.url) as (context, _):
        page = context.new_page()
        page.goto("/webhooks")
        card = page.locator("#webhooks li")
        expect(card.get_by_text("Off: nothing is sent there but a test")).to_be_visible()
        card.get_by_role("button", name="Test").click()
        expect(card.get_by_text("Last test: the receiver answered 204")).to_be_visible()
    assert not own.webhook(hook.id).enabled
    (request,) = receiver.received
    assert json.loads(request.body)["type"] == "webhook.test"
