# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is told of an issuer's table when the file is read?"""

import subprocess
import sys
from pathlib import Path

import pytest

from agentguard import ConfigError, Guard
from agentguard.config import check, load_policy
from agentguard.testing.issuer import LoopbackIssuer

TABLE = """
[issuer.corp]
issuer = "https://login.test"
audience = "agents"
keys_file = "keys.json"
"""


@pytest.fixture
def written(policy_file: Path) -> Path:
    """A policy with an issuer whose file of keys is not there."""
    policy_file.write_text(policy_file.read_text() + TABLE)
    return policy_file


def problems(path: Path) -> list[str]:
    """What is wrong with a file, each with its key and line."""
    return [
        f"{remark.problem.key}:{remark.problem.line} {remark.problem.message}"
        for remark in check(path, {})
    ]


def test_a_file_of_keys_that_is_not_there_is_told_with_its_line(written: Path) -> None:
    """The guard does not start without the keys that the policy names."""
    line = written.read_text().splitlines().index('keys_file = "keys.json"') + 1
    assert problems(written) == [f"issuer.corp.keys_file:{line} file 'keys.json' does not exist"]
    with pytest.raises(ConfigError, match=r"issuer\.corp\.keys_file"):
        Guard.from_file(written)


def test_an_approver_s_machine_needs_no_keys(written: Path) -> None:
    """Whoever reads the policy alone does not hold what the agents' machines hold."""
    assert load_policy(written)[0].name == "support"


def test_keys_that_are_there_are_no_problem(written: Path) -> None:
    """The file is found beside the policy, wherever the process runs."""
    with LoopbackIssuer() as issuer:
        written.with_name("keys.json").write_bytes(issuer.key_set())
    assert problems(written) == []


def test_every_mistake_in_a_table_is_told(policy_file: Path) -> None:
    """Unknown words, wrong types and unsafe choices are told at once, each at its place."""
    policy_file.write_text(
        policy_file.read_text()
        + '\n[issuer.corp]\nissuer = "https://login.test"\naudience = []\nkeys_url = "http://x/"\n'
        'algorithms = ["HS256"]\nleeway = "1h"\nkeys_max_age = "never"\nsubject_kind = "robot"\n'
        "trust = true\n"
    )
    keys = {each.partition(":")[0] for each in problems(policy_file)}
    expected = [
        "audience",
        "keys_url",
        "algorithms",
        "leeway",
        "keys_max_age",
        "subject_kind",
        "trust",
    ]
    assert keys == {f"issuer.corp.{name}" for name in expected}


def told_without(library: str, path: Path) -> str:
    """What a guard of a fresh process is refused with, where a library is not installed."""
    code = (
        f"import sys; sys.modules[{library!r}] = None\n"
        "from agentguard import ConfigError, Guard\n"
        "try:\n"
        "    Guard.from_file(sys.argv[1])\n"
        "except ConfigError as error:\n"
        "    print(error)\n"
    )
    command = [sys.executable, "-c", code, str(path)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize(
    ("table", "library", "extra"),
    [
        (TABLE, "jwt", "tokens"),
        (
            TABLE.replace('keys_file = "keys.json"', 'keys_url = "https://x.test"'),
            "httpx",
            "tokens",
        ),
        (
            '[issuer.corp]\nkind = "spiffe"\nissuer = "corp.example"\naudience = "agents"\n',
            "spiffe",
            "spiffe",
        ),
    ],
)
def test_a_library_that_is_not_installed_is_told_with_its_extra(
    table: str, library: str, extra: str, policy_file: Path
) -> None:
    """A policy that needs more than is installed says what to install, at start."""
    policy_file.write_text(policy_file.read_text() + table)
    policy_file.with_name("keys.json").write_text('{"keys": []}')
    told = f"issuer 'corp' needs pip install 'agentguard[{extra}]'"
    assert told in told_without(library, policy_file)
