# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which constraints and values are engines compared on?

Constraints of every kind, and for each values that fit it, that nearly do, and that are something
else altogether.
"""

import random
from collections.abc import Callable
from decimal import Decimal
from types import MappingProxyType

from agentguard.canonical import Frozen
from agentguard.policy import (
    AllOf,
    Anything,
    Const,
    Constraint,
    DecimalBetween,
    Each,
    EmailAt,
    EqualsClaim,
    Forbidden,
    Holder,
    HostIn,
    IntBetween,
    Items,
    Length,
    Match,
    Members,
    NumberBetween,
    OneOf,
    PathBelow,
    Prefix,
    Scalar,
    UrlParts,
)
from agentguard.policy.constraints import near_misses, witnesses

ODD: tuple[Frozen, ...] = (
    *(None, True, False, 0, 1, -1, 7, 2**53 - 1, 0.0, -0.0, 1.0, 2.5, 1e300, -1e-320),
    *("", "a", "A", "1", "1.0", "01", "1e3", "+2.50", "-0", "0.00005", "\u00e9", "e\u0301", "a*b"),
    *(
        "../x",
        "/srv/x",
        "https://a.example/",
        "a.example",
        "x@a.example",
        "\x00",
        '"\\',
        "\U0001f511",
    ),
    *(
        (),
        (1,),
        ("a", "a"),
        ("a", 1, None),
        ((),),
        MappingProxyType({}),
        MappingProxyType({"k": 1}),
    ),
)
TEXTS = ("a", "b", "usd", "eur", "\u00e9", "a*b", 'say "so"', "back\\slash", "1", "true")
ITEMS: tuple[Scalar, ...] = ("a", "b", "\u00e9", 1, 1.0, True)
CLAIMED: tuple[Frozen, ...] = ("c1", "c2", 7, "agent:a", "user:u1")


class Values:
    """What makes up constraints, and values for them."""

    def __init__(self, chance: random.Random, size: int) -> None:
        self.chance = chance
        self.pool = [self._constraint(2) for _ in range(size)]
        self._samples: dict[int, tuple[tuple[Frozen, ...], tuple[Frozen, ...]]] = {}

    def constraint(self) -> Constraint:
        """Return a constraint."""
        return self.chance.choice(self.pool)

    def value(self, constraint: Constraint) -> Frozen:
        """Return a value that most often fits a constraint."""
        if id(constraint) not in self._samples:
            self._samples[id(constraint)] = (witnesses(constraint), near_misses(constraint))
        fits, nearly = self._samples[id(constraint)]
        drawn = self.chance.random()
        if isinstance(constraint, EqualsClaim):
            return self.chance.choice(CLAIMED)
        if drawn < 0.8 and fits:
            return self.chance.choice(fits)
        return self.chance.choice(nearly if drawn < 0.92 and nearly else ODD)

    def _constraint(self, depth: int) -> Constraint:
        chance = self.chance
        ways: list[Callable[[], Constraint]] = [
            *(self._number_constraint,) * 3,
            *(self._text_constraint,) * 4,
            *(self._list_constraint,) * 2,
            lambda: EqualsClaim(
                holder=chance.choice(list(Holder)), claim=chance.choice(["id", "customer"])
            ),
            Anything,
            Forbidden,
        ]
        if depth:
            ways += [
                lambda: AllOf(
                    parts=(self._text_constraint(), Length(least=0, most=chance.randint(1, 12)))
                ),
                lambda: Items(item=self._constraint(depth - 1), most=chance.randint(1, 3)),
                lambda: Members(
                    members=(
                        ("k", self._constraint(depth - 1), chance.random() < 0.5),
                        ("l", self._constraint(depth - 1), True),
                    )
                ),
            ]
        return chance.choice(ways)()

    def _number_constraint(self) -> Constraint:
        chance = self.chance
        low, high = sorted((chance.randint(-3, 9), chance.randint(-3, 9)))
        scale = chance.choice(["1", "0.1", "0.01", "0.0001", "0.00001"])
        made: list[Constraint] = [
            IntBetween(low=low, high=high),
            NumberBetween(low=low - 0.5, high=high + chance.choice([0, 0.25])),
            DecimalBetween(
                low=low * Decimal(scale),
                high=high * Decimal(scale),
                places=chance.choice([None, 0, 2, 4, 6]),
            ),
            OneOf(options=tuple(chance.sample([0, 1, 1.0, 2.5, -0.0, True, "1"], 2))),
            Const(value=chance.choice([0, 1, True, 1.0, -0.0, 2.5])),
        ]
        return chance.choice(made)

    def _text_constraint(self) -> Constraint:
        chance = self.chance
        length = chance.randint(0, 3)
        made: list[Constraint] = [
            OneOf(options=tuple(chance.sample(TEXTS, chance.randint(1, 3)))),
            Const(value=chance.choice(TEXTS)),
            Match(pattern=chance.choice(["[ab]", "ORD-[0-9]{2}", "(usd|eur)", "\u00e9.*", ".*"])),
            Prefix(text=chance.choice(["a", "e", "\u00e9", "a*", '"'])),
            Length(least=length, most=length + chance.randint(0, 3)),
            HostIn(names=("a.example", "*.b.example")),
            EmailAt(domains=("a.example",)),
            UrlParts(hosts=("a.example",), schemes=("https",)),
            PathBelow(roots=("/srv/x",)),
        ]
        return chance.choice(made)

    def _list_constraint(self) -> Constraint:
        chance = self.chance
        most = chance.randint(1, 3)
        options = tuple(chance.sample(ITEMS, chance.randint(1, 3)))
        return Each(options=options, least=chance.randint(0, most), most=most)
