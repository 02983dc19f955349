"""A browser page that is watched: what it asks of other hosts, what it logs, and what its policy forbids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, ViewportSize

REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`));
"""
ALL = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
CONTRAST = "color-contrast"
COLOURS = [CONTRAST, "link-in-text-block"]
"""Rules by which the same page may be in order in light colours, and not in dark ones."""
PHONE, DESK, WALL = (ViewportSize(width=w, height=h) for w, h in ((360, 740), (1280, 800), (3840, 2160)))
WIDER_THAN_THE_SCREEN = """async () => {
    const frame = () => new Promise(requestAnimationFrame);
    await frame();
    await frame();
    return document.documentElement.scrollWidth - document.documentElement.clientWidth;
}"""
"""By so many pixels, once it is drawn for it."""
LARGE = 2000
"""Elements of a page from which on texts that look alike are not all looked at for their contrast: there are thousands
in the tables of `/docs`, and axe-core takes a minute for them."""
MARK_LOOKS = """() => {
    const looks = new Map(), marked = new Set();
    const visit = (element, around) => {
        const style = getComputedStyle(element);
        const look = [around, element.localName, style.color, style.background, style.opacity, style.filter,
            style.mixBlendMode, style.textShadow, style.position, style.display, style.visibility, style.fontSize,
            style.fontWeight].join("|");
        if (!looks.has(look)) looks.set(look, looks.size);
        const number = looks.get(look);
        const text = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
        if (text && !marked.has(number)) {
            marked.add(number);
            element.dataset.look = number;
        }
        for (const child of element.children) visit(child, number);
    };
    visit(document.body, "");
}"""
"""Marks the first text of each look: the same colours and letters in elements that look the same."""


@dataclass
class Watch:
    """``faults`` are what no page may do. ``tolerated`` are beginnings of console lines that a test brings about."""

    url: str
    faults: list[str] = field(default_factory=list)
    tolerated: list[str] = field(default_factory=list)

    def over(self, context: BrowserContext) -> None:
        context.add_init_script(REPORT_VIOLATIONS)
        context.on("page", self._page)

    def _page(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        page.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        tolerated = any(part in message.text for part in self.tolerated)
        if message.type in ("error", "warning") and not tolerated:
            self.faults.append(f"{message.type}: {message.text} ({message.location.get('url')})")

    def _request(self, request: Request) -> None:
        # pictures in the page itself (data:, blob:) ask nobody
        wanted, own = urlsplit(request.url), urlsplit(self.url)
        if wanted.scheme in ("http", "https", "ws", "wss") and wanted.netloc != own.netloc:
            self.faults.append(f"asked another host: {request.url}")


def assert_fits(page: Page) -> None:
    """The page is no wider than the screen."""
    wide = page.evaluate(WIDER_THAN_THE_SCREEN)
    assert wide <= 0, f"{page.url} at {page.viewport_size}"


def assert_for_everybody(page: Page, *screens: ViewportSize) -> None:
    """On each of these screens the page fits, and is accessible in light and in dark colours. It is loaded but once:
    what its scripts do does not depend on colours, and of the screen on its width alone, which they follow."""
    for screen in screens:
        page.set_viewport_size(screen)
        assert_fits(page)
        assert_accessible(page)
        # colours that fade into each other are none of either
        page.emulate_media(color_scheme="dark", reduced_motion="reduce")
        assert_accessible(page, {"type": "rule", "values": COLOURS})
        page.emulate_media(color_scheme="light")
        page.emulate_media(reduced_motion="no-preference")


def assert_accessible(page: Page, rules: Mapping[str, Any] = ALL) -> None:
    """axe-core finds nothing to complain about."""
    if page.locator("*").count() < LARGE:
        lines = _complaints(page, None, {"runOnly": rules})
    else:
        page.evaluate(MARK_LOOKS)
        lines = _complaints(page, None, {"runOnly": rules, "rules": {CONTRAST: {"enabled": False}}})
        lines += _complaints(page, "[data-look]", {"runOnly": {"type": "rule", "values": [CONTRAST]}})
    assert not lines, "\n".join(lines)


def _complaints(page: Page, within: str | None, options: dict[str, Any]) -> list[str]:
    # of what is in order axe-core tells nothing then, which halves its time
    found = Axe().run(page, context=within, options={**options, "resultTypes": ["violations"]})
    return [f"{rule['id']}: {rule['help']}: {_places(rule)}" for rule in found.response["violations"]]


def _places(rule: dict[str, Any]) -> str:
    return "; ".join(f"{node['html'][:150]} {node.get('failureSummary')}" for node in rule["nodes"][:3])
