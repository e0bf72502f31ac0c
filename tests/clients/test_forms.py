# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a request with files hold, and how is it sent once that was redacted?"""

import asyncio
import base64
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai import AsyncOpenAI, OpenAI

from agentguard.canonical import Frozen, freeze, thaw
from agentguard.classification import build_classifier
from agentguard.clients import multipart
from agentguard.clients.multipart import Form, read_form, written_form
from agentguard.errors import ContentRefused
from agentguard.redaction import redact_payload
from agentguard.redaction.vault import Vault
from agentguard.vocabulary import Action, DataClass, ModelCall

CANARY = "canary.person@example.com"
PNG = b"\x89PNG\r\n\x1a\n\x00\x01\x02\xff"
EMAIL = {"email": DataClass(name="email", family="pii", action=Action.TOKENISE)}


def read(verb: str, path: str, body: Frozen) -> ModelCall:
    """Take every line of a batch file."""
    return ModelCall(
        id="c", operation="chat", verb=verb, path=path, origin="o", model="", payload=body
    )


def form_of(files: Any, fields: Any = None) -> Form:
    """Return the form of some files and fields."""
    return read_form(files, fields, read)


def sent(form: Form) -> Any:
    """Return what is sent when nothing was changed."""
    return written_form(form, form.payload, form.attachments, form.encoded)


def sent_redacted(form: Form) -> Any:
    """Return what is sent when every address of a person was replaced."""
    shown = redact_payload(
        form.payload, find=build_classifier().findings, actions=EMAIL, vault=Vault(b"k" * 32)
    )
    return written_form(form, shown.payload, form.attachments, form.encoded)


class Stopped(Exception):
    """Raised instead of sending."""


def files_of(use: Callable[[Any], Any], *, asynchronous: bool) -> Any:
    """Return what ``options.files`` and ``options.json_data`` hold when the SDK would send."""
    seen: list[Any] = []

    class Watched(OpenAI):
        def request(self, cast_to: Any, options: Any, **_: Any) -> Any:
            seen.extend((options.files, options.json_data))
            raise Stopped

    class AsyncWatched(AsyncOpenAI):
        async def request(self, cast_to: Any, options: Any, **_: Any) -> Any:
            seen.extend((options.files, options.json_data))
            raise Stopped

    async def use_async() -> None:
        async with AsyncWatched(api_key="k") as client:
            await use(client)

    def use_plain() -> None:
        with Watched(api_key="k") as client:
            use(client)

    with pytest.raises(Stopped):
        asyncio.run(use_async()) if asynchronous else use_plain()
    return seen


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("way", ["path", "bytes", "file", "stream", "tuple", "typed"])
def test_every_form_of_upload_is_read(tmp_path: Path, way: str, *, asynchronous: bool) -> None:
    """Whatever the SDK is given for a file, its text and name stand in the payload."""
    path = tmp_path / f"{CANARY}.txt"
    path.write_text(f"from {CANARY}\n", encoding="utf-8")
    content = path.read_bytes()
    with path.open("rb") as opened:
        opened.read(3)
        given: dict[str, Any] = {
            "path": path,
            "bytes": content,
            "file": opened,
            "stream": io.BytesIO(content),
            "tuple": (path.name, content),
            "typed": (path.name, io.BytesIO(content), "text/plain"),
        }
        files, fields = files_of(
            lambda client: client.files.create(file=given[way], purpose="user_data"),
            asynchronous=asynchronous,
        )
        form = form_of(files, fields)
    payload: Any = form.payload
    assert payload["files"][0]["content"] == content.decode()
    assert payload["fields"] == {"purpose": "user_data"}
    name = "upload" if way in ("bytes", "stream") else path.name
    assert payload["files"][0]["name"] == name
    [(field, (sent_name, sent_content, *_))], sent_fields = sent_redacted(form)
    assert (field, sent_fields) == ("file", {"purpose": "user_data"})
    assert CANARY not in sent_name
    assert CANARY.encode() not in sent_content
    assert b"EMAIL:" in sent_content


names = st.text("ab.txt", min_size=1, max_size=8)
contents = st.one_of(
    st.binary(max_size=40),
    st.text(max_size=40).map(str.encode),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20).map(
        lambda t: t.encode("utf-16")
    ),
    st.just(PNG),
    st.just(b"see data:text/plain;base64," + base64.b64encode(b"hello")),
)


