# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which tools does a request still offer to the model once the policy has spoken?

Takes the function tools that the identity may not use, and the hosted tools that the decision
names, out of a request. What may be used is the policy's answer.

INVARIANT: what is left of a call points to the places that it meant
(tests/pipeline/test_tools.py).
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from types import MappingProxyType

from agentguard.canonical import Frozen, escape
from agentguard.errors import DeniedByPolicy
from agentguard.pipeline.steps import Progress, obligation, required
from agentguard.vocabulary import ModelCall, OfferOnly, Reason, WithoutTools

TOOLS = "tools"
# Without tools a provider refuses what says how to choose among them; "functions" is the old form.
BESIDE = {TOOLS: ("tool_choice", "parallel_tool_calls"), "functions": ("function_call",)}


def narrowed(progress: Progress, call: ModelCall) -> ModelCall:
    """Return the call without the tools that may not be offered.

    Raises:
        DeniedByPolicy: the request forces the model to use one of them.
    """
    allowed = required(progress, OfferOnly).tools
    if call.forced_tool is not None and call.forced_tool not in allowed:
        progress.reason = Reason.NOT_ALLOWLISTED
        raise DeniedByPolicy(
            "tool_choice names a function tool that this identity may not use",
            remedy="allow it with a rule for the tool, or offer another",
        )
    without = obligation(progress, WithoutTools)
    pointers = frozenset[str]() if without is None else without.pointers
    pointers |= {each.pointer for each in call.function_tools if each.name not in allowed}
    return removed(call, pointers) if pointers else call


def removed(call: ModelCall, pointers: frozenset[str]) -> ModelCall:
    """Return the call without the tools at these places.

    A tool that only held others, such as a namespace, goes with the last of them.
    """
    pointers = _with_holders(call.payload, pointers)
    moved = _moved(pointers)
    return replace(
        call,
        payload=_pruned(call.payload, "", pointers),
        model_authored=tuple(map(moved, call.model_authored)),
        function_tools=tuple(
            replace(each, pointer=moved(each.pointer))
            for each in call.function_tools
            if each.pointer not in pointers
        ),
        hosted_tools=tuple(
            replace(each, pointer=moved(each.pointer))
            for each in call.hosted_tools
            if each.pointer not in pointers
        ),
        attachments=tuple(
            replace(each, pointer=moved(each.pointer))
            for each in call.attachments
            if not _lies_below(each.pointer, pointers)
        ),
        encoded=tuple(
            replace(each, pointer=moved(each.pointer))
            for each in call.encoded
            if not _lies_below(each.pointer, pointers)
        ),
        utterances=tuple(
            replace(each, pointer=moved(each.pointer))
            for each in call.utterances
            if each.pointer not in pointers and not _lies_below(each.pointer, pointers)
        ),
    )


def _lies_below(pointer: str, pointers: Collection[str]) -> bool:
    return any(pointer.startswith(f"{each}/") for each in pointers)


def _with_holders(payload: Frozen, pointers: frozenset[str]) -> frozenset[str]:
    """Add the items of lists of tools that would hold no tool any more."""
    lists = Counter(pointer.rpartition("/")[0] for pointer in pointers)
    holders = {
        holder
        for parent, gone in lists.items()
        for holder in (parent.rpartition("/")[0],)
        if holder.rpartition("/")[0].endswith(f"/{TOOLS}") and gone == _length(payload, parent)
    }
    return pointers if holders <= pointers else _with_holders(payload, pointers | holders)


def _length(node: Frozen, pointer: str) -> int:
    for step in pointer.split("/")[1:]:
        if isinstance(node, tuple):
            node = node[int(step)]
        elif isinstance(node, Mapping):
            node = node[step.replace("~1", "/").replace("~0", "~")]
    return len(node) if isinstance(node, tuple) else 0


def _pruned(node: Frozen, pointer: str, pointers: Collection[str]) -> Frozen:
    if not any(each.startswith(f"{pointer}/") for each in pointers):
        return node
    if isinstance(node, tuple):
        places = ((item, f"{pointer}/{index}") for index, item in enumerate(node))
        return tuple(_pruned(item, at, pointers) for item, at in places if at not in pointers)
    if not isinstance(node, Mapping):
        return node
    left = {key: _pruned(item, f"{pointer}/{escape(key)}", pointers) for key, item in node.items()}
    for tools, beside in BESIDE.items():
        if node.get(tools) and left.get(tools) == ():
            for name in (tools, *beside):
                left.pop(name, None)
    return MappingProxyType(left)


def _moved(pointers: Collection[str]) -> Callable[[str], str]:
    """Return what says where a place stands once the items at *pointers* are gone."""
    gone: dict[str, list[int]] = {}
    for pointer in pointers:
        parent, _, index = pointer.rpartition("/")
        gone.setdefault(parent, []).append(int(index))

    def moved(pointer: str) -> str:
        before, after = "", ""
        for step in pointer.split("/")[1:]:
            indices = gone.get(before, [])
            shown = (
                str(int(step) - sum(index < int(step) for index in indices)) if indices else step
            )
            before, after = f"{before}/{step}", f"{after}/{shown}"
        return after

    return moved
