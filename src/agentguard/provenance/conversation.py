# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Where does a value come from, and what has the conversation seen?

Hears everything that enters a conversation and answers for each value of a call where it stands:
in what the user said, in a field of a tool that the policy trusts, in what the program told or a
person approved, only in untrusted content, or nowhere. It decides nothing.

INVARIANT: untrusted content never gives a value an origin that may be relied on
(tests/provenance/test_conversation.py).
INVARIANT: a text that was heard before changes nothing (tests/provenance/test_conversation.py).
"""

import hashlib
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from agentguard.canonical import Frozen
from agentguard.provenance.echoes import without_echoes
from agentguard.provenance.looking import Voices, look
from agentguard.provenance.naming import cues_of
from agentguard.provenance.normal import normalise
from agentguard.provenance.numbers import plainly
from agentguard.provenance.quoted import without_quotes
from agentguard.provenance.records import identity_of
from agentguard.provenance.rendering import Rendered
from agentguard.provenance.results import Leaf, is_prose, is_trusted, leaves_of, trusted_places
from agentguard.provenance.said import Said, Source
from agentguard.provenance.sought import dated_places, elements_of, keys_in, sought
from agentguard.provenance.tokens import Written, tokens_of, writing_of
from agentguard.vocabulary import Origins, Speaker, UserMessages

# How much text a conversation remembers.
MOST_REMEMBERED = 8_000_000
_USER = Source("the user's words")
_SYSTEM = Source("the system prompt")
_MODEL = Source("the model's own words")
_TOLD = Source("what the program said")
_LONGEST_LABEL = 80
_LONGEST_REPEATED = 400


class Conversation:
    """What was said in one conversation. Threads may share it: it only grows."""

    __slots__ = (
        "__weakref__", "_calls", "_classes", "_first", "_full", "_heard", "_labels", "_messages", "_mode", "_rendered",
        "_room", "_tools", "_untrusted", "_voices", "_witnessed",
    )  # fmt: skip

    def __init__(
        self, user_messages: UserMessages = UserMessages.ALL, *, most: int = MOST_REMEMBERED
    ) -> None:
        """Begin without anything said.

        Args:
            user_messages: which messages count as the user's own words.
            most: how many characters are remembered; beyond them nothing counts as from a tool,
                and everything as if untrusted content had been read.
        """
        self._mode = user_messages
        self._room = most
        self._voices = Voices()
        self._rendered = Rendered()
        self._heard: dict[bytes, None] = {}
        self._labels: dict[str, int] = {}
        self._tools: dict[str, None] = {}
        self._classes: dict[str, None] = {}
        self._calls = itertools.count(1)
        self._messages = itertools.count(1)
        self._untrusted = False
        self._full = False
        self._first = True
        # Whether a request was heard; without any nobody knows what the model was told.
        self._witnessed = False

    def __repr__(self) -> str:
        return f"Conversation({len(self._heard)} texts, {len(self._tools)} tools)"

    def heard(
        self, speaker: Speaker, value: Frozen, *, tool: str | None = None, source: str = ""
    ) -> None:
        """Hear a part of a request, or what the program brought from outside.

        Args:
            speaker: who said it; a tool is not trusted here, whatever its name.
            value: what was said.
            tool: the tool's name, where the request tells one.
            source: where it comes from, in words for people that hold no payload.
        """
        self._witnessed |= speaker is not Speaker.TOOL
        first = speaker is Speaker.USER and self._first
        if first:
            self._first = False
        label = ""
        for leaf in leaves_of(value):
            if self._is_new(leaf.value, speaker.value, source):
                label = label or self._label(source)
                self._hear(speaker, str(leaf.value), tool, label, first=first)

    def _hear(
        self, speaker: Speaker, text: str, tool: str | None, source: str, *, first: bool
    ) -> None:
        if speaker is Speaker.TOOL:
            if source or not self._rendered.covers(text, tool):
                self._suspect(text, self._source_of(tool, source))
        elif speaker is Speaker.SYSTEM:
            self._hear_out(self._voices.system, text, _SYSTEM)
        elif speaker is Speaker.MODEL:
            self._remember(self._voices.model, text, _MODEL)
            self._voices.spoken.add(text)
        elif self._mode is UserMessages.ALL or (self._mode is UserMessages.FIRST and first):
            self._hear_out(self._voices.user, text, _USER)
        elif not self._rendered.covers(text):
            self._suspect(text, self._outside())

    def user_said(self, text: str) -> None:
        """Hear what the program says that the user said, whichever messages count as the user's."""
        self._rendered.add(text)
        if self._is_new(text, "user said"):
            self._hear_out(self._voices.user, text, _USER)

    def _hear_out(self, voice: Said, text: str, source: Source) -> None:
        """Hear somebody whose words count, apart from what is quoted or repeats other content."""
        own, quoted = without_quotes(normalise(text))
        new, repeated = without_echoes(own, self._voices.untrusted)
        self._listen(voice, new, source)
        for others in filter(None, (quoted, repeated)):
            self._suspect(others, self._outside())

    def not_the_users(self, text: str) -> None:
        """Hear, before a request holds it as the user's, what the user did not write."""
        if self._is_new(text, Speaker.USER.value, ""):
            self._suspect(text, self._outside())

    def returned(
        self,
        tool: str,
        result: Frozen,
        *,
        trusted: tuple[str, ...] = (),
        returns: Iterable[str] = (),
        given: Mapping[str, Frozen] | None = None,
    ) -> None:
        """Hear what a guarded tool returned.

        Args:
            tool: its name in the policy.
            result: what it returned.
            trusted: JSON pointers, with ``*`` for any one step, to what may be relied on.
            returns: the classes that what it returns is of.
            given: the arguments of the call; where the result only repeats one of them, that is
                not untrusted content that says it.
        """
        self.classes_seen(returns)
        self._tools[tool] = None
        call = f"the result of {tool} (call {next(self._calls)})"
        places = trusted_places(trusted)
        repeated = frozenset(
            identity_of(sought(leaf.value)) for leaf in leaves_of(given or {}) if not leaf.key
        )
        relied: list[tuple[Leaf, Source]] = []
        for leaf in leaves_of(result, through=places):
            source = Source(call if leaf.item is None else f"item {leaf.item} of {call}")
            if is_trusted(leaf, places):
                relied.append((leaf, source))
                self._untrusted |= () not in places and is_prose(leaf)
            else:
                self._suspect_leaf(leaf, source, repeated)
        self._rely(f"tool:{tool}", relied, repeated)
        if not self._full:
            self._rendered.add(result, tool)

    def _rely(self, word: str, relied: list[tuple[Leaf, Source]], repeated: frozenset[str]) -> None:
        records: dict[tuple[str, ...], list[Leaf]] = {}
        for leaf, source in relied:
            if not self._take(len(str(leaf.value))):
                return
            self._voices.rely(word, leaf.value, source, prose=not leaf.steps, given=repeated)
            self._voices.unseen.add(_text_of(leaf.value))
            if leaf.steps:
                records.setdefault(leaf.record, []).append(leaf)
        sources = {leaf.record: source for leaf, source in relied}
        for steps, leaves in records.items():
            self._voices.records.add(word, sources[steps], leaves)

    def gave(
        self,
        tool: str,
        arguments: Mapping[str, Frozen],
        *,
        verbs: Sequence[str] = (),
        computed: bool = False,
    ) -> None:
        """Hear what a tool that changes something is called with.

        What comes from nothing that may be relied on does not come from a tool later either
        because this one wrote it down where that one reads.

        Args:
            tool: its name in the policy.
            arguments: of the call.
            verbs: words with which people ask for the tool.
            computed: whether to note which values stand nowhere; see ``origins``.
        """
        for argument, value in arguments.items():
            cues = cues_of(tool, argument, verbs)
            for place, element in _elements(argument, value, frozenset()):
                origins = look(
                    self._voices, element, tool=tool, place=place, cues=cues, computed=computed
                )
                if not all(each.words - {"approved"} for each in origins):
                    self._remember(self._voices.given, _text_of(element), _MODEL)
                if all(each.nowhere for each in origins):
                    self._voices.computed[identity_of(sought(element))] = None

    def unread(self) -> None:
        """Hear that something untrusted came that cannot be read, such as an image."""
        self._untrusted = True
        self._voices.blind = True

    def offered(self, value: Frozen) -> None:
        """Hear what a model is told of tools; nobody says it, and a value in it is not nowhere."""
        for leaf in leaves_of(value):
            text = _text_of(leaf.value)
            if self._is_new(text, "offered") and self._take(len(text)):
                self._voices.unseen.add(text)

    def told(self, value: Frozen) -> None:
        """Hear a value that the program vouches for."""
        for leaf in leaves_of(value):
            self._voices.rely("host", leaf.value, _TOLD, prose=not leaf.steps)

    def approved(self, tool: str, argument: str, value: Frozen) -> None:
        """Remember that a person approved a value in an argument of a tool."""
        for place, element in _elements(argument, value, frozenset()):
            self._voices.approve(tool, place, element)

    def followed(self, source: str) -> None:
        """Remember that a person agreed to follow a source, as ``Origins.sources`` names it."""
        self._voices.followed[source] = None

    def classes_seen(self, classes: Iterable[str]) -> None:
        """Remember classes of what was read."""
        self._classes.update(dict.fromkeys(classes))

    def origins(
        self,
        tool: str,
        arguments: Mapping[str, Frozen],
        *,
        verbs: Sequence[str] = (),
        names: frozenset[str] = frozenset(),
        computed: bool = False,
    ) -> Mapping[str, tuple[Origins, ...]]:
        """Return where the values of a call come from.

        Args:
            tool: the tool's name in the policy.
            arguments: the arguments, placeholders turned back.
            verbs: words with which people ask for the tool.
            names: names of members that the tool's schema declares; they are no values.
            computed: whether to find out which values stand nowhere.

        Returns:
            For each argument one for each text and number in it, names of members included.
        """
        found: dict[str, tuple[Origins, ...]] = {}
        for argument, value in arguments.items():
            cues = cues_of(tool, argument, verbs)
            found[argument] = tuple(
                origins if self._witnessed else replace(origins, nowhere=False)
                for place, element in _elements(argument, value, names)
                for origins in look(
                    self._voices, element, tool=tool, place=place, cues=cues, computed=computed
                )
            )
        return found

    def state(self, tool: str | None = None, verbs: Sequence[str] = ()) -> frozenset[str]:
        """Return what has happened, in the words of ``after``.

        Args:
            tool: a tool that is called.
            verbs: words with which people ask for it.
        """
        words = {f"tool:{name}" for name in tuple(self._tools)}
        words.update(f"class:{name}" for name in tuple(self._classes))
        if self._untrusted or self._full:
            words.add("untrusted")
        if tool is not None and self._voices.asks(verbs):
            words.add(f"asked:{tool}")
        return frozenset(words)

    def _is_new(self, value: str | float, *parts: str) -> bool:
        text = value if isinstance(value, str) else repr(value)
        digest = hashlib.blake2b(
            "\0".join((*parts, text)).encode("utf-8", "surrogatepass"), digest_size=16
        )
        key = digest.digest()
        if key in self._heard:
            return False
        self._heard[key] = None
        return True

    def _label(self, source: str) -> str:
        """Return what a source is called; who agrees to one does not agree to its namesake."""
        shown = "".join(c for c in source if c.isprintable())[:_LONGEST_LABEL]
        count = self._labels[shown] = self._labels.get(shown, 0) + 1
        return shown if count == 1 or not shown else f"{shown} (part {count})"

    def _source_of(self, tool: str | None, source: str) -> Source:
        if source:
            return Source(source)
        name = f"a message of {tool}" if tool in self._tools else "the message of a tool"
        return Source(f"{name} (message {next(self._messages)})")

    def _outside(self) -> Source:
        return Source(f"content from outside (message {next(self._messages)})")

    def _take(self, size: int) -> bool:
        """Say whether there is room for a text, and take it."""
        if self._full or size > self._room:
            self._full = True
            self._voices.blind = True
            return False
        self._room -= size
        return True

    def _listen(self, voice: Said, text: str, source: Source) -> None:
        """Remember words that may be relied on, and how they are written."""
        if not text or not self._take(len(text)):
            return
        text = normalise(text)
        writing = writing_of(text)
        for place in dated_places(writing.tokens):
            writing.flags[place] |= Written.DATE
        voice.add(
            writing.tokens,
            keys_in(text, writing.tokens),
            source,
            flags=bytes(writing.flags),
            text=text,
        )

    def _remember(self, voice: Said, text: str, source: Source) -> None:
        if self._take(len(text)):
            text = normalise(text)
            tokens = tokens_of(text)
            voice.add(tokens, keys_in(text, tokens), source)

    def _suspect(self, text: str, source: Source) -> None:
        self._untrusted = True
        self._distrust(text, source)

    def _distrust(self, text: str, source: Source) -> None:
        self._remember(self._voices.untrusted, text, source)
        if not self._full:
            self._voices.blurred.add(text)
            self._voices.unseen.add(text)

    @staticmethod
    def _repeats(leaf: Leaf, repeated: frozenset[str]) -> bool:
        """Say whether a value of a result is one that the call was made with."""
        if not repeated or (isinstance(leaf.value, str) and len(leaf.value) > _LONGEST_REPEATED):
            return False
        return identity_of(sought(leaf.value)) in repeated

    def _suspect_leaf(self, leaf: Leaf, source: Source, repeated: frozenset[str]) -> None:
        if isinstance(leaf.value, str):
            self._untrusted = True
        if not self._repeats(leaf, repeated):
            self._distrust(_text_of(leaf.value), source)


def _text_of(value: str | float) -> str:
    return value if isinstance(value, str) else plainly(value)


def _elements(
    argument: str, value: Frozen, names: frozenset[str]
) -> Iterator[tuple[str, str | float]]:
    """Yield the values in an argument that somebody chose, with their places.

    The items of a list are in one place, and the name of a member is in another than its value.
    """
    for leaf in leaves_of(value):
        if leaf.key and leaf.value in names:
            continue
        steps = [argument, *(step for step in leaf.steps if not step.isdigit())]
        place = "\0".join([*steps, ""] if leaf.key else steps)
        for each in elements_of(leaf.value) if isinstance(leaf.value, str) else (leaf.value,):
            yield place, each
