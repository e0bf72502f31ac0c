# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What do several calls in one request, such as the lines of a batch file, mean together?

Moves what a reader noted of one body to where the body stands, and gives one call all that its
inner calls hold, so that the policy decides on tools and references inside them.
It reads no body itself.

INVARIANT: what an inner call offers, uses or keeps, the whole call offers, uses or keeps
(tests/clients/test_several.py).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from agentguard.errors import ContentRefused
from agentguard.vocabulary import ModelCall, Reference


def placed(call: ModelCall, prefix: str) -> ModelCall:
    """Return a call whose pointers lead through what surrounds its body.

    Args:
        call: what a reader says of the body.
        prefix: the JSON pointer of the body.
    """
    return replace(
        call,
        model_authored=tuple(prefix + pointer for pointer in call.model_authored),
        function_tools=tuple(
            replace(each, pointer=prefix + each.pointer) for each in call.function_tools
        ),
        hosted_tools=tuple(
            replace(each, pointer=prefix + each.pointer) for each in call.hosted_tools
        ),
        attachments=tuple(
            replace(each, pointer=prefix + each.pointer) for each in call.attachments
        ),
        encoded=tuple(replace(each, pointer=prefix + each.pointer) for each in call.encoded),
        utterances=tuple(replace(each, pointer=prefix + each.pointer) for each in call.utterances),
    )


def together(whole: ModelCall, inner: Sequence[ModelCall]) -> ModelCall:
    """Return *whole* with everything that its inner calls hold.

    Args:
        whole: the call that carries the others; its payload holds theirs.
        inner: the others, placed.

    Raises:
        ContentRefused: they name different models, or force different tools, so that no one
            decision covers them.
    """
    if not inner:
        return whole
    calls = (whole, *inner)
    return replace(
        whole,
        model=_one((each.model for each in calls), "names more than one model"),
        forced_tool=_one((each.forced_tool for each in calls), "forces more than one tool") or None,
        model_authored=tuple(one for each in calls for one in each.model_authored),
        function_tools=tuple(one for each in calls for one in each.function_tools),
        hosted_tools=tuple(one for each in calls for one in each.hosted_tools),
        references=frozenset(one for each in calls for one in each.references)
        | {Reference.STORE for each in inner if _is_kept(each)},
        attachments=tuple(one for each in calls for one in each.attachments),
        encoded=tuple(one for each in calls for one in each.encoded),
        utterances=tuple(one for each in calls for one in each.utterances),
    )


def _one(names: Iterable[str | None], problem: str) -> str:
    found = {name for name in names if name}
    if len(found) > 1:
        raise ContentRefused(
            f"the request {problem} in the calls that it carries",
            remedy="send them apart",
        )
    return next(iter(found), "")


def _is_kept(call: ModelCall) -> bool:
    """Say whether the provider keeps the content because the request does not say otherwise."""
    if call.keeps is None or not isinstance(call.payload, Mapping):
        return False
    return call.payload.get(call.keeps) is None
