# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Can content pass in a shape that the guard takes for something else?

Each story sends one request with the real SDK to a provider that keeps every byte. What is text
must arrive redacted, whatever it is wrapped in; what is no text is refused by its class or arrives
as it was, counted; what only the provider can read is a reference that a rule must list.
"""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from agentguard import ContentRefused, DeniedByPolicy

CANARY = "canary.shape@leak.example"
TEXT = f"Dear {CANARY}, hello to all of you. ".encode()
PDF = b"%PDF-1.7\n1 0 obj\n<< /Title (a) >>\nendobj\n%%EOF\n" + bytes(range(256))
IMAGE = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256))
SOUND = b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(range(256))

Part = dict[str, Any]
Way = Callable[[Any], Any]


def b64(content: bytes) -> str:
    """Return base64 of bytes."""
    return base64.b64encode(content).decode()


def uri(kind: str, content: bytes) -> str:
    """Return a data URI."""
    return f"data:{kind};base64,{b64(content)}"


def labelled(*classes: str) -> str:
    """Return the policy's lines that let classes of media pass."""
    return "".join(f'[[class]]\nname = "{name}"\naction = "label"\n' for name in classes)


def chat(*parts: Part) -> Way:
    """Return a way to say parts in a chat."""
    messages = [{"role": "user", "content": [*parts]}]
    return lambda client: client.chat.completions.create(model="m", messages=messages)


def respond(*parts: Part) -> Way:
    """Return a way to say parts for a response."""
    said = [{"role": "user", "content": [*parts]}]
    return lambda client: client.responses.create(model="m", input=said)


def text(value: str) -> Part:
    """Return a part that is a text."""
    return {"type": "text", "text": value}


def returned(content: str) -> Way:
    """Return a way to tell a chat what a tool returned."""
    function = {"name": "lookup_order", "arguments": "{}"}
    asked = {"id": "c", "type": "function", "function": function}
    messages = [
        {"role": "assistant", "tool_calls": [asked]},
        {"role": "tool", "tool_call_id": "c", "content": content},
    ]
    return lambda client: client.chat.completions.create(model="m", messages=messages)


def chat_image(url: str) -> Way:
    """Return a way to show a picture in a chat."""
    return chat({"type": "image_url", "image_url": {"url": url}})


def chat_file(**file: str) -> Way:
    """Return a way to hand a file over in a chat."""
    return chat({"type": "file", "file": file})


def input_file(**file: str) -> Way:
    """Return a way to hand a file over for a response."""
    return respond({"type": "input_file", **file})


def chat_sound(content: bytes) -> Way:
    """Return a way to let a chat hear something."""
    return chat({"type": "input_audio", "input_audio": {"data": b64(content), "format": "wav"}})


