"""Access: who asks, what the key opens, and what strangers may not see."""

from typing import Any

import pytest

from tileserver.errors import ForbiddenError
from tileserver.rendering.request import Priority
from tileserver.serving.access import Access
from tileserver.settings import Settings

KEY = "a-long-enough-key"


def scope(
    client: str | None = "9.8.7.6", query: bytes = b"", **headers: str | bytes
) -> dict[str, Any]:
    named = [(name.replace("_", "-").encode(), value) for name, value in headers.items()]
    return {
        "client": (client, 5000) if client else None,
        "query_string": query,
        "headers": [(name, v.encode() if isinstance(v, str) else v) for name, v in named],
    }


def test_on_a_private_server_nobody_has_a_budget() -> None:
    options = Access(Settings()).options(scope())
    assert (options.client, options.free, options.stored_only) == ("9.8.7.6", True, False)
    assert options.priority is Priority.INTERACTIVE


def test_on_a_public_server_only_the_key_is_free() -> None:
    access = Access(Settings(public=True, api_key=KEY))
    assert not access.options(scope()).free
    assert not access.options(scope(x_api_key="another-long-key")).free
    assert access.options(scope(x_api_key=KEY)).free
    assert access.options(scope(query=b"v=1&key=" + KEY.encode())).free
    assert not access.options(scope(query=b"key=")).free
    assert not access.options(scope(x_api_key=b"\xff\xfe")).free


def test_without_a_key_of_its_own_a_server_takes_none() -> None:
    access = Access(Settings(public=True))
    assert not access.has_key(scope(x_api_key=""))
    assert not access.has_key(scope(query=b"key="))


def test_a_cached_only_server_makes_tiles_for_the_key_alone() -> None:
    access = Access(Settings(cached_only=True, api_key=KEY))
    assert access.options(scope()).stored_only
    assert not access.options(scope(x_api_key=KEY)).stored_only


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:bbbb::9", "2001:db8:1:2::/64"),
        ("::ffff:1.2.3.4", "1.2.3.4"),
        ("no address", "unknown"),
        (None, "unknown"),
    ],
)
def test_a_client_is_an_address_or_an_ipv6_network(address: str | None, client: str) -> None:
    assert Access(Settings()).client(scope(address)) == client


def test_forwarded_addresses_count_only_from_a_trusted_proxy_and_only_its_own() -> None:
    sent = scope("127.0.0.1", x_forwarded_for="6.6.6.6, 7.7.7.7")
    assert Access(Settings()).client(sent) == "127.0.0.1"
    assert Access(Settings(trust_proxy=True)).client(sent) == "7.7.7.7"
    assert Access(Settings(trust_proxy=True)).client(scope("127.0.0.1")) == "127.0.0.1"


def test_details_of_a_public_server_are_for_this_machine_or_the_key() -> None:
    access = Access(Settings(public=True, api_key=KEY))
    access.check_inside(scope("127.0.0.1"))
    access.check_inside(scope("::1"))
    access.check_inside(scope(x_api_key=KEY))
    for stranger in (scope(), scope(None), scope("no address")):
        with pytest.raises(ForbiddenError, match="with the API key"):
            access.check_inside(stranger)
    Access(Settings()).check_inside(scope())


@pytest.mark.parametrize("trust_proxy", [False, True])
@pytest.mark.parametrize("name", ["forwarded", "x_forwarded_for", "x_real_ip", "via"])
def test_behind_a_proxy_nobody_is_this_machine(name: str, trust_proxy: bool) -> None:
    access = Access(Settings(public=True, trust_proxy=trust_proxy, api_key=KEY))
    for value in ("6.6.6.6", "127.0.0.1"):
        passed_on = scope("127.0.0.1", **{name: value})
        with pytest.raises(ForbiddenError):
            access.check_inside(passed_on)
        access.check_inside(scope("127.0.0.1", x_api_key=KEY, **{name: value}))


@pytest.mark.parametrize("name", ["sec_purpose", "purpose"])
def test_prefetching_is_recognised(name: str) -> None:
    for value in ("prefetch", "Prefetch;prerender"):
        options = Access(Settings()).options(scope(**{name: value}))
        assert options.priority is Priority.PREFETCH
    assert Access(Settings()).options(scope(**{name: "x"})).priority is Priority.INTERACTIVE
