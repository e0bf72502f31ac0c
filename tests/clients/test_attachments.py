# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What in a request is encoded, and what is it?"""

import base64
import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.canonical import Frozen, freeze, thaw
from agentguard.classification import build_classifier
from agentguard.clients.attachments import Lifted, label_of, lifted, lifted_text, restored
from agentguard.errors import ContentRefused
from agentguard.redaction import redact_payload
from agentguard.redaction.vault import Vault
from agentguard.vocabulary import Action, DataClass

ENGINE = build_classifier()
CANARY = "canary.person@example.com"
NOISE = random.Random(7).randbytes(1500)  # noqa: S311 - the same bytes in each run
PNG = b"\x89PNG\r\n\x1a\n" + NOISE
EMAIL = {"email": DataClass(name="email", family="pii", action=Action.TOKENISE)}


def b64(content: bytes | str) -> str:
    """Return base64 of bytes or of a text."""
    return base64.b64encode(content.encode() if isinstance(content, str) else content).decode()


def uri(content: bytes | str, kind: str = "image/png") -> str:
    """Return a data URI in base64."""
    return f"data:{kind};base64,{b64(content)}"


def back(what: Lifted) -> Any:
    """Return what is sent when nothing was changed."""
    return thaw(restored(what.payload, what.attachments, what.encoded))


def redacted(what: Lifted) -> Lifted:
    """Return the payload with every address of a person replaced."""
    shown = redact_payload(
        what.payload, find=build_classifier().findings, actions=EMAIL, vault=Vault(b"k" * 32)
    )
    return Lifted(payload=shown.payload, attachments=what.attachments, encoded=what.encoded)


