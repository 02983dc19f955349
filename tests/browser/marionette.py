"""Firefox by its own protocol, Marionette: the commands of WebDriver as JSON over a socket, with no driver in between.

Playwright drives a Firefox of its own making, and its WebDriver BiDi asks for more than Debian's knows.
"""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

START_SECONDS = 60
# the console, with what went wrong in it, is not the page's
ARGUMENTS = ["--headless", "--no-remote", "--marionette", "--remote-allow-system-access"]
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
"""The name under which WebDriver hands over an element."""
KEYS = {"Enter": "\ue007", "ArrowRight": "\ue014", "ArrowLeft": "\ue012", "Escape": "\ue00c", "Control": "\ue009"}
FAULTS = """
    return Services.console.getMessageArray()
        .filter((each) => each instanceof Ci.nsIScriptError && !(each.flags & Ci.nsIScriptError.warningFlag))
        .filter((each) => each.sourceName.startsWith(arguments[0]))
        .map((each) => `${each.errorMessage} (${each.sourceName}:${each.lineNumber})`);
"""
LOSE_NETWORK = """
    Services.prefs.setBoolPref("network.proxy.allow_hijacking_localhost", true);
    Services.prefs.setCharPref("network.proxy.http", "127.0.0.1");
    Services.prefs.setIntPref("network.proxy.http_port", 9);
    Services.prefs.setIntPref("network.proxy.type", 1);
"""
PREFERENCES = {
    "network.proxy.type": 0,
    # the port is chosen by Firefox, which writes it into the profile
    "marionette.port": 0,
    "intl.accept_languages": "en-GB",
    "app.normandy.enabled": False,
    "app.update.auto": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "toolkit.telemetry.reportingpolicy.firstRun": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
}


class Firefox:
    """A window of Firefox. ``process`` is its program."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=START_SECONDS)
        self._stream = self._socket.makefile("rwb")
        self._number = 0
        self._read()
        self.version = str(self._ask("WebDriver:NewSession", {})["capabilities"]["browserVersion"])

    def goto(self, address: str) -> None:
        self._ask("WebDriver:Navigate", {"url": address})

    def evaluate(self, script: str, *values: Any) -> Any:
        """What the body of a function gives; promises are waited for."""
        return self._ask("WebDriver:ExecuteScript", {"script": script, "args": values})["value"]

    def wait(self, script: str, *values: Any, seconds: float = 30) -> Any:
        """Until the body of a function gives something true, which is returned."""
        deadline = time.monotonic() + seconds
        while not (found := self.evaluate(script, *values)):
            shown = self.evaluate("return location.href + ' ' + document.body.innerText.slice(0, 2000)")
            assert time.monotonic() < deadline, f"waited {seconds} s for {script} {values}: {shown}"
            time.sleep(0.05)
        return found

    def wait_for_text(self, selector: str, text: str) -> None:
        self.wait("return document.querySelector(arguments[0])?.innerText.includes(arguments[1])", selector, text)

    def click(self, selector: str) -> None:
        self._ask("WebDriver:ElementClick", {"id": self._element(selector)})

    def choose_files(self, selector: str, *paths: Path) -> None:
        element = self._element(selector)
        self._ask("WebDriver:ElementSendKeys", {"id": element, "text": "\n".join(map(str, paths))})

    def press(self, *keys: str) -> None:
        """Press keys one after the other, as a person does; ``Control+z`` holds the first down."""
        actions = []
        for key in keys:
            *held, last = (KEYS.get(part, part) for part in key.split("+"))
            actions += [{"type": "keyDown", "value": each} for each in (*held, last)]
            actions += [{"type": "keyUp", "value": each} for each in (last, *reversed(held))]
        self._ask("WebDriver:PerformActions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]})

    def resize(self, width: int, height: int) -> None:
        self._ask("WebDriver:SetWindowRect", {"width": width, "height": height})

    def faults(self, address: str) -> list[str]:
        """Errors of the pages at this address since the start: of scripts, of style sheets and against the policy."""
        found: list[str] = self._inside(FAULTS, address)
        return found

    def lose_network(self) -> None:
        """From now on every connection is refused, as by a cable that is pulled out; a new start has it again."""
        self._inside(LOSE_NETWORK)

    def close(self) -> None:
        self._stream.close()
        self._socket.close()

    def _inside(self, script: str, *values: Any) -> Any:
        """Evaluate in the browser itself, and not in its page."""
        self._ask("Marionette:SetContext", {"value": "chrome"})
        try:
            return self.evaluate(script, *values)
        finally:
            self._ask("Marionette:SetContext", {"value": "content"})

    def _element(self, selector: str) -> str:
        found = self._ask("WebDriver:FindElement", {"using": "css selector", "value": selector})
        return str(found["value"][ELEMENT])

    def _ask(self, command: str, values: dict[str, Any]) -> Any:
        self._number += 1
        body = json.dumps([0, self._number, command, values]).encode()
        self._stream.write(b"%d:%s" % (len(body), body))
        self._stream.flush()
        _, _, error, answer = self._read()
        assert error is None, f"{command}: {error['error']}: {error['message']}"
        return answer

    def _read(self) -> Any:
        length = b""
        while not length.endswith(b":"):
            length += self._stream.read(1)
        return json.loads(self._stream.read(int(length[:-1])))


@contextmanager
def running_firefox(program: str, profile: Path) -> Iterator[Firefox]:
    """Firefox without a window, with its profile in this folder: a new one, or one that it had before."""
    profile.mkdir(exist_ok=True)
    (profile / "MarionetteActivePort").unlink(missing_ok=True)
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in PREFERENCES.items()]
    (profile / "user.js").write_text("\n".join(lines))
    with (profile / "log").open("w") as log:
        process = subprocess.Popen(
            [program, *ARGUMENTS, "--profile", str(profile)], stdout=log, stderr=log, start_new_session=True
        )
    try:
        firefox = _connected(process, profile)
        yield firefox
        firefox.close()
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def _connected(process: subprocess.Popen[bytes], profile: Path) -> Firefox:
    port = profile / "MarionetteActivePort"
    deadline = time.monotonic() + START_SECONDS
    while not (port.exists() and port.read_text()):
        assert process.poll() is None, (profile / "log").read_text()
        assert time.monotonic() < deadline, (profile / "log").read_text()
        time.sleep(0.05)
    return Firefox(process, int(port.read_text()))
