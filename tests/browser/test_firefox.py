"""The pages in Debian's Firefox: they open without a fault, and a pile goes from its files to a certificate."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from digitmill.client import Client
from tests.browser.conftest import send
from tests.browser.marionette import Firefox, running_firefox
from tests.browser.reviewing import UNSENT, doubtful_job, rows, said
from tests.built_in import PLACE
from tests.pictures import drawn_digit, png

pytestmark = [pytest.mark.service, pytest.mark.browser]

NAME = "return document.getElementById('name').textContent"
SENT = "return document.getElementById('sending')?.textContent === 'All answers are stored.'"
ROW = "return Boolean(document.getElementById('name')?.textContent)"
NEXT = f"{NAME} !== arguments[0] || !document.getElementById('nothing').hidden"


@pytest.fixture(scope="module")
def program() -> str:
    path = shutil.which("firefox-esr") or shutil.which("firefox")
    if path is None:
        pytest.skip("There is no Firefox in PATH, so NO PAGE IS TESTED IN IT; install it: apt-get install firefox-esr")
    return path


@pytest.fixture(scope="module")
def window(program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    with running_firefox(program, tmp_path_factory.mktemp("firefox") / "profile") as firefox:
        yield firefox


@pytest.fixture
def firefox(window: Firefox, url: str) -> Iterator[Firefox]:
    """A window in which no page may fail."""
    before = window.faults(url)
    yield window
    assert window.faults(url)[len(before) :] == []


def press(firefox: Firefox, key: str) -> str:
    """Press a key in the review, and wait for the next row; the name of the row before."""
    name = str(firefox.evaluate(NAME))
    firefox.press(key)
    firefox.wait(NEXT, name)
    return name


def test_a_fault_of_a_page_is_seen(window: Firefox, url: str) -> None:
    window.goto(f"{url}/draw")
    before = window.faults(url)
    window.evaluate("setTimeout(() => { throw new Error('of a test'); }); document.body.style.color = 'red'")
    window.evaluate("document.body.append(Object.assign(document.createElement('script'), {textContent: 'var a = 1'}))")
    window.wait("return true")
    assert len(window.faults(url)) > len(before)


@pytest.mark.parametrize("width", [500, 1280])
def test_every_page_opens_without_a_fault_and_fits_the_window(
    firefox: Firefox, url: str, api: Client, width: int
) -> None:
    job = doubtful_job(api, 3)
    of_job = [f"/jobs/{job.id}{page}" for page in ("", "/review", "/review/groups", "/check", "/certificate")]
    others = ["/jobs", "/review", "/models", f"/models/{PLACE}", "/draw", "/practice", "/webhooks", "/docs"]
    firefox.resize(width, 800)
    for path in ["/", *of_job, *others]:
        firefox.goto(f"{url}{path}")
        firefox.wait("return document.readyState === 'complete' && document.querySelector('h1')?.innerText !== ''")
        wide = firefox.evaluate("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, path


def test_a_pile_goes_from_its_files_to_a_certificate_by_keys(
    firefox: Firefox, url: str, api: Client, tmp_path: Path
) -> None:
    firefox.resize(1280, 800)
    for number in range(6):
        (tmp_path / f"box-{number}.png").write_bytes(png(drawn_digit(number, 36 + number)))
    firefox.goto(url)
    firefox.choose_files("#files", *sorted(tmp_path.glob("*.png")))
    firefox.wait_for_text("#chosen-text", "6 files,")
    firefox.evaluate("""
        document.getElementById("threshold-own").checked = true;
        document.getElementById("threshold-value").value = 100;
    """)
    firefox.click("#send")
    firefox.wait_for_text("#state", "Done")
    job = str(firefox.evaluate("return location.pathname")).rpartition("/")[2]
    firefox.wait("return document.querySelectorAll('.tile img[src]').length === 6")
    firefox.press("r")
    firefox.wait(ROW)
    confirmed = press(firefox, "Enter")
    wrong = press(firefox, "9")
    firefox.press("Control+z")
    firefox.wait(f"{NAME} === arguments[0]", wrong)
    press(firefox, "x")
    for _ in range(4):
        press(firefox, "Enter")
    firefox.wait_for_text("#nothing-text", "No doubtful row is left.")
    firefox.wait(SENT)
    found = {row.name: row for row in api.results(job)}
    assert said(found[confirmed]) == found[confirmed].prediction
    assert (said(found[wrong]), api.job(job).counts.unanswered) == ("not_a_digit", 0)
    firefox.click("#finished a[href$=certificate]")
    firefox.wait_for_text("article", "Answered by people")


def test_an_accepted_row_is_corrected_and_a_sheet_is_confirmed(firefox: Firefox, url: str, api: Client) -> None:
    accepted = api.wait(send(api, [("a.png", png(drawn_digit(3)))], review_below=0.0).id)
    firefox.goto(f"{url}/jobs/{accepted.id}")
    firefox.wait("return document.querySelector('.tile')")
    firefox.click(".tile")
    firefox.wait("return document.querySelector('.guesses')")
    firefox.press("8")
    firefox.wait_for_text("#row-sending", "All answers are stored.")
    assert said(api.row(accepted.id, 0)) == "8"
    alike = api.wait(send(api, [(f"{n}.png", png(drawn_digit(7, 36 + n))) for n in range(3)], review_below=1.0).id)
    firefox.goto(f"{url}/jobs/{alike.id}/review/groups")
    firefox.wait("return document.querySelectorAll('.crop').length === 3")
    firefox.press("Enter")
    firefox.wait(SENT)
    firefox.wait_for_text("#nothing-text", "No doubtful row is left.")
    assert [said(row) for row in api.results(alike.id)] == ["7"] * 3


def test_answers_that_were_not_sent_survive_a_crash(program: str, url: str, api: Client, tmp_path: Path) -> None:
    job = doubtful_job(api, 8)
    profile = tmp_path / "profile"
    with running_firefox(program, profile) as firefox:
        firefox.goto(f"{url}/jobs/{job.id}/review")
        firefox.wait(ROW)
        firefox.lose_network()
        answered = [press(firefox, "4") for _ in range(3)]
        firefox.wait(f"return ({UNSENT})().then((found) => Object.keys(found).length === 3)")
        os.killpg(firefox.process.pid, signal.SIGKILL)
    assert not any(said(row) for row in rows(api, job).values())
    with running_firefox(program, profile) as firefox:
        firefox.goto(f"{url}/jobs/{job.id}/review")
        firefox.wait_for_text("#restored", "3 answers of yours had not reached the service")
        firefox.wait(SENT)
    assert [said(rows(api, job)[name]) for name in answered] == ["4"] * 3


def test_a_webhook_is_added_and_its_secret_is_shown(firefox: Firefox, url: str, api: Client) -> None:
    firefox.goto(f"{url}/webhooks")
    firefox.wait("return !document.getElementById('none').hidden")
    firefox.evaluate("document.getElementById('address').value = 'https://hooks.example/firefox'")
    firefox.click("#add [type=submit]")
    firefox.wait("return document.getElementById('secret-text').value.startsWith('whsec_')")
    firefox.wait_for_text("#webhooks", "https://hooks.example/firefox")
    firefox.click("#secret-kept")
    firefox.wait("return document.getElementById('secret').hidden")
    (hook,) = api.webhooks()
    api.remove_webhook(hook.id)
