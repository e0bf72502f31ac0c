# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""An origin belongs to a provider only if a host entry names it exactly."""

import pytest

from agentguard.policy import ProviderSpec, parse_host


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("api.openai.com", "https://api.openai.com:443"),
        ("api.openai.com", "https://api.openai.com"),
        ("API.openai.com", "https://Api.OpenAI.com:443"),
        ("name:8443", "https://name:8443"),
        ("127.0.0.1:*", "http://127.0.0.1:8123"),
        ("127.0.0.1:*", "https://127.0.0.1:9"),
        ("localhost:*", "http://localhost:1"),
        ("[::1]:*", "http://[::1]:8080"),
        ("localhost:8000", "http://localhost:8000"),
        ("localhost", "http://localhost:80"),
        ("localhost", "https://localhost"),
    ],
)
def test_a_host_entry_serves_its_origin(host: str, origin: str) -> None:
    """A bare name is https on 443; loopback names may use http and any port."""
    assert ProviderSpec(id="p", hosts=(host,)).serves(origin)


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("api.openai.com", "http://api.openai.com:443"),
        ("api.openai.com", "http://api.openai.com:80"),
        ("api.openai.com", "https://api.openai.com:8443"),
        ("api.openai.com", "https://api.openai.com.evil.example:443"),
        ("api.openai.com", "https://evil.example:443"),
        ("api.openai.com", "https://api.openai.com.:443"),
        ("api.openai.com", "https://user@api.openai.com:443"),
        ("api.openai.com", "https://api.openai.com:443/path"),
        ("api.openai.com", "https://api.openai.com:443 "),
        ("api.openai.com", "https://api-openai.com:443"),
        ("api.openai.com", "api.openai.com"),
        ("api.openai.com", ""),
        ("kelvin.example", "https://\u212aelvin.example"),
        ("name:8443", "https://name:443"),
        ("name:8443", "http://name:8443"),
        ("127.0.0.1:*", "http://127.0.0.2:80"),
        ("127.0.0.1:*", "http://127.0.0.1.evil.example:80"),
        ("localhost", "http://localhost:443"),
        ("localhost:8000", "http://localhost:8001"),
    ],
)
def test_another_origin_is_not_served(host: str, origin: str) -> None:
    """Plain http, other ports, look-alikes and whatever is not an origin belong to nobody."""
    assert not ProviderSpec(id="p", hosts=(host,)).serves(origin)


@pytest.mark.parametrize(
    "host",
    ["", "https://name", "name:0", "name:70000", "name:*", "*.name", "na me", "name/", "-name"],
)
def test_a_host_entry_of_another_form_is_refused(host: str) -> None:
    """Schemes, wildcards, paths and impossible ports are refused."""
    with pytest.raises(ValueError, match=r"^(must|may) "):
        parse_host(host)


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        ("name", "name:443", True),
        ("name", "name:8443", False),
        ("name", "other", False),
        ("localhost:*", "localhost:8000", True),
        ("localhost", "localhost:80", True),
        ("localhost:81", "localhost:82", False),
    ],
)
def test_overlapping_host_entries_are_seen(one: str, other: str, overlap: bool) -> None:  # noqa: FBT001 - a table of cases
    """Two entries overlap when some origin is served by both."""
    assert parse_host(one).overlaps(parse_host(other)) is overlap
    assert parse_host(other).overlaps(parse_host(one)) is overlap
