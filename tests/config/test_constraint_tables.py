# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Every kind of constraint is read from a file, and every mistake in one is told in its place."""

import tomllib
from decimal import Decimal

import pytest

from agentguard.config.arguments import argument, read_constraint
from agentguard.config.document import ArgumentTable
from agentguard.policy import (
    AllOf,
    Anything,
    ArgumentSpec,
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
    Path,
    PathBelow,
    Prefix,
    UrlParts,
    key_of,
)

CITY = ("city", OneOf(options=("Bern",)), False)
READ: dict[str, Constraint] = {
    "int = [1, 2]": IntBetween(low=1, high=2),
    "number = [0, 0.5]": NumberBetween(low=0, high=0.5),
    'decimal = ["0.01", "500.00"]': DecimalBetween(low=Decimal("0.01"), high=Decimal(500)),
    'decimal = ["0", "5"], places = 2': DecimalBetween(low=Decimal(0), high=Decimal(5), places=2),
    'in = ["a", 1]': OneOf(options=("a", 1)),
    "const = false": Const(value=False),
    'match = "[a-z]"': Match(pattern="[a-z]"),
    'prefix = "ORD-"': Prefix(text="ORD-"),
    'path = "/srv/a"': PathBelow(roots=("/srv/a",)),
    'path = ["/srv/a", "/srv/b"]': PathBelow(roots=("/srv/a", "/srv/b")),
    'url = { hosts = "a.example" }': UrlParts(hosts=("a.example",)),
    'url = { hosts = ["*"], schemes = "http", ports = [80], paths = "/v1", query = false }': UrlParts(
        hosts=("*",), schemes=("http",), ports=(80,), paths=("/v1",), query=False
    ),
    'host = ["*.a.example"]': HostIn(names=("*.a.example",)),
    'email = "a.example"': EmailAt(domains=("a.example",)),
    'each = ["a", "b"]': Each(options=("a", "b"), most=2),
    'each = ["a"], least = 0, most = 3': Each(options=("a",), least=0, most=3),
    "items = { int = [1, 2] }, most = 5": Items(item=IntBetween(low=1, high=2), most=5),
    "items = { any = true }, least = 0, most = 5, unique = true": Items(
        item=Anything(), least=0, most=5, unique=True
    ),
    'members = { city = { in = ["Bern"] } }': Members(members=(CITY,)),
    'members = { city = { in = ["Bern"] }, x = { forbidden = true } }': Members(
        members=(CITY, ("x", Forbidden(), True))
    ),
    'members = { city = { in = ["Bern"] }, zip = { match = "[0-9]", optional = true } }': Members(
        members=(CITY, ("zip", Match(pattern="[0-9]"), True))
    ),
    "length = [0, 20]": Length(least=0, most=20),
    'match = "[a-z]+", length = [2, 3]': AllOf(
        parts=(Match(pattern="[a-z]+"), Length(least=2, most=3))
    ),
    'path = "/srv", length = [2, 99]': AllOf(
        parts=(PathBelow(roots=("/srv",)), Length(least=2, most=99))
    ),
    'claim = "person.customer"': EqualsClaim(holder=Holder.PERSON, claim="customer"),
    'claim = "actor.id"': EqualsClaim(holder=Holder.ACTOR, claim="id"),
    'claim = "person.org.unit"': EqualsClaim(holder=Holder.PERSON, claim="org.unit"),
    "forbidden = true": Forbidden(),
    "any = true": Anything(),
}


def read(written: str) -> tuple[ArgumentSpec, list[tuple[str, str]]]:
    """Read an argument as it stands in a file, with the problems that are told."""
    told: list[tuple[str, str]] = []

    def tell(path: Path, message: str) -> None:
        told.append((key_of(path), message))

    value = tomllib.loads(f"x = {{ {written} }}")["x"]
    return argument("x", value, ("args", "x"), tell), told


@pytest.mark.parametrize("written", READ)
def test_every_kind_is_read(written: str) -> None:
    """A table becomes the constraint that it says, and nothing is told."""
    spec, told = read(written)
    assert told == []
    assert spec.constraint == READ[written]


def test_every_kind_that_a_table_knows_is_among_those() -> None:
    """No kind is left out of the table of cases."""
    keys = {key for written in READ for key in tomllib.loads(f"x = {{ {written} }}")["x"]}
    assert keys == {field.alias or name for name, field in ArgumentTable.model_fields.items()} - {
        "optional",
        "from",
        "else",
    }


@pytest.mark.parametrize(
    ("written", "optional"),
    [("any = true", False), ("any = true, optional = true", True), ("forbidden = true", True)],
)
def test_an_argument_may_be_missing_where_the_table_says_so(written: str, optional: bool) -> None:  # noqa: FBT001 - a table of cases
    """What is optional may be missing, and what is forbidden must be."""
    assert read(written)[0].optional is optional


