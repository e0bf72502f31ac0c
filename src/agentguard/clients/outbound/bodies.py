# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does the body of a request hold, and which bytes stand for it?

JSON becomes its value, a form a mapping, text a text. A value that was changed is written in the
form in which it came; one that was not is sent byte for byte. Everything else is refused.

INVARIANT: a body has a value only if it can be read in one way
(tests/attacks/outbound/test_outbound_contents.py).
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

from agentguard.canonical import Frozen, NotCanonical, freeze, members_once, thaw
from agentguard.clients.formats import seen
from agentguard.errors import ContentRefused

FORM = "application/x-www-form-urlencoded"
MOST_FIELDS = 10_000
_JSON = re.compile(r"[a-z0-9.-]+/(?:[a-z0-9.-]+\+)?json")
_UTF_8 = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})
_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class Body:
    """What a body holds.

    Attributes:
        value: its value.
        written: gives the bytes of another value in the same form.
    """

    value: Frozen = field(repr=False)
    written: Callable[[Frozen], bytes] = field(repr=False)


def body_of(content: bytes, content_type: str) -> Body:
    """Return what a body holds.

    Raises:
        ContentRefused: it cannot be read in one way, or is no text.
    """
    kind, _, parameters = content_type.lower().partition(";")
    kind = kind.strip()
    if kind.startswith("multipart/"):
        raise ContentRefused(
            "a request with several parts cannot be inspected",
            remedy="send fields as JSON or as a form, and files through a guarded function",
        )
    charset = re.search(r"charset\s*=\s*\"?([^\s;\"]*)", parameters)
    if charset is not None and charset[1] not in _UTF_8:
        raise ContentRefused("the body of a request is in another encoding than UTF-8")
    text = _text(content)
    if _JSON.fullmatch(kind):
        return Body(_json(text), _json_bytes)
    if kind == FORM:
        return Body(_form(content), _form_bytes)
    return Body(text, _text_bytes)


def _text(content: bytes) -> str:
    found = seen(content)
    if found.data_class:
        raise ContentRefused(
            f"the body of a request is no text but {found.data_class}",
            classes=(found.data_class,),
            remedy="send files through a guarded function",
        )
    if found.codec != "utf-8":
        raise ContentRefused("the body of a request is in another encoding than UTF-8")
    return found.text


def _json(text: str) -> Frozen:
    try:
        value = json.loads(text, object_pairs_hook=members_once, parse_constant=_no_number)
        return freeze(value)
    except (NotCanonical, ValueError, RecursionError):
        problem = "the body of a request is no JSON that can be read in one way only"
    raise ContentRefused(problem)


def _no_number(_: str) -> Any:
    raise ValueError("no number")


def _form(content: bytes) -> Frozen:
    problem = "the body of a request is no form that can be read in one way only"
    if _PERCENT.search(content) or b";" in content:
        raise ContentRefused(problem)
    try:
        pairs = parse_qsl(
            content.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=MOST_FIELDS,
        )
        fields: dict[str, Any] = {}
        for name, value in pairs:
            fields.setdefault(name, []).append(value)
        return freeze({name: each[0] if len(each) == 1 else each for name, each in fields.items()})
    except (NotCanonical, ValueError):
        pass
    raise ContentRefused(problem)


def _json_bytes(value: Frozen) -> bytes:
    return json.dumps(thaw(value), ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def _form_bytes(value: Frozen) -> bytes:
    fields = thaw(value) if isinstance(value, Mapping) else {}
    return urlencode(fields, doseq=True).encode("ascii")  # type: ignore[arg-type]  # a form's


def _text_bytes(value: Frozen) -> bytes:
    return str(value).encode("utf-8")
