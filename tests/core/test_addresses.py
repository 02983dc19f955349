"""Addresses of a Redis behind Sentinel."""

from __future__ import annotations

import pytest

from digitmill.addresses import SentinelAddress
from digitmill.errors import SettingsError
from digitmill.queue import celery_app
from digitmill.settings import Settings


def test_sentinels_name_password_and_database_are_read() -> None:
    address = SentinelAddress.parse("sentinel://ann:p%40ss@one:5000, [::1] ,three/mill?db=2&sentinel_password=s")
    assert address is not None
    assert address.hosts == (("one", 5000), ("::1", 26379), ("three", 26379))
    assert (address.name, address.tls, address.database, address.replicas) == ("mill", False, 2, 1)
    assert (address.username, address.password, address.login) == ("ann", "p@ss", "ann:p%40ss@")
    assert address.of_sentinels["password"] == "s"
    assert "ssl" not in address.of_sentinels


def test_the_address_may_be_written_as_celery_has_it() -> None:
    written = SentinelAddress.parse("sentinel://:p@one:26379;sentinel://:p@two;three/mill")
    assert written == SentinelAddress.parse("sentinel://:p@one,two,three/mill")


def test_tls_goes_to_sentinels_and_broker_too() -> None:
    url = "sentinels://one,two/mill?ssl_ca_certs=/etc/ca.pem&db=1"
    address = SentinelAddress.parse(url)
    assert address is not None
    assert {"ssl": True, "ssl_ca_certs": "/etc/ca.pem"}.items() <= address.of_sentinels.items()
    conf = celery_app(url).conf
    assert conf.broker_url == "sentinel://one:26379/1;sentinel://two:26379/1"
    assert conf.broker_use_ssl["ssl_ca_certs"] == "/etc/ca.pem"
    assert conf.broker_transport_options["master_name"] == "mill"


@pytest.mark.parametrize("url", ["redis://host:6379/0", "unix:///run/redis.sock", "amqp://host//", "memory://"])
def test_other_addresses_are_left_to_others(url: str) -> None:
    assert SentinelAddress.parse(url) is None


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sentinel://one", "names no Redis"),
        ("sentinel://one/mill/0", "names no Redis"),
        ("sentinel://one,,two/mill", "lacks the name"),
        ("sentinel://one:many/mill", "one:many"),
        ("sentinel://one/mill?pasword=x", "unknown option pasword"),
        ("sentinel://one/mill?db=first", "db"),
        ("sentinel://one/mill?replicas=none", "replicas"),
    ],
)
def test_a_wrong_address_is_refused_with_the_settings(url: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        Settings.load({"DIGITMILL_REDIS_URL": url}, env_file=None)
