# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What do the plugins of detect-secrets look for, as rules of ours?

Takes the compiled patterns off the plugin classes and runs them behind our own keywords.
Nothing else of that library takes part: not its scanner, whose result a comment in the scanned
text can switch off, not its settings, which are global, and not its verification, which calls
out.

INVARIANT: a plugin that this table does not know runs without keywords, on the whole text; it is
never left out (tests/classification/test_detect_secrets_patterns.py).
"""

import base64
import functools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from agentguard.classification.classes import API_KEY, CREDENTIAL, JWT, PRIVATE_KEY
from agentguard.classification.engine import NOTHING, Confirm, Pattern, Rule, linear
from agentguard.classification.formats import private_keys, validators

# Addresses are no secrets, and words and randomness belong to a contextual detector.
NOT_BORROWED = frozenset(
    {"Public IP (ipv4)", "Secret Keyword", "Base64 High Entropy String", "Hex High Entropy String"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Borrowed:
    """How to run one plugin's patterns; the fields are those of ``Rule``."""

    keywords: tuple[str, ...] = ()
    any_case: bool = False
    data_class: str = API_KEY
    before: int = 0
    width: int = 256
    value_group: bool = False
    shortest: int = 0
    shortest_run: int = 0


def _assigned(*keywords: str) -> _Borrowed:
    """Run patterns of assignments near the provider's name.

    Without it they match any key of that length, which is a question for a contextual detector.
    """
    return _Borrowed(keywords=keywords, any_case=True, before=16, value_group=True, shortest_run=24)


# A Discord token begins with the base64 of a number of 17 digits or more: these are the ways in
# which three characters of it can begin.
_DISCORD = tuple(base64.b64encode(f"{number}0".encode())[:3].decode() for number in range(10, 100))

_TABLE: dict[str, _Borrowed] = {
    "AWS Access Key": _Borrowed(
        keywords=("aws", "A3T", "ABIA", "ACCA", "AKIA", "ASIA"), any_case=True, value_group=True
    ),
    "Artifactory Credentials": _Borrowed(keywords=("AKC", "AP"), before=1),
    "Azure Storage Account access key": _Borrowed(keywords=("AccountKey=",)),
    "Basic Auth Credentials": _Borrowed(
        keywords=("://",), data_class=CREDENTIAL, width=512, value_group=True
    ),
    "Cloudant Credentials": _assigned("clou", "cl_", "cl-"),
    "Discord Bot Token": _Borrowed(
        keywords=("discord", "Discord", "DISCORD", "Bot ", *_DISCORD), before=6, shortest=58
    ),
    "GitHub Token": _Borrowed(keywords=("ghp_", "gho_", "ghu_", "ghs_", "ghr_")),
    "GitLab Token": _Borrowed(
        keywords=(
            "glpat-",
            "gldt-",
            "glft-",
            "glsoat-",
            "glrt-",
            "GR1348941",
            "glcbt-",
            "glimt-",
            "glptt-",
            "glagent-",
            "gloas-",
        ),
        width=1100,
    ),
    "IBM COS HMAC Credentials": _assigned("ibm", "cos_", "cos-", "hmac"),
    "IBM Cloud IAM Key": _assigned("ibm", "iam_", "iam-", "cloud"),
    "JSON Web Token": _Borrowed(keywords=("eyJ",), data_class=JWT, width=4096),
    "Mailchimp Access Key": _Borrowed(keywords=("-us",), before=32),
    "NPM tokens": _Borrowed(keywords=(":_authToken",), before=256),
    "OpenAI Token": _Borrowed(keywords=("T3BlbkFJ",), before=256),
    "Private Key": _Borrowed(
        keywords=("PRIVATE KEY", "PuTTY-User-Key-File-"), data_class=PRIVATE_KEY, before=64
    ),
    "PyPI Token": _Borrowed(keywords=("pypi-Ag",), width=512),
    "SendGrid API Key": _Borrowed(keywords=("SG.",)),
    "Slack Token": _Borrowed(keywords=("xox", "slack"), any_case=True, before=16),
    "SoftLayer Credentials": _assigned("softl", "sl_", "sl-"),
    "Square OAuth Secret": _Borrowed(keywords=("sq0csp-",)),
    "Stripe Access Key": _Borrowed(keywords=("k_live_",), before=1),
    "Telegram Bot Token": _Borrowed(keywords=(":A",), before=10),
    "Twilio API Key": _Borrowed(keywords=("AC", "SK")),
}

