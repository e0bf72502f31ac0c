# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Rules of other scanners belong to the policy that names their files."""

from collections.abc import Callable
from pathlib import Path

import pytest

from agentguard import ContentRefused, Guard
from agentguard.config import check, load, load_policy
from agentguard.errors import ConfigError
from agentguard.wiring import classifier_of

POLICY = """\
version = 1
name = "rules"

[[identity]]
id = "agent:a"

[[tool]]
name = "show"
impact = "read_only"

[[rule]]
id = "tools"
who = "agent:a"
tool = "show"
args.text = { any = true }
then = "allow"

[[class]]
name = "acme_token"
action = "block"
labelled = true

[detection]
profile = "strict"
"""
TABLE = """
[[detection.rule_file]]
file = "acme.toml"
format = "gitleaks"
class = "acme_token"
without = ["by-path"]
"""
SECOND_TABLE = """
[[detection.rule_file]]
file = "acme.yml"
format = "kingfisher"
class = "api_key"
"""
RULES = """
[[rules]]
id = "acme-token"
regex = '''acme[_-]?lot\\s*=\\s*"?(ac_[a-z0-9]{12})'''
keywords = ["acme"]
[[rules]]
id = "by-path"
path = '''x'''
"""
SECOND_RULES = "rules: [{id: acme.1, name: Acme, pattern: 'zz[0-9]{9}'}]"
TEXT = 'x acme_lot = "ac_k3j9d8f7h2q1" y'

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a policy with tables of rule files beside two such files."""

    def written(tables: str = TABLE, *, rules: str = RULES) -> Path:
        (tmp_path / "acme.toml").write_text(rules)
        (tmp_path / "acme.yml").write_text(SECOND_RULES)
        path = tmp_path / "agentguard.toml"
        path.write_text(POLICY + tables)
        return path

    return written


def test_rules_of_a_file_find_what_the_policy_hides(write: Write) -> None:
    """What a rule of another scanner finds is treated by the action of its class."""

    def show(text: str) -> str:
        return text

    with Guard.from_file(write()) as guard, guard.identity("agent:a"):
        assert guard.tool(show)(text="nothing") == "nothing"
        with pytest.raises(ContentRefused):
            guard.tool(show)(text=TEXT)


def test_rules_share_views_and_names_say_where_they_come_from(write: Write) -> None:
    """Rules of two files are found in encoded text, too, and a finding names scanner and rule."""
    classifier = classifier_of(load(write(TABLE + SECOND_TABLE), {}))
    (plain,) = classifier.findings(TEXT)
    assert (plain.data_class, plain.detector) == ("acme_token", "gitleaks:acme-token")
    assert TEXT[plain.start : plain.end] == "ac_k3j9d8f7h2q1"
    (hidden,) = classifier.findings(f"see {b'so zz123456789 it is, sir'.hex()} there")
    assert (hidden.data_class, hidden.detector) == ("api_key", "kingfisher:acme.1")


def test_a_stream_waits_for_rules_that_reach_over_blanks(write: Write) -> None:
    """A class of rules whose patterns may hold blanks is looked further ahead for."""
    classifier = classifier_of(load(write(TABLE + SECOND_TABLE), {}))
    assert classifier.reach({"acme_token"}) > 0 == classifier.reach({"api_key"})


def test_the_content_of_a_file_is_part_of_the_digest(write: Write) -> None:
    """Another rule, another class and another rule left out make another policy; line ends do not."""
    digests = {
        load_policy(write(tables, rules=rules))[0].digest
        for tables, rules in (
            ("", RULES),
            (TABLE, RULES),
            (TABLE, RULES.replace("{12}", "{13}")),
            (TABLE.replace('"acme_token"', '"credential"'), RULES),
            (TABLE.replace('"by-path"', '"by-path", "acme-token"'), RULES),
        )
    }
    assert len(digests) == 5
    again = load_policy(write(TABLE, rules=RULES.replace("\n", "\r\n")))[0].digest
    assert again in digests


@pytest.mark.parametrize(
    ("tables", "rules", "key", "message"),
    [
        (TABLE.replace("acme.toml", "no.toml"), RULES, "file", "file 'no.toml' does not exist"),
        (TABLE, "[", "file", "file 'acme.toml': it is no TOML"),
        (TABLE.replace('"by-path"', '"other"'), RULES, "file", "rule 'by-path' looks at names"),
        (TABLE, RULES.replace("acme[", "(?=acme)["), "file", "file 'acme.toml': rule 'acme-token'"),
        (TABLE.replace('"acme_token"', '"no_such"'), RULES, "class", "is not a class of text"),
        (TABLE.replace('"acme_token"', '"image"'), RULES, "class", "is not a class of text"),
        (TABLE.replace('"gitleaks"', '"other"'), RULES, "format", "'gitleaks' or 'kingfisher'"),
        (TABLE.replace('class = "acme_token"\n', ""), RULES, "class", "is needed"),
        (TABLE + "paths = []", RULES, "paths", "is not a known key"),
    ],
)
def test_a_file_that_cannot_be_used_refuses_the_policy(
    write: Write, tables: str, rules: str, key: str, message: str
) -> None:
    """Every problem is told with its key and line in the policy, and the name of the file."""
    path = write(tables, rules=rules)
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    told = [each for each in caught.value.problems if message in each.message]
    assert [each.key for each in told] == [f"detection.rule_file[0].{key}"]
    assert (told[0].line or 0) >= path.read_text().splitlines().index("[[detection.rule_file]]") + 1
    assert {str(each.problem) for each in check(path, {})} == {
        str(each) for each in caught.value.problems
    }


def test_a_file_is_named_once(write: Write) -> None:
    """A file of rules that is named twice is a mistake."""
    with pytest.raises(ConfigError, match=r"detection.rule_file\[1\].file: 'acme.toml' is named"):
        load(write(TABLE + TABLE), {})


def test_who_only_reads_the_policy_needs_the_files(write: Write) -> None:
    """An approver's policy without a file of rules would be another one, so it is refused."""
    path = write()
    (path.parent / "acme.toml").unlink()
    with pytest.raises(ConfigError, match="does not exist"):
        load_policy(path)
