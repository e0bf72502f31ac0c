# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is this value a secret, given what its name promises?

Looks at the value and at the promise, and at no other text.

INVARIANT: what a quieter profile takes for a secret, a louder one does, too
(tests/classification/test_contextual_values.py).
"""

import math
import re

from agentguard.classification.contextual import harmless
from agentguard.classification.contextual.assignments import Assigned
from agentguard.classification.contextual.limits import Limits
from agentguard.classification.contextual.names import Worth
from agentguard.classification.contextual.randomness import looks_typed, surprise

SHORTEST = 4
SHORTEST_DRAWN = 8
# So much of a value says what all of it does.
MOST_READ = 128
# A number of fewer digits is an amount, a date or an identifier.
SHORTEST_NUMBER = 20
# Names, paths and expressions of programs cost fewer bits for each character.
DENSE = 1.5
# What a run of letters and digits costs at least when it is not made of words.
LEAST_OF_RUN = -20
# What stands beside a name only as an argument must look drawn.
LEAST_OF_INDIRECT = 10
LEAST_OF_SHORT = 4

_RUN = re.compile(rb"(?:[A-Za-z]{2,14}[_-]){0,2}[A-Za-z0-9]{14,}(?:[-_.][A-Za-z0-9]+){0,4}={0,2}\Z")
_SHORT_RUN = re.compile(
    rb"(?=[a-z]*[0-9]+[a-z]+[0-9]|[a-zA-Z]*[0-9]+[a-zA-Z]+[0-9])[A-Za-z0-9]{8,}\Z"
)
_DIGIT = re.compile(rb"[0-9]")
# In the strings of programs and in JSON a value ends there, with what ends the line.
_ESCAPED_BLANK = re.compile(rb"[,;)]{0,4}\\{1,4}[nrt]")
_FEWEST_DIGITS = 2


def is_secret(value: bytes, given: Assigned, limits: Limits) -> bool:
    """Say whether an assigned value is a secret."""
    value = value[:MOST_READ]
    if not given.quoted and b"\\" in value:
        value = _ESCAPED_BLANK.split(value, 1)[0]
    if len(value) < SHORTEST or _is_harmless(value):
        return False
    if given.indirect and harmless.is_identifier(value):
        return False
    bits = surprise(value)
    typed = looks_typed(value)
    if not typed and _is_program(value, given, dense=bits >= DENSE * len(value)):
        return False
    if len(value) >= SHORTEST_DRAWN and bits >= _least(given, limits):
        return True
    return _is_run(value, given, limits, bits, typed=typed) or (
        given.worth is Worth.PASSWORD and not given.blank and _is_chosen(value, given, limits, bits)
    )


def _is_harmless(value: bytes) -> bool:
    return (
        b" " in value
        or harmless.is_template(value)
        or harmless.is_address(value)
        or harmless.is_public_key(value)
        or (len(value) < SHORTEST_NUMBER and harmless.is_number(value))
    )


def _is_program(value: bytes, given: Assigned, *, dense: bool) -> bool:
    """Say whether a value looks like a part of a program or the name of a file."""
    if not given.quoted and harmless.is_call(value):
        return not dense or value.endswith(b")")
    return not dense and (harmless.is_file(value) or (not given.quoted and harmless.is_code(value)))


def _least(given: Assigned, limits: Limits) -> float:
    if given.blank:
        return limits.blank if given.worth >= Worth.HINT else math.inf
    if given.indirect and given.worth < Worth.KEY:
        return limits.near
    if given.worth is Worth.PASSWORD:
        return limits.password
    return limits.key if given.worth is Worth.KEY else limits.hint


def _is_run(value: bytes, given: Assigned, limits: Limits, bits: float, *, typed: bool) -> bool:
    """Say whether a value is one run that may have been typed in behind its name."""
    key = given.worth >= Worth.KEY
    if bits < limits.typed or (given.indirect and not key):
        return False
    if _RUN.match(value):
        digits = len(_DIGIT.findall(value))
        if typed or _FEWEST_DIGITS <= digits < len(value) or digits >= SHORTEST_NUMBER:
            return typed or bits > (LEAST_OF_RUN if key else 0)
    return key and not given.blank and bits > LEAST_OF_SHORT and _SHORT_RUN.match(value) is not None


def _is_chosen(value: bytes, given: Assigned, limits: Limits, bits: float) -> bool:
    """Say whether a value is a password that somebody may have thought of."""
    if harmless.is_placeholder(value) or (given.indirect and bits < LEAST_OF_INDIRECT):
        return False
    return bits >= (limits.written if harmless.is_words(value) else limits.chosen)
