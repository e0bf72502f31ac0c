# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is a documented format?

The shape of a row, the pieces of patterns that many rows share, and the four ways to write a row:
``token`` for a token whose beginning occurs nowhere else, ``word`` for one that must begin a word,
``assigned`` for a value that only the name before it gives away, and ``named`` for a value that
looks like any other, behind the name of its provider and a word such as key or token.

INVARIANT: every row has keywords and a documentation link, and what it says of its tokens is
enough to make some (tests/classification/test_token_formats.py).
"""

from collections.abc import Callable
from dataclasses import dataclass, fields

from agentguard.classification.classes import API_KEY
from agentguard.classification.engine import Confirm, Rule, Scope, deferred
from agentguard.classification.formats import validators
from agentguard.vocabulary import Profile

# A token begins behind what is no word character, and behind an escape or an underscore, whose last
# character would make it look like the inside of a word.
START = r"(?:\b|_|\\[bfnrt]|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}|%[0-9A-Fa-f]{2})"
LONGEST_START = 6
END = r"(?:[^A-Za-z0-9]|$)"
ASSIGNED = r"""["']?\s{0,8}(?:=>|:=|==|=|:|\s)\s{0,8}["']?"""
# In lists of variables a word or two stand between a name and its value: its type, or "value:".
BETWEEN = r"""(?:[A-Za-z_]{1,16}["']?\s{0,2}[:=,]?\s{1,8}["']?){0,2}"""

UUID = r"[A-Fa-f0-9]{8}-(?:[A-Fa-f0-9]{4}-){3}[A-Fa-f0-9]{12}"

_VALUE_ENDS = r"(?:[^A-Za-z0-9_+/=.-]|\.(?:\s|$)|$)"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenFormat(Scope):
    """One documented format.

    Attributes:
        pattern: in the dialect of RE2.
        documentation: the page that the pattern was written from.
        example: a pattern of texts that hold such a token as their group 1; without it, what the
            row's own group matches is one.
        checksum: gives the same token with the right checksum, where the format has one. A token
            whose checksum is wrong is a finding all the same: some that are in use have none.
    """

    pattern: str
    documentation: str
    example: str = ""
    checksum: Callable[[bytes], bytes] | None = None

    def rule(self) -> Rule:
        """Return the rule that finds this format; its pattern is compiled when it is needed."""
        scope = {each.name: getattr(self, each.name) for each in fields(Scope)}
        return Rule(pattern=deferred(self.pattern), **scope)


def token(  # noqa: PLR0913 - the columns of a table
    name: str,
    pattern: str,
    *keywords: str,
    documentation: str,
    data_class: str = API_KEY,
    before: int = 0,
    width: int = 256,
    confirm: Confirm = validators.not_a_sample,
    checksum: Callable[[bytes], bytes] | None = None,
    profile: Profile = Profile.STRICT,
) -> TokenFormat:
    """Write the row of a token that is told by itself, wherever it stands."""
    return TokenFormat(
        name=name,
        data_class=data_class,
        keywords=keywords,
        before=before,
        width=width,
        pattern=pattern,
        confirm=confirm,
        documentation=documentation,
        checksum=checksum,
        profile=profile,
    )


def word(  # noqa: PLR0913 - the columns of a table
    name: str,
    pattern: str,
    *keywords: str,
    documentation: str,
    data_class: str = API_KEY,
    before: int = 0,
    width: int = 256,
    confirm: Confirm = validators.not_a_sample,
    ends: bool = False,
    near: str = "",
    profile: Profile = Profile.STRICT,
) -> TokenFormat:
    """Write the row of a token that must begin a word.

    Args:
        name: of the row.
        pattern: of the token.
        keywords: in or before it.
        documentation: the page that the pattern was written from.
        data_class: the class of the token.
        before: how far before a keyword the token may begin.
        width: how far after a keyword it may reach.
        confirm: looks at the token.
        ends: whether it must end a word, too.
        near: what stands before the token in an example, where the keywords are not in it.
        profile: the quietest profile that looks for it.
    """
    return TokenFormat(
        name=name,
        data_class=data_class,
        keywords=keywords,
        before=before + LONGEST_START,
        width=width,
        pattern=f"{START}({pattern}){END if ends else ''}",
        group=1,
        confirm=confirm,
        documentation=documentation,
        example=f"{near}({pattern})" if near else "",
        profile=profile,
    )


def assigned(  # noqa: PLR0913 - the columns of a table
    name: str,
    names: str,
    value: str,
    *keywords: str,
    documentation: str,
    example: str,
    data_class: str = API_KEY,
    before: int = 0,
    width: int = 256,
    confirm: Confirm = validators.not_a_sample,
) -> TokenFormat:
    """Write the row of a value that is told by the name it is assigned to.

    Args:
        name: of the row.
        names: a pattern of the name.
        value: a pattern of the value.
        keywords: in any mixture of cases, so keep them short.
        documentation: the page that the pattern was written from.
        example: one such name.
        data_class: the class of the value.
        before: how far before a keyword the name may begin.
        width: how far after a keyword the value may reach.
        confirm: looks at the value.
    """
    return TokenFormat(
        name=name,
        data_class=data_class,
        keywords=keywords,
        any_case=True,
        before=before,
        width=width,
        pattern=f"(?i:{names}){ASSIGNED}{BETWEEN}({value}){_VALUE_ENDS}",
        group=1,
        confirm=confirm,
        documentation=documentation,
        example=f"{example} = ({value})",
    )


def named(
    name: str,
    value: str,
    *words: str,
    documentation: str,
    longest: int = 80,
    profile: Profile = Profile.STRICT,
) -> TokenFormat:
    """Write the row of a value that stands behind the name of its provider.

    Only what has the shape of a value is looked for near the name; whether a word such as key or
    token stands between them is asked of what was found.

    Args:
        name: of the row.
        value: a pattern of the value.
        words: how the provider is written; other cases are added.
        documentation: the page that the pattern was written from.
        longest: how many characters the longest value of a fixed length has.
        profile: the quietest profile that looks for it.
    """
    first = words[0].lower()
    return TokenFormat(
        name=name,
        data_class=API_KEY,
        keywords=_written(words),
        width=validators.NEAR + longest,
        pattern=f"({value}){_VALUE_ENDS}",
        group=1,
        confirm=validators.behind(words),
        documentation=documentation,
        example=f'(?:{first}_api_key = "|{first.upper()}_TOKEN=|{first} secret: )({value})',
        profile=profile,
    )


def _written(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the ways in which names are written in code, variables and prose."""
    ways = (way for each in words for way in (each, each.lower(), each.title(), each.upper()))
    return tuple(dict.fromkeys(ways))
