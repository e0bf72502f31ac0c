# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Matches of many patterns in time that grows with the text alone."""

import re

import pytest

from agentguard.classification.engine import Rule, RuleSet, linear


def rule(pattern: str, **fields: object) -> Rule:
    """A rule of a test."""
    return Rule(name="test", data_class="token", pattern=linear(pattern), **fields)  # type: ignore[arg-type] # the fields of a rule, by name


def spans(rules: RuleSet, text: str) -> list[tuple[int, int]]:
    """Start and end of what a set of rules finds."""
    return sorted((found.start, found.end) for found in rules.detect(text))


@pytest.mark.parametrize("length", [10, 245, 253, 254, 255, 256, 257, 300, 511, 512, 5000])
def test_a_match_is_never_cut_at_the_end_of_its_window(length: int) -> None:
    """A token longer than its rule's window is found to its own end."""
    rules = RuleSet([rule("tok_[a-z]{4,}", keywords=("tok_",))])
    text = "x " + "tok_" + "a" * length + " tail"
    assert spans(rules, text) == [(2, 2 + 4 + length)]


def test_a_rule_looks_only_near_its_keywords() -> None:
    """A pattern does not run where none of its keywords stands."""
    rules = RuleSet([rule("[a-z]+[0-9]{4}", keywords=("tok",), before=0, width=10)])
    assert spans(rules, "abcd1234 " * 5 + "tok1234") == [(45, 52)]


def test_a_keyword_in_any_case_opens_the_window() -> None:
    """A rule for any case finds its keyword in every mixture of cases."""
    rules = RuleSet([rule("(?i)tok:[0-9]+", keywords=("tok",), any_case=True)])
    for written in ("tok:1", "TOK:1", "tOk:1"):
        assert spans(rules, written) == [(0, 5)]


def test_a_window_without_what_a_rule_requires_is_skipped() -> None:
    """The cheap test decides whether the dear pattern runs."""
    needs = linear("[0-9]{3}")
    rules = RuleSet([rule("tok.[0-9]+", keywords=("tok",), requires=needs)])
    assert spans(rules, "tok:12") == []
    assert spans(rules, "tok:123") == [(0, 7)]


@pytest.mark.parametrize("text", ["é tok_abcd ü", "€€€tok_abcd", "tok_abcd 😀", "😀 tok_abcd"])
def test_offsets_count_characters(text: str) -> None:
    """Offsets are right in a text that is not ASCII."""
    rules = RuleSet([rule("tok_[a-z]+", keywords=("tok_",))])
    ((start, end),) = spans(rules, text)
    assert text[start:end] == "tok_abcd"


def test_a_match_that_stops_inside_a_character_covers_it() -> None:
    """A pattern over bytes cannot leave half a character behind."""
    cut = Rule(name="test", data_class="token", pattern=re.compile(rb"tok."), keywords=("tok",))
    assert spans(RuleSet([cut]), "a tok€ b") == [(2, 6)]


def test_confirmation_replaces_the_spans() -> None:
    """What a rule's confirmation returns is what is found."""
    halves = rule("tok[a-z]+", keywords=("tok",), confirm=lambda _, a, b: ((a, a + 1), (b - 1, b)))
    assert spans(RuleSet([halves]), "tokab") == [(0, 1), (4, 5)]


def test_an_error_in_a_confirmation_is_not_a_no() -> None:
    """An error in a validator leaves the engine."""

    def broken(_data: bytes, _start: int, _end: int) -> list[tuple[int, int]]:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        RuleSet([rule("tok", keywords=("tok",), confirm=broken)]).detect("a tok")


@pytest.mark.parametrize("pattern", ["", "a*", "^", r"\b", "(?:a|)"])
def test_a_pattern_that_matches_nothing_at_all_is_refused(pattern: str) -> None:
    """A pattern that matches the empty text cannot be used."""
    with pytest.raises(ValueError, match="empty text"):
        linear(pattern)


def test_a_pattern_beyond_linear_time_is_refused() -> None:
    """A pattern that re2 cannot run in linear time cannot be used."""
    with pytest.raises(ValueError, match="invalid"):
        linear(r"(a+)\1")
