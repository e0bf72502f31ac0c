# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Every documented format finds the tokens that its own row describes, whole, wherever they stand."""

import itertools

import pytest

from agentguard.classification.engine import RuleSet
from agentguard.classification.formats import TOKEN_FORMATS
from agentguard.testing.token_examples import examples, token_examples
from agentguard.vocabulary import Finding

EXAMPLES, SEED = 20, 4
FRAMES = (
    "{}",
    '"{}"',
    "'{}'",
    '{{"value": "{}", "other": 1}}',
    "export VALUE={}\n",
    "https://example.org/?value={}&page=2",
    "see `{}` in the notes",
    "- **{}**",
    "é {} ü",
    "first line\n{}\nlast line",
)
ROWS = {row.name: row for row in TOKEN_FORMATS}


@pytest.fixture(scope="module")
def together() -> RuleSet:
    """An engine with all rows."""
    return RuleSet(row.rule() for row in TOKEN_FORMATS)


def covers(found: Finding, start: int, end: int) -> bool:
    """Say whether a finding covers a span."""
    return found.start <= start and end <= found.end


def test_a_row_finds_its_examples() -> None:
    """What a row says its tokens look like is what it finds, whole and as its class."""
    missed = []
    for row in TOKEN_FORMATS:
        alone = RuleSet([row.rule()])
        for example in token_examples(row, EXAMPLES, SEED):
            found = alone.detect(example.text)
            whole = any(covers(one, example.start, example.end) for one in found)
            if not whole or {one.data_class for one in found} != {row.data_class}:
                missed.append(row.name)
    assert not missed


@pytest.mark.parametrize("frame", FRAMES)
def test_a_token_is_found_in_every_frame(together: RuleSet, frame: str) -> None:
    """Quotes, JSON, variables, addresses, Markdown and other letters around a token hide none."""
    before = frame.index("{}") - frame[: frame.index("{}")].count("{{")
    missed = []
    for row in TOKEN_FORMATS:
        for example in token_examples(row, 3, SEED + 1):
            text = frame.format(example.text)
            spans = (example.start + before, example.end + before)
            if not any(covers(one, *spans) for one in together.detect(text)):
                missed.append(row.name)
    assert not missed


def test_the_same_seed_gives_the_same_examples() -> None:
    """Examples differ from one another and between seeds, and come again with their seed."""
    for row in TOKEN_FORMATS:
        assert examples(row, 5, 1) == examples(row, 5, 1)
        assert examples(row, 5, 1) != examples(row, 5, 2)
        assert len(set(examples(row, 5, 1))) == 5


def test_there_are_at_least_a_hundred_and_seventy_formats() -> None:
    """No two rows have one name, and there are as many as promised."""
    assert len(ROWS) == len(TOKEN_FORMATS) >= 170


def test_every_row_has_keywords_and_documentation() -> None:
    """No row runs on whole texts, and each says where its format is documented."""
    for row in TOKEN_FORMATS:
        assert row.keywords, row.name
        assert all(row.keywords), row.name
        assert row.documentation.startswith("https://"), row.name
        assert " " not in row.documentation, row.name


def test_checksums_are_right_in_examples() -> None:
    """A row with a checksum makes tokens that carry the right one."""
    rows = [row for row in TOKEN_FORMATS if row.checksum is not None]
    assert {row.name for row in rows} == {"github_token", "grafana_token", "npm_token"}
    for row, seed in itertools.product(rows, range(3)):
        for example in token_examples(row, 5, seed):
            assert row.checksum is not None
            assert row.checksum(example.token.encode()) == example.token.encode()


def test_a_wrong_checksum_hides_no_token(together: RuleSet) -> None:
    """A token whose checksum is wrong is found all the same."""
    for name in ("github_token", "grafana_token", "npm_token"):
        for example in token_examples(ROWS[name], EXAMPLES, SEED):
            last = "1" if example.token[-1] != "1" else "2"
            wrong = example.text[: example.end - 1] + last + example.text[example.end :]
            assert any(covers(one, example.start, example.end) for one in together.detect(wrong))
