# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Rules that an organisation brings along from other scanners run like those built in."""

import pytest

from agentguard.classification.engine import Rule, RuleSet
from agentguard.classification.rule_files import (
    RuleFileFlawed,
    gitleaks_rules,
    kingfisher_rules,
)
from agentguard.classification.rule_files.kingfisher import compact

ACME = """
title = "acme"
[[rules]]
id = "acme-token"
description = "Acme"
regex = '''(?i)acme[_-]?token\\s*=\\s*"?(ac_[a-z0-9]{12})'''
entropy = 2.5
keywords = ["acme_token", "acme-token"]
[[rules.allowlists]]
stopwords = ["sample"]
regexes = ['''^ac_0{6}''']
[[rules]]
id = "acme-line"
regex = '''line-[0-9]{6}'''
[[rules.allowlists]]
regexTarget = "line"
regexes = ['''# fine''']
[[rules]]
id = "acme-match"
regex = '''lot:(m[0-9]{6})'''
secretGroup = 1
[[rules.allowlists]]
regexTarget = "match"
regexes = ['''^lot:m1''']
[[rules]]
id = "acme-both"
regex = '''both-[0-9]{6}'''
[[rules.allowlists]]
condition = "AND"
paths = ['''test/''']
regexes = ['''both-1''']
"""

LAUGHS = "a0: &a0 {k: v}\n" + "".join(
    f"a{level}: &a{level}\n  <<: [{', '.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 12)
)

KING = """
rules:
  - name: Acme
    id: acme.1
    pattern: |
      (?xi)
      acme            # the provider, [not a class
      [\\s=:]{1,4}
      (?P<TOKEN> [a-z0-9\\#]{12} [#] )
      \\b? \\ ?
    min_entropy: 2.0
    confidence: medium
    examples: ["acme = abc123def456#"]
    pattern_requirements: {min_digits: 2, ignore_if_contains: ["test"]}
    validation: {type: Http, content: {request: {url: "https://acme.example"}}}
  - name: Acme id
    id: acme.2
    pattern: "AC[0-9]{9}"
    visible: false
"""


def found(rules: tuple[Rule, ...], text: str) -> list[tuple[str, str]]:
    """The names of the rules that found something, and what."""
    hits = RuleSet(rules).detect(text)
    return sorted((hit.detector, text[hit.start : hit.end]) for hit in hits)


def test_a_gitleaks_rule_finds_its_group() -> None:
    """What is found is the value, not what stands around it, keywords in any case."""
    rules = gitleaks_rules(ACME, data_class="acme")
    text = 'x\nACME_TOKEN = "ac_k3j9d8f7h2q1"\n'
    assert found(rules, text) == [("acme-token", "ac_k3j9d8f7h2q1")]
    assert {rule.data_class for rule in rules} == {"acme"}


@pytest.mark.parametrize(
    "text",
    [
        'acme_token = "ac_aaaaaaaaaaaa"',  # too little entropy
        'acme_token = "ac_sample3d8f1q"',
        'acme_token = "ac_000000d8f1q2"',
        "line-123456 # fine",
        "lot:m123456",
    ],
)
def test_what_a_file_exempts_is_not_found(text: str) -> None:
    """Entropy, stop words and allow lists of values, matches and lines hold."""
    assert found(gitleaks_rules(ACME, data_class="acme"), text) == []


def test_an_exemption_ends_where_it_says() -> None:
    """Another line, another match, and a path that no text has, exempt nothing."""
    rules = gitleaks_rules(ACME, data_class="acme")
    text = "# fine\nline-123456\nlot:m234567 lot:m123456 both-123456"
    assert found(rules, text) == [
        ("acme-both", "both-123456"),
        ("acme-line", "line-123456"),
        ("acme-match", "m234567"),
    ]


def test_a_keyword_may_stand_anywhere() -> None:
    """A keyword far from its match lets the whole text be searched."""
    rules = gitleaks_rules(
        "[[rules]]\nid = 'far'\nregex = 'z[0-9]{8}'\nkeywords = ['distant']", data_class="own"
    )
    assert found(rules, "z12345678" + " " * 5000 + "Distant") == [("far", "z12345678")]
    assert found(rules, "z12345678" + " " * 5000) == []


def test_a_kingfisher_rule_finds_its_token() -> None:
    """Verbose patterns, the named group, entropy and demanded characters count."""
    rules = kingfisher_rules(KING, data_class="acme")
    assert found(rules, "Acme: abc123def456# tail") == [("acme.1", "abc123def456#")]
    assert found(rules, "acme: abcdefghijkl# acme: test1234abcd#") == []
    assert found(rules, "AC123456789") == []  # serves other rules only


