# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a message on a websocket mean, and what of it goes on?

What a client sends is one call each, through all the steps; what comes back is one stream, checked
event by event. The connection keeps the caller that it was opened for, wherever its messages are
sent from. Sending and receiving themselves are done elsewhere.

INVARIANT: a message is one text that holds one JSON object, both ways, or it is refused
(tests/attacks/sockets/test_socket_messages.py).
INVARIANT: what goes out is what a call admitted (tests/clients/test_sockets.py).
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from types import MappingProxyType

from agentguard.canonical import Frozen, escape, thaw
from agentguard.clients import attachments
from agentguard.clients.encodings import Encoded, decoded
from agentguard.clients.formats import AUDIO, BINARY, seen
from agentguard.clients.jsonl import json_value
from agentguard.clients.socket_kinds import SocketKind
from agentguard.clients.sse import LONGEST_FRAME, BadStream, Frame
from agentguard.clients.state import State
from agentguard.enforcement import Crossing, OpenStream
from agentguard.errors import ContentRefused, GuardFailure, IdentityRequired
from agentguard.redaction import Event, Released
from agentguard.vocabulary import Attachment, Boundary, Call, Caller, EncodedText, Kind, ModelCall

AUDIO_MEMBER = "audio"


class Line:
    """One open websocket: who it was opened for, and what may pass on it.

    Args:
        state: what its client carries.
        opened: the call that opened it.
        caller: whom it was opened for, None when nobody was; then nothing was opened.
        kind: what travels over it.
    """

    def __init__(
        self, state: State, opened: ModelCall, caller: Caller | None, kind: SocketKind
    ) -> None:
        self.state = state
        self._opened = opened
        self._caller = caller
        self._kind = kind
        self._admitted: Counter[bytes] = Counter()
        self.stream: OpenStream | None = None

    def __del__(self) -> None:
        if self.stream is not None:
            with suppress(RuntimeError):  # no thread can be started while the interpreter ends
                self.stream.abandon()

    def crossing(self, message: object, *, text: bool | None) -> Crossing:
        """Return the crossing that sending *message* is."""
        return Crossing(
            boundary=Boundary.MODEL,
            surface=self.state.surface.sdk,
            operation=self._opened.operation,
            target=self._opened.model,
            carried=self._caller,
            describe=lambda call_id: self._described(call_id, message, text=text),
            operation_span=False,
        )

    def _described(self, call_id: str, message: object, *, text: bool | None) -> ModelCall:
        self._refuse_other_session()
        if not isinstance(message, str) or text is False:
            raise ContentRefused(
                f"a message on {self._opened.pair} is no text, or comes in pieces",
                remedy="send one text that holds a JSON object",
            )
        if len(message) > LONGEST_FRAME:
            raise ContentRefused(f"a message on {self._opened.pair} is too long to be inspected")
        event = json_value(f"a message on {self._opened.pair}", message)
        provider = self.state.enforcer.core.policy.provider_of(self._opened.origin)
        extra = frozenset[str]() if provider is None else provider.extra_fields
        read = self._kind.read(call_id, event, origin=self._opened.origin, extra_fields=extra)
        return replace(
            with_sounds(attachments.lifted_call(read)),
            operation=self._opened.operation,
            kind=Kind.SOCKET,
            verb="WS",
            path=self._opened.path,
            model=read.model or self._opened.model,
            streams=False,
            answers=(),
        )

    def _refuse_other_session(self) -> None:
        presented = self.state.enforcer.identities.presented(self._caller)
        if (
            presented is None
            or self._caller is None
            or presented.session_key != self._caller.session_key
        ):
            raise IdentityRequired(
                "the connection was opened in another session than the running code's",
                remedy="open a connection in this session",
            )

    @contextmanager
    def admitting(self, call: Call) -> Iterator[str]:
        """Give the text that an admitted call is sent as, and let it pass until the block ends."""
        if not isinstance(call, ModelCall):
            raise TypeError("a websocket of a provider carries model calls alone")
        payload = attachments.restored(call.payload, call.attachments, call.encoded)
        text = json.dumps(thaw(payload), ensure_ascii=False)
        data = text.encode()
        self._admitted[data] += 1
        try:
            yield text
        finally:
            self._admitted[data] -= 1
            self._admitted += Counter()  # forgets what is no longer on its way

    def is_admitted(self, data: bytes) -> bool:
        """Say whether these are the bytes of a message that is being sent."""
        return self._admitted[data] > 0

    def event(self, message: object) -> Event | GuardFailure:
        """Return the event that came in, or why it cannot be inspected."""
        problem = "is no text"
        if isinstance(message, str):
            try:
                if len(message) <= LONGEST_FRAME:
                    return Event(None, Frame(name=None, data=message).content())
            except BadStream:
                pass
            problem = "holds no JSON object that can be inspected"
        return GuardFailure(
            f"a message that came on {self._opened.pair} {problem}, so the rest is withheld",
            part="result",
            dispatched=True,
        )


