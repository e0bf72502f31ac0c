# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is said in a call, and where do the arguments of a tool come from?

Tells the conversation what a request holds and who said it, what a tool returned and what a
person approved, and asks it about the arguments of a call before that is decided. How values are
compared says ``provenance``; what follows from an origin says the policy.

INVARIANT: only the first agent of a chain hears the user, and no tool does
(tests/attacks/conversations/test_laundered_words.py).
INVARIANT: what was not heard makes the answer stricter, never milder
(tests/pipeline/test_hearing.py).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from agentguard.canonical import Frozen
from agentguard.pipeline.results import readable
from agentguard.pipeline.steps import Progress, Response, obligation
from agentguard.policy import Policy
from agentguard.provenance import Conversation
from agentguard.session import Session
from agentguard.vocabulary import (
    ApprovalRequest,
    Call,
    Circumstances,
    Impact,
    Kind,
    ModelCall,
    Origins,
    Reference,
    Remember,
    Speaker,
    TellDoubts,
    ToolCall,
    Utterance,
)

# What is kept at the provider anyway, or kept there from now on, tells the model nothing new.
_TELLS_NOTHING = frozenset({Reference.STORE, Reference.BACKGROUND})
# An item without a type and a role refers to one that is kept, too.
_REFERRING = frozenset({None, "item_reference"})
# Other requests hold several conversations, or none.
_TALK = frozenset({Kind.INFERENCE, Kind.SOCKET})
# Where requests define tools.
_OFFERS = ("tools", "functions")
_OF_TOOL = "tool:"
_OF_CLASS = "class:"
_OTHERS = "others"
# What frameworks show of an exception beside its own text.
_DEEPEST_CAUSE = 8


def where_from(
    progress: Progress, call: Call, session: Session
) -> tuple[Mapping[str, tuple[Origins, ...]], frozenset[str] | None]:
    """Return where the arguments of a call come from, and what its conversation has seen.

    Where not everything was heard, the second is None, and no value counts as a tool's, or as
    one that stands nowhere.
    """
    policy, talk = progress.core.policy, session.talk
    if not policy.asks_provenance:
        return {}, None
    conversation = _heard(progress, session)
    origins: Mapping[str, tuple[Origins, ...]] = {}
    if isinstance(call, ToolCall) and (names := policy.asks_origins(call)):
        asked = {name: value for name, value in call.resolved.items() if name in names}
        origins = conversation.origins(
            call.tool,
            asked,
            verbs=_verbs(policy, call),
            computed=policy.accepts_computed(call),
        )
    if not talk.complete:
        return {name: tuple(map(_less_certain, each)) for name, each in origins.items()}, None
    if not policy.asks_conversation(call):
        return origins, None
    if isinstance(call, ModelCall):
        _hear_request(progress, call, session)
        return origins, _with_families(policy, conversation.state()) | _unsettled(policy)
    state = conversation.state(call.tool, _verbs(policy, call))
    return origins, _with_families(policy, state)


def _verbs(policy: Policy, call: ToolCall) -> tuple[str, ...]:
    spec = policy.tools.get(call.tool)
    return () if spec is None else spec.verbs


def _with_families(policy: Policy, state: frozenset[str]) -> frozenset[str]:
    """Add the families of the classes that a conversation has touched."""
    touched = (policy.classes.get(word.removeprefix(_OF_CLASS)) for word in state)
    return state.union(f"family:{each.family}" for each in touched if each is not None)


def _unsettled(policy: Policy) -> frozenset[str]:
    """Return what a request may touch, since what is in it is found out after it is decided."""
    return _with_families(policy, frozenset(f"{_OF_CLASS}{name}" for name in policy.classes))


def _less_certain(origins: Origins) -> Origins:
    return replace(
        origins,
        words=_without_tools(origins.words),
        nowhere=False,
        addresses=tuple(map(_without_tools, origins.addresses)),
    )


def _without_tools(words: frozenset[str]) -> frozenset[str]:
    return frozenset(each for each in words if not each.startswith(_OF_TOOL))


def origins_told(progress: Progress) -> tuple[str, ...]:
    """Return where the arguments of a call come from, in short; names of the policy alone."""
    call, decided = progress.call, progress.decided
    if decided is None or not isinstance(call, ToolCall) or not decided[1].origins:
        return ()
    named = progress.core.needs.named.get(call.tool, frozenset())
    told: dict[str, set[str]] = {}
    for name, leaves in decided[1].origins.items():
        told.setdefault(name if name in named else _OTHERS, set()).update(map(_short, leaves))
    return tuple(f"{name}={'/'.join(sorted(told[name]))}" for name in sorted(told) if told[name])


