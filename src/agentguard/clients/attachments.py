# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What in a request is encoded, and what is it?

Takes data URIs and base64 out of a frozen JSON value. Text stands there decoded from then on, so
that it is classified and redacted like any other; media are replaced by a label with kind, size
and digest. ``restored`` puts everything back, with the texts as they are by then.

A text around encoded material keeps its place: media in it become labels in it, and where it
holds encoded text it becomes a list of itself with labels and of what was decoded.
Bytes that are neither text nor known media count as ``binary``; where nothing said that they
would be encoded, they also stay in sight, since a credential may look the same.
Base64 of less than 1 KiB that nothing announces is left to classification, hexadecimal too. What
the provider itself has sealed, such as encrypted reasoning, passes when it is no text.

INVARIANT: what was not changed is restored as it was, character for character
(tests/clients/test_attachments.py).
INVARIANT: a label that is no longer what stands in its place refuses the call (same file).
"""

import hashlib
import re
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import NamedTuple

from agentguard.canonical import Frozen, escape
from agentguard.clients.encodings import DATA_URI, Encoded, decoded, encoded_like, whole_data_uri
from agentguard.clients.formats import BINARY, Seen, seen
from agentguard.errors import ContentRefused
from agentguard.vocabulary import Attachment, EncodedText, ModelCall

# Unannounced base64 of this length is looked at.
LONG = 1024
# Members that may hold base64, but also a word or a name; shorter ones are taken for those.
SHORTEST_LIKELY = 64
# A shorter example in a text that does not decode to text is no content.
SHORTEST_INSIDE = 32
DEEPEST = 8
MOST_INSIDE = 1000
# Real base64 of this length uses more characters than digits, hexadecimal or a drawn line do.
_FEWEST_CHARACTERS = 17

_CERTAIN = frozenset({"file_data", "b64_json"})
_LIKELY = frozenset({"audio", "data", "image", "image_base64", "image_url", "partial_image_b64"})
_DECLARING = ("format", "media_type", "mime_type")
_SEALED = frozenset(
    {"encrypted_content", "encrypted_index", "encrypted_stdout", "signature", "thought_signature"}
)
_ADDRESS = re.compile(r"(?i)https?://")

_RUN = re.compile(
    rf"(?<![A-Za-z0-9+/_=.\\-])(?:[A-Za-z0-9+/_-]|\\++/){{{LONG},}}+={{0,2}}+(?![.=])"
)
_LINES = re.compile(
    r"(?<![A-Za-z0-9+/_=-])(?:[A-Za-z0-9+/]{60,78}\r?\n){13,}+(?:[A-Za-z0-9+/]{1,78}={0,2})?"
)
_BEHIND_ARMOUR = re.compile(r"-----\s*\Z")
_LETTERS = str.maketrans("0123456789abcdef", "ABCDEFGHIJKLMNOP")
_GROUP = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifted:
    """A payload without encoded material, and what was in it.

    Attributes:
        payload: with labels and decoded texts.
        attachments: what is no text.
        encoded: what was text.
    """

    payload: Frozen = field(repr=False)
    attachments: tuple[Attachment, ...] = field(default=(), repr=False)
    encoded: tuple[EncodedText, ...] = field(default=(), repr=False)


def label_of(data_class: str, content: bytes) -> str:
    """Return what stands in a payload instead of media; letters alone tell its digest."""
    letters = hashlib.sha256(content).hexdigest()[:32].translate(_LETTERS)
    groups = (letters[at : at + _GROUP] for at in range(0, len(letters), _GROUP))
    return f"<{data_class} {len(content)} bytes sha256 {'-'.join(groups)}>"


def lifted(payload: Frozen, pointer: str = "") -> Lifted:
    """Return a payload with its media as labels and its encoded texts decoded.

    Args:
        payload: any frozen JSON value.
        pointer: where the payload itself stands in what the pointers lead through.

    Raises:
        ContentRefused: encoded texts hold encoded texts again and again.
    """
    lifting = _Lifting(pointer)
    shown = lifting.value(payload, "", None)
    return Lifted(
        payload=shown, attachments=tuple(lifting.attachments), encoded=tuple(lifting.encoded)
    )


def lifted_call(call: ModelCall) -> ModelCall:
    """Return a call whose payload is lifted; not for one whose form was read, see ``multipart``.

    Raises:
        ContentRefused: encoded texts hold encoded texts again and again.
    """
    shown = lifted(call.payload)
    if shown.payload is call.payload and not shown.attachments:
        return call
    return replace(
        call, payload=shown.payload, attachments=shown.attachments, encoded=shown.encoded
    )


def lifted_text(text: str, pointer: str) -> Lifted:
    """Return a text that stands for itself, such as that of a file, with labels in it."""
    lifting = _Lifting("")
    shown = lifting.inside(text, pointer, 0)
    return Lifted(
        payload=shown, attachments=tuple(lifting.attachments), encoded=tuple(lifting.encoded)
    )


class _Spot(NamedTuple):
    """Encoded material inside a text: where, its parts, and whether something announces it."""

    start: int
    end: int
    encoded: Encoded
    announced: bool


class _Lifting:
    """One walk over one payload; a node without encoded material is returned as it is."""

    def __init__(self, pointer: str) -> None:
        self.attachments: list[Attachment] = []
        self.encoded: list[EncodedText] = []
        self._path = [pointer]

    def value(self, node: Frozen, key: str, parent: Mapping[str, Frozen] | None) -> Frozen:
        if isinstance(node, str):
            return self._text(node, key, parent) if node else node
        if isinstance(node, tuple):
            items = [self._below(str(index), item, key, parent) for index, item in enumerate(node)]
            same = all(one is other for one, other in zip(items, node, strict=True))
            return node if same else tuple(items)
        if isinstance(node, Mapping):
            members = {
                name: self._below(escape(name), item, name, node) for name, item in node.items()
            }
            same = all(members[name] is item for name, item in node.items())
            return node if same else MappingProxyType(members)
        return node

    def _below(
        self, step: str, node: Frozen, key: str, parent: Mapping[str, Frozen] | None
    ) -> Frozen:
        self._path.append(step)
        shown = self.value(node, key, parent)
        self._path.pop()
        return shown

    def _text(self, text: str, key: str, parent: Mapping[str, Frozen] | None) -> Frozen:
        certain = _is_certain(text, key, parent)
        if not certain and len(text) < LONG and ":" not in text and key not in _LIKELY:
            return text
        pointer = "/".join(self._path)
        whole = _whole(text, key, certain=certain)
        if whole is None:
            return self.inside(text, pointer, 0)
        content = decoded(whole)
        what = _seen(content, whole)
        if what is None or (what.data_class == BINARY and not certain and not whole.prefix):
            if not _is_sealed(key, parent):
                self._attach(pointer, BINARY, text, text)
            return text
        if what.data_class:
            label = label_of(what.data_class, content or b"")
            self._attach(pointer, what.data_class, label, text)
            return label
        self.encoded.append(EncodedText(pointer=pointer, prefix=whole.prefix, original=text))
        return self.inside(what.text, pointer, 1)

    def inside(self, text: str, pointer: str, depth: int) -> Frozen:
        """Return a text with labels instead of what is encoded in it; see the module."""
        spots = _spots(text)
        if not spots:
            return text
        if depth >= DEEPEST:
            raise ContentRefused(f"encoded content is nested deeper than {DEEPEST} times")
        judged = [(spot, decoded(spot.encoded)) for spot in spots]
        whats = [_seen(content, spot.encoded) for spot, content in judged]
        holds_text = any(what is not None and not what.data_class for what in whats)
        own = f"{pointer}/0" if holds_text else pointer
        parts: list[str] = []
        texts: list[Frozen] = []
        behind = 0
        for (spot, content), what in zip(judged, whats, strict=True):
            original = text[spot.start : spot.end]
            if what is not None and not what.data_class:
                place = f"{pointer}/{len(texts) + 1}"
                shown = _unused(text, len(texts) + 1)
                self.encoded.append(
                    EncodedText(
                        pointer=place, prefix=spot.encoded.prefix, original=original, label=shown
                    )
                )
                texts.append(self.inside(what.text, place, depth + 1))
            else:
                shown = self._media_inside(text, spot, what, content, own)
            parts += (text[behind : spot.start], shown)
            behind = spot.end
        whole = "".join((*parts, text[behind:]))
        if texts:
            return (whole, *texts)
        return text if whole == text else whole

    def _media_inside(
        self, text: str, spot: _Spot, what: Seen | None, content: bytes | None, pointer: str
    ) -> str:
        original = text[spot.start : spot.end]
        if what is None or content is None or (what.data_class == BINARY and not spot.announced):
            armoured = _BEHIND_ARMOUR.search(text, max(spot.start - 8, 0), spot.start)
            if spot.announced or (armoured is None and content is not None):
                self._attach(pointer, BINARY, original, original)
            return original
        label = label_of(what.data_class, content)
        self._attach(pointer, what.data_class, label, original)
        return label

    def _attach(self, pointer: str, data_class: str, label: str, content: str) -> None:
        self.attachments.append(
            Attachment(pointer=pointer, data_class=data_class, label=label, content=content)
        )


def _is_certain(text: str, key: str, parent: Mapping[str, Frozen] | None) -> bool:
    """Say whether a member is base64 by what the provider documents."""
    if key in _CERTAIN:
        return True
    if parent is None or _ADDRESS.match(text):
        return False
    kind = parent.get("type")
    if key == "data" and kind != "text":
        return kind == "base64" or any(isinstance(parent.get(name), str) for name in _DECLARING)
    return key == "audio" and isinstance(kind, str) and kind.startswith("input_audio")


def _is_decoded(key: str) -> bool:
    return key in _CERTAIN or key in _LIKELY or key == "url" or key.endswith("_url")


def _is_sealed(key: str, parent: Mapping[str, Frozen] | None) -> bool:
    """Say whether a member holds what only the provider itself can read."""
    return key in _SEALED or (parent is not None and parent.get("type") == "redacted_thinking")


def _whole(text: str, key: str, *, certain: bool) -> Encoded | None:
    """Return the parts of a text that is encoded as a whole, None for any other."""
    uri = whole_data_uri(text)
    if uri is not None:
        readable = decoded(uri) is not None if uri.is_base64 else "%" in uri.body
        # Where a provider decodes it, it may do so less strictly than the guard.
        return uri if uri.body and (readable or (uri.is_base64 and _is_decoded(key))) else None
    bare = Encoded("", text)
    if certain:
        return bare
    shortest = SHORTEST_LIKELY if key in _LIKELY else LONG
    if len(text) < shortest or " " in text or not _looks_encoded(text):
        return None
    return bare if decoded(bare) is not None else None


def _looks_encoded(text: str) -> bool:
    return len(set(text)) >= _FEWEST_CHARACTERS


def _seen(content: bytes | None, encoded: Encoded) -> Seen | None:
    """Return what some bytes are, None where it cannot be said."""
    if content is None:
        return None
    what = seen(content)
    return what if what.data_class or encoded.has_plain_charset else None


def _spots(text: str) -> list[_Spot]:
    """Return the encoded material in a text, in order, without overlaps.

    Raises:
        ContentRefused: there is more of it than anybody puts into one text.
    """
    spots = _uris(text) if ":" in text and "," in text else []
    if _may_hold_run(text):
        spots = sorted((*spots, *_runs(_RUN, text, spots)))
    if text.count("\n") > LONG // 78:
        spots = sorted((*spots, *_runs(_LINES, text, spots)))
    if len(spots) > MOST_INSIDE:
        raise ContentRefused(f"a text holds more than {MOST_INSIDE} encoded parts")
    return spots


def _uris(text: str) -> list[_Spot]:
    spots = []
    for match in DATA_URI.finditer(text):
        encoded = Encoded(match.group(1), match.group(2) or match.group(3) or "")
        if not encoded.is_base64 and "%" not in encoded.body:
            continue
        content = decoded(encoded)
        short = len(encoded.body) < SHORTEST_INSIDE
        if not encoded.body or (short and (content is None or seen(content).data_class)):
            continue
        spots.append(_Spot(match.start(), match.end(), encoded, announced=True))
    return spots


def _runs(pattern: re.Pattern[str], text: str, taken: list[_Spot]) -> list[_Spot]:
    """Return what a pattern matches beside what is *taken*, which is sorted."""
    starts = [spot.start for spot in taken]
    found = []
    for match in pattern.finditer(text):
        at = bisect_left(starts, match.end()) - 1
        free = at < 0 or taken[at].end <= match.start()
        if free and _looks_encoded(match.group()):
            found.append(_Spot(*match.span(), Encoded("", match.group()), announced=False))
    return found


def _may_hold_run(text: str) -> bool:
    """Say whether so many characters stand together without a blank; most texts are skipped."""
    at = 0
    while at + LONG <= len(text):
        blank = max(text.rfind(" ", at, at + LONG), text.rfind("\n", at, at + LONG))
        if blank < 0:
            return True
        at = blank + 1
    return False


def _unused(text: str, number: int) -> str:
    label = f"<encoded text {number}>"
    while label in text:
        label = label[:-1] + "'>"
    return label


def restored(
    payload: Frozen, attachments: tuple[Attachment, ...], encoded: tuple[EncodedText, ...]
) -> Frozen:
    """Return a payload as it is sent: media instead of labels, texts encoded as they were.

    Media that came as bytes have no place in JSON; their labels stay, once they were checked.

    Raises:
        ContentRefused: what stands in such a place is no longer what was put there.
    """
    if not attachments and not encoded:
        return payload
    restoring = _Restoring(attachments, encoded)
    shown = restoring.value(payload, "")
    if restoring.left:
        raise _displaced()
    return shown


class _Restoring:
    def __init__(
        self, attachments: tuple[Attachment, ...], encoded: tuple[EncodedText, ...]
    ) -> None:
        self._media: dict[str, list[Attachment]] = {}
        self._encoded: dict[str, EncodedText] = {}
        self._inner: dict[str, list[EncodedText]] = {}
        for each in attachments:
            self._media.setdefault(each.pointer, []).append(each)
        for text in encoded:
            self._encoded[text.pointer] = text
            if text.label:
                self._inner.setdefault(text.pointer.rpartition("/")[0], []).append(text)
        self.left = {*self._media, *self._encoded}
        self._leads = {place[:at] for place in self.left for at in _ends(place)} | self.left

    def value(self, node: Frozen, pointer: str) -> Frozen:
        if pointer not in self._leads:
            return node
        self.left.discard(pointer)
        inner = self._inner.get(pointer)
        if inner is not None:
            node = self._joined(node, pointer, inner)
        elif isinstance(node, tuple):
            node = tuple(self.value(item, f"{pointer}/{at}") for at, item in enumerate(node))
        elif isinstance(node, Mapping):
            node = MappingProxyType(
                {key: self.value(item, f"{pointer}/{escape(key)}") for key, item in node.items()}
            )
        node = self._filled(node, self._media.get(pointer, []))
        text = self._encoded.get(pointer)
        return node if text is None else _encoded_again(node, text)

    def _joined(self, node: Frozen, pointer: str, inner: list[EncodedText]) -> str:
        if not isinstance(node, tuple) or len(node) != len(inner) + 1:
            raise _displaced()
        text = self.value(node[0], f"{pointer}/0")
        for each in inner:
            at = int(each.pointer.rpartition("/")[2])
            part = self.value(node[at], each.pointer)
            if (
                not isinstance(text, str)
                or not isinstance(part, str)
                or text.count(each.label) != 1
            ):
                raise _displaced()
            text = text.replace(each.label, part)
        if not isinstance(text, str):
            raise _displaced()
        return text

    def _filled(self, node: Frozen, media: list[Attachment]) -> Frozen:
        """Put the media back in their order; what they were told by may be the same twice."""
        contents: dict[str, list[str]] = {}
        for each in media:
            if each.label != each.content:
                # Bytes have no place in JSON; their label is checked and stays.
                content = each.content if isinstance(each.content, str) else each.label
                contents.setdefault(each.label, []).append(content)
        for label, those in contents.items():
            parts = node.split(label) if isinstance(node, str) else []
            if len(parts) != len(those) + 1:
                raise _displaced()
            node = "".join(map("".join, zip(parts, (*those, ""), strict=True)))
        return node


def _ends(pointer: str) -> list[int]:
    return [at for at, character in enumerate(pointer) if character == "/"]


def _encoded_again(node: Frozen, text: EncodedText) -> str:
    if not isinstance(node, str):
        raise _displaced()
    before = Encoded(text.prefix, text.original[len(text.prefix) :])
    content = decoded(before)
    what = _seen(content, before)
    if what is None or what.data_class:
        raise _displaced()
    if what.text == node:
        return text.original
    return encoded_like(node.encode(what.codec), before)


def _displaced() -> ContentRefused:
    return ContentRefused(
        "content that was taken out of the request cannot be put back where it stood",
        remedy="send images, audio and files apart from data that is redacted",
    )