@settings(deadline=None)
@given(st.lists(st.tuples(names, names, contents), max_size=3))
def test_what_was_not_changed_is_sent_byte_for_byte(files: list[tuple[str, str, bytes]]) -> None:
    """Files come back with field, name and bytes."""
    form = form_of([(field, (name, content)) for field, name, content in files], {"a": ["b"]})
    made, fields = sent(form)
    assert [(field, file[0], file[1]) for field, file in made or []] == files
    assert fields == {"a": ["b"]}


def test_media_are_decided_by_their_bytes() -> None:
    """An image that is called a text stands as a label, and is sent as it is."""
    form = form_of({"file": ("a.txt", PNG, "text/plain")})
    assert [(each.data_class, each.content) for each in form.attachments] == [("image", PNG)]
    assert form.attachments[0].pointer == "/files/0/content"
    assert sent(form)[0] == [("file", ("a.txt", PNG, "text/plain"))]


def test_text_that_is_called_an_image_is_redacted() -> None:
    """The declared type makes no text an image."""
    form = form_of({"file": ("a.png", CANARY.encode(), "image/png")})
    assert form.attachments == ()
    assert CANARY.encode() not in sent_redacted(form)[0][0][1][1]


@pytest.mark.parametrize(
    "text",
    [
        f'{{"user": {{"mail": "{CANARY}"}}}}',
        f"name,mail\nx,{CANARY}\n",
        f"<svg><text>{CANARY}</text></svg>",
        f"![x](data:text/plain;base64,{base64.b64encode(CANARY.encode()).decode()})",
    ],
)
def test_text_files_of_every_kind_are_redacted(text: str) -> None:
    """JSON, CSV, SVG and what a text file holds encoded are redacted."""
    content = sent_redacted(form_of({"file": ("x", text.encode())}))[0][0][1][1]
    assert CANARY.encode() not in content
    assert base64.b64encode(CANARY.encode())[:20] not in content


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_text_keeps_its_encoding(codec: str) -> None:
    """A redacted text is sent in the encoding in which it came."""
    form = form_of({"file": ("x", f"mail to {CANARY} now".encode(codec))})
    text = sent_redacted(form)[0][0][1][1].decode(codec)
    assert text.startswith("mail to [[EMAIL:")
    assert text.endswith(" now")


def test_fields_and_types_are_content() -> None:
    """Fields, their encoded texts, a declared type and a field's name are in the payload."""
    encoded = "data:text/plain;base64," + base64.b64encode(CANARY.encode()).decode()
    form = form_of({f"file {CANARY}": ("x", b"x", f"text/{CANARY}")}, {"note": encoded})
    made, fields = sent_redacted(form)
    assert CANARY not in repr(made)
    assert base64.b64decode(str(fields["note"]).rpartition(",")[2]).startswith(b"[[EMAIL:")


def test_a_batch_file_stands_as_its_lines() -> None:
    """Lines are structure in the payload, are redacted, and are written as lines again."""
    line = {"custom_id": "1", "method": "POST", "url": "/v1/x", "body": {"input": CANARY}}
    image = "data:image/png;base64," + base64.b64encode(PNG).decode()
    other = {**line, "body": {"input": image}}
    content = f"{json.dumps(line)}\n{json.dumps(other)}\n".encode()
    form = form_of([("file", ("b.jsonl", content))], {"purpose": "batch"})
    payload: Any = form.payload
    assert payload["files"][0]["content"][0]["body"] == {"input": CANARY}
    assert [call.path for call in form.calls] == ["/x", "/x"]
    assert form.attachments[0].pointer == "/files/0/content/1/body/input"
    made = sent_redacted(form)[0][0][1][1].decode().splitlines()
    assert json.loads(made[0])["body"]["input"].startswith("[[EMAIL:")
    assert json.loads(made[1]) == other


def test_examples_stand_as_their_lines() -> None:
    """A file for fine-tuning is lines of data, and no calls."""
    content = b'{"messages": []}\n'
    form = form_of({"file": content}, {"purpose": "fine-tune"})
    payload: Any = form.payload
    assert payload["files"][0]["content"] == ({"messages": ()},)
    assert form.calls == ()


