"""How long jobs are kept: by what callers ask for, by the settings, and by the policy of the key that sent them."""

from __future__ import annotations

from collections.abc import Callable

from digitmill.domain.access import Quotas
from digitmill.domain.jobs import Job, Options
from digitmill.errors import BadOptions, FieldError
from digitmill.settings import Settings


class Retention:
    """``quotas`` tells those of a key by its id; ``now`` gives seconds since 1970. Seconds are whole ones."""

    def __init__(self, settings: Settings, quotas: Callable[[str | None], Quotas], now: Callable[[], float]) -> None:
        self._settings = settings
        self._quotas = quotas
        self._now = now

    def expires_in(self, options: Options, sent_by: str | None) -> int:
        """Seconds that a new job is kept after its end: those that it asks for, or that the policy of its key says.

        Raises:
            BadOptions: it asks for more than may be.
        """
        usual, most = spans(self._settings, self._quotas(sent_by))
        seconds = options.expires_in or usual
        self._require(seconds, most)
        return seconds

    def most(self, sent_by: str | None) -> int:
        """Seconds that a new job sent by this key may be kept."""
        return spans(self._settings, self._quotas(sent_by))[1]

    def check_longer(self, job: Job, seconds: int) -> None:
        """Refuse to keep a job for so many seconds from now, or after its end while it is open. Raises BadOptions."""
        self._require(seconds, min(self._settings.max_expires_in, self.left(job)))

    def left(self, job: Job) -> int:
        """The most seconds from now for which the policy of the job's key keeps it, or after its end while it is open;
        without a policy, as the service keeps any."""
        keep = self._quotas(job.sent_by).keep_seconds
        if keep is None:
            return self._settings.max_expires_in
        return keep if job.finished_at is None else max(0, int(job.finished_at + keep - self._now()))

    def _require(self, seconds: int, most: int) -> None:
        if seconds > most:
            message = f"must be at most {most} seconds"
            raise BadOptions(f"expires_in {message}.", errors=(FieldError("expires_in", message),))


def spans(settings: Settings, quotas: Quotas) -> tuple[int, int]:
    """Seconds that a job is kept where it asks for nothing, and the most that it may ask for, with a key of these
    quotas. The first is more than the second where the settings contradict each other."""
    if quotas.keep_seconds is None:
        return settings.expires_in, settings.max_expires_in
    most = min(quotas.keep_seconds, settings.max_expires_in)
    return most, most
