"""Lists and cards, the sign-in, and what holds for every page."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect

from digitmill.client import Client
from tests.browser.conftest import KEY, browsing, send
from tests.browser.test_drop import choose
from tests.browser.watching import DESK, PHONE, WALL, Watch, assert_accessible, assert_fits, assert_for_everybody
from tests.built_in import PLACE
from tests.web.conftest import Server
from tests.web.fakes import one

pytestmark = [pytest.mark.service, pytest.mark.browser]

FIRST_PAGE_BYTES = 100_000


@pytest.fixture(scope="module")
def paths(url: str) -> list[str]:
    with Client(url) as client:
        job = send(client, [("a.png", one()), ("b.png", b"text")], review_below=1.0)
        client.wait(job.id)
        of_job = [f"/jobs/{job.id}{page}" for page in ("", "/review", "/review/groups", "/check")]
        others = [
            "/jobs",
            "/templates",
            "/templates/new",
            "/models",
            f"/models/{PLACE}",
            "/draw",
            "/practice",
            "/train",
            "/webhooks",
            "/docs",
            "/jobs/nobody",
            "/nobody",
        ]
        return ["/", *of_job, *others]


def test_nothing_stands_in_the_way_of_anybody_on_any_screen(page: Page, watch: Watch, paths: list[str]) -> None:
    for path in paths:
        if path.endswith("nobody"):
            watch.tolerated.append("404")
        page.goto(path)
        page.wait_for_load_state("networkidle")
        for screen in (PHONE, WALL):
            page.set_viewport_size(screen)
            assert_fits(page)
        assert_for_everybody(page, DESK)


def test_a_wrong_address_is_told_as_a_page_to_people_and_as_a_problem_to_programs(page: Page, watch: Watch) -> None:
    watch.tolerated.append("404")
    answer = page.goto("/nowhere")
    assert answer
    assert answer.status == 404
    expect(page.get_by_role("heading", level=1)).to_have_text("Nothing is here")
    for path, accept in (("/nowhere", "*/*"), ("/v1/nowhere", "text/html")):
        problem = page.request.get(path, headers={"Accept": accept})
        assert (problem.status, problem.json()["code"]) == (404, "not_found")
    page.get_by_role("link", name="To the list of jobs").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Jobs")


def test_the_first_page_is_light(page: Page) -> None:
    sizes: list[int] = []

    def count(request: Request) -> None:
        size = request.sizes()
        sizes.append(size["responseBodySize"] + size["responseHeadersSize"])

    page.on("requestfinished", count)
    page.goto("/")
    page.wait_for_load_state("networkidle")
    assert len(sizes) > 5
    assert sum(sizes) < FIRST_PAGE_BYTES


def test_the_skip_link_is_the_first_stop_and_leads_to_the_content(page: Page) -> None:
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#content")).to_be_focused()


def test_the_list_of_jobs_follows_stops_and_deletes(chromium: Browser, resting: Server) -> None:
    with Client(resting.url) as client, browsing(chromium, resting.url) as (context, _):
        files = [(f"{number}.png", one()) for number in range(4)]
        send(client, files, metadata={"label": "first <b>batch</b>"})
        second = send(client, [("a.png", one())])
        page = context.new_page()
        page.goto("/jobs")
        row = page.get_by_role("row", name="first <b>batch</b>")
        expect(row).to_contain_text("Waiting")
        # a small job goes before a larger one
        resting.turn_once()
        resting.turn_once()
        expect(row).to_contain_text("Running")
        row.get_by_role("button", name="Stop").click()
        page.get_by_role("dialog").get_by_role("button", name="Stop", exact=True).click()
        expect(row).to_contain_text("Cancelled")
        row.get_by_role("button", name="Delete").click()
        assert_accessible(page)
        page.get_by_role("button", name="Keep it").click()
        expect(row).to_be_visible()
        row.get_by_role("button", name="Delete").click()
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        expect(row).to_have_count(0)
        assert [job.id for job in client.jobs()] == [second.id]


def test_the_card_of_the_model_tells_its_figures(page: Page, api: Client) -> None:
    model = next(model for model in api.models() if model.default)
    page.goto("/models")
    page.get_by_role("link", name=f"{model.name}@{model.version}").click()
    for name in ("mnist", "usps"):
        expect(page.get_by_role("row", name=name).first).to_be_visible()
    expect(page.locator("main")).to_contain_text(model.manifest["sha256"])
    accepted = model.manifest["metrics"]["test"]["mnist"]["coverage"] * 100
    bar = page.get_by_role("img", name=f"{accepted:.1f} % accepted, {100 - accepted:.1f} % to review").first
    assert float(bar.locator(".bar-above").get_attribute("width") or 0) == pytest.approx(accepted)
    for picture in page.locator(".charts img").all():
        picture.scroll_into_view_if_needed()
        page.wait_for_function("picture => picture.complete", arg=picture.element_handle())
        assert picture.evaluate("picture => picture.naturalWidth") > 300
    assert page.locator(".charts img").count() == len(model.manifest["pictures"])


def sign_in(context: BrowserContext, key: str) -> Page:
    page = context.pages[0] if context.pages else context.new_page()
    page.goto("/jobs")
    page.get_by_label("Key", exact=True).fill(key)
    page.get_by_role("button", name="Sign in").click()
    return page


def test_a_clerk_signs_in_works_and_signs_out(chromium: Browser, guarded: Server) -> None:
    guarded.turn()
    with browsing(chromium, guarded.url) as (context, watch):
        watch.tolerated.append("401")
        page = sign_in(context, "wrong")
        expect(page.get_by_role("alert")).to_contain_text("no key of this service")
        assert_accessible(page)
        sign_in(context, KEY)
        expect(page).to_have_url(f"{guarded.url}/jobs")
        page.goto("/")
        choose(page, ("a.png", one()))
        page.get_by_role("button", name="Read the scans").click()
        expect(page.locator("#state")).to_have_text("Done")
        expect(page.get_by_role("gridcell")).to_have_count(1)
        assert_accessible(page)
        assert page.evaluate("() => document.cookie + Object.keys(localStorage) + Object.keys(sessionStorage)") == ""
        page.goto("/jobs")
        page.get_by_role("button", name="Delete a.png").click()
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        expect(page.locator("main")).to_contain_text("There are no jobs.")
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_label("Key", exact=True)).to_be_visible()
        page.goto("/")
        expect(page).to_have_url(f"{guarded.url}/sign-in?next=/")


def test_what_a_page_may_not_do_is_seen(page: Page, watch: Watch) -> None:
    page.goto("/")
    page.evaluate("""() => {
        const script = document.createElement("script");
        script.textContent = "window.harmed = true";
        document.body.append(script);
        fetch("http://digitmill.example/").catch(() => {});
    }""")
    page.wait_for_timeout(100)
    assert page.evaluate("() => window.harmed") is None
    seen = " ".join(watch.faults)
    assert "policy: script-src-elem" in seen
    assert "policy: connect-src" in seen
    watch.faults.clear()
