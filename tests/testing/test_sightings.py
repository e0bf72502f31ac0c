# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is a canary found, however it arrived?"""

import base64
import gzip
import json
import zlib
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentguard.testing.received import Received
from agentguard.testing.sightings import holds, request_places, sightings

CANARY = "jane d\u00f6e+4711@customers.example"
RAW = CANARY.encode()


def request(
    path: str = "/v1/files", body: bytes = b"", *headers: tuple[str, str]
) -> tuple[Received, ...]:
    """Return one request as the journal keeps it."""
    return (Received(method="POST", path=path, headers=headers, body=body),)


def seen(requests: tuple[Received, ...]) -> tuple[str, ...]:
    """Return where the canary is seen."""
    return sightings(CANARY, request_places(requests))


WRAPPINGS: dict[str, Callable[[bytes], bytes]] = {
    "as it is": lambda value: b"before " + value + b" after",
    "JSON": lambda value: json.dumps({"a": [{"b": value.decode()}]}).encode(),
    "JSON key": lambda value: json.dumps({value.decode(): 1}).encode(),
    "JSON in JSON": lambda value: json.dumps({"a": json.dumps({"b": value.decode()})}).encode(),
    "JSON Lines": lambda value: b'{"a": 1}\n' + json.dumps({"b": value.decode()}).encode() + b"\n",
    "broken JSON": lambda value: b"{" + json.dumps(value.decode()).encode() + b": ",
    "URL": lambda value: quote(value, safe="").encode(),
    "URL twice": lambda value: quote(quote(value)).encode(),
    "base64": base64.b64encode,
    "base64 without padding": lambda value: base64.b64encode(value).rstrip(b"="),
    "base64 in lines": lambda value: base64.encodebytes(b"x" * 60 + value),
    "base64 for URLs": lambda value: base64.urlsafe_b64encode(b"\xff\xfe" + value),
    "base64 after another character": lambda value: b"x" + base64.b64encode(value),
    "data URI": lambda value: b"data:text/plain;base64," + base64.b64encode(b"{" + value + b"}"),
    "hex": lambda value: value.hex().encode(),
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "base64 of JSON": lambda value: base64.b64encode(json.dumps([value.decode()]).encode()),
}


@pytest.mark.parametrize("wrap", WRAPPINGS.values(), ids=WRAPPINGS)
def test_a_wrapped_canary_is_seen(wrap: Callable[[bytes], bytes]) -> None:
    """A canary in a body is seen in each wrapping."""
    assert seen(request("/", wrap(RAW))) == ("request 0: body",)


@given(st.lists(st.sampled_from(list(WRAPPINGS)), max_size=3))
def test_wrappings_may_be_nested(names: list[str]) -> None:
    """A canary is seen through any three wrappings that keep it text."""
    value = RAW
    for name in names:
        wrapped = WRAPPINGS[name](value)
        try:
            wrapped.decode()
        except UnicodeDecodeError:
            break
        value = wrapped
    assert holds(value, RAW)


@given(st.binary(max_size=400))
def test_what_is_not_there_is_not_seen(body: bytes) -> None:
    """Any body without the canary is searched to its end, and nothing is seen."""
    assert not holds(body, b"a canary that is nowhere")


def test_every_place_of_a_request_is_named() -> None:
    """The canary is told by its place: path, query, header, body, and the parts of a form."""
    assert seen(request(f"/v1/files/{quote(CANARY)}")) == ("request 0: path",)
    assert seen(request(f"/v1/files?after={quote_plus(CANARY)}")) == ("request 0: query",)
    assert seen(request("/", b"", ("x-team", quote(CANARY)))) == ("request 0: header x-team",)
    form = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="'
        + RAW
        + b'"\r\n\r\n'
        + gzip.compress(RAW)
        + b"\r\n--b--"
    )
    typed = ("content-type", "multipart/form-data; boundary=b")
    assert seen(request("/", form, typed)) == (
        "request 0: body",
        "request 0: part 0, header content-disposition",
        "request 0: part 0",
    )


def test_a_value_in_the_raw_bytes_alone_is_seen() -> None:
    """What belongs to no request is seen in the raw bytes."""
    assert sightings("canary", (), b"no http: canary") == ("the raw bytes",)


def test_an_empty_canary_is_refused() -> None:
    """An empty canary is a mistake of the test and raises."""
    with pytest.raises(ValueError, match="at least one byte"):
        sightings("", ())
