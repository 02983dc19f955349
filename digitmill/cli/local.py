"""The service that the settings of this machine belong to, for commands that speak with its Redis itself."""

from __future__ import annotations

from digitmill.errors import SettingsError
from digitmill.settings import Settings
from digitmill.system.telemetry import configure_logging


def service_settings() -> Settings:
    """The settings, with the address of the private Redis where `digitmill up` runs on the same folder.

    Raises:
        SettingsError: a setting cannot be used, or no service is to be found.
    """
    settings = Settings.load()
    configure_logging(settings)
    url = settings.redis_url or private_redis(settings)
    if url is None:
        raise SettingsError(
            f"No service runs on the folder {settings.var}, and all is in its Redis. Start it with `digitmill up`, "
            "or name the Redis of another service in DIGITMILL_REDIS_URL."
        )
    return settings.model_copy(update={"redis_url": url})


def private_redis(settings: Settings) -> str | None:
    """The address of the Redis of the `digitmill up` that runs on the same folder, if one does."""
    # Redis' client is needed here alone
    from digitmill.embedded.redis_server import running_url  # noqa: PLC0415

    return running_url(settings.var / "redis")
