"""A browser page that is watched: what it asks of other hosts, what it logs, and what its policy forbids."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request

REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`));
"""
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


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


def assert_accessible(page: Page) -> None:
    """axe-core finds nothing to complain about."""
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": RULES}})
    lines = [f"{rule['id']}: {rule['help']}: {_places(rule)}" for rule in found.response["violations"]]
    assert not lines, "\n".join(lines)


def _places(rule: dict[str, Any]) -> str:
    return "; ".join(f"{node['html'][:150]} {node.get('failureSummary')}" for node in rule["nodes"][:3])
