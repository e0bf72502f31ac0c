# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Every key of a TOML text is found on its line."""

import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.config.positions import Positions
from agentguard.policy import Path

TEXT = '''\
version = 1 # rule = 3
name = "a # b ] } = '"

[deployment]
"store" = 'x.db'

[groups]
"a.b" = [
    "one", # ]
    "two",
]

[[rule]] # [[rule]]
id = """
[[rule]]
id = "inner" \\"""
"""
args.amount = { int = [1, 2], optional = true }
args."x y".in = ["]", '}', "\\"", """a""\\
  b"""]

[[rule]]
id = \'\'\'
x = 1\'\'\'
when = 1979-05-27 07:32:00
then = "deny"
[rule.args]
amount.int = [
  1,
  -2_000, # comment, with = and ]
]
[[rule.deep]]
a = {}
[[rule.deep]]
b = [[], [{c = 1.5}]]

[approval.leads]
approvers = [ { id = "a" },
  { id = "b", key = "k" } ]
need = 0x1
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("version",), 1),
        (("name",), 2),
        (("deployment",), 4),
        (("deployment", "store"), 5),
        (("groups", "a.b"), 8),
        (("groups", "a.b", 0), 9),
        (("groups", "a.b", 1), 10),
        (("rule", 0), 13),
        (("rule", 0, "id"), 14),
        (("rule", 0, "args", "amount"), 18),
        (("rule", 0, "args", "amount", "int", 1), 18),
        (("rule", 0, "args", "x y", "in", 2), 19),
        (("rule", 0, "args", "x y", "in", 3), 19),
        (("rule", 1), 22),
        (("rule", 1, "id"), 23),
        (("rule", 1, "when"), 25),
        (("rule", 1, "then"), 26),
        (("rule", 1, "args", "amount", "int"), 28),
        (("rule", 1, "args", "amount", "int", 1), 30),
        (("rule", 1, "deep", 0, "a"), 33),
        (("rule", 1, "deep", 1), 34),
        (("rule", 1, "deep", 1, "b", 1, 0, "c"), 35),
        (("approval", "leads"), 37),
        (("approval", "leads", "approvers", 0, "id"), 38),
        (("approval", "leads", "approvers", 1, "key"), 39),
        (("approval", "leads", "need"), 40),
        (("approval", "leads", "wait"), 37),
        (("rule", 1, "who"), 22),
        (("rule", 7, "who"), 13),
        (("nothing",), None),
    ],
)
def test_a_key_is_found_on_its_line(path: Path, line: int | None) -> None:
    """A key stands on its line, and one that is missing on the line of its table."""
    tomllib.loads(TEXT)
    assert Positions(TEXT).line_of(path) == line


def test_lines_that_end_in_two_characters_count_once() -> None:
    """A text with CRLF has the same lines."""
    found = Positions(TEXT.replace("\n", "\r\n"))
    assert found.line_of(("approval", "leads", "need")) == 40
    assert found.line_of(("rule", 1, "then")) == 26


def paths_of(value: Any, path: Path = ()) -> list[Path]:
    """Every path in a parsed text."""
    items: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    return [path, *(found for key, item in items for found in paths_of(item, (*path, key)))]


KEYS = st.sampled_from(["a", "b-1", '"c.d"', "'e f'", '"g\\"h"'])
STRINGS = st.sampled_from(
    ['"x"', "'y # ]'", '"""p\n[[q]]\n"""', "'''r = 1\n'''", '"\\\\"', '""', '""""s""""', "''''t'''"]
)
SCALARS = st.sampled_from(["1", "true", "1.5e3", "1979-05-27 07:32:00", "-inf"]) | STRINGS


@st.composite
def toml_texts(draw: st.DrawFn) -> str:
    """Valid TOML with arrays, inline tables, dotted keys and arrays of tables."""
    lines = []
    for index in range(draw(st.integers(0, 4))):
        header = draw(st.sampled_from(["[[t]]", f"[u.k{index}]", "[[v.w]]", "# none"]))
        if header != "# none" or index == 0:
            lines.append(header)
        for number in range(draw(st.integers(0, 3))):
            key = f"k{index}_{number}.{draw(KEYS)}"
            shape = draw(
                st.sampled_from(["{}", "[{}]", "[\n  {}, # x ]\n{},\n]", "{{ z.{} = {} }}"])
            )
            value = draw(SCALARS)
            filled = (
                shape.format(draw(KEYS), value) if "z." in shape else shape.replace("{}", value)
            )
            lines.append(f"{key} = {filled}")
    return "\n".join(lines)


@settings(deadline=None, max_examples=200)
@given(text=toml_texts())
def test_the_scan_sees_every_key_that_the_parser_sees(text: str) -> None:
    """Each path of the parsed text has a line on which its key, or its array, begins."""
    positions = Positions(text)
    lines = text.split("\n")
    for path in paths_of(tomllib.loads(text))[1:]:
        line = positions.line_of(path)
        assert line is not None
        assert positions.line_of((*path, "missing")) == line
        if isinstance(path[-1], str) and path[-1].startswith("k"):
            assert str(path[-1]) in lines[line - 1]


@pytest.mark.parametrize("text", ["?", "= ", "a = [}", "a = {]", "[", "a = ]"])
def test_a_text_that_is_not_toml_ends_the_scan(text: str) -> None:
    """The scan ends whatever it is given."""
    assert Positions(text).line_of(("x",)) is None