@pytest.mark.parametrize(
    ("written", "key", "message"),
    [
        ("", "args.x", "must have exactly one of 'int', 'number'"),
        ("optional = true", "args.x", "must have exactly one of"),
        ("int = [1, 2], any = true", "args.x", "must have exactly one of"),
        ('match = "a", prefix = "a", length = [1, 2]', "args.x", "must have exactly one of"),
        ("int = [1, 2], length = [1, 2]", "args.x", "'length' may stand beside another text"),
        ("integer = [1, 2]", "args.x.integer", "is not a known key"),
        ("lenght = [1, 2]", "args.x.lenght", "did you mean 'length'?"),
        ('prefx = "a"', "args.x.prefx", "did you mean 'prefix'?"),
        ("int = [1]", "args.x.int", "both ends are needed"),
        ("int = [1, 2, 3]", "args.x.int", "both ends are needed"),
        ("int = [1, inf]", "args.x.int[1]", "must be an integer"),
        ('int = ["1", "2"]', "args.x.int[0]", "must be an integer"),
        ("number = [1]", "args.x.number", "both ends are needed"),
        ("number = [1, true]", "args.x.number", "must hold two numbers"),
        ('number = ["1", 2]', "args.x.number", "must hold two numbers"),
        ("number = [1, inf]", "args.x.number", "not finite"),
        ("number = [nan, 1]", "args.x.number", "not finite"),
        ("number = [2, 1]", "args.x.number", "lies above"),
        ('decimal = ["1"]', "args.x.decimal", "both ends are needed"),
        ("decimal = [1, 2]", "args.x.decimal[0]", "must be text"),
        ('decimal = ["1", "1e3"]', "args.x.decimal", "plain notation"),
        ('decimal = ["1,000", "2,000"]', "args.x.decimal", "plain notation"),
        ('decimal = ["2", "1"]', "args.x.decimal", "lies above"),
        ('decimal = ["1", "2"], places = -1', "args.x.decimal", "places"),
        ("int = [1, 2], places = 2", "args.x.places", "belongs to 'decimal'"),
        ("int = [1, 2], least = 2", "args.x.least", "belongs to 'each' and 'items'"),
        ('each = ["a"], unique = true', "args.x.unique", "belongs to 'items'"),
        ("in = []", "args.x.in", "at least one option"),
        ('match = "("', "args.x.match", "not one that re2 takes"),
        ('prefix = ""', "args.x.prefix", "must not be empty"),
        ("path = []", "args.x.path", "at least one folder"),
        ('path = "reports"', "args.x.path", "not an absolute POSIX path"),
        ('path = "C:\\\\reports"', "args.x.path", "Windows paths cannot be constrained"),
        ('path = ["/srv", 5]', "args.x.path[1]", "must be text"),
        ("host = []", "args.x.host", "at least one host"),
        ('host = "*"', "args.x.host", "use any = true"),
        ('host = "https://a.example"', "args.x.host", "is not a host"),
        ('email = "a@a.example"', "args.x.email", "must be a domain"),
        ('url = "https://a.example"', "args.x.url", "must be a table"),
        ("url = {}", "args.x.url.hosts", "is needed"),
        ("url = { hosts = [] }", "args.x.url.hosts", "must not be empty"),
        ('url = { host = "a.example" }', "args.x.url.host", "did you mean 'hosts'?"),
        ('url = { hosts = "*", paths = [] }', "args.x.url.paths", "must not be empty"),
        ('url = { hosts = "*", schemes = "gopher" }', "args.x.url", "is not one of"),
        ('url = { hosts = "*", ports = ["80"] }', "args.x.url.ports[0]", "must be an integer"),
        ('url = { hosts = "*", query = "no" }', "args.x.url.query", "must be true or false"),
        ("items = { any = true }", "args.x.most", "is needed"),
        ("items = { any = true }, most = 0", "args.x.items", "a list cannot hold"),
        ("items = {}, most = 1", "args.x.items", "must have exactly one of"),
        ("items = { int = [1] }, most = 1", "args.x.items.int", "both ends are needed"),
        ("items = { int = [1, 2], optional = true }, most = 1", "args.x.items.optional", "apply"),
        ("items = { forbidden = true }, most = 1", "args.x.items.forbidden", "does not apply"),
        (
            "items = { items = { int = [1, 2] } }, most = 1",
            "args.x.items.most",
            "is needed: both ends",
        ),
        ("members = {}", "args.x.members", "at least one member"),
        ("members = { a = 5 }", "args.x.members.a", "must be a table"),
        ("members = { a = { int = [2, 1] } }", "args.x.members.a.int", "lies above"),
        (
            'members = { "a b" = { prefx = "x" } }',
            'args.x.members."a b".prefx',
            "did you mean 'prefix'?",
        ),
        ("length = [1]", "args.x.length", "both ends are needed"),
        ("length = [2, 1]", "args.x.length", "a text cannot have"),
        ('match = "a", length = [2, 1]', "args.x.length", "a text cannot have"),
        ('claim = "customer"', "args.x.claim", "must be 'person.' or 'actor.'"),
        ('claim = "user.customer"', "args.x.claim", "must be 'person.' or 'actor.'"),
        ('claim = "person."', "args.x.claim", "the name of a claim"),
        ("forbidden = false", "args.x.forbidden", "must be true"),
        ("any = false", "args.x.any", "must be true"),
        ("allowed = { int = [1, 2] }", "args.x", "write the name in quotes"),
    ],
)
def test_a_mistake_is_told_in_its_place(written: str, key: str, message: str) -> None:
    """A constraint that cannot be meant is told with its key and the remedy."""
    _, told = read(written)
    assert [found for found, _ in told].count(key) >= 1
    assert any(found == key and message in said for found, said in told)


def test_nesting_has_an_end() -> None:
    """Constraints that stand too deep in one another are told, and the reading ends."""
    written = "int = [1, 2]"
    for _ in range(9):
        written = f"items = {{ {written} }}, most = 1"
    _, told = read(written)
    assert any("deeper than 8 levels" in said for _, said in told)


def test_an_object_of_a_call_is_always_there() -> None:
    """What the program says that a call is about can be neither optional nor forbidden."""
    told: list[str] = []
    for key in ("optional", "forbidden"):
        read_constraint(
            "resource",
            {"any": True, key: True},
            ("resource",),
            lambda path, _: told.append(key_of(path)),
        )
    assert {"resource.optional", "resource.forbidden"} <= set(told)
