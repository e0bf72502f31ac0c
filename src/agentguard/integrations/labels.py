# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does the host program say what class a value is of?

By the name of a class, by a label that comes from outside, or by headers that carry one; once, or
for everything that a function returns. Each text in a value is then looked for like a value of a
list, in every position and encoding.

INVARIANT: what cannot be labelled is refused, and no error holds any of it
(tests/integrations/test_labels.py).
"""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, TypeVar, cast

from agentguard.enforcement import Enforcer
from agentguard.errors import ContentRefused, IdentityRequired
from agentguard.policy import TEXT_FAMILIES, Policy
from agentguard.redaction import holds_requests_together, leaves_of
from agentguard.vocabulary import Caller, KnownValue

F = TypeVar("F", bound=Callable[..., Any])

SHORTEST_TEXT = 4
SHORTEST_NUMBER = 6
DEEPEST_VALUE = 64

_TOO_SHORT = (
    f"nothing in the value can be looked for: a text needs {SHORTEST_TEXT} characters and a number"
    f" {SHORTEST_NUMBER} digits, and words of requests do not count"
)


def label(
    enforcer: Enforcer,
    value: object,
    data_class: str | None,
    *,
    external: str | None = None,
    everywhere: bool = False,
) -> None:
    """Give a value a class, in the session of the running code or everywhere.

    Raises:
        ContentRefused: the policy does not know the label.
        IdentityRequired: no identity is bound, and the value is not for everywhere.
        TypeError: neither a class nor a label is given, or both; or the value holds what is no
            text, number, list or mapping.
        ValueError: the policy has no such class of text, or nothing in the value is long enough.
    """
    name = _class_named(enforcer.core.policy, data_class, external)
    caller = None if everywhere else _caller(enforcer)
    enforcer.label(caller, _known(value, name))


def label_from_headers(
    enforcer: Enforcer, value: object, headers: Mapping[str, str], *, everywhere: bool = False
) -> tuple[str, ...]:
    """Give a value the classes that headers name, and return their names.

    Raises:
        ContentRefused: the policy does not know a label, or no header that carries one.
        IdentityRequired, TypeError, ValueError: as for ``label``.
    """
    policy = enforcer.core.policy
    if not policy.labels.headers:
        raise ContentRefused(
            "the policy does not say which headers carry a label",
            remedy='name them: [labels] headers = ["..."]',
        )
    if not all(isinstance(part, str) for pair in headers.items() for part in pair):
        raise TypeError("names and values of headers must be text")
    given = [text for name, text in headers.items() if name.lower() in policy.labels.headers]
    names = tuple(dict.fromkeys(_class_named(policy, None, each) for each in given))
    for name in names:
        label(enforcer, value, name, everywhere=everywhere)
    return names


def labelled_function(
    function: F, enforcer: Enforcer, data_class: str | None, external: str | None
) -> F:
    """Return a function that does the same and gives what it returns a class; None needs none.

    Raises:
        TypeError: it gives its results one by one, or is no function.
        ValueError, ContentRefused: as for ``label``.
    """
    name = _class_named(enforcer.core.policy, data_class, external)
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError("a generator cannot be labelled; label each value that it gives")
    if not inspect.isroutine(function):
        raise TypeError(f"objects of type {type(function).__name__} cannot be labelled")

    def labelled(result: object) -> object:
        if result is not None:
            enforcer.label(_caller(enforcer), _known(result, name))
        return result

    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def labelling_async(*args: object, **kwargs: object) -> object:
            return labelled(await function(*args, **kwargs))

        return cast("F", labelling_async)

    @functools.wraps(function)
    def labelling(*args: object, **kwargs: object) -> object:
        return labelled(function(*args, **kwargs))

    return cast("F", labelling)


def _class_named(policy: Policy, data_class: str | None, external: str | None) -> str:
    # Names stay out of the messages: a class given in place of a value is the value.
    if (data_class is None) == (external is None):
        raise TypeError("give either a class or external=, a label from outside")
    if external is not None:
        known = policy.labels.class_of(external)
        if known is None:
            raise ContentRefused(
                "the policy does not know the label of a value",
                remedy="add an [[external_label]] with its name, or [labels] unknown = a class",
            )
        return known
    found = None if data_class is None else policy.classes.get(data_class)
    if found is None or found.family not in TEXT_FAMILIES:
        raise ValueError("the policy has no class of text of this name; add a [[class]]")
    return found.name


def _caller(enforcer: Enforcer) -> Caller:
    caller = enforcer.identities.ambient()
    if caller is None:
        raise IdentityRequired(
            "no identity is bound, so there is no session to label a value in",
            remedy="call inside 'with guard.identity(...)', or label with everywhere=True",
        )
    return caller


def _known(value: object, name: str) -> list[KnownValue]:
    texts = dict.fromkeys(text.strip() for text in _texts(value, DEEPEST_VALUE))
    known = [
        KnownValue(value=text, data_class=name)
        for text in texts
        if len(text) >= SHORTEST_TEXT and not holds_requests_together(text)
    ]
    if not known:
        raise ValueError(_TOO_SHORT)
    return known


def _texts(value: object, levels: int) -> Iterator[str]:
    """Yield every text in a value, also inside JSON that is a text."""
    if levels == 0:
        raise ValueError(f"the value is nested deeper than {DEEPEST_VALUE} levels")
    if isinstance(value, str):
        yield value
        yield from (leaf for leaf in leaves_of(value) if not _is_short_number(leaf))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        if not _is_short_number(repr(value)):
            yield repr(value)
    elif value is not None and not isinstance(value, bool):
        for part in _parts(value):
            yield from _texts(part, levels - 1)


def _is_short_number(text: str) -> bool:
    return len(text) < SHORTEST_NUMBER and text.lstrip("-").replace(".", "").isdigit()


def _parts(value: object) -> Iterable[object]:
    if isinstance(value, Mapping):
        return value.values()
    if isinstance(value, list | tuple | AbstractSet):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, each.name) for each in dataclasses.fields(value)]
    dump = getattr(value, "model_dump", None)
    if callable(dump):
        return [dump()]
    raise TypeError(f"objects of type {type(value).__name__} cannot be labelled")
