"""The documentation for programs: its examples are tried as they stand there, with a key of one's own."""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
from pathlib import Path

import playwright
import pytest
from playwright.sync_api import Browser, Page, expect

from digitmill.cli.service import SAMPLES
from tests.browser.conftest import KEY, browsing
from tests.browser.watching import assert_accessible

pytestmark = [pytest.mark.service, pytest.mark.browser]

# the one that Playwright brings along
NODE = Path(playwright.__file__).parent / "driver" / "node"
COMMANDS = {
    "curl": ["bash", "example.sh"],
    "python": [sys.executable, "example.py"],
    "javascript": [str(NODE), "example.mjs"],
}


def labels() -> dict[str, str]:
    """What the images of the sample pile show, by their names."""
    with (SAMPLES / "labels.csv").open() as file:
        return {row["name"]: row["label"] for row in csv.DictReader(file)}


def run(code: str, language: str, folder: Path) -> str:
    *command, name = COMMANDS[language]
    (folder / name).write_text(code)
    done = subprocess.run([*command, name], cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("language", COMMANDS)
def test_an_example_is_tried_as_it_stands_with_a_key_of_ones_own(
    chromium: Browser, guarded_url: str, tmp_path: Path, language: str
) -> None:
    if language == "curl" and shutil.which("curl") is None:
        pytest.skip("there is no curl here")
    with browsing(chromium, guarded_url) as (context, _):
        page = context.new_page()
        page.goto("/docs")
        page.get_by_label("Your key").fill(KEY)
        code = page.locator(f"#{language}-code").inner_text()
        assert (KEY in code, guarded_url in code, "YOUR-KEY" in code) == (True, True, False)
    said = run(code, language, tmp_path)
    read = [line for line in said.splitlines() if "recognized" in line]
    assert len(read) > 10
    for name, label in labels().items():
        line = next((line for line in read if name in line), None)
        assert line is None or label in line.replace(name, "")


def test_where_no_key_is_asked_an_example_runs_as_it_came(page: Page, tmp_path: Path) -> None:
    page.goto("/docs")
    assert "recognized" in run(page.locator("#python-code").inner_text(), "python", tmp_path)


def test_the_page_is_for_everybody_and_one_pale_word_in_its_tables_would_be_seen(page: Page) -> None:
    page.goto("/docs")
    page.get_by_label("Your key").fill(KEY)
    assert_accessible(page)
    page.evaluate("""() => {
        const words = document.querySelectorAll("td code");
        words[words.length >> 1].style.color = "#ccc";
    }""")
    with pytest.raises(AssertionError, match="color-contrast"):
        assert_accessible(page)


def test_what_could_not_be_a_key_does_not_go_into_a_program(page: Page) -> None:
    page.goto("/docs")
    field = page.get_by_label("Your key")
    field.fill("'; rm -r ~ #")
    assert "rm -r" not in page.locator("#curl-code").inner_text()
    assert field.evaluate("field => field.validity.customError")
    field.fill("")
    assert not field.evaluate("field => field.validity.customError")


def test_an_example_is_copied_by_a_button(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto("/docs")
    page.get_by_label("Your key").fill("abc")
    page.get_by_role("button", name="Copy").first.click()
    expect(page.locator("#copied")).to_have_text("Copied.")
    copied = page.evaluate("() => navigator.clipboard.readText()")
    assert copied.strip() == page.locator("#curl-code").inner_text().strip()
    assert "KEY='abc'" in copied
