# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""The patterns of detect-secrets run as rules; nothing else of that library does."""

import re
from collections.abc import Mapping

import pytest
from detect_secrets.core.plugins import util
from detect_secrets.plugins.base import RegexBasedDetector

from agentguard.classification import Classifier, build_classifier
from agentguard.classification.engine import RuleSet
from agentguard.classification.formats.detect_secrets_patterns import NOT_BORROWED, borrowed_rules

TOKEN = "gh" + "p_" + "0aB" * 12


def test_a_comment_in_the_text_does_not_switch_detection_off(engine: Classifier) -> None:
    """The allow-list comments of detect-secrets have no effect."""
    for comment in ("# pragma: allowlist secret", "// pragma: allowlist nextline secret"):
        text = f"{comment}\ntoken = '{TOKEN}'  {comment}"
        assert [text[one.start : one.end] for one in engine.findings(text)] == [TOKEN]


def test_every_plugin_with_patterns_is_borrowed_or_named_as_left_out() -> None:
    """No plugin of detect-secrets is dropped in silence."""
    mapping: Mapping[str, type[RegexBasedDetector]] = util.get_mapping_from_secret_type_to_class()
    offered = {name for name, plugin in mapping.items() if hasattr(plugin, "denylist")}
    borrowed = {rule.name.removeprefix("detect_secrets:") for rule in borrowed_rules()}
    assert borrowed == offered - NOT_BORROWED
    assert len(borrowed) > 20


def test_known_plugins_run_behind_keywords() -> None:
    """No plugin that the table knows runs on the whole text."""
    assert all(rule.keywords for rule in borrowed_rules())


class Badge(RegexBasedDetector):
    """A plugin that somebody else wrote."""

    secret_type = "Badge"
    denylist = (re.compile(r"badge-[0-9]{6}(?!\d)"),)


@pytest.fixture
def with_badge(monkeypatch: pytest.MonkeyPatch) -> Classifier:
    """An engine in a process where detect-secrets has one plugin more."""
    mapping: dict[str, type] = util.get_mapping_from_secret_type_to_class()
    monkeypatch.setitem(mapping, "Badge", Badge)
    return build_classifier()


def test_an_unknown_plugin_runs_on_the_whole_text(with_badge: Classifier) -> None:
    """A plugin that the table does not know is used all the same."""
    text = "my badge-123456 is lost"
    assert [text[one.start : one.end] for one in with_badge.findings(text)] == ["badge-123456"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('ibm_cloud_api_key = "{}"', "aB3_" * 11),
        ('cos_secret_access_key: "{}"', "0a1b" * 12),
        ('softlayer_api_key="{}"', "0a1b" * 16),
        ("cloudant_password = {}", "0a1b" * 16),
        ("https://acct:{}@acct.cloudant.com", "0a1b" * 16),
        ("//registry.example/:_authToken={}", "np" + "m_" + "x7B" * 14),
        ("key AKC{} ", "p8r" * 20),
    ],
)
def test_what_only_a_plugin_knows_is_found(engine: Classifier, text: str, value: str) -> None:
    """A plugin's own format is found, and the value is covered."""
    filled = text.format(value)
    start = filled.index(value)
    assert any(
        one.start <= start and start + len(value) <= one.end for one in engine.findings(filled)
    )


def test_samples_are_no_secrets() -> None:
    """The heuristics of detect-secrets sort out what only stands for a value."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ" * 2
    borrowed = RuleSet(borrowed_rules())
    assert borrowed.detect(f'ftp://user:******@host, ibm_cloud_api_key = "{letters[:44]}"') == []
