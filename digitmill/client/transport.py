"""One connection pool, one way to ask: retried where that is safe, with every failure a ``ClientError``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote

import httpx
import stamina

from digitmill.client.documents import Parsed, parse
from digitmill.client.errors import Busy, ClientError, NotFound, UnexpectedAnswer, Unreachable, service_error

ATTEMPTS = 6
LONGEST_RETRY_AFTER = 60.0
"""Seconds; a service that asks for a longer pause is reported to the caller instead of waited for."""


class Transport:
    def __init__(self, url: str, key: str | None, timeout: float) -> None:
        """
        Raises:
            ClientError: the address is not one of http:// or https://.
        """
        self.url = url.rstrip("/")
        self.timeout = timeout
        headers = {"User-Agent": "digitmill-client", "Accept": "application/json"}
        if key is not None:
            # what was pasted may end with a line or a blank, which no key holds
            headers["Authorization"] = f"Bearer {key.strip()}"
        self._http = httpx.Client(
            base_url=_checked(self.url), headers=headers, timeout=timeout, trust_env=not _on_loopback(self.url)
        )

    def close(self) -> None:
        self._http.close()

    def request(self, method: str, path: str, **parts: Any) -> httpx.Response:
        """Ask, and ask again while the service cannot be reached or is busy. For calls safe to repeat.

        Args:
            parts: what ``httpx.Client.request`` takes: params, headers, json, files, timeout.

        Returns:
            an answer below 400, its body read.

        Raises:
            ClientError: the last of the tries failed, or one failed for good.
        """
        return self._retried(lambda: self._ask(self._http.build_request(method, path, **parts)))

    def remove(self, path: str) -> None:
        """Have something deleted. What is gone when it is asked for again was deleted by a try whose answer was lost.

        Raises:
            ClientError: as ``request``.
        """
        tries = 0

        def ask() -> httpx.Response:
            nonlocal tries
            tries += 1
            return self._ask(self._http.build_request("DELETE", path))

        try:
            self._retried(ask)
        except NotFound:
            if tries == 1:
                raise

    def read(self, reader: Callable[[Any], Parsed], method: str, path: str, **parts: Any) -> Parsed:
        """Ask, and read the JSON answer.

        Raises:
            ClientError: as ``request``, or the answer is none that ``reader`` knows.
        """
        return parse(lambda answer: reader(answer.json()), self.request(method, path, **parts))

    @contextmanager
    def stream(
        self,
        path: str,
        *,
        accept: str,
        params: Mapping[str, Any] | None = None,
        patient: bool = True,
        read_timeout: float | None = None,
    ) -> Iterator[httpx.Response]:
        """An answer whose body the caller reads in pieces.

        Args:
            patient: open it as ``request`` asks, again and again; once it is open, the caller knows what it has.

        Raises:
            Unreachable: also where the connection is lost inside the ``with`` block.
        """
        timeout = httpx.Timeout(self.timeout, read=read_timeout or self.timeout)
        request = self._http.build_request("GET", path, params=params, headers={"Accept": accept}, timeout=timeout)

        def ask() -> httpx.Response:
            return self._ask(request, stream=True)

        response = self._retried(ask) if patient else ask()
        with self._explained(), closing(response):
            yield response

    def _retried(self, ask: Callable[[], httpx.Response]) -> httpx.Response:
        for attempt in stamina.retry_context(
            _again, attempts=ATTEMPTS, timeout=120.0, wait_initial=0.2, wait_max=10.0, wait_jitter=0.5
        ):
            with attempt:
                return ask()
        raise AssertionError("the retry context ends in a result or an error")

    def _ask(self, request: httpx.Request, *, stream: bool = False) -> httpx.Response:
        with self._explained():
            response = self._http.send(request, stream=stream)
            if stream and (response.status_code >= 400 or response.has_redirect_location):
                response.read()
            return self._good(response)

    def _good(self, response: httpx.Response) -> httpx.Response:
        if response.status_code >= 400:
            raise service_error(response)
        if response.has_redirect_location:
            raise UnexpectedAnswer(
                f"{self.url} has moved to {response.headers.get('location')}; use that address.",
                status=response.status_code,
            )
        return response

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except httpx.LocalProtocolError as error:
            # its own words may quote the key
            raise ClientError(
                "The request could not be sent: a file changed while it was sent, or the key holds a character "
                "that a header cannot carry."
            ) from error
        except httpx.ConnectError as error:
            raise Unreachable(
                f"Nothing answers at {self.url} ({error}). Start the service with `digitmill up`, or give "
                "the address of a running one as DIGITMILL_URL or --url."
            ) from error
        except httpx.TimeoutException as error:
            raise Unreachable(
                f"{self.url} did not answer within {self.timeout:g} s. Try again, or look at the service's log."
            ) from error
        except httpx.RequestError as error:
            raise Unreachable(
                f"The connection to {self.url} broke off ({error}). Try again, or look at the service's log."
            ) from error


def job_path(job_id: str) -> str:
    return f"/v1/jobs/{quote(job_id, safe='')}"


def _again(error: Exception) -> bool | float:
    """Whether to try again, or after how many seconds."""
    if isinstance(error, Busy) and error.retry_after is not None:
        return error.retry_after if error.retry_after <= LONGEST_RETRY_AFTER else False
    return isinstance(error, (Busy, Unreachable))


def _checked(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise ClientError(f"{url!r} is not an address of the service: it begins with http:// or https://.")
    return url


def _on_loopback(url: str) -> bool:
    """A proxy of the environment cannot reach this machine's own addresses."""
    host = httpx.URL(url).host
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
