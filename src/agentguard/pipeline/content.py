# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is in a call, what must be hidden before it leaves, and what may be shown of the answer?

Carries out steps 4 and 8 for both kinds of call. What is sensitive says ``classification``,
how it is hidden says ``redaction``, what that means says the policy.

INVARIANT: what cannot be inspected is refused before dispatch.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, assert_never

from agentguard.canonical import Frozen, NotCanonical, canonical_bytes, freeze
from agentguard.classification import Classifier
from agentguard.errors import ContentRefused, DeniedByPolicy
from agentguard.pipeline.steps import Progress, Response, obligation, required
from agentguard.redaction import (
    PlaceholderUnresolved,
    Redacted,
    hydrate_text,
    redact_payload,
    resolve_arguments,
)
from agentguard.session import Session
from agentguard.vocabulary import (
    AskApproval,
    Call,
    Facts,
    Finding,
    HideClasses,
    ModelCall,
    OfferOnly,
    Reason,
    ReceiveOnly,
    ToolCall,
)

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
        progress.classes = _hidden(progress, call, session, session.finder).counts
        shown = "" if obligation(progress, AskApproval) is None else _shown(progress, call, session)
        return call, Facts(counts=progress.classes), shown
    assert_never(call)


def _cleaned_model_call(
    progress: Progress, call: ModelCall, session: Session
) -> tuple[Call, Facts, str]:
    offered = _with_offered_tools(progress, call)
    classifier = progress.core.classifier
    hidden = redact_payload(
        offered.payload,
        find=session.finder(classifier),
        find_again=session.second_finder(classifier),
        actions=required(progress, HideClasses).classes,
        vault=session.vault,
        model_authored=offered.model_authored,
        source=call.id,
    )
    progress.classes = hidden.counts
    payload = hidden.payload
    if not isinstance(payload, Mapping) or payload.get("model") != call.model:
        progress.call = replace(call, model="")  # its name is not to be written down
        raise ContentRefused("the name of the model holds classified data", classes=hidden.counts)
    return replace(offered, payload=payload), Facts(counts=hidden.counts), ""


def _hidden(
    progress: Progress, call: ToolCall, session: Session, finder: Callable[[Classifier], Find]
) -> Redacted:
    return redact_payload(
        call.resolved,
        find=finder(progress.core.classifier),
        actions=progress.core.policy.classes,
        vault=session.vault,
        source=call.id,
    )


def _shown(progress: Progress, call: ToolCall, session: Session) -> str:
    """Return the arguments with every value hidden that approvers are not shown.

    The finder is made anew, so that it knows what the first look at the arguments hid.
    """
    classes = progress.core.policy.classes

    def unseen(classifier: Classifier) -> Find:
        find = session.finder(classifier)
        return lambda text: tuple(
            finding for finding in find(text) if not classes[finding.data_class].approvers_see
        )

    payload = _hidden(progress, call, session, unseen).payload
    return canonical_bytes(payload).decode("utf-8")


def _with_offered_tools(progress: Progress, call: ModelCall) -> ModelCall:
    """Take out the function tools that the identity may not use."""
    allowed = required(progress, OfferOnly).tools
    if call.forced_tool is not None and call.forced_tool not in allowed:
        progress.reason = Reason.NOT_ALLOWLISTED
        raise DeniedByPolicy(
            "tool_choice names a function tool that this identity may not use",
            remedy="allow it with a rule for the tool, or offer another",
        )
    if all(name in allowed for name in call.function_tools):
        return call
    payload = dict(call.payload) if isinstance(call.payload, Mapping) else {}
    definitions = payload.pop("tools", ())
    kept = tuple(
        definition
        for name, definition in zip(
            call.function_tools, definitions if isinstance(definitions, tuple) else (), strict=True
        )
        if name in allowed
    )
    if kept:
        payload["tools"] = kept
    else:
        payload.pop("tool_choice", None)
        payload.pop("parallel_tool_calls", None)
    names = tuple(name for name in call.function_tools if name in allowed)
    return replace(call, payload=MappingProxyType(payload), function_tools=names)


def checked(progress: Progress, call: Call, response: Response, session: Session) -> Any:
    """Return what the caller gets: a model's answer turned back, a tool's result labelled."""
    if isinstance(call, ToolCall):
        progress.classes = _labels(progress, response.content, session)
        return response.content
    for pointer in call.answers:
        _hydrate(response.content, pointer.split("/")[1:], session)
    return response.content


def _labels(progress: Progress, result: object, session: Session) -> Mapping[str, int]:
    """Count what a tool's result holds; a result that is no JSON value has no labels."""
    try:
        frozen = freeze(result)
    except NotCanonical:
        return {}
    find = session.finder(progress.core.classifier)
    counts: dict[str, int] = {}
    for text in _texts(frozen):
        for finding in find(text):
            counts[finding.data_class] = counts.get(finding.data_class, 0) + 1
    return counts


def _texts(value: Frozen) -> Sequence[str]:
    if isinstance(value, str):
        return (value,)
    if isinstance(value, tuple):
        return [text for item in value for text in _texts(item)]
    if isinstance(value, Mapping):
        return [text for key, item in value.items() for text in (key, *_texts(item))]
    return ()


def _hydrate(content: Any, path: Sequence[str], session: Session) -> None:
    """Turn placeholders back in the texts at *path*, in place; other types are left alone."""
    head, rest = path[0], path[1:]
    if isinstance(content, dict):
        keys: Sequence[Any] = list(content) if head == "*" else [head]
    elif isinstance(content, list) and head == "*":
        keys = range(len(content))
    else:
        return
    for key in keys:
        if isinstance(content, dict) and key not in content:
            continue
        if rest:
            _hydrate(content[key], rest, session)
        elif isinstance(content[key], str):
            content[key] = hydrate_text(content[key], session.vault).text
