# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Every kind of mistake in a policy is told with its key, its line and what to do.

The files ``mistakes*.txt`` beside this one hold them: above each a line
with the key and words of the message, in it ``#!`` on the line that is to be told. Each stands
behind a policy without mistakes.
"""

from pathlib import Path

import pytest

from agentguard.config import check, load, load_document
from agentguard.errors import ConfigError

KEY = "ed25519:" + "A" * 43 + "="
BASE = f"""
version = 1
name = "n"
environments = ["production", "codegen"]

[[identity]]
id = "agent:a"

[[identity]]
id = "agent:b"
environments = "codegen"

[[tool]]
name = "refund"
impact = "irreversible"
[tool.schema]
type = "object"
required = ["order"]
[tool.schema.properties]
order = {{ type = "string" }}
amount = {{ type = "integer" }}

[[tool]]
name = "read"
impact = "read_only"

[[tool]]
name = "ship"
impact = "reversible"
resource = "order"

[[tool]]
name = "search"
impact = "read_only"
hosted = ["web_search"]

[limit.few]
calls = 5

[limit.total]
sum = "amount"
most = 500

[approval.leads]
approvers = [{{ id = "user:carol", key = "{KEY}" }}]
decide_within = "4h"
execute_within = "10m"

[[class]]
name = "customer"
patterns = ["CUST-[0-9]{{6}}"]

[[provider]]
id = "openai"
hosts = ["api.openai.com"]

[[rule]]
id = "base"
who = "agent:a"
tool = "refund"
then = "deny"
"""
# What the tables of keys name.
ENV = {"KEY": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "SHORT": "AAEC"}
HERE = Path(__file__).parent


def mistakes(name: str) -> list[tuple[str, str, str]]:
    """The key, the words and the lines of each mistake in a file of them."""
    found = []
    for block in (HERE / name).read_text(encoding="utf-8").split("#: ")[1:]:
        head, _, text = block.partition("\n")
        key, _, words = head.partition(" | ")
        found.append((key, words, text))
    return found


MISTAKES = [each for path in sorted(HERE.glob("mistakes*.txt")) for each in mistakes(path.name)]


@pytest.mark.parametrize("ends", ["\n", "\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize(
    ("key", "words", "text"),
    MISTAKES,
    ids=[f"{number}-{key}" for number, (key, _, _) in enumerate(MISTAKES)],
)
def test_a_mistake_is_told_where_it_stands(
    tmp_path: Path, key: str, words: str, text: str, ends: str
) -> None:
    """Each mistake is told with its key, the line on which it stands, and the words for it."""
    path = tmp_path / "agentguard.toml"
    whole = BASE + text
    path.write_bytes(whole.replace("\n", ends).encode())
    with pytest.raises(ConfigError) as refused:
        load(path, ENV)
    line = next(number for number, each in enumerate(whole.splitlines(), 1) if "#!" in each)
    found = [(each.key, each.line, each.message) for each in refused.value.problems]
    assert any((each, at) == (key, line) and words in message for each, at, message in found), found
    assert len({each for each, _, _ in found}) == 1, found


def test_the_policy_without_mistakes_can_be_used(tmp_path: Path) -> None:
    """What each mistake is added to can be used, so that the mistake alone is told."""
    path = tmp_path / "agentguard.toml"
    path.write_text(BASE, encoding="utf-8")
    assert not [each for each in check(path, ENV) if each.severity == "error"]


@pytest.mark.parametrize(
    ("old", "new", "key", "line", "words"),
    [
        ("version = 1", 'version = "1"', "version", 1, "must be an integer"),
        ("version = 1", "version = 2", "version", 1, "must be 1"),
        ("version = 1", "# no version", "version", 1, "is needed"),
        ('name = "n"\n', "", "name", 1, "is needed"),
        ('name = "n"', 'name = ""', "name", 2, "must not be empty"),
        ("version = 1", "version = 1\nrulez = 1", "rulez", 2, "did you mean 'rule'?"),
        ("version = 1", "version = 1\ngroups = 1", "groups", 2, "must be a table"),
        ('"codegen"]', '\n"code gen"]', "environments[1]", 4, "must be a name"),
        ('["production",', '["codegen",', "environments[1]", 3, "is declared twice"),
    ],
)
def test_a_mistake_at_the_top_is_told_where_it_stands(
    tmp_path: Path, old: str, new: str, key: str, line: int, words: str
) -> None:
    """What is wrong at the top has its line; what is missing there has the first."""
    path = tmp_path / "agentguard.toml"
    path.write_text(BASE.strip().replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load(path, ENV)
    told = {each.key: each for each in refused.value.problems}
    assert told[key].line == line
    assert words in told[key].message


def test_a_class_is_read_as_strictly_without_its_values(tmp_path: Path) -> None:
    """A policy that no guard could use is not tested, compared or signed either."""
    path = tmp_path / "agentguard.toml"
    path.write_text(BASE + '[[class]]\nname = "bank_acount"\n', encoding="utf-8")
    with pytest.raises(ConfigError, match="did you mean 'bank_account'"):
        load_document(path)
    path.write_text(BASE + '[[class]]\nname = "a"\npatterns = ["("]\n', encoding="utf-8")
    with pytest.raises(ConfigError, match="re2"):
        load_document(path)
