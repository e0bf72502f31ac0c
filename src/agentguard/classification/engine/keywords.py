# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does an automaton that knows no cases look for keywords in any case?

A long keyword is looked for by its beginning, in every mixture of cases, and compared as a whole
where that stands.
"""

import functools
from itertools import product

# Five letters make 32 entries.
_MOST_LETTERS = 5

Written = tuple[bytes, str | None]


@functools.lru_cache(maxsize=4096)
def written(keyword: str, *, any_case: bool) -> tuple[Written, ...]:
    """Return each way in which a keyword may stand, and the keyword where only its start does."""
    if not any_case:
        return ((keyword.encode("utf-8"), None),)
    beginning, letters = "", 0
    for character in keyword:
        letters += character.lower() != character.upper()
        if letters > _MOST_LETTERS:
            break
        beginning += character
    rest = keyword.lower() if beginning != keyword else None
    both = ({character.lower(), character.upper()} for character in beginning)
    spellings = sorted({"".join(mixture) for mixture in product(*both)})
    return tuple((spelling.encode("utf-8"), rest) for spelling in spellings)


def stands(keyword: str, data: bytes, start: int) -> bool:
    """Say whether a lower-case keyword stands at a place in any case."""
    longest = start + 4 * len(keyword)
    return data[start:longest].decode("utf-8", "ignore").lower().startswith(keyword)
