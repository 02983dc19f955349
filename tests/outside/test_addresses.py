"""Which URLs are taken, and which addresses are called."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitmill.outside.addresses import Target, is_own, is_public, leads_inside, read_url


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://hooks.example", Target("https", "hooks.example", 443, "/")),
        ("http://hooks.example:8080/a/b?c=d", Target("http", "hooks.example", 8080, "/a/b?c=d")),
        ("HTTPS://Hooks.Example/%20", Target("https", "hooks.example", 443, "/%20")),
        ("http://93.184.216.34/x", Target("http", "93.184.216.34", 80, "/x")),
        ("https://[2606:2800:220:1::1]:444/", Target("https", "2606:2800:220:1::1", 444, "/")),
    ],
)
def test_a_url_is_read_in_its_parts(url: str, target: Target) -> None:
    assert read_url(url) == target


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "printable"),
        ("https://hooks.example/" + "a" * 2048, "at most 2048"),
        ("https://hooks.example/ü", "printable"),
        ("https://hooks.example/a b", "printable"),
        ("https://hooks.example/\r\nX: y", "printable"),
        ("https://hooks.example\\@evil.example/", "printable"),
        ("ftp://hooks.example/", "begin with"),
        ("//hooks.example/", "begin with"),
        ("file:///etc/passwd", "begin with"),
        ("https://user:secret@hooks.example/", "password"),
        ("https://hooks.example/#part", "fragment"),
        ("https:///path", "host"),
        ("https://-bad/", "host"),
        ("https://[fe80::1%25eth0]/", "host"),
        ("https://hooks.example:0/", "port"),
        ("https://hooks.example:65536/", "port"),
        ("https://hooks.example:x/", "port"),
    ],
)
def test_a_url_that_no_webhook_can_go_to_is_refused_with_a_reason(url: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_url(url)


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=60))
def test_whatever_follows_the_scheme_is_read_or_refused_and_never_leaves_the_line(rest: str) -> None:
    complaint = None
    try:
        target = read_url(f"https://{rest}")
    except ValueError as error:
        complaint = str(error)
    if complaint is not None:
        assert complaint.startswith("must ")
        return
    assert target.host
    assert 0 < target.port < 65536
    assert target.path.startswith("/")
    assert " " not in target.path + target.host


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "192.0.0.8", "192.0.2.1", "198.18.0.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
        "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "fec0::1", "ff02::1", "ff0e::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2", "192.88.99.1", "3fff::1", "3fff:fff::1", "::ffff:192.88.99.1",
    ],
)  # fmt: skip
def test_an_address_inside_or_for_special_purposes_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "1.1.1.1", "2606:4700::1111", "::ffff:93.184.216.34"])
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


def test_the_address_that_this_machine_itself_has_is_known() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no network")
        own = probe.getsockname()[0]
    assert is_own(own)
    assert is_own(f"::ffff:{own}")
    assert not is_own("192.0.2.1")


def test_a_host_written_as_an_address_is_known_before_anything_is_asked() -> None:
    assert leads_inside(read_url("http://127.0.0.1/"))
    assert leads_inside(read_url("http://[::ffff:10.0.0.1]/"))
    assert not leads_inside(read_url("http://93.184.216.34/"))
    assert not leads_inside(read_url("http://hooks.example/"))
