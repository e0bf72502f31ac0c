# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How is a model told what placeholders are?

Adds one sentence where the API has a place for what only the model is told, to a request that
holds placeholders. Without it some models rewrite them, and a rewritten one is turned back nowhere.
It is said only where the policy asks for it: it changes what the host wrote.

INVARIANT: what is left of a call points to the places that it meant
(tests/pipeline/test_explaining.py).
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from agentguard.canonical import Frozen
from agentguard.redaction import Vault, find_placeholders
from agentguard.vocabulary import ModelCall

SENTENCE = (
    "Texts between double square brackets that consist of a type, a colon and eight capital letters"
    " or digits are opaque marks. Each stands for a value that is withheld from you. Where the"
    " value belongs, copy its mark exactly as it is; never change, shorten, guess or explain it."
)
MESSAGES = "messages"
# The steps of a pointer to a message: nothing, "messages" and a number.
AT_MESSAGE = 3
TOLD = frozenset({"system", "developer"})


def explained(call: ModelCall, vault: Vault) -> ModelCall:
    """Return the call with the sentence in it, if it holds a placeholder and has a place for it."""
    payload, member = call.payload, call.instructions
    if member is None or not isinstance(payload, Mapping) or not _is_marked(payload, vault):
        return call
    told = payload.get(member)
    if member != MESSAGES:
        return _with(call, payload, member, _longer(told))
    if not isinstance(told, tuple):
        return call
    for index, message in enumerate(told):
        if isinstance(message, Mapping) and message.get("role") in TOLD:
            longer = {**message, "content": _longer(message.get("content"))}
            messages = (*told[:index], MappingProxyType(longer), *told[index + 1 :])
            return _with(call, payload, member, messages)
    first = MappingProxyType({"role": "system", "content": SENTENCE})
    return _with(_moved(call), payload, member, (first, *told))


def _is_marked(node: Frozen, vault: Vault) -> bool:
    if isinstance(node, str):
        return any(vault.issued(mark) is not None for _, _, mark in find_placeholders(node))
    if isinstance(node, tuple):
        return any(_is_marked(item, vault) for item in node)
    if isinstance(node, Mapping):
        return any(_is_marked(key, vault) or _is_marked(item, vault) for key, item in node.items())
    return False


def _longer(told: Frozen) -> Frozen:
    """Return what the model is told, a text or a list of parts, with the sentence behind it."""
    if isinstance(told, tuple):
        return (*told, MappingProxyType({"type": "text", "text": SENTENCE}))
    return f"{told}\n\n{SENTENCE}" if isinstance(told, str) and told else SENTENCE


def _with(call: ModelCall, payload: Mapping[str, Frozen], member: str, told: Frozen) -> ModelCall:
    return replace(call, payload=MappingProxyType({**payload, member: told}))


def _moved(call: ModelCall) -> ModelCall:
    """Return the call whose messages stand one place further on."""

    def moved(pointer: str) -> str:
        steps = pointer.split("/")
        if len(steps) < AT_MESSAGE or steps[1] != MESSAGES:
            return pointer
        return "/".join(("", MESSAGES, str(int(steps[2]) + 1), *steps[3:]))

    return replace(
        call,
        model_authored=tuple(map(moved, call.model_authored)),
        function_tools=tuple(
            replace(each, pointer=moved(each.pointer)) for each in call.function_tools
        ),
        hosted_tools=tuple(
            replace(each, pointer=moved(each.pointer)) for each in call.hosted_tools
        ),
        attachments=tuple(replace(each, pointer=moved(each.pointer)) for each in call.attachments),
        encoded=tuple(replace(each, pointer=moved(each.pointer)) for each in call.encoded),
        utterances=tuple(replace(each, pointer=moved(each.pointer)) for each in call.utterances),
    )
