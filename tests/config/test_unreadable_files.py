# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A file from which nothing can be read is one problem with a line and with what to do."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.config import check, load_document
from agentguard.config.starter import starter
from agentguard.config.toml_files import parsed
from agentguard.errors import ConfigError, Problem

HEAD = 'version = 1\nname = "n"\n'
POLICY = starter("ed25519:" + "A" * 43 + "=")

WRITTEN = {
    "a byte order mark": (b"\xef\xbb\xbf" + HEAD.encode(), 1, "save it as UTF-8 without one"),
    "UTF-16": (HEAD.encode("utf-16"), 1, "is UTF-16 text: save it as UTF-8"),
    "Latin-1": (HEAD.encode() + b'owner = "Andr\xe9"\n', 3, "save it as UTF-8"),
    "NUL": (HEAD.encode() + b'owner = "a\0b"\n', 3, "illegal character"),
    "a lone carriage return": (HEAD.encode() + b"# a\rthen = 1\n", 3, "end lines as others do"),
    "a line that is none": ((HEAD + "=\n").encode(), 3, "KEY = VALUE"),
    "no value": ((HEAD + "a =\n").encode(), 3, "a value is missing"),
    "no quotes": ((HEAD + "a = allow\n").encode(), 3, "text stands in quotes"),
    "True": ((HEAD + "a = True\n").encode(), 3, "text stands in quotes"),
    "a key twice": ((HEAD + 'name = "m"\n').encode(), 3, "keep one"),
    "a key twice in braces": ((HEAD + "a = { b = 1, b = 2 }\n").encode(), 3, "keep one"),
    "a table twice": ((HEAD + "[a]\n[a]\n").encode(), 4, "[[TABLE]]"),
    "a table and a list of it": ((HEAD + "[[a]]\n[a]\n").encode(), 4, "keep one"),
    "more behind braces": ((HEAD + "a = { }\na.b = 1\n").encode(), 4, "write it there"),
    "more behind a list": ((HEAD + "a = []\n[[a]]\n").encode(), 4, "write it there"),
    "a list left open": ((HEAD + 'a = ["x"\nb = 1\n').encode(), 4, "']' is missing"),
    "braces left open": ((HEAD + "a = { b = 1\n").encode(), 3, "'}' is missing"),
    "braces over lines": ((HEAD + "a = { b = 1,\n  c = 2 }\n").encode(), 3, "quote a key"),
    "a quote lost": ((HEAD + 'a = "b\n').encode(), 3, "a quote is missing"),
    "a single quote lost": ((HEAD + "a = 'b\n").encode(), 3, "a quote is missing"),
    "a long text left open": ((HEAD + 'a = """b\n').encode(), 3, "a quote is missing"),
    "a backslash": ((HEAD + 'a = "\\d+"\n').encode(), 3, "or the text in '...'"),
    "half a letter": ((HEAD + 'a = "\\ud800"\n').encode(), 3, "a character that there is"),
    "not hexadecimal": ((HEAD + 'a = "\\u12"\n').encode(), 3, "four hexadecimal digits"),
    "two values": ((HEAD + 'a = "b" "c"\n').encode(), 3, "goes on behind its value"),
    "no equals sign": ((HEAD + "a b\n").encode(), 3, "'=' is missing"),
    "a key with a colon": ((HEAD + "agent:a = 1\n").encode(), 3, "quote a key"),
    "a header left open": ((HEAD + "[a\n").encode(), 3, "']' is missing"),
    "a header of a list left open": ((HEAD + "[[a]\n").encode(), 3, "']' is missing"),
    "no such day": ((HEAD + "a = 2026-02-30\n").encode(), 3, "no such day"),
    "a number too long": ((HEAD + "a = " + "1" * 9000 + "\n").encode(), 3, "too many digits"),
    "lists too deep": ((HEAD + "a = " + "[" * 9000).encode(), 3, "deeper than"),
    "tables too deep": ((HEAD + "# [[[[\na = " + "{ a = " * 9000).encode(), 4, "deeper than"),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_what_is_no_toml_is_told_with_its_line(tmp_path: Path, name: str) -> None:
    """The only problem of a file that is not TOML has a line, and says what to do."""
    raw, line, words = WRITTEN[name]
    path = tmp_path / "agentguard.toml"
    path.write_bytes(raw)
    with pytest.raises(ConfigError) as refused:
        load_document(path)
    (problem,) = refused.value.problems
    assert (problem.file, problem.line, problem.key) == (str(path), line, "")
    assert words in problem.message


def test_lines_may_end_as_on_other_machines(tmp_path: Path) -> None:
    """Lines that end with carriage return and new line are read, and counted as others are."""
    path = tmp_path / "agentguard.toml"
    path.write_bytes(POLICY.replace("\n", "\r\n").encode())
    assert check(path, {}) == ()
    path.write_bytes(POLICY.replace("need = 1 ", "need = 7 ").replace("\n", "\r\n").encode())
    (remark,) = check(path, {})
    lines = POLICY.splitlines()
    assert lines[(remark.problem.line or 0) - 1].startswith("need = 1")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing.toml", "does not exist"),
        (".", "is a folder"),
        ("a\0b", "is no name of a file"),
        ("loop.toml", "cannot be read"),
        ("dangling.toml", "does not exist"),
        ("x" * 9000, "cannot be read"),
    ],
)
def test_a_place_without_a_file_is_told(tmp_path: Path, name: str, words: str) -> None:
    """No file, a folder, links that lead nowhere and names of nothing are one problem each."""
    (tmp_path / "loop.toml").symlink_to("loop.toml")
    (tmp_path / "dangling.toml").symlink_to("nowhere.toml")
    _, tables, problem = parsed(tmp_path / name)
    assert tables == {}
    assert problem is not None
    assert words in problem.message


SPOILS = st.lists(
    st.tuples(
        st.integers(0, len(POLICY)),
        st.integers(0, 12),
        st.sampled_from(
            [
                *("", "\n", '"', "'", '"""', "[", "]", "{", "}", "=", ".", ",", "#", "\\", "\r"),
                *("1", "-1", "1.5", "nan", "true", "2026-11-22", "[[rule]]\n", "[limit.a]\n", "[]"),
                *("args.a = { items = { any = true } }\n", "\u00e4", "\u202e", " ", "\0", "{}"),
            ]
        ),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=300, deadline=None)
@given(spoils=SPOILS)
def test_a_spoilt_policy_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, spoils: list[tuple[int, int, str]]
) -> None:
    """Whatever is cut out of a policy and put in, each problem has a file, a line and words."""
    text = POLICY
    for place, length, words in spoils:
        text = text[:place] + words + text[place + length :]
    path = tmp_path_factory.getbasetemp() / "spoilt.toml"
    path.write_bytes(text.encode())
    lines = len(text.splitlines())
    for remark in check(path, {}):
        problem: Problem = remark.problem
        assert problem.file == str(path)
        assert problem.message
        assert problem.line is not None
        assert 1 <= problem.line <= max(lines, 1)