def _short(origins: Origins) -> str:
    words = "+".join(sorted(origins.words))
    if not words:
        return "untrusted" if origins.untrusted else ("nowhere" if origins.nowhere else "unknown")
    return f"{words}(carries)" if origins.carries else words


def states_told(progress: Progress) -> tuple[str, ...]:
    """Return what the conversation of a call has seen, where that was asked."""
    decided = progress.decided
    if decided is None or decided[1].conversation is None:
        return ()
    return tuple(sorted(decided[1].conversation))


def hear_call(progress: Progress, session: Session) -> None:
    """Tell the conversation what is about to leave, as it was before anything was hidden."""
    if progress.decided is None:
        return
    received = progress.decided[0]
    _hear_request(progress, received, session)
    policy = progress.core.policy
    if isinstance(received, ToolCall) and policy.asks_provenance:
        if policy.tools[received.tool].impact is Impact.READ_ONLY:
            return
        conversation = _heard(progress, session)
        conversation.gave(
            received.tool,
            received.resolved,
            verbs=_verbs(policy, received),
            computed=policy.accepts_computed(received),
        )


def _hear_request(progress: Progress, received: Call, session: Session) -> None:
    if not progress.core.policy.asks_provenance:
        session.talk.complete = False
        return
    conversation = _heard(progress, session)
    conversation.classes_seen(progress.classes)
    if not isinstance(received, ModelCall):
        return
    for speaker, tool, value in said_in(received):
        conversation.heard(believed(progress, received, speaker), value, tool=tool)
    for offered in _offered_in(received.payload):
        conversation.offered(offered)
    # What the provider adds to a conversation is not seen here.
    told = _TELLS_NOTHING
    if _continues(received, session.talk.answers):
        told |= {Reference.STORED_RESPONSE}
    if received.attachments or received.hosted_tools or received.references - told:
        conversation.unread()


def _offered_in(payload: Frozen) -> Iterator[Frozen]:
    """Yield what a request tells the model of tools."""
    if isinstance(payload, Mapping):
        yield from (payload[key] for key in _OFFERS if key in payload)
        yield from _offered_in(payload.get("session"))


def _continues(call: ModelCall, answers: set[str]) -> bool:
    """Say whether the only response that a request refers to is one of this conversation."""
    payload = call.payload
    if not isinstance(payload, Mapping) or payload.get("previous_response_id") not in answers:
        return False
    given = payload.get("input")
    items = given if isinstance(given, tuple) else ()
    return payload.get("prompt_cache_options") is None and all(
        isinstance(item, Mapping) and item.get("type", item.get("role")) not in _REFERRING
        for item in items
    )


def hear_event(progress: Progress, content: Mapping[str, object]) -> None:
    """Note which answer an event of a stream begins."""
    if content.get("type") == "response.created":
        _note_answer(progress, content.get("response"))


def _note_answer(progress: Progress, answer: object) -> None:
    named = answer.get("id") if isinstance(answer, Mapping) else None
    if isinstance(named, str) and progress.session is not None:
        progress.session.talk.answers.add(named)


def believed(progress: Progress, call: ModelCall, speaker: Speaker) -> Speaker:
    """Return who really speaks where a request says that it is the user, or the program."""
    caller = progress.attempt.caller
    if speaker not in (Speaker.USER, Speaker.SYSTEM):
        return speaker
    if call.kind not in _TALK:
        return Speaker.TOOL
    if progress.attempt.inside_tool:
        return Speaker.MODEL
    behind = caller is None or len(caller.chain.agents) > 1
    return Speaker.MODEL if behind and speaker is Speaker.USER else speaker


def hear_end(
    progress: Progress, response: Response, session: Session, claim: ApprovalRequest | None
) -> None:
    """Tell the conversation what came back, and what of it a person had agreed to.

    The text of a model's answer comes back in a later request; until then nobody relies on it.
    """
    call = progress.call
    if isinstance(call, ToolCall):
        _hear_result(progress, call, response.content, session)
        if claim is not None:
            _remember_consent(progress, call, session)
        return
    if not progress.core.policy.asks_provenance:
        return
    _note_answer(progress, response.content)
    if progress.answered:
        _heard(progress, session).classes_seen(progress.answered)


def _hear_result(progress: Progress, call: ToolCall, result: object, session: Session) -> None:
    """Tell the conversation what a tool returned, and of which classes it is."""
    policy = progress.core.policy
    if not progress.core.policy.asks_provenance:
        session.talk.complete = False
        return
    spec = policy.tools[call.tool]
    conversation = _heard(progress, session)
    conversation.classes_seen({*progress.classes, *_declared(policy, call)})
    try:
        frozen = readable(result)
    except Exception:  # noqa: BLE001 - what opens an object may be code of its own
        conversation.returned(call.tool, None)
        conversation.unread()
        return
    conversation.returned(call.tool, frozen, trusted=spec.trusted, given=call.resolved)