# The start of every assignment pattern, in a form without lookbehind.
_WORD_START = r"(?:(?<=\W)|(?<=^))"
_WORD_START_LINEAR = r"(?:^|\W)"
_BLANKS = r"(?: *)(?:=|:|:=|=>| +|::)(?: *)"
_FEW_BLANKS = r"(?: {0,8})(?:=|:|:=|=>| {1,8}|::)(?: {0,8})"


def borrowed_rules() -> Iterator[Rule]:
    """Yield one rule for each pattern of each plugin that is borrowed."""
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class

    mapping: dict[str, type] = get_mapping_from_secret_type_to_class()
    for secret_type in sorted(mapping):
        if secret_type not in NOT_BORROWED:
            patterns = getattr(mapping[secret_type], "denylist", ())
            yield from _rules(secret_type, tuple(patterns))


@functools.lru_cache(maxsize=64)
def _rules(secret_type: str, patterns: tuple[re.Pattern[str], ...]) -> tuple[Rule, ...]:
    """Return a plugin's rules, the same ones for the same plugin."""
    borrowed = _TABLE.get(secret_type, _Borrowed())
    requires = _run(borrowed.shortest_run) if borrowed.shortest_run else None
    return tuple(
        Rule(
            name=f"detect_secrets:{secret_type}",
            data_class=borrowed.data_class,
            pattern=_over_bytes(pattern),
            keywords=borrowed.keywords,
            any_case=borrowed.any_case,
            before=borrowed.before,
            width=borrowed.width,
            group=1 if borrowed.value_group and pattern.groups else 0,
            shortest=borrowed.shortest,
            requires=requires,
            confirm=_confirm(borrowed.data_class),
        )
        for pattern in patterns
    )


@functools.cache
def _run(length: int) -> Pattern:
    return linear(rf"[A-Za-z0-9_-]{{{length}}}")


_REST = re.compile(rb"[A-Za-z0-9_-]{0,512}")


def _over_bytes(pattern: re.Pattern[str]) -> Pattern:
    """Compile a pattern for bytes: with re2 when it can, since that is linear, else with re.

    ``re`` takes time cubic in the blanks around an assignment, so their number is bounded.
    """
    try:
        return linear(
            pattern.pattern.replace(_WORD_START, _WORD_START_LINEAR),
            any_case=bool(pattern.flags & re.IGNORECASE),
        )
    except ValueError:
        backtracking: Pattern = re.compile(
            pattern.pattern.replace(_BLANKS, _FEW_BLANKS).encode("utf-8"),
            pattern.flags & ~re.UNICODE,
        )
        return backtracking


def _confirm(data_class: str) -> Confirm:
    if data_class == PRIVATE_KEY:
        return private_keys.body
    if data_class == JWT:
        return validators.jwt
    if data_class == CREDENTIAL:
        return validators.not_templated
    return _not_a_sample


def _not_a_sample(data: bytes, start: int, end: int) -> Iterable[tuple[int, int]]:
    from detect_secrets.filters import heuristic

    value = data[start:end].decode("utf-8", "replace")
    sample = (
        heuristic.is_sequential_string(value)
        or heuristic.is_templated_secret(value)
        or heuristic.is_not_alphanumeric_string(value)
        or heuristic.is_prefixed_with_dollar_sign(value)
    )
    if sample:
        return NOTHING
    # A newer form of the token may be longer than the pattern.
    rest = _REST.match(data, end)
    return validators.not_a_sample(data, start, rest.end() if rest else end)
