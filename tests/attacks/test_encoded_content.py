# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Can content pass by being encoded, or by being sent in another form than the guard reads?

Each test tells one way that was tried. What is meant to be seen must stand in the payload that is
classified, or the request must be refused, or its class must be counted.
"""

import base64
import json
import random
from typing import Any

import pytest

from agentguard.canonical import freeze, thaw
from agentguard.classification import build_classifier
from agentguard.clients.attachments import lifted, restored
from agentguard.clients.generic import model_call
from agentguard.clients.multipart import read_form
from agentguard.errors import ContentRefused
from agentguard.operations import table_of
from agentguard.vocabulary import ModelCall

CANARY = "canary.person@example.com"
NOISE = random.Random(3).randbytes(1800)  # noqa: S311 - the same bytes in each run


def b64(content: bytes) -> str:
    """Return base64 of bytes."""
    return base64.b64encode(content).decode()


def url_safe(content: bytes) -> str:
    """Return URL-safe base64 without padding, as tokens hold it."""
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def found(value: Any) -> set[str]:
    """Return the classes that stand in sight in a value, and those of its attachments."""
    what = lifted(freeze(value))
    text = json.dumps(thaw(what.payload))
    classes = {each.data_class for each in build_classifier().findings(text)}
    return classes | {each.data_class for each in what.attachments}


def upload(files: Any, fields: Any, pair: str = "POST /files") -> ModelCall:
    """Return the call that an upload means."""
    operation = table_of("openai").of_pair(pair)
    assert operation is not None
    form = read_form(files, fields, _refuse_line)
    return model_call("c", operation, None, origin="o", form=form)


def _refuse_line(verb: str, path: str, body: Any) -> ModelCall:
    raise ContentRefused("a line was read")


def test_a_long_token_is_not_taken_apart() -> None:
    """Decoding the long middle of a JWT would hide the token from the classifier."""
    claims = json.dumps({"claim": "x" * 1500}).encode()
    token = ".".join(map(url_safe, (b'{"alg":"HS256","typ":"JWT"}', claims, NOISE[:32])))
    assert "jwt" in found({"content": f"token {token} end"})
    assert "jwt" in found({"content": token})


@pytest.mark.parametrize("lines", [64, 10_000])
def test_a_private_key_is_not_taken_for_a_file(lines: int) -> None:
    """The body of a PEM key is long base64, too; it stays where the classifier sees it."""
    body = b64(b"\x30\x82" + NOISE)
    wrapped = "\n".join(body[at : at + lines] for at in range(0, len(body), lines))
    pem = f"-----BEGIN RSA PRIVATE KEY-----\n{wrapped}\n-----END RSA PRIVATE KEY-----"
    assert "private_key" in found({"content": pem})


def test_an_address_before_a_run_of_letters_is_seen() -> None:
    """A long run directly before a data URI must not swallow the beginning of the URI."""
    noise = b64(NOISE)
    value = {"content": f"{noise[:1500]}data:text/plain;base64,{b64(CANARY.encode())}"}
    assert "email" in found(value)


@pytest.mark.parametrize("key", ["file_data", "image_url", "url"])
def test_garbage_inside_base64_hides_nothing(key: str) -> None:
    """A lenient decoder drops what is no base64; a strict one must not call the rest text."""
    body = b64(CANARY.encode())
    assert "binary" in found({key: f"data:text/plain;base64,{body[:8]}!{body[8:]}"})


def test_a_byte_order_mark_hides_nothing() -> None:
    """Plain letters behind the mark of UTF-16 would be read as other characters."""
    assert "binary" in found({"file_data": b64(b"\xff\xfe" + CANARY.encode() + b" ")})


def test_a_charset_hides_nothing() -> None:
    """In UTF-7 the same bytes mean another text."""
    body = b64(CANARY.encode("utf-7"))
    assert "binary" in found({"url": f"data:text/plain;charset=utf-7;base64,{body}"})


def test_backslashes_cost_no_more_than_their_length() -> None:
    """Runs of what an escape could begin with are looked at once."""
    text = "\\" * 300_000
    what = lifted(freeze({"file_data": text, "content": text, "url": "data:a" + text}))
    assert thaw(restored(what.payload, what.attachments, what.encoded))


def test_a_crowd_of_encoded_parts_is_refused() -> None:
    """Tens of thousands of tiny data URIs in one text would cost their square."""
    uri = f"data:text/plain;base64,{b64(b'hello')} "
    with pytest.raises(ContentRefused):
        lifted(freeze({"content": uri * 5000}))


@pytest.mark.parametrize("purpose", ["batch", " Batch "])
def test_the_purpose_of_a_file_is_a_field(purpose: str) -> None:
    """A batch file whose purpose is sent as a file part would not be read line by line."""
    with pytest.raises(ContentRefused, match="a line was read"):
        upload({"file": b'{"method": "POST", "url": "/v1/x"}'}, {"purpose": purpose})
    for part in ((None, purpose.encode()), ("p", purpose.encode())):
        with pytest.raises(ContentRefused, match="given as a file"):
            upload([("file", ("x", b"{}")), ("purpose", part)], None)
    with pytest.raises(ContentRefused):
        upload({"file": b"{}"}, {"purpose": [purpose]})


@pytest.mark.parametrize("field", ["model", "prompt"])
def test_fields_are_not_sent_as_files(field: str) -> None:
    """A model that is sent as a part of the form would not be decided on."""
    files = [("image", ("a.png", b"\x89PNG\r\n\x1a\n\x00")), (field, (None, b"gpt-image-1"))]
    with pytest.raises(ContentRefused, match="given as a file"):
        upload(files, {}, "POST /images/edits")


def test_a_reference_is_not_sent_as_a_file() -> None:
    """The id of a stored file that is sent as a part would be no reference in sight."""
    with pytest.raises(ContentRefused, match="given as a file"):
        upload([("file_id", ("x", b"file-abc"))], None, "POST /containers/{}/files")
