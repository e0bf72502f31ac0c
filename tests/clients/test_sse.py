# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a byte stream hold the same events however it is cut, and is what is written read again?"""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agentguard.clients import sse
from agentguard.clients.sse import BadStream, Frame, FrameDecoder, frame_of, written

BOM = b"\xef\xbb\xbf"

LINES = st.sampled_from(
    [
        b"", b"", b"data: x", b"data:x", b"data", b"data:  two blanks", b"event: a.b", b"event:",
        b"id: 7", b"id: no id", b": a comment", b"retry: 5", b"unknown: x", b"data: \xc3\xbc", BOM,
        b"data: \xe2\x80\xa8 is no line end", b'data: {"a": 1}', b" data: x",
    ]
)  # fmt: skip
ENDS = st.sampled_from([b"\n", b"\r", b"\r\n"])
BODIES = st.tuples(
    st.sampled_from([b"", BOM, BOM[:2], b"\n", b"\r"]),
    st.lists(st.tuples(LINES, ENDS), max_size=12),
    st.sampled_from([b"", b"data: last", b"data: [DONE]", b"\r"]),
).map(lambda parts: parts[0] + b"".join(line + end for line, end in parts[1]) + parts[2])


def frames(*pieces: bytes) -> list[Frame]:
    """Return the frames of a stream that arrives in these pieces."""
    decoder = FrameDecoder()
    found = [frame for piece in pieces for frame in decoder.feed(piece)]
    return found + decoder.finish()


def outcome(*pieces: bytes) -> Any:
    """Return the frames, or that there are none."""
    try:
        return frames(*pieces)
    except BadStream as bad:
        return str(bad)


@settings(deadline=None)
@given(BODIES, st.lists(st.integers(0, 200), max_size=8))
@example(b"\n" + BOM + b"data: x\n\n", [1])
@example(b"data: x\r\n\r\n", [8, 9])
@example(BOM + b"data: x\n\n", [1, 2])
def test_any_cut_gives_the_same_frames(body: bytes, cuts: list[int]) -> None:
    """However the bytes are cut, and byte by byte, the same frames come out."""
    whole = outcome(body)
    places = sorted({0, len(body), *(cut for cut in cuts if cut < len(body))})
    assert outcome(*(body[start:end] for start, end in pairwise(places))) == whole
    assert outcome(*(body[at : at + 1] for at in range(len(body)))) == whole


@settings(deadline=None)
@given(
    st.lists(
        st.builds(
            Frame,
            name=st.none() | st.sampled_from(["a", "response.output_text.delta"]),
            data=st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=40),
            id=st.none() | st.sampled_from(["1", "42"]),
        ),
        max_size=5,
    )
)
def test_what_is_written_is_read_again(events: list[Frame]) -> None:
    """Frames that are written give themselves when they are read."""
    assert frames(b"".join(map(written, events))) == events


SAME = {
    "line feeds": b"event: e\ndata: a\ndata: b\n\n",
    "carriage returns": b"event: e\rdata: a\rdata: b\r\r",
    "both": b"event: e\r\ndata: a\r\ndata: b\r\n\r\n",
    "mixed": b"event: e\rdata: a\ndata: b\r\n\n",
    "a mark before": BOM + b"event: e\ndata: a\ndata: b\n\n",
    "comments": b": hello\nevent: e\n: there\ndata: a\ndata: b\n\n: bye\n\n",
    "no blanks": b"event:e\ndata:a\ndata:b\n\n",
    "no final line": b"event: e\ndata: a\ndata: b",
    "one final line": b"event: e\ndata: a\ndata: b\n",
    "a carriage return at the end": b"event: e\ndata: a\ndata: b\r",
    "a name that is replaced": b"event: d\nevent: e\ndata: a\ndata: b\n\n",
    "other fields": b"retry: 3\nwhatever\nid: words\nevent: e\ndata: a\ndata: b\n\n",
    "events without data": b"event: x\n\nid: 1\n\nevent: e\ndata: a\ndata: b\n\n\n\n",
}


@pytest.mark.parametrize("body", SAME.values(), ids=SAME)
def test_every_way_to_write_an_event_is_read(body: bytes) -> None:
    """Line ends, comments, a byte order mark and a missing end change nothing of the event."""
    assert frames(body) == [Frame(name="e", data="a\nb")]


def test_an_empty_name_is_none() -> None:
    """A line that names nothing leaves the event without a name."""
    assert frames(b"event:\ndata: a\n\n") == [Frame(name=None, data="a")]


def test_only_a_plain_number_is_an_id() -> None:
    """An id is written on unchecked, so that it must be too short to say anything."""
    ids = [frame.id for frame in frames(b"id: 12\ndata: a\n\nid: 4111111111111111\ndata: a\n\n")]
    assert ids == ["12", None]


BAD = {
    "no UTF-8": b"data: \xff\xfe\n\n",
    "a name with blanks": b"event: a b\ndata: x\n\n",
    "a name that could be a key": b"event: sk-proj-a1B2a1B2a1B2a1B2\ndata: x\n\n",
    "a name that could be a number": b"event: a4111111111111111\ndata: x\n\n",
    "a name with what is no letter": b"event: \xc3\xbc\ndata: x\n\n",
    "half a character at the end": b"data: \xc3",
}


@pytest.mark.parametrize("body", BAD.values(), ids=BAD)
def test_what_is_no_stream_is_said_without_its_text(body: bytes) -> None:
    """The error holds nothing of the bytes, and no other error behind it."""
    with pytest.raises(BadStream) as caught:
        frames(body)
    assert caught.value.__context__ is None
    assert "\\x" not in str(caught.value)


@pytest.mark.parametrize(
    "data", ["", "x", "[]", '"text"', "1", "null", "[" * 100_000, '{"a":' * 100_000, "9" * 5000]
)
def test_data_that_is_no_object_is_no_event(data: str) -> None:
    """What cannot be read as a JSON object is an error, never an empty event."""
    with pytest.raises(BadStream) as caught:
        Frame(name=None, data=data).content()
    assert caught.value.__context__ is None


def test_no_frame_is_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """One long line, and many short ones without an end, are too long at some time."""
    monkeypatch.setattr(sse, "LONGEST_FRAME", 10_000)
    assert frames(b"data: " + b"x" * 9_000 + b"\n\n")
    for endless in (b"x" * 100, b"a\n" * 50, b"data\n" * 20):
        with pytest.raises(BadStream):
            frames(*[endless] * 200)


def test_comments_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider that says for hours that it is still there does not fill the memory."""
    monkeypatch.setattr(sse, "LONGEST_FRAME", 1_000)
    decoder = FrameDecoder()
    for _ in range(1_000):
        assert decoder.feed(b": still there\n") == []
    assert decoder.feed(b"data: a\n\n") == [Frame(name=None, data="a")]


def test_an_event_with_other_content_is_one_line() -> None:
    """Whatever stands in the content, line ends and halves of characters, it is ASCII."""
    content = {"text": "a\nb\r\u2028\x85 ü \ud800"}
    frame = frame_of("e", content, like=Frame(name=None, data="", id="3"))
    raw = written(frame)
    assert raw.isascii()
    assert raw.count(b"\n") == 4
    (read,) = frames(raw)
    assert json.loads(read.data) == content
    assert (read.name, read.id) == ("e", "3")


def test_a_frame_shows_no_data() -> None:
    """A repr of a frame holds nothing of what the event says."""
    assert "secret" not in repr(Frame(name=None, data="secret"))
