# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Can a file carry out what a message could not, by the way in which it is handed over?

Each story uploads with the real SDK. What a file says is read whichever way it is given; what
cannot be read is refused unless the policy counts its class; a file that is given piece by piece
cannot be looked at and does not leave.
"""

import base64
import io
import json
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import openai
import pytest

from agentguard import ContentRefused
from agentguard.testing import LoopbackProvider

CANARY = "canary.file@leak.example"
TEXT = f"Write to {CANARY} at once.\n".encode()
PDF = b"%PDF-1.7\n1 0 obj\n<< /Title (a) >>\nendobj\n%%EOF\n" + bytes(range(256))
IMAGE = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256))
SOUND = b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(range(256))
ARCHIVE = b"PK\x03\x04" + bytes(range(256))
REFERENCES = 'references = ["file", "vector_store", "container", "assistant"]'

Way = Callable[[Any], Any]


def labelled(*classes: str) -> str:
    """Return the policy's lines that let classes of media pass."""
    return "".join(f'[[class]]\nname = "{name}"\naction = "label"\n' for name in classes)


def by_path(folder: Path, content: bytes) -> Any:
    """Return a file as a path."""
    path = folder / "notes.txt"
    path.write_bytes(content)
    return path


def by_open_file(folder: Path, content: bytes) -> Any:
    """Return a file that is open for reading, in the middle of which somebody stopped."""
    file = by_path(folder, content).open("rb")
    file.seek(len(content))
    return file


FORMS: dict[str, Callable[[Path, bytes], Any]] = {
    "a path": by_path,
    "an open file": by_open_file,
    "bytes": lambda _, content: content,
    "a file in memory": lambda _, content: io.BytesIO(content),
    "name and bytes": lambda _, content: ("notes.txt", content),
    "name, bytes and type": lambda _, content: ("notes.txt", content, "text/plain"),
    "a wrong type": lambda _, content: ("notes.png", content, "image/png"),
    "a name without an ending": lambda _, content: ("notes", content),
}
if int(openai.__version__.partition(".")[0]) >= 3:  # earlier ones do not read such a path
    FORMS["name and path"] = lambda folder, content: ("notes.txt", by_path(folder, content))


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_text_is_read_however_it_is_handed_over(
    form: Callable[[Path, bytes], Any], room: Any, twin: Any, tmp_path: Path
) -> None:
    """What a file says is redacted, and the file arrives with everything else it says."""
    given = form(tmp_path, TEXT)
    with given if isinstance(given, io.BufferedReader) else nullcontext():
        made = room.ask(
            room.guard(),
            twin,
            lambda client: client.files.create(file=given, purpose="user_data"),
        )
    assert made.object == "file"
    assert not room.provider.saw(CANARY)
    (part,) = (p for p in room.provider.journal[-1].parts if p.name == "file")
    assert part.content.startswith(b"Write to [[EMAIL:")
    assert part.content.endswith(b"]] at once.\n")
    room.assert_untold(None, CANARY)


def pieces() -> Iterator[bytes]:
    """Yield a file piece by piece."""
    yield TEXT


UNREADABLE: dict[str, Callable[[], Any]] = {
    "a file of text": lambda: io.StringIO(TEXT.decode()),
    "an iterator with a name": lambda: ("notes.txt", pieces()),
    "headers of its own": lambda: ("notes.txt", TEXT, "text/plain", {"x-canary": CANARY}),
}


@pytest.mark.parametrize("given", UNREADABLE.values(), ids=UNREADABLE)
def test_a_file_that_cannot_be_read_once_and_for_all_does_not_leave(
    given: Callable[[], Any], room: Any, twin: Any
) -> None:
    """What gives other bytes each time, or headers of a part, is refused before a byte is sent."""
    guard = room.guard()
    with pytest.raises((ContentRefused, RuntimeError, TypeError)) as caught:
        room.ask(
            guard,
            twin,
            lambda client: client.files.create(file=given(), purpose="user_data"),
        )
    assert room.provider.connections == 0
    if isinstance(caught.value, ContentRefused):
        room.assert_untold(caught.value, CANARY)


def test_the_name_of_a_file_is_content(room: Any, twin: Any) -> None:
    """A value in a file's name is hidden like one in the file."""
    room.ask(
        room.guard(),
        twin,
        lambda client: client.files.create(
            file=(f"offer for {CANARY}.txt", b"hello"), purpose="user_data"
        ),
    )
    assert not room.provider.saw(CANARY)
    assert b"[[EMAIL:" in room.provider.journal[-1].body


def test_the_declared_type_of_a_file_is_content(room: Any, twin: Any) -> None:
    """A value in a file's declared type does not leave either."""
    room.ask(
        room.guard(),
        twin,
        lambda client: client.files.create(
            file=("a.txt", b"hello", f"text/plain; note={CANARY}"), purpose="user_data"
        ),
    )
    assert not room.provider.saw(CANARY)