plain = st.text("ab ,.:;/\n<>\"'()[]{}=%_-", max_size=30)
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60)
pieces = st.one_of(
    plain,
    st.builds(uri, texts, st.sampled_from(["text/plain", "image/png", "text/html;charset=utf-8"])),
    st.just(uri(PNG)),
    st.builds(uri, st.binary(max_size=60)),
    st.builds(lambda text: b64(text * 60), st.text("abcdefghijklm nop", min_size=20, max_size=30)),
    st.just(" " + b64(NOISE) + " "),
    st.just(b64(PNG)),
    st.builds(lambda text: f"data:text/plain,%20{text}", st.text("abc%20", max_size=9)),
    st.just("<encoded text 1>"),
    st.just('{"a": "' + uri("hidden " + CANARY, "text/plain").replace("/", "\\/") + '"}'),
)
strings = st.lists(pieces, max_size=4).map("".join)
values = st.recursive(
    strings | st.integers(-9, 9) | st.none() | st.booleans(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["text", "data", "file_data", "image_url", "type", "media_type", "a/b~c"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


@settings(deadline=None)
@given(values)
def test_what_was_not_changed_is_sent_as_it_came(value: Any) -> None:
    """Lifting and restoring gives back the same value, whatever is encoded in it."""
    assert back(lifted(freeze(value))) == value


SHAPES: dict[str, Any] = {
    "data URI": {"image_url": {"url": uri(CANARY)}},
    "data URI in percent form": {"url": "data:text/html,%3Cp%3E" + CANARY.replace("@", "%40")},
    "in markdown": {"content": f"![x]({uri(CANARY, 'text/plain')}) and ![y]({uri(PNG)})"},
    "upper case": {"content": uri(CANARY).replace("data:", "DATA:").replace("base64", "BASE64")},
    "in JSON in a string": {"content": json.dumps({"f": uri(CANARY)})},
    "with escaped slashes": {
        "content": json.dumps({"f": uri("?" * 40 + CANARY + "ÿ" * 20)}).replace("/", "\\/")
    },
    "file_data": {"file": {"file_data": b64(CANARY)}},
    "file_data as URI": {"file": {"file_data": uri(CANARY, "application/pdf")}},
    "input_audio": {"input_audio": {"data": b64(CANARY), "format": "wav"}},
    "frame of audio": {"type": "input_audio_buffer.append", "audio": b64(CANARY)},
    "source": {"source": {"type": "base64", "media_type": "image/png", "data": b64(CANARY)}},
    "b64_json": {"b64_json": b64(CANARY)},
    "long base64": {"content": b64(("padding " * 200) + CANARY)},
    "long base64 in a text": {"content": "see: " + b64(("padding " * 200) + CANARY) + " ok?"},
    "lines of base64": {
        "content": "Encoding: base64\n\n"
        + base64.encodebytes((b"pad " * 400) + CANARY.encode()).decode()
    },
    "url-safe": {"file_data": base64.urlsafe_b64encode(("ÿ?>" + CANARY).encode()).decode()},
    "UTF-16": {"file_data": b64(("ü" + CANARY).encode("utf-16"))},
    "encoded twice": {"file_data": b64("see " + uri(CANARY, "text/plain"))},
    "SVG": {"image_url": uri(f"<svg><text>{CANARY}</text></svg>", "image/svg+xml")},
    "sealed": {"encrypted_content": b64("pad " * 300 + CANARY)},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_encoded_text_is_redacted_in_every_shape(shape: str) -> None:
    """A canary in any encoding stands decoded in the payload, and its encoding is not sent."""
    what = lifted(freeze(SHAPES[shape]))
    assert CANARY in json.dumps(thaw(what.payload), ensure_ascii=False)
    sent = back(redacted(what))
    assert CANARY not in json.dumps(thaw(lifted(freeze(sent)).payload))
    assert "EMAIL:" in json.dumps(thaw(lifted(freeze(sent)).payload))


MEDIA_SHAPES: dict[str, tuple[Any, str]] = {
    "image": ({"image_url": {"url": uri(PNG)}}, "image"),
    "declared as text": ({"file_data": uri(PNG, "text/plain")}, "image"),
    "in markdown": ({"content": f"look: ![]({uri(PNG)})"}, "image"),
    "in HTML": ({"content": f"<img src='{uri(PNG)}'>"}, "image"),
    "unannounced": ({"content": b64(PNG)}, "image"),
    "unannounced in a text": ({"content": f"this: {b64(PNG)}."[:-1] + " end"}, "image"),
    "pdf": ({"file_data": b64(b"%PDF-1.7 " + CANARY.encode())}, "pdf"),
    "archive": ({"file_data": b64(b"PK\x03\x04\xff" + NOISE)}, "binary"),
    "unreadable": ({"file_data": "c2st!LWFiYw=="}, "binary"),
    "unreadable URI": ({"url": "data:image/png;base64,ab-c+d" + "a" * 40}, "binary"),
    "another charset": (
        {"url": uri("+AGMAYQBuAGEAcgB5-", "text/plain;charset=utf-7")},
        "binary",
    ),
    "unknown bytes": ({"content": b64(NOISE)}, "binary"),
    "unknown bytes in a text": ({"content": "blob: " + b64(NOISE) + " end"}, "binary"),
    "one of two": ({"content": [b64(NOISE), "x"]}, "binary"),
}


@pytest.mark.parametrize("shape", MEDIA_SHAPES)
def test_media_are_counted_under_their_class(shape: str) -> None:
    """What is no text is an attachment of the class of its bytes."""
    value, data_class = MEDIA_SHAPES[shape]
    what = lifted(freeze(value))
    assert [each.data_class for each in what.attachments] == [data_class]
    assert back(what) == value


PASSING: dict[str, Any] = {
    "a long word": {"content": "x" * 5000},
    "hexadecimal": {"content": "0123456789abcdef" * 100},
    "an address": {"image_url": {"url": "https://example.com/a.png"}},
    "prose about data URIs": {"content": "write data:image/png;base64,<yours> or data: a, b"},
    "a short word": {"image": "gpt"},
    "plain text source": {"source": {"type": "text", "media_type": "text/plain", "data": "hello"}},
    "sealed bytes": {"type": "reasoning", "encrypted_content": b64(b"\x80" + NOISE)},
    "sealed thinking": {"type": "redacted_thinking", "data": b64(b"\x80" + NOISE)},
    "a certificate": {
        "content": "-----BEGIN CERTIFICATE-----\n"
        + base64.encodebytes(b"\x30\x82" + NOISE).decode().replace("\n", "\n")
        + "-----END CERTIFICATE-----"
    },
}


@pytest.mark.parametrize("shape", PASSING)
def test_what_is_not_encoded_stays(shape: str) -> None:
    """Ordinary texts, and what the provider itself has sealed, are left as they are."""
    frozen = freeze(PASSING[shape])
    what = lifted(frozen)
    assert what.payload is frozen
    assert what.attachments == ()


def test_unknown_bytes_stay_in_sight() -> None:
    """Base64 that nothing announces is classified as well, since a credential looks the same."""
    what = lifted(freeze({"content": b64(NOISE)}))
    assert what.payload == {"content": b64(NOISE)}
    assert what.attachments[0].label == what.attachments[0].content


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(["image", "audio", "video", "pdf", "binary"]), st.binary(max_size=40))
def test_a_label_is_never_found(data_class: str, content: bytes) -> None:
    """No label looks like data of a class that agentguard finds by itself."""
    label = label_of(data_class, content * 1000)
    assert len(label) < 80
    assert not ENGINE.findings(label)
    assert not ENGINE.findings(json.dumps({"image": {"url": label}}))


def test_a_label_that_the_caller_wrote_refuses() -> None:
    """A second label in the same text could receive the image, so nothing is sent."""
    label = label_of("image", PNG)
    what = lifted(freeze({"content": f"{label} ![]({uri(PNG)})"}))
    with pytest.raises(ContentRefused):
        back(what)


def test_the_same_image_twice_is_put_back_twice() -> None:
    """Equal images have equal labels, and both return."""
    value = {"content": f"{uri(PNG)} {uri(PNG)}"}
    what = lifted(freeze(value))
    assert len(what.attachments) == 2
    assert back(what) == value


@pytest.mark.parametrize("changed", [{}, {"a": "[[EMAIL:AAAAAAAA]]"}, {"b": "x"}, {"a": ["x"]}])
def test_a_label_that_is_gone_refuses(changed: Any) -> None:
    """Where a label was redacted or moved, the media have no place and the call is refused."""
    what = lifted(freeze({"a": uri(PNG)}))
    with pytest.raises(ContentRefused):
        restored(freeze(changed), what.attachments, what.encoded)


@pytest.mark.parametrize(
    "changed", [{}, {"a": "x"}, {"a": ["x", "y"]}, {"a": ["<encoded text 1>", 1]}, {"a": 5}]
)
def test_a_text_that_lost_its_place_refuses(changed: Any) -> None:
    """Where the list of a text and its parts was changed, the call is refused."""
    what = lifted(freeze({"a": "see " + uri("hello", "text/plain")}))
    with pytest.raises(ContentRefused):
        restored(freeze(changed), what.attachments, what.encoded)


def test_encodings_within_encodings_have_an_end() -> None:
    """Content that was encoded again and again is refused."""
    text = "deep"
    for _ in range(12):
        text = "x " + uri(text, "text/plain")
    with pytest.raises(ContentRefused):
        lifted(freeze({"content": text}))


def test_a_text_of_its_own_is_lifted_at_its_place() -> None:
    """A file's text keeps its pointer; what is in it stands below."""
    what = lifted_text(f"a {uri(PNG)} b {uri('hi there', 'text/plain')} c", "/files/0/content")
    assert [each.pointer for each in what.attachments] == ["/files/0/content/0"]
    assert [each.pointer for each in what.encoded] == ["/files/0/content/1"]
    assert isinstance(what.payload, tuple)
    assert what.payload[1] == "hi there"


def test_reprs_hold_no_content() -> None:
    """What was lifted does not print what it holds."""
    what: Frozen = freeze({"a": uri(CANARY), "b": uri(PNG)})
    shown = repr(lifted(what))
    assert CANARY not in shown
    assert b64(PNG)[:20] not in shown