def test_a_json_part_stands_as_its_value() -> None:
    """A part without a name that is declared as JSON is structure, and is written again."""
    form = form_of({"session": (None, b'{"tools": [1]}', "application/json")})
    payload: Any = form.payload
    assert payload["files"][0]["content"] == {"tools": (1,)}
    assert sent(form)[0] == [("session", (None, b'{"tools":[1]}', "application/json"))]


class Generator:
    """A file that gives something else than bytes."""

    def read(self, size: int) -> str:
        """Give text."""
        return "x"


def pieces() -> Iterator[bytes]:
    """Yield what can be read once."""
    yield b"x"


@pytest.mark.parametrize(
    "files",
    [
        {"file": pieces()},
        {"file": ("x", pieces())},
        {"file": object()},
        {"file": io.StringIO("x")},
        {"file": Generator()},
        {"file": Path("x")},
        {"file": ("x",)},
        {"file": ("x", b"x", "text/plain", {"X-Canary": "x"})},
        {"file": (5, b"x")},
        {"file": ("x", b"x", 5)},
        {5: b"x"},
        ["file"],
        "file",
        5,
    ],
)
def test_what_cannot_be_read_once_and_for_all_is_refused(files: Any) -> None:
    """Iterators, unknown objects, own headers and unknown lists refuse."""
    with pytest.raises(ContentRefused):
        form_of(files)


@pytest.mark.parametrize("fields", [5, "x", [1], {"a": object()}, {"a": b"x"}])
def test_fields_that_cannot_be_inspected_are_refused(fields: Any) -> None:
    """What is no JSON object, or holds what JSON cannot, refuses."""
    with pytest.raises(ContentRefused):
        form_of(None, fields)


@pytest.mark.parametrize("purpose", ["batch", "fine-tune", "evals"])
@pytest.mark.parametrize("content", [PNG, b"no json", b"\x1f\x8b\x08\x00"])
def test_a_file_that_must_hold_lines_holds_lines(purpose: str, content: bytes) -> None:
    """Media, archives and other texts are refused where the provider takes lines of JSON."""
    with pytest.raises(ContentRefused):
        form_of({"file": content}, {"purpose": purpose})


def test_too_much_to_inspect_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files beyond the limit, together, are refused, open ones without being read to the end."""
    monkeypatch.setattr(multipart, "MOST_BYTES", 10)
    assert form_of([("a", b"12345"), ("b", b"12345")]).codecs == ("utf-8", "utf-8")
    for files in (
        [("a", b"12345"), ("b", b"123456")],
        [("a", io.BytesIO(b"x" * 11))],
    ):
        with pytest.raises(ContentRefused):
            form_of(files)


def test_no_files_stay_no_files() -> None:
    """A form without files is sent without, as the SDK expects it."""
    assert sent(form_of(None, {"a": "b"})) == (None, {"a": "b"})
    assert sent(form_of({})) == (None, {})


CHANGES: dict[str, Callable[[Any, Any], Any]] = {
    "no object": lambda fields, files: [],
    "no files": lambda fields, files: {"fields": fields},
    "fewer files": lambda fields, files: {"fields": fields, "files": files[:1]},
    "fields gone": lambda fields, files: {"fields": [], "files": files},
    "members gone": lambda fields, files: {"fields": fields, "files": [files[0], {"field": "x"}]},
    "no text": lambda fields, files: {
        "fields": fields,
        "files": [files[0], {**files[1], "content": 5}],
    },
    "label gone": lambda fields, files: {
        "fields": fields,
        "files": [{**files[0], "content": "x"}, files[1]],
    },
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_form_that_lost_its_shape_is_refused(change: str) -> None:
    """What is no such form any more, or lost a label, is not sent."""
    form = form_of([("a", PNG), ("b", b"text")])
    payload: Any = thaw(form.payload)
    changed = freeze(CHANGES[change](payload["fields"], payload["files"]))
    with pytest.raises(ContentRefused):
        written_form(form, changed, form.attachments, form.encoded)


def test_reprs_hold_no_content() -> None:
    """A form does not print what it holds."""
    assert CANARY not in repr(form_of({"file": CANARY.encode()}, {"a": CANARY}))