def create(content: bytes, name: str = "a.bin", purpose: str = "user_data") -> Way:
    """Return a way to upload a file."""
    return lambda client: client.files.create(file=(name, content), purpose=purpose)


MEDIA: dict[str, tuple[str, bytes, Way]] = {
    "a document": ("pdf", PDF, create(PDF, "a.pdf")),
    "a document that is called a text": ("pdf", PDF, create(PDF, "a.txt")),
    "a picture": ("image", IMAGE, create(IMAGE, "a.png", "vision")),
    "an archive": ("binary", ARCHIVE, create(ARCHIVE, "a.zip")),
    "a recording": (
        "audio",
        SOUND,
        lambda client: client.audio.transcriptions.create(model="m", file=("a.wav", SOUND)),
    ),
    "a recording to translate": (
        "audio",
        SOUND,
        lambda client: client.audio.translations.create(model="m", file=("a.wav", SOUND)),
    ),
    "a picture to edit": (
        "image",
        IMAGE,
        lambda client: client.images.edit(model="m", prompt="more", image=("a.png", IMAGE)),
    ),
    "a picture to vary": (
        "image",
        IMAGE,
        lambda client: client.images.create_variation(model="m", image=("a.png", IMAGE)),
    ),
    "a file for a container": (
        "pdf",
        PDF,
        lambda client: client.containers.files.create("c1", file=("a.pdf", PDF)),
    ),
    "a file for a vector store": (
        "pdf",
        PDF,
        lambda client: client.vector_stores.files.upload(vector_store_id="vs_1", file=("a", PDF)),
    ),
    "a part of an upload": (
        "binary",
        ARCHIVE,
        lambda client: client.uploads.parts.create("u1", data=("p", ARCHIVE)),
    ),
    "a skill": ("binary", ARCHIVE, lambda client: client.skills.create(files=[("a.zip", ARCHIVE)])),
    "a reference for a video": (
        "image",
        IMAGE,
        lambda client: client.videos.create(
            model="m", prompt="go", input_reference=("a.png", IMAGE)
        ),
    ),
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(("data_class", "content", "way"), MEDIA.values(), ids=MEDIA)
def test_what_is_no_text_is_refused_by_its_class(
    data_class: str, content: bytes, way: Way, room: Any, twin: Any
) -> None:
    """Media do not leave, and the refusal names their class."""
    error = room.refused(room.guard(rule=REFERENCES), twin, way)
    assert isinstance(error, ContentRefused)
    assert error.classes == (data_class,)
    assert data_class in str(error)
    assert len(content) > len(data_class)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(("data_class", "content", "way"), MEDIA.values(), ids=MEDIA)
def test_what_is_no_text_passes_byte_for_byte_when_it_is_labelled(
    data_class: str, content: bytes, way: Way, room: Any, twin: Any
) -> None:
    """A class that may pass arrives as it was, and the audit entry counts it."""
    guard = room.guard(labelled(data_class), rule=REFERENCES)
    room.ask(guard, twin, way)
    files = [part.content for received in room.provider.journal for part in received.parts]
    assert content in files
    assert any(entry.classes.get(data_class) == 1 for entry in room.entries)


def test_one_picture_among_several_decides(room: Any, twin: Any) -> None:
    """A second file of another class in the same request is not overlooked."""
    guard = room.guard(labelled("image"))
    error = room.refused(
        guard,
        twin,
        lambda client: client.images.edit(
            model="m", prompt="more", image=[("a.png", IMAGE), ("b.png", PDF)]
        ),
    )
    assert "pdf" in error.classes
    room.ask(
        guard,
        twin,
        lambda client: client.images.edit(
            model="m", prompt=f"for {CANARY}", image=[("a.png", IMAGE), ("b.png", IMAGE)]
        ),
    )
    assert not room.provider.saw(CANARY)
    sent = [p for p in room.provider.journal[-1].parts if p.filename]
    assert [part.content for part in sent] == [IMAGE, IMAGE]


def in_parts(size: int, purpose: str = "user_data") -> Way:
    """Return a way to upload a text in parts of so many bytes."""
    return lambda client: client.uploads.upload_file_chunked(
        file=TEXT, filename="a.jsonl", bytes=len(TEXT), mime_type="text/jsonl",
        purpose=purpose, part_size=size,
    )  # fmt: skip


@pytest.mark.parametrize("size", [20, len(TEXT)])
def test_a_text_that_is_cut_into_parts_hides_nothing(size: int, room: Any, twin: Any) -> None:
    """A value on the border of two parts is in sight in neither, so parts count as binary."""
    with pytest.raises(ContentRefused) as caught:
        room.ask(room.guard(rule=REFERENCES), twin, in_parts(size))
    assert "binary" in caught.value.classes
    sent = [received.url_path for received in room.provider.journal]
    assert sent == ["/v1/uploads"]
    assert not room.provider.saw(CANARY)
    room.assert_untold(caught.value, CANARY)


def test_a_part_that_may_pass_is_redacted_as_far_as_it_goes(room: Any, twin: Any) -> None:
    """Where binary content is let through, what stands whole in a part is hidden in it."""
    room.ask(room.guard(labelled("binary"), rule=REFERENCES), twin, in_parts(len(TEXT)))
    assert not room.provider.saw(CANARY)
    assert b"[[EMAIL:" in room.provider.received_bytes()
    assert any(entry.classes.get("binary") for entry in room.entries)


def test_a_batch_file_is_not_uploaded_in_parts(room: Any, twin: Any) -> None:
    """Its lines could not be read, so that not even the upload is begun."""
    room.refused(room.guard(rule=REFERENCES), twin, in_parts(20, "batch"), CANARY)


def test_a_text_in_utf_16_is_read(room: Any, twin: Any) -> None:
    """Two bytes for a letter hide nothing, and the file stays in UTF-16."""
    room.ask(room.guard(), twin, create(TEXT.decode().encode("utf-16"), "a.txt"))
    (part,) = (p for p in room.provider.journal[-1].parts if p.filename)
    text = part.content.decode("utf-16")
    assert CANARY not in text
    assert "[[EMAIL:" in text


def test_a_text_in_utf_16_without_a_mark_is_no_text(room: Any, twin: Any) -> None:
    """What only a guess could read counts as binary."""
    error = room.refused(room.guard(), twin, create(TEXT.decode().encode("utf-16-le")), CANARY)
    assert error.classes == ("binary",)


def test_a_data_uri_inside_a_text_file_is_read(room: Any, twin: Any) -> None:
    """Base64 inside a text file is decoded, redacted and encoded again."""
    inner = base64.b64encode(TEXT * 3).decode()
    room.ask(room.guard(), twin, create(f"see data:text/plain;base64,{inner} end".encode()))
    assert not room.provider.saw(CANARY)
    assert room.provider.saw("[[EMAIL:")


EXAMPLES = [
    {"messages": [{"role": "system", "content": f"You are {CANARY}"}]},
    {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": CANARY}]},
]


@pytest.mark.parametrize("purpose", ["fine-tune", "evals"])
def test_the_lines_of_examples_are_redacted(purpose: str, room: Any, twin: Any) -> None:
    """Each line of a file of examples is one JSON object before and after."""
    content = "\n".join(map(json.dumps, EXAMPLES)).encode()
    room.ask(room.guard(), twin, create(content, "a.jsonl", purpose))
    (part,) = (p for p in room.provider.journal[-1].parts if p.filename)
    lines = [json.loads(line) for line in part.content.splitlines()]
    assert [len(line["messages"]) for line in lines] == [1, 2]
    assert not room.provider.saw(CANARY)


def test_a_picture_is_no_file_of_examples(room: Any, twin: Any) -> None:
    """What must be lines of JSON is refused when it is something else, also where media pass."""
    guard = room.guard(labelled("image", "binary"))
    room.refused(guard, twin, create(IMAGE, "a.jsonl", "fine-tune"))
    room.refused(guard, twin, create(b'{"a": 1}\n' + IMAGE, "a.jsonl", "batch"))


def test_a_file_of_anthropic_is_read_too(room: Any, anthropic_twin: Any) -> None:
    """Anthropic's files are read by the same code: text is redacted, media need their class."""
    room.ask(
        room.guard(),
        anthropic_twin,
        lambda client: client.beta.files.upload(file=("a.txt", TEXT, "text/plain")),
    )
    assert not room.provider.saw(CANARY)
    assert room.provider.saw("[[EMAIL:")
    error = room.refused(
        room.guard(),
        anthropic_twin,
        lambda client: client.beta.files.upload(file=("a.pdf", PDF, "application/pdf")),
    )
    assert error.classes == ("pdf",)


def test_nothing_is_uploaded_that_no_rule_names(room: Any, twin: Any, guard: Any) -> None:
    """The starter policy allows no upload; the refusal names the pair that would."""
    error = room.refused(guard, twin, create(TEXT), CANARY)
    assert "POST /files" in str(error)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_bare_client_sends_it_however_it_is_handed_over(
    form: Callable[[Path, bytes], Any], provider: LoopbackProvider, twin: Any, tmp_path: Path
) -> None:
    """The forms of these tests are ones that the SDK does send, so that their arrival tells."""
    given = form(tmp_path, TEXT)
    with given if isinstance(given, io.BufferedReader) else nullcontext():
        twin.take(lambda client: client.files.create(file=given, purpose="user_data"))
    assert provider.saw(CANARY)
