# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is in a call, what must be hidden before it leaves, and what may be shown of the answer?

Carries out steps 4 and 8 for both kinds of call. What is sensitive says ``classification``,
how it is hidden says ``redaction``, what that means says the policy.

INVARIANT: what cannot be inspected is refused before dispatch.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, assert_never

from agentguard.canonical import Frozen, NotCanonical, canonical_bytes, freeze
from agentguard.errors import AgentGuardError, ContentRefused, DeniedByPolicy, GuardFailure
from agentguard.pipeline.explaining import explained
from agentguard.pipeline.said import echoes_of, result_checked, said_checked
from agentguard.pipeline.steps import Progress, Response, obligation, required
from agentguard.pipeline.stream import answer_refused
from agentguard.pipeline.tools import narrowed
from agentguard.redaction import (
    AnswerBlocked,
    Area,
    PlaceholderUnresolved,
    Placing,
    Redacted,
    Vault,
    checked_answer,
    redact_payload,
    resolve_arguments,
)
from agentguard.session import Session
from agentguard.vocabulary import (
    Action,
    AskApproval,
    Call,
    DataClass,
    Facts,
    Finding,
    HideClasses,
    ModelCall,
    Reason,
    ReceiveOnly,
    Reference,
    ReferOnly,
    SignWith,
    ToolCall,
)

# Of the vault that only counts what a tool gave back.
KEY_BYTES = 32

Find = Callable[[str], tuple[Finding, ...]]


def resolved(progress: Progress, call: Call, session: Session) -> Call:
    """Return the call with the placeholders in a tool's arguments turned back.

    Raises:
        ContentRefused: a placeholder was not issued in this session, cannot be turned back, or
            stands for a class that the tool may not receive.
    """
    policy = progress.core.policy
    if isinstance(call, ModelCall) or call.tool not in policy.tools:
        return call
    tool = call.tool
    try:
        arguments, _ = resolve_arguments(
            call.received, session.vault, lambda data_class: policy.may_receive(tool, data_class)
        )
    except PlaceholderUnresolved as error:
        progress.reason = Reason.PLACEHOLDER_UNKNOWN
        classes = () if error.data_class is None else (error.data_class,)
        raise ContentRefused(
            f"an argument of tool {tool!r} holds a placeholder that cannot be turned back:"
            f" {error.kind}",
            classes=classes,
        ) from None
    return replace(call, resolved=arguments)


def cleaned(progress: Progress, call: Call, session: Session) -> tuple[Call, Facts, str]:
    """Return the call as it may leave, what was found in it, and what an approver may see.

    A model call comes back with every finding hidden and with the tools that the identity may
    use. A tool call keeps its arguments: settling the decision says whether it may have them.
    The third value is canonical JSON, empty when nobody is asked.

    Raises:
        GuardFailure: the decision lacks an obligation that such a call must have.
        ContentRefused: the name of the model is classified data itself.
    """
    if isinstance(call, ModelCall):
        return _cleaned_model_call(progress, call, session)
    if isinstance(call, ToolCall):
        required(progress, ReceiveOnly)
        classes = progress.core.policy.classes
        progress.classes = _hidden(progress, call, session, classes).counts
        shown = "" if obligation(progress, AskApproval) is None else _shown(progress, call, session)
        return call, Facts(counts=progress.classes), shown
    assert_never(call)


def _cleaned_model_call(
    progress: Progress, call: ModelCall, session: Session
) -> tuple[Call, Facts, str]:
    _refuse_references(progress, call)
    offered, said = said_checked(progress, narrowed(progress, call), session)
    classifier = progress.core.classifier
    find = session.finder(classifier)
    actions = required(progress, HideClasses).classes
    hidden = redact_payload(
        offered.payload,
        find=find,
        find_again=session.second_finder(classifier),
        actions=actions,
        vault=session.vault,
        model_authored=offered.model_authored,
        placing=Placing(progress.core.placed, Area.REQUEST),
        source=call.id,
    )
    progress.classes = counts = _with_attachments(Counter(hidden.counts) + said, call)
    if call.model and _to_hide(call.model, find, actions):
        progress.call = replace(call, model="")  # its name is not to be written down
        raise ContentRefused("the name of the model holds classified data", classes=counts)
    if found := {name for text in texts_of(call.address) for name in _to_hide(text, find, actions)}:
        raise ContentRefused(
            "the address of the request holds classified data",
            classes=found,
            remedy="paths, queries and headers are sent as they are or not at all",
        )
    payload = _kept_here(progress, offered, hidden.payload)
    signing = obligation(progress, SignWith)
    ready = replace(offered, payload=payload, keys=None if signing is None else signing.keys)
    if progress.core.policy.detection.explain_placeholders:
        ready = explained(ready, session.vault)
    progress.found = Facts(
        counts=counts,
        in_address=frozenset(name for text in texts_of(call.address) for name in _in(text, find)),
        empty=not (call.payload or call.attachments),
    )
    return ready, progress.found, ""


def _in(text: str, find: Find) -> frozenset[str]:
    return frozenset(
        name for finding in find(text) for name in (finding.data_class, *finding.covers)
    )


def _to_hide(text: str, find: Find, actions: Mapping[str, DataClass]) -> frozenset[str]:
    """Return the classes found in a text that must not leave as they are."""
    names = _in(text, find)
    passing = (each.name for each in actions.values() if each.action is Action.LABEL)
    return names.difference(passing) if names else names


