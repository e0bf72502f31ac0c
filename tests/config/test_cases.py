# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A file of cases is read strictly, and every mistake in it is told where it stands."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from agentguard.config import load_document
from agentguard.config.cases import cases_beside, load_cases, questions_in
from agentguard.errors import ConfigError
from agentguard.vocabulary import Assurance, Effect

CASE = """
[[case]]
name = "a"
as = "agent:support"
for = "user:alice"
tool = "refund"
args = { amount = 5, to = ["x"] }
environment = "production"
assurance = "token"
claims = { person = { customer = "c-1" } }
resource = "o-1"
spent = { few = "1.50" }
at = 2026-12-01
expect = "deny"
rule = "refund-small"
"""

MISTAKES = (
    ('name = "a"', 'nam = "a"', "case[0].nam"),
    ('expect = "deny"', 'expect = "maybe"', "case[0].expect"),
    ('tool = "refund"', 'tool = "refund"\nprovider = "openai"', "case[0].tool"),
    ('tool = "refund"', 'tool = "refund"\nmodel = "gpt"', "case[0].model"),
    ('assurance = "token"', 'assurance = "sure"', "case[0].assurance"),
    ("{ person = {", "{ somebody = {", "case[0].claims.somebody"),
    ('few = "1.50"', "few = -1", "case[0].spent.few"),
    ('few = "1.50"', "few = 1.5", "case[0].spent.few"),
    ("at = 2026-12-01", 'at = "soon"', "case[0].at"),
    ("amount = 5", "amount = 2026-12-01", "case[0].args.amount"),
    ("amount = 5", "amount = [[], { a = 12:00:00 }]", "case[0].args.amount[1].a"),
)


def write(folder: Path, text: str) -> Path:
    """A file of cases."""
    path = folder / "agentguard.tests.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_case_is_read_as_it_is_written(tmp_path: Path) -> None:
    """Every key of a case reaches the question that is asked."""
    (case,) = load_cases(write(tmp_path, CASE)).expectations
    question = case.question
    assert (case.name, case.effect, case.rule) == ("a", Effect.DENY, "refund-small")
    assert (question.actor, question.person, question.tool) == (
        "agent:support",
        "user:alice",
        "refund",
    )
    assert dict(question.arguments) == {"amount": 5, "to": ("x",)}
    assert (question.environment, question.assurance) == ("production", Assurance.TOKEN)
    assert question.claims["person"]["customer"] == "c-1"
    assert question.resources == ("o-1",)
    assert question.spent == {"few": Decimal("1.50")}
    assert question.now == datetime(2026, 12, 1, tzinfo=UTC)


@pytest.mark.parametrize(("right", "wrong", "key"), MISTAKES)
def test_a_mistake_is_told_where_it_stands(
    tmp_path: Path, right: str, wrong: str, key: str
) -> None:
    """An unknown key, a wrong value and keys that do not belong together have key and line."""
    assert right in CASE
    path = write(tmp_path, CASE.replace(right, wrong, 1))
    with pytest.raises(ConfigError) as refused:
        load_cases(path)
    problems = {each.key: each for each in refused.value.problems}
    assert key in problems
    assert problems[key].line is not None
    assert problems[key].file == str(path)


@pytest.mark.parametrize("text", ["", "case = 1", "[[case]\n", "version = 1"])
def test_a_file_without_cases_is_refused(tmp_path: Path, text: str) -> None:
    """A file that holds no case is no file of cases."""
    with pytest.raises(ConfigError):
        load_cases(write(tmp_path, text))


def test_two_cases_have_two_names(tmp_path: Path) -> None:
    """Two cases of one name are a mistake."""
    with pytest.raises(ConfigError, match="another case"):
        load_cases(write(tmp_path, CASE + CASE))


def test_a_case_names_what_the_policy_declares(tmp_path: Path, policy_file: Path) -> None:
    """A tool, rule, agent or environment that the policy does not have is told with its line."""
    text = CASE.replace('"refund"', '"refnd"').replace("agent:support", "agent:suport")
    cases = load_cases(write(tmp_path, text.replace("refund-small", "refund-smal")))
    with pytest.raises(ConfigError) as refused:
        cases.refuse_strays(load_document(policy_file))
    assert {each.key for each in refused.value.problems} == {
        "case[0].as",
        "case[0].tool",
        "case[0].environment",
        "case[0].spent",
        "case[0].rule",
    }
    assert all(each.line is not None for each in refused.value.problems)


def test_cases_are_looked_for_beside_the_policy() -> None:
    """The cases of a policy lie beside it, under its name."""
    assert cases_beside("/x/agentguard.toml") == Path("/x/agentguard.tests.toml")


@pytest.mark.parametrize(
    "text", ["{", "[1]", '{"as": "agent:a", "as": "agent:b", "tool": "t"}', '{"tool": "t"}', "NaN"]
)
def test_json_that_asks_nothing_is_refused(text: str) -> None:
    """Broken JSON, a key that stands twice and a call of nobody are no question."""
    with pytest.raises(ConfigError):
        questions_in(text, "a test")