MEDIA: dict[str, tuple[str, str, Way]] = {
    "a picture in a chat": ("image", b64(IMAGE), chat_image(uri("image/png", IMAGE))),
    "a picture that is called a text": ("image", b64(IMAGE), chat_image(uri("text/plain", IMAGE))),
    "a document in a chat": ("pdf", b64(PDF), chat_file(file_data=uri("application/pdf", PDF))),
    "a document without a type": ("pdf", b64(PDF), chat_file(file_data=b64(PDF), filename="a")),
    "a recording in a chat": ("audio", b64(SOUND), chat_sound(SOUND)),
    "a picture for a response": (
        "image", b64(IMAGE), respond({"type": "input_image", "image_url": uri("image/png", IMAGE)}),
    ),
    "a document for a response": (
        "pdf", b64(PDF), input_file(file_data=uri("application/pdf", PDF), filename="a.pdf"),
    ),
    "a picture in a text": (
        "image", b64(IMAGE), chat(text(f"see ![a]({uri('image/png', IMAGE)}) there")),
    ),
    "a picture in what a tool returned": (
        "image",
        b64(IMAGE),
        lambda client: client.responses.create(
            model="m",
            input=[
                {
                    "type": "function_call_output",
                    "call_id": "c",
                    "output": [{"type": "input_image", "image_url": uri("image/png", IMAGE)}],
                }
            ],
        ),
    ),
    "a picture in what a tool returned as JSON": (
        "image", b64(IMAGE), returned(json.dumps({"shot": uri("image/png", IMAGE)})),
    ),
    "a screenshot": (
        "image",
        b64(IMAGE),
        lambda client: client.responses.create(
            model="m",
            input=[
                {
                    "type": "computer_call_output",
                    "call_id": "c",
                    "output": {"type": "computer_screenshot",
                               "image_url": uri("image/png", IMAGE)},
                }
            ],
        ),
    ),
    "a picture to moderate": (
        "image",
        b64(IMAGE),
        lambda client: client.moderations.create(
            input=[{"type": "image_url", "image_url": {"url": uri("image/png", IMAGE)}}]
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("data_class", "sent", "way"), MEDIA.values(), ids=MEDIA)
def test_media_are_refused_by_their_class(
    data_class: str, sent: str, way: Way, room: Any, twin: Any
) -> None:
    """A picture, recording or document in a request is refused, whatever it is called."""
    error = room.refused(room.guard(), twin, way, sent)
    assert isinstance(error, DeniedByPolicy | ContentRefused)
    assert data_class in str(error)


@pytest.mark.parametrize(("data_class", "sent", "way"), MEDIA.values(), ids=MEDIA)
def test_labelled_media_arrive_as_they_were(
    data_class: str, sent: str, way: Way, room: Any, twin: Any
) -> None:
    """A class that may pass arrives character for character, and the entry counts it."""
    room.ask(room.guard(labelled(data_class)), twin, way)
    assert sent.encode() in room.provider.received_bytes()
    assert any(entry.classes.get(data_class) == 1 for entry in room.entries)


ENCODED: dict[str, Way] = {
    "a file in a chat": chat_file(file_data=uri("text/plain", TEXT), filename="a.txt"),
    "a file without a type": chat_file(file_data=b64(TEXT), filename="a.txt"),
    "a file for a response": input_file(file_data=uri("text/plain", TEXT), filename="a.txt"),
    "a file that is called a document": input_file(
        file_data=uri("application/pdf", TEXT), filename="a.pdf"
    ),
    "a picture that is a text": chat_image(uri("image/png", TEXT)),
    "a picture that is a drawing in text": chat_image(
        uri("image/svg+xml", b"<svg><text>" + TEXT + b"</text></svg>")
    ),
    "a recording that is a text": chat_sound(TEXT),
    "a data URI in markdown": chat(text(f"see [this]({uri('text/plain', TEXT)}) now")),
    "a data URI in a data URI": chat(
        text(f"see {uri('text/html', b'<a href=' + uri('text/plain', TEXT).encode() + b'>')} now")
    ),
    "a data URI that is only quoted": chat(text(f"see data:text/plain,{CANARY.replace('@', '%40')}")),
    "long base64 in what a tool returned": returned(b64(TEXT * 30)),
    "base64 in JSON in what a tool returned": lambda client: client.responses.create(
        model="m",
        input=[
            {"type": "function_call_output", "call_id": "c",
             "output": json.dumps({"file": {"data": b64(TEXT * 30), "mime_type": "text/plain"}})}
        ],
    ),
    "UTF-16": chat_file(file_data=b64(TEXT.decode().encode("utf-16")), filename="a.txt"),
    "the name of a file": chat_file(file_data=uri("text/plain", b"hi"), filename=f"{CANARY}.txt"),
    "the name of a file for a response": input_file(
        file_data=uri("text/plain", b"hi"), filename=f"{CANARY}.txt"
    ),
    "a URL-safe alphabet": chat_file(
        file_data=base64.urlsafe_b64encode(TEXT + "ÿþ~~".encode()).decode(), filename="a"
    ),
}  # fmt: skip


@pytest.mark.parametrize("way", ENCODED.values(), ids=ENCODED)
def test_text_in_an_encoding_is_redacted_in_it(way: Way, room: Any, twin: Any) -> None:
    """What is merely encoded is decoded, redacted and encoded again; nothing is counted binary."""
    room.ask(room.guard(), twin, way)
    received = room.provider.received_bytes()
    assert not room.provider.saw(CANARY)
    for encoding in ("utf-16-le", "utf-16-be"):
        assert base64.b64encode(CANARY.encode(encoding))[:20] not in received
    assert b64(TEXT)[8:48].encode() not in received
    assert any(entry.classes.get("email") for entry in room.entries)
    room.assert_untold(None, CANARY)


def test_text_around_a_picture_is_redacted(room: Any, twin: Any) -> None:
    """A picture that may pass does not take the text beside it along."""
    shown = f"from {CANARY}: ![a]({uri('image/png', IMAGE)}) to {CANARY}"
    room.ask(room.guard(labelled("image")), twin, chat(text(shown)))
    assert b64(IMAGE).encode() in room.provider.received_bytes()
    assert not room.provider.saw(CANARY)


FETCHED: dict[str, Way] = {
    "a picture in a chat": chat_image(f"https://pics.example/{CANARY}.png"),
    "a picture by another scheme": chat_image(f"ftp://pics.example/{CANARY}.png"),
    "a picture for a response": respond(
        {"type": "input_image", "image_url": f"https://pics.example/?to={CANARY}"}
    ),
    "a file for a response": input_file(file_url=f"https://files.example/{CANARY}"),
    "a picture to moderate": lambda client: client.moderations.create(
        input=[{"type": "image_url", "image_url": {"url": f"http://x.example/{CANARY}"}}]
    ),
}


@pytest.mark.parametrize("way", FETCHED.values(), ids=FETCHED)
def test_an_address_that_the_provider_fetches_needs_a_rule(way: Way, room: Any, twin: Any) -> None:
    """A URL is refused unless a rule lists it, and then what stands in it is redacted."""
    error = room.refused(room.guard(), twin, way, CANARY)
    assert isinstance(error, DeniedByPolicy)
    assert error.remedy is not None
    assert "references = ['url']" in error.remedy
    room.ask(room.guard(rule='references = ["url"]'), twin, way)
    assert not room.provider.saw(CANARY)
    assert room.provider.saw("[[EMAIL:")


STORED: dict[str, Way] = {
    "a file in a chat": chat_file(file_id="file-1"),
    "a picture for a response": respond({"type": "input_image", "file_id": "file-1"}),
    "a file for a response": input_file(file_id="file-1"),
    "a file in a list": lambda client: client.vector_stores.create(file_ids=["file-1"]),
}


@pytest.mark.parametrize("way", STORED.values(), ids=STORED)
def test_a_file_at_the_provider_needs_a_rule(way: Way, room: Any, twin: Any) -> None:
    """What was stored earlier is used only where a rule lists files."""
    error = room.refused(room.guard(), twin, way)
    assert error.remedy is not None
    assert "references = ['file']" in error.remedy
    room.ask(room.guard(rule='references = ["file"]'), twin, way)
    assert room.provider.saw("file-1")


def message(*blocks: Part) -> Way:
    """Return a way to say blocks to Anthropic."""
    said = [{"role": "user", "content": [*blocks]}]
    return lambda client: client.messages.create(model="m", max_tokens=9, messages=said)


def source(kind: str, content: bytes) -> Part:
    """Return where a block gets its content from."""
    return {"type": "base64", "media_type": kind, "data": b64(content)}


@pytest.mark.parametrize(
    ("data_class", "content", "block"),
    [("image", IMAGE, "image"), ("pdf", PDF, "document"), ("image", IMAGE, "document")],
)
def test_blocks_of_anthropic_are_read_by_the_same_code(
    data_class: str, content: bytes, block: str, room: Any, anthropic_twin: Any
) -> None:
    """Pictures and documents of a message are refused or labelled by what they are."""
    declared = "image/png" if block == "image" else "application/pdf"
    way = message({"type": block, "source": source(declared, content)})
    error = room.refused(room.guard(), anthropic_twin, way)
    assert data_class in str(error)
    room.ask(room.guard(labelled(data_class)), anthropic_twin, way)
    assert b64(content).encode() in room.provider.received_bytes()


@pytest.mark.parametrize(
    "block",
    [
        {"type": "document", "source": source("application/pdf", TEXT)},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain",
                                        "data": TEXT.decode()}},
        {"type": "document", "title": CANARY, "context": CANARY,
         "source": {"type": "content", "content": [{"type": "text", "text": CANARY}]}},
        {"type": "image", "source": source("image/png", TEXT)},
        {"type": "tool_result", "tool_use_id": "t", "content": b64(TEXT * 30)},
    ],
    ids=["base64", "a text", "blocks", "a picture", "what a tool returned"],
)  # fmt: skip
def test_text_in_blocks_of_anthropic_is_redacted(
    block: Part, room: Any, anthropic_twin: Any
) -> None:
    """Text in a document is hidden, in whichever source it stands."""
    room.ask(room.guard(), anthropic_twin, message(block))
    assert not room.provider.saw(CANARY)
    assert room.provider.saw("[[EMAIL:")


@pytest.mark.parametrize(
    ("block", "reference"),
    [
        ({"type": "image", "source": {"type": "url", "url": f"https://x.example/{CANARY}"}}, "url"),
        ({"type": "document", "source": {"type": "file", "file_id": "f"}}, "file"),
    ],
    ids=["an address", "a stored file"],
)
def test_references_in_blocks_of_anthropic_need_a_rule(
    block: Part, reference: str, room: Any, anthropic_twin: Any
) -> None:
    """What the provider fetches or has stored is refused until a rule lists it."""
    error = room.refused(room.guard(), anthropic_twin, message(block), CANARY)
    assert f"references = ['{reference}']" in str(error)
    rule = f'references = ["{reference}"]'
    room.ask(room.guard(rule=rule), anthropic_twin, message(block))
    assert not room.provider.saw(CANARY)