def _refuse_references(progress: Progress, call: ModelCall) -> None:
    """Refuse a request that makes the provider use or keep more than the policy allows."""
    beyond = call.references - required(progress, ReferOnly).references
    refused = sorted(each.value for each in beyond)
    if refused:
        progress.reason = Reason.REFERENCE
        rule = None if progress.decision is None else progress.decision.rule
        named = "the rule" if rule is None else f"rule {rule!r}"
        wanted = ", ".join(map(repr, refused))
        raise DeniedByPolicy(
            f"{call.pair} makes the provider use or keep what no rule allows: {wanted}",
            remedy=f"list it in {named}: references = [{wanted}]",
        )


def _with_attachments(counts: Mapping[str, int], call: ModelCall) -> Mapping[str, int]:
    if not call.attachments:
        return counts
    total = Counter(counts)
    total.update(attachment.data_class for attachment in call.attachments)
    return MappingProxyType(dict(total))


def _kept_here(progress: Progress, call: ModelCall, payload: Frozen) -> Frozen:
    """Say no to keeping the content at the provider where leaving it open would mean yes."""
    allowed = required(progress, ReferOnly).references
    if call.keeps is None or Reference.STORE in allowed or not isinstance(payload, Mapping):
        return payload
    if payload.get(call.keeps) is not None:
        return payload
    return MappingProxyType({**payload, call.keeps: False})


def _hidden(
    progress: Progress,
    call: ToolCall,
    session: Session,
    classes: Mapping[str, DataClass],
    of: Callable[[Find], Find] = lambda find: find,
) -> Redacted:
    classifier = progress.core.classifier
    again = session.second_finder(classifier)
    return redact_payload(
        call.resolved,
        find=of(session.finder(classifier)),
        find_again=lambda: of(again()),
        actions=classes,
        vault=session.vault,
        placing=Placing(progress.core.placed, Area.CONTENT),
        source=call.id,
    )


def _shown(progress: Progress, call: ToolCall, session: Session) -> str:
    """Return the arguments with every value hidden that approvers are not shown.

    The finder is made anew, so that it knows what the first look at the arguments hid.
    """
    classes = {
        name: each if each.action is not Action.LABEL else replace(each, action=Action.REDACT)
        for name, each in progress.core.policy.classes.items()
    }

    def unseen(find: Find) -> Find:
        return lambda text: tuple(
            finding
            for finding in find(text)
            if not all(
                classes[name].approvers_see for name in (finding.data_class, *finding.covers)
            )
        )

    payload = _hidden(progress, call, session, classes, unseen).payload
    return canonical_bytes(payload).decode("utf-8")


def checked(progress: Progress, call: Call, response: Response, session: Session) -> Any:
    """Return what the caller gets: a model's answer turned back, a tool's result labelled.

    Raises:
        ContentRefused: the answer holds a class that may not be in an answer.
    """
    if isinstance(call, ToolCall):
        placed = _placed(progress, response.content)
        result, counts = result_checked(progress, response.content, session, placed)
        progress.classes = dict(counts)
        return result
    if response.content is None:
        return None
    _, shown = _checked_answer(progress, call, response.content, session)
    return shown


def observable(progress: Progress, call: Call, session: Session) -> Callable[[Any], Any]:
    """Return what says how much of a call's answer an instrumentation may see.

    It sees what was checked, with placeholders left in; of an answer that is refused nothing.
    """

    def crossed(content: Any) -> Any:
        if content is None or isinstance(call, ToolCall):
            return content
        try:
            return _checked_answer(progress, call, content, session)[0]
        except Exception as error:  # noqa: BLE001 - what instrumentations make of it must be known
            problem = error
        if not isinstance(problem, AgentGuardError):
            problem = GuardFailure(f"result failed with {type(problem).__name__}", part="result")
        problem.call_id, problem.dispatched = call.id, True
        raise problem

    return crossed


def _checked_answer(
    progress: Progress, call: ModelCall, content: Any, session: Session
) -> tuple[Any, Any]:
    """Return an answer as it may be observed, and as its caller gets it."""
    refusal: ContentRefused | None = None
    crossed: Any = None
    shown: Any = None
    classifier = progress.core.classifier
    try:
        crossed, shown, progress.answered = checked_answer(
            content,
            answers=call.answers,
            harmless=session.harmless_answers(classifier),
            echoes=echoes_of(progress, session),
            find=session.answer_finder(classifier),
            classes=required(progress, HideClasses).classes,
            vault=session.vault,
        )
    except AnswerBlocked as error:
        refusal = answer_refused(progress, error)
    if refusal is not None:
        raise refusal
    return crossed, shown


def _placed(progress: Progress, result: object) -> Mapping[str, int]:
    """Count what of a tool's result belongs to a class because of where it stands."""
    if not progress.core.placed:
        return {}
    try:
        frozen = freeze(result)
    except NotCanonical:
        return {}
    return redact_payload(
        frozen,
        find=lambda _: (),
        actions=progress.core.policy.classes,
        vault=Vault(progress.core.random(KEY_BYTES)),
        placing=Placing(progress.core.placed, Area.CONTENT),
    ).counts


def texts_of(value: Frozen) -> Sequence[str]:
    """Return every text of a value, keys included."""
    if isinstance(value, str):
        return (value,)
    if isinstance(value, tuple):
        return [text for item in value for text in texts_of(item)]
    if isinstance(value, Mapping):
        return [text for key, item in value.items() for text in (key, *texts_of(item))]
    return ()
