"""The site of the documents: its pages, the reference of the interface, and that it loads nothing from elsewhere."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.house import api_page, docs_site
from tests.house.sources import ROOT

MKDOCS = ROOT / ".tools-docs" / "bin" / "mkdocs"


@pytest.fixture(scope="module")
def description() -> api_page.Document:
    return api_page.description()


def test_every_page_that_the_site_names_is_collected() -> None:
    named = set(re.findall(r"^ *- (?:[^:\n]+: )?(\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE))
    found = {str(path.relative_to(ROOT)) for path in docs_site.collected()}
    assert named - {"docs/api.md"} <= found
    documents = {str(path.relative_to(ROOT)) for path in docs_site.documents()}
    assert documents <= named
    assert {"docs/capacity.js", "docs/pictures/pages.png", "LICENSE"} <= found


def test_the_reference_names_every_call_parameter_and_schema(description: api_page.Document) -> None:
    page = api_page.page(description)
    for path, calls in description["paths"].items():
        for method, call in calls.items():
            section = page.partition(f"### {method.upper()} {path}\n")[2].partition("\n##")[0]
            assert section, path
            assert call["summary"] in section
            assert all(f"| `{each['name']}` |" in section for each in call.get("parameters", ()))
    headings = set(re.findall(r"^### (\w+)$", page, re.MULTILINE))
    assert set(description["components"]["schemas"]) <= headings
    assert {name.lower() for name in re.findall(r"\]\(#(\w+)\)", page)} <= {name.lower() for name in headings}


@pytest.mark.skipif(not MKDOCS.exists(), reason="THE SITE IS NOT TESTED: run `make docs` once, which brings mkdocs")
def test_the_site_is_made_without_a_warning_and_loads_nothing_from_other_hosts(tmp_path: Path) -> None:
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    docs_site.collect(tmp_path / "var" / "site" / "pages")
    done = subprocess.run(
        [str(MKDOCS), "build", "--strict", "--quiet"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    html = tmp_path / "var" / "site" / "html"
    pages = [path.read_text() for path in html.rglob("*.html")]
    assert len(pages) > 20
    loaded = re.compile(
        r"<(?:script|img|iframe)[^>]*\ssrc=[\"']?(?:https?:)?//|<link[^>]*rel=[\"']?(?:stylesheet|preconnect)[^>]*//"
    )
    assert [match.group() for page in pages if (match := loaded.search(page))] == []