def _declared(policy: Policy, call: ToolCall) -> set[str]:
    """Return the classes that a tool's results are of, whatever is found in one."""
    returns = policy.tools[call.tool].returns
    return {name for name, each in policy.classes.items() if {name, each.family} & returns}


def _heard(progress: Progress, session: Session) -> Conversation:
    policy = progress.core.policy
    return session.talk.heard_by(policy.document.provenance.user_messages, policy.relied_on)


def hear_failure(progress: Progress, error: Exception) -> None:
    """Tell the conversation the text of what a tool raised, since models are shown it."""
    call, session = progress.call, progress.session
    if not isinstance(call, ToolCall) or session is None:
        return
    if not progress.core.policy.asks_provenance:
        session.talk.complete = False
        return
    try:
        told = tuple(_texts_of(error))
        returns = _declared(progress.core.policy, call)
        _heard(progress, session).returned(call.tool, told, returns=returns)
    except Exception:  # noqa: BLE001 - the text of an exception is made by code of its own
        session.talk.complete = False


def _texts_of(error: BaseException) -> Iterator[str]:
    shown: BaseException | None = error
    for _ in range(_DEEPEST_CAUSE):
        if shown is None:
            return
        yield str(shown)
        yield from (str(note) for note in getattr(shown, "__notes__", ()))
        shown = shown.__cause__ or shown.__context__


def _remember_consent(progress: Progress, call: ToolCall, session: Session) -> None:
    """Tell the conversation what a person approved, as far as that counts for later calls."""
    told, approval, decided = obligation(progress, TellDoubts), progress.approval, progress.decided
    if told is None or approval is None or decided is None:
        return
    conversation = _heard(progress, session)
    circumstances: Circumstances = decided[1]
    for name in {doubt.argument for doubt in approval.doubts}:
        if told.remember is Remember.NOTHING or name not in call.resolved:
            continue
        conversation.approved(call.tool, name, call.resolved[name])
        if told.remember is Remember.SOURCE:
            # Who was told of one value in a list has not agreed to what the others came from.
            for origins in circumstances.origins.get(name, ()):
                for source in () if origins.words else origins.sources:
                    conversation.followed(source)


@dataclass(slots=True)
class _Place:
    """A place in a payload that somebody said, or below which somebody said something."""

    said: Utterance | None = None
    below: "dict[str, _Place]" = field(default_factory=dict)


def said_in(call: ModelCall) -> Iterator[tuple[Speaker, str | None, Frozen]]:
    """Yield what is said in a request: by whom, for a tool by which one, and what.

    Where one thing stands inside another, whoever said the inner one said it.
    """
    top = _Place()
    for utterance in call.utterances:
        _place_at(top, utterance.pointer).said = utterance
    for each in call.encoded:
        # Nobody reads base64 aloud: what is decoded came from somewhere else.
        inner = _place_at(top, each.pointer)
        inner.said = inner.said or Utterance(pointer=each.pointer, speaker=Speaker.TOOL)
    yield from _said(call.payload, top, None)


def _place_at(top: _Place, pointer: str) -> _Place:
    place = top
    for step in pointer.split("/")[1:]:
        place = place.below.setdefault(step, _Place())
    return place


def _said(
    node: Frozen, place: _Place, around: Utterance | None
) -> Iterator[tuple[Speaker, str | None, Frozen]]:
    said = place.said or around
    if not place.below or not isinstance(node, Mapping | tuple):
        if said is not None:
            yield said.speaker, _tool_of(said, around), node
        return
    if said is not None and said is not around:
        said = Utterance(pointer=said.pointer, speaker=said.speaker, tool=_tool_of(said, around))
    for step, item in _members(node):
        inner = place.below.get(step)
        if inner is not None:
            yield from _said(item, inner, said)
        elif said is not None:
            yield said.speaker, said.tool, item


def _tool_of(said: Utterance, around: Utterance | None) -> str | None:
    """Return the tool that said something; a part of what it returned does not name it again."""
    if said.tool is None and around is not None and around.speaker is said.speaker:
        return around.tool
    return said.tool


def _members(node: Frozen) -> Iterator[tuple[str, Frozen]]:
    if isinstance(node, tuple):
        for index, item in enumerate(node):
            yield str(index), item
    elif isinstance(node, Mapping):
        for key, item in node.items():
            yield key.replace("~", "~0").replace("/", "~1"), item