@pytest.mark.parametrize(
    ("verbose", "plain"),
    [
        ("(?x) a b # c\n d", "abd"),
        ("(?xi)[ #]a", "(?i)[ #]a"),
        (r"(?x)\ \# x", r"\ \#x"),
        ("(?x)[]# ] y", "[]# ]y"),
        ("(?x)[^]# ] y", "[^]# ]y"),
        ("a b", "a b"),
        ("(?<n>a)", "(?P<n>a)"),
        (r"(?<n>a)\(?<b>[(?<]\\(?<m>c)", r"(?P<n>a)\(?<b>[(?<]\\(?P<m>c)"),
        (r"(?x) \(?<b> []\](?<] (?<m> c)", r"\(?<b>[]\](?<](?P<m>c)"),
    ],
)
def test_verbose_patterns_lose_their_layout(verbose: str, plain: str) -> None:
    """Blanks and comments go, but not those that are escaped or in a class."""
    assert compact(verbose) == plain


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[", "no TOML"),
        ("", "no rule"),
        ("[extend]\nuseDefault = true", "list that file itself"),
        ("[[rules]]\nid = 'p'\npath = 'x'", "leave it out"),
        ("[[rules]]\nid = 'p'\nregex = 'x(?=y)'", "rule 'p'"),
        ("[[rules]]\nid = 'p'\nregex = 'x*'", "empty text"),
        ("[[rules]]\nid = 'p'\nregex = 'xy'\nsecretGroup = 2", "no group 2"),
        ("[[rules]]\nid = 'p'\nregex = 'xy'\nentropy = 'much'", "'entropy'"),
        ("[[rules]]\nid = 'p'\nregex = 'xy'\nkeyword = ['x']", "'keyword' is not a known key"),
        ("[[rules]]\nid = 'p'\nregex = 'x'\n[[rules]]\nid = 'p'\nregex = 'y'", "two rules"),
        ("[[rules]]\nregex = 'xy'", "no id"),
        ("[[rules]]\nid = ['p']\nregex = 'xy'", "'id' must be text"),
        ("[[rules]]\nid = 'p'\nregex = 'xy'\nsecretGroup = inf", "whole number"),
        ("[[rules]]\nid = 'p'\nregex = '(x)(y)'\nsecretGroup = 1.5", "whole number"),
        ("n = " + "1" * 5000, "too large"),
        ("n = " + "[" * 5000, "too large"),
        ("rules = 'x'", "list of tables"),
    ],
)
def test_what_cannot_be_used_is_told(text: str, told: str) -> None:
    """A file that would find less than it says is refused with the reason."""
    with pytest.raises(RuleFileFlawed, match=told):
        gitleaks_rules(text, data_class="own")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- a", "no YAML with"),
        ("{", "no YAML with"),
        ("rules: []", "no rule"),
        ("rules: [{id: a}]", "no pattern"),
        ("rules: [{id: a, pattern: 'x(?=y)'}]", "rule 'a'"),
        ("rules: [{id: a, pattern: xy, pattern_requirements: {special_chars: '-'}}]", "chosen"),
        ("rules: [{id: a, pattern: xy, min_entropy: true}]", "'min_entropy'"),
        ("rules: [{id: [a], pattern: xy}]", "'id' must be text"),
        ("rules: [{id: a, pattern: xy, pattern_requirements: {min_digits: .inf}}]", "whole"),
        ("[" * 1000, "no YAML with"),
        ("a: &a {k: v}\nrules: [*a]", "aliases"),
        (LAUGHS, "aliases"),
    ],
)
def test_what_cannot_be_used_of_yaml_is_told(text: str, told: str) -> None:
    """The same holds for the other format."""
    # A few hundred bytes of anchors that name one another took all memory.
    with pytest.raises(RuleFileFlawed, match=told):
        kingfisher_rules(text, data_class="own")


def test_rules_can_be_left_out_by_name() -> None:
    """A rule that is left out is not read, and one that is not there is told."""
    text = "[[rules]]\nid = 'a'\nregex = 'aa'\n[[rules]]\nid = 'p'\npath = 'x'"
    assert [rule.name for rule in gitleaks_rules(text, data_class="o", without=frozenset("p"))] == [
        "a"
    ]
    with pytest.raises(RuleFileFlawed, match="'q' is left out but not there"):
        gitleaks_rules(text, data_class="o", without=frozenset({"p", "q"}))
    with pytest.raises(RuleFileFlawed, match="'q' is left out but not there"):
        kingfisher_rules(KING, data_class="o", without=frozenset("q"))
