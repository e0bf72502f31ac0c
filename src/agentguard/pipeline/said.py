# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What do tools say in a call, and what becomes of it?

A tool speaks in three places: in what it returns, in what a request repeats of that, and in the
definitions that a request offers. Each is searched for what only such texts are searched for, and
treated as the classes say. Passages that speak to the model are kept with the conversation, so that
an answer that says what they ask for can be told from one that does not.

INVARIANT: what cannot be read is not let through where a class is to be taken out or blocked
(tests/pipeline/test_said_in_calls.py).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from types import MappingProxyType
from typing import Any
from uuid import UUID

from agentguard.canonical import Frozen, escape
from agentguard.classification import SAID, Echoes, Passage, Words, passage_spans
from agentguard.errors import ConfigError, ContentRefused
from agentguard.pipeline.hearing import believed, said_in
from agentguard.pipeline.steps import Core, Progress
from agentguard.redaction import ToolTextWithheld, Treating, replaced_text, texts_in_order
from agentguard.session import Session
from agentguard.vocabulary import Action, DataClass, Finding, ModelCall, Reason, Speaker

Find = Callable[[str], Sequence[Finding]]

INSTRUCTIONS = "instructions"
ANSWER = "tool"
# How much of an object is read.
DEEPEST = 12
MOST_NODES = 20_000


def said_checked(
    progress: Progress, call: ModelCall, session: Session
) -> tuple[ModelCall, Counter[str]]:
    """Return a request whose tools said nothing that they may not say, and what was found.

    Raises:
        ContentRefused: a tool's text or a definition holds what may not be in it.
    """
    counts: Counter[str] = Counter()
    payload = call.payload
    spoken = {each.pointer for each in call.utterances if each.speaker is Speaker.TOOL}
    spoken |= {each.pointer for each in call.encoded}.difference(
        each.pointer for each in call.utterances
    )
    places = (
        (spoken, _in_results, "a tool's text in the request", "in_results"),
        (
            {each.pointer for each in call.function_tools},
            _in_definitions,
            "the definition of a tool",
            "in_definitions",
        ),
    )
    for pointers, action, what, key in places:
        if not pointers:
            continue
        actions = {
            name: action(each)
            for name, each in progress.core.policy.classes.items()
            if name in SAID
        }
        treating = _treating(progress, session, actions, text_classes=False)

        def treated(
            node: Frozen, treating: Treating = treating, what: str = what, key: str = key
        ) -> Frozen:
            shown: Frozen
            shown, found = _treated(progress, treating, node, what, key)
            counts.update(found)
            return shown

        payload = _replaced(payload, "", pointers, treated)
    if counts[INSTRUCTIONS]:
        progress.spoken_to = True
    return (call if payload is call.payload else replace(call, payload=payload)), counts


def result_checked(
    progress: Progress, result: object, session: Session, placed: Mapping[str, int]
) -> tuple[Any, Counter[str]]:
    """Return a tool's result as it may be shown, and how much of each class was found in it.

    Args:
        progress: of the call.
        result: whatever the tool returned.
        session: the caller's.
        placed: how much belongs to a class because of where it stands.

    Raises:
        ContentRefused: it holds what may not be in a result, or what cannot be taken out.
    """
    actions = {name: each.in_results for name, each in progress.core.policy.classes.items()}
    treats = any(action is not Action.LABEL for action in actions.values())
    plain = _is_plain(result, 0)
    read = result if plain else _read(result)
    if read is None:
        if treats:
            raise _withheld(progress, (), "the result cannot be read", "in_results")
        return result, Counter(placed)
    treating = replace(_treating(progress, session, actions, text_classes=True), rewritable=plain)
    for name in placed:
        if actions.get(name, Action.LABEL) is not Action.LABEL:
            raise _withheld(
                progress, (name,), "the result holds what may not be in it", "in_results"
            )
    shown, counts = _treated(progress, treating, read, "the result", "in_results")
    _learn(progress, session, shown)
    return (shown if plain else result), counts + Counter(placed)


def echoes_of(progress: Progress, session: Session) -> Echoes | None:
    """Return what finds in an answer what only passages asked for; None where there are none."""
    call = progress.call
    if not isinstance(call, ModelCall):
        return None
    if progress.spoken_to:
        for speaker, _, value in said_in(call):
            if speaker is Speaker.TOOL:
                _learn(progress, session, value)
    passages = [Passage(text) for text in session.talk.passages]
    if not passages:
        return None
    asked: list[str] = []
    other: list[str] = []
    for speaker, _, value in said_in(call):
        who = believed(progress, call, speaker)
        if who in (Speaker.USER, Speaker.SYSTEM):
            asked.extend(texts_in_order(value))
        elif who is Speaker.TOOL:
            other.extend(texts_in_order(value))
    return Echoes(
        passages,
        asked=Words(asked, without=passages),
        other=Words(other, without=passages),
    )


def definition_checked(core: Core, tool: str, texts: tuple[str, str]) -> str:
    """Return what describes a function as a model may read it.

    Args:
        core: the parts that decide.
        tool: the tool's name in the policy.
        texts: its description, and its signature, of which nothing can be taken out.

    Raises:
        ConfigError: it holds what may not be in a definition.
    """
    description, signature = texts
    classes = core.policy.classes
    treating = Treating(
        said=core.classifier.said,
        actions={name: classes[name].in_definitions for name in SAID & classes.keys()},
        widened=_widened,
        instead=lambda name, value: replaced_text(name, value) or "",
    )
    try:
        replace(treating, rewritable=False).treated(signature)
        shown, _ = treating.treated(description)
    except ToolTextWithheld as error:
        problem = str(error)
    else:
        return str(shown)
    raise ConfigError(
        f"the definition of tool {tool!r} is refused: {problem}; review it, or see"
        " 'in_definitions' in the [[class]] tables of the policy"
    )


