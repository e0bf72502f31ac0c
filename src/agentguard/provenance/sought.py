# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""As what is a value looked for in what was said?

A value that is an address, a link, a path, an account, a number, a date or a time is looked for
as that, by value; everything else as a run of whole tokens.

INVARIANT: a value with characters that nobody sees is looked for nowhere
(tests/provenance/test_sought.py).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from agentguard.provenance.addresses import account_key, accounts_in, address_keys, also_named
from agentguard.provenance.dates import dates_in
from agentguard.provenance.normal import folded, hides, normalise
from agentguard.provenance.numbers import number_in, number_key, told_key
from agentguard.provenance.tokens import tokens_of

# What may stand around an address without making it another one.
_AROUND = frozenset(" <>\"'.")
# What may stand between and around a few words without making them say something else.
_HARMLESS = frozenset(" \t'\"`#@,.!?:()-")
_FEW = 5
# A number from here on, or with a fraction, is hardly said by accident.
_TELLING = 1000
_THOUSAND = 3
_LIST = re.compile(r"[,;]")
_LONGEST_LIST = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """A value as it is looked for.

    Attributes:
        tokens: its tokens, without the difference between upper and lower case.
        needle: the tokens with blanks between and around them.
        groups: for a value of a kind, the forms in which each of its parts is looked for; any
            form of a part fits. Empty for words.
        leads: whether it leads somewhere: an address, a link, a path or an account.
        whole: whether it is a whole number, which may count or name anything.
        bare: whether it is a short one, which stands in many texts by accident.
        odd: the text itself, where signs in it may make a few words mean something else, such as
            ``report*``; it is only what was said in the same signs.
        lost: whether it cannot have been said by anybody.
    """

    tokens: tuple[str, ...] = field(default=(), repr=False)
    needle: str = field(default="", repr=False)
    groups: tuple[tuple[str, ...], ...] = field(default=(), repr=False)
    leads: bool = False
    whole: bool = False
    bare: bool = False
    odd: str = field(default="", repr=False)
    lost: bool = False


def sought(value: str | float) -> Sought:
    """Return how a text or a number is looked for."""
    if not isinstance(value, str):
        return _number(Decimal(repr(value)))
    if hides(value):
        return Sought(lost=True)
    text = normalise(value)
    tokens = tokens_of(text)
    if not tokens:
        return Sought(lost=bool(text.strip()))
    plain = tuple(folded(" ".join(tokens)).split(" "))
    needle = f" {' '.join(plain)} "
    groups = _leading(text, tokens)
    if groups is not None:
        same = text == value and bool(groups)
        return Sought(tokens=plain, needle=needle, groups=groups, leads=True, lost=not same)
    odd = text if _is_odd(text, tokens) else ""
    if len(tokens) == 1 and (numbers := number_in(tokens[0])):
        return replace(_number(numbers[-1]), tokens=plain, needle=needle, odd=odd)
    return Sought(tokens=plain, needle=needle, groups=_dated(tokens), odd=odd)


def _is_odd(text: str, tokens: Sequence[str]) -> bool:
    """Say whether a short text is more than its words: a pattern, an option, another line."""
    if len(tokens) > _FEW:
        return False
    rest = text.replace(" & ", " ")
    for token in tokens:
        rest = rest.replace(token, "", 1)
    shown = text.strip()
    begins = shown[0] in "-." and not tokens[0].startswith(shown[0])
    return begins or "\n" in shown or not set(rest) - {"\n", "\r"} <= _HARMLESS


def _number(number: Decimal) -> Sought:
    key = number_key(number)
    word = key[2:]
    whole = number == number.to_integral_value()
    return Sought(
        tokens=(word,),
        needle=f" {word} ",
        groups=((key,),),
        whole=whole,
        bare=whole and abs(number) < _TELLING,
    )


def _leading(text: str, tokens: Sequence[str]) -> tuple[tuple[str, ...], ...] | None:
    """Return the groups of a text that leads somewhere; none fits where more stands around it."""
    if (account := account_key(text)) is not None:
        return ((account,),)
    if len(tokens) != 1 or not (keys := address_keys(tokens[0])):
        return None
    return (keys,) if set(text.replace(tokens[0], "", 1)) <= _AROUND else ()


def _dated(tokens: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    found = tuple(dates_in(tokens))
    places = {place for when in found for place in when.places}
    if len(places) < len(tokens) or not all(when.keys for when in found):
        return ()
    return tuple(when.keys for when in found)


def elements_of(value: str) -> tuple[str, ...]:
    """Return the values in a text that lists addresses, with the names beside them; else itself."""
    if "@" not in value or len(value) > _LONGEST_LIST:
        return (value,)
    found: list[str] = []
    for piece in _LIST.split(value):
        tokens = tokens_of(normalise(piece))
        mails = [token for token in tokens if "@" in token and address_keys(token)]
        inside = f"<{mails[0]}>" if mails else ""
        if len(mails) != 1 or "\n" in piece.strip():
            return (value,)
        if len(tokens) == 1:
            found.append(piece.strip())
        elif inside in piece:
            found.extend((mails[0], piece.replace(inside, " ").strip()))
        else:
            return (value,)
    return tuple(found)


def keys_in(text: str, tokens: Sequence[str]) -> Iterator[str]:
    """Yield the forms in which the parts of a normalised text that are of a kind are remembered."""
    dated: set[int] = set()
    for when in dates_in(tokens):
        dated.update(when.places)
        yield from when.held
    for place, token in enumerate(tokens):
        if token.isalpha() or place in dated:
            continue
        for number in number_in(token):
            yield number_key(number)
            if (telling := told_key(token, number)) is not None:
                yield telling
        yield from also_named(token)
        yield from _in_thousands(tokens, place)
    if any(character.isdigit() for character in text):
        yield from accounts_in(text)


def _in_thousands(tokens: Sequence[str], place: int) -> Iterator[str]:
    """Yield the forms of a number that is written with blanks between its thousands."""
    if len(tokens[place]) > _THOUSAND or tokens[place][0] == "0":
        return
    digits = tokens[place]
    for token in tokens[place + 1 : place + 4]:
        if not (digits.isdigit() and token.isdigit() and len(token) == _THOUSAND):
            return
        digits += token
        yield from (number_key(Decimal(digits)), f"N:{digits}")


def dated_places(tokens: Sequence[str]) -> set[int]:
    """Return the numbers of the tokens that are parts of dates and times."""
    return {place for when in dates_in(tokens) for place in when.places}