def texts_of(released: tuple[Released, ...]) -> Iterator[str]:
    """Yield the messages that the reader of a connection gets."""
    for each in released:
        yield json.dumps(each.shown.content, ensure_ascii=False)


def with_sounds(call: ModelCall) -> ModelCall:
    """Return a call whose recordings are lifted: raw samples look like nothing that is known.

    Raises:
        ContentRefused: what stands in place of a recording is no base64.
    """
    known = {each.pointer for each in call.attachments} | {each.pointer for each in call.encoded}
    lifting = _Sounds(known)
    payload = lifting.value(call.payload, "")
    return replace(
        call,
        payload=payload if lifting.attachments or lifting.encoded else call.payload,
        attachments=(*map(_as_sound, call.attachments), *lifting.attachments),
        encoded=(*call.encoded, *lifting.encoded),
    )


class _Sounds:
    """What stands in place of recordings in one payload, beside what is lifted already."""

    def __init__(self, known: set[str]) -> None:
        self._known = known
        self.attachments: list[Attachment] = []
        self.encoded: list[EncodedText] = []

    def value(self, node: Frozen, pointer: str) -> Frozen:
        if isinstance(node, tuple):
            return tuple(self.value(item, f"{pointer}/{at}") for at, item in enumerate(node))
        if not isinstance(node, Mapping):
            return node
        return MappingProxyType(
            {name: self._member(name, item, pointer) for name, item in node.items()}
        )

    def _member(self, name: str, value: Frozen, above: str) -> Frozen:
        pointer = f"{above}/{escape(name)}"
        if name != AUDIO_MEMBER or not isinstance(value, str) or not value:
            return self.value(value, pointer)
        return value if pointer in self._known else self._sound(value, pointer)

    def _sound(self, text: str, pointer: str) -> str:
        content = decoded(Encoded("", text))
        if content is None:
            raise ContentRefused("a message on a websocket holds a recording that is no base64")
        what = seen(content)
        if not what.data_class and what.codec == "utf-8":
            self.encoded.append(EncodedText(pointer=pointer, prefix="", original=text))
            return what.text
        data_class = AUDIO if what.data_class in ("", BINARY) else what.data_class
        label = attachments.label_of(data_class, content)
        self.attachments.append(
            Attachment(pointer=pointer, data_class=data_class, label=label, content=text)
        )
        return label


def _as_sound(attachment: Attachment) -> Attachment:
    """Return an attachment as a recording where raw samples are what stands there."""
    inside = attachment.pointer.endswith(f"/{AUDIO_MEMBER}") and isinstance(attachment.content, str)
    if attachment.data_class != BINARY or not inside:
        return attachment
    readable = decoded(Encoded("", str(attachment.content))) is not None
    return replace(attachment, data_class=AUDIO) if readable else attachment


def members_of(event: Frozen) -> tuple[str, dict[str, Frozen]]:
    """Return the type of a client's event, and all of its members.

    Raises:
        ContentRefused: it is no object with a type.
    """
    kind = event.get("type") if isinstance(event, Mapping) else None
    if not isinstance(event, Mapping) or not isinstance(kind, str):
        raise ContentRefused("a message on a websocket is no object with a type")
    return kind, dict(event)