def _in_results(data_class: DataClass) -> Action:
    return data_class.in_results


def _in_definitions(data_class: DataClass) -> Action:
    return data_class.in_definitions


def _treating(
    progress: Progress, session: Session, actions: Mapping[str, Action], *, text_classes: bool
) -> Treating:
    classifier, classes = progress.core.classifier, progress.core.policy.classes

    def instead(name: str, value: str) -> str:
        fixed = replaced_text(name, value)
        if fixed is not None:
            return fixed
        data_class = classes[name]
        return session.vault.issue(
            data_class=data_class,
            value=value,
            reversible=data_class.action is Action.TOKENISE,
            source=ANSWER,
        )

    return Treating(
        said=classifier.said,
        find=session.finder(classifier) if text_classes else None,
        actions=actions,
        widened=_widened,
        instead=instead,
    )


def _widened(text: str, found: Sequence[Finding]) -> Iterator[tuple[int, int, str]]:
    """Yield what is taken out of a text: of a sentence that speaks to a model all that it wants."""
    spoken = [(each.start, each.end) for each in found if each.data_class == INSTRUCTIONS]
    for start, end in passage_spans(text, spoken):
        yield start, end, INSTRUCTIONS
    for each in found:
        if each.data_class != INSTRUCTIONS:
            yield each.start, each.end, each.data_class


def _treated(
    progress: Progress, treating: Treating, value: Any, what: str, key: str
) -> tuple[Any, Counter[str]]:
    try:
        return treating.treated(value)
    except ToolTextWithheld as error:
        name = error.data_class
    raise _withheld(progress, (name,), f"{what} holds what may not be in it", key)


def _withheld(progress: Progress, names: Iterable[str], message: str, key: str) -> ContentRefused:
    progress.reason = Reason.CLASS_BLOCKED
    return ContentRefused(
        message, classes=tuple(names), remedy=f"see {key!r} in the [[class]] tables of the policy"
    )


def _learn(progress: Progress, session: Session, value: Any) -> None:
    """Keep the passages of what a tool said with the conversation."""
    for text in texts_in_order(value):
        session.talk.spoken_to(progress.core.classifier.passages(text))


def _replaced(
    node: Frozen, pointer: str, pointers: set[str], treated: Callable[[Frozen], Frozen]
) -> Frozen:
    """Return a payload in which what stands at the pointers was treated."""
    if pointer in pointers:
        return treated(node)
    if isinstance(node, tuple):
        steps: Iterable[tuple[str, Frozen]] = ((str(at), item) for at, item in enumerate(node))
    elif isinstance(node, Mapping):
        steps = ((escape(key), item) for key, item in node.items())
    else:
        return node
    below = [
        _replaced(item, f"{pointer}/{step}", pointers, treated)
        if any(each.startswith(f"{pointer}/{step}") for each in pointers)
        else item
        for step, item in steps
    ]
    before = node if isinstance(node, tuple) else tuple(node.values())
    if all(one is other for one, other in zip(below, before, strict=True)):
        return node
    if isinstance(node, tuple):
        return tuple(below)
    return MappingProxyType(dict(zip(node, below, strict=True)))


def _is_plain(value: object, depth: int) -> bool:
    """Say whether a value is made of what JSON is made of, so that a part of it can be replaced."""
    if value is None or type(value) in (str, int, float, bool):
        return True
    if depth > DEEPEST:
        return False
    if type(value) in (list, tuple):
        return all(_is_plain(item, depth + 1) for item in value)  # type: ignore[attr-defined]  # as just seen
    if type(value) is dict:
        return all(type(key) is str and _is_plain(item, depth + 1) for key, item in value.items())
    return False


def _read(value: object) -> list[str] | None:
    """Return the texts in any value, as far as they can be read without running code of its own."""
    texts: list[str] = []
    waiting: list[tuple[object, int]] = [(value, 0)]
    for _ in range(MOST_NODES):
        if not waiting:
            return texts
        node, depth = waiting.pop()
        held = _held(node)
        if held is None or depth > DEEPEST:
            return None
        texts.extend(each for each in held if type(each) is str)
        waiting.extend((each, depth + 1) for each in held if type(each) is not str)
    return None


def _held(node: object) -> list[object] | None:
    """Return what a value holds; None where that cannot be told."""
    for kinds, held in _HELD:
        if isinstance(node, kinds):
            return held(node)
    if is_dataclass(node) and not isinstance(node, type):
        return [getattr(node, each.name, None) for each in fields(node)]
    inside = getattr(node, "__dict__", None)
    return list(inside.values()) if isinstance(inside, dict) and inside else None


# The first that fits; an enumeration may be a text as well.
_HELD: tuple[tuple[Any, Callable[[Any], list[object]]], ...] = (
    (Enum, lambda node: [node.value]),
    (str, lambda node: [str.__str__(node)]),
    (bytes | bytearray, lambda node: [bytes(node).decode("utf-8", "replace")]),
    (Mapping, lambda node: [each for pair in node.items() for each in pair]),
    (list | tuple | set | frozenset, list),
    (type(None) | int | float | complex | Decimal | date | time | timedelta | UUID, lambda _: []),
)
