# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Extra deciders are loaded where the policy names them, or refuse it."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agentguard import ConfigError, Guard
from agentguard.config import check, load, load_policy
from agentguard.wiring import deciders_of

POLICY = """\
version = 1
name = "deciders"

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

"""
MODULE = """
from agentguard.deciders import Effect, Verdict

class Yes:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder

    def decide(self, request):
        return Verdict(effect=Effect.ALLOW)

def picky(options, folder):
    raise ValueError("'colour' is not known; options are 'shape'")

def failing(options, folder):
    raise RuntimeError("canary")

def nothing(options, folder):
    return object()
"""
POINTS = """
[agentguard.deciders]
yes = acme_deciders:Yes
picky = acme_deciders:picky
failing = acme_deciders:failing
nothing = acme_deciders:nothing
missing = acme_deciders:no_such_name
twice = acme_deciders:Yes
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Install a package with deciders, and write a policy with tables that name some."""
    packages = tmp_path / "packages"
    for name, points in (
        ("acme_deciders-1", POINTS),
        ("other-1", "[agentguard.deciders]\ntwice = other:Yes\n"),
    ):
        folder = packages / f"{name}.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(f"Name: {name[:-2]}\nVersion: 1\n")
        (folder / "entry_points.txt").write_text(points)
    (packages / "acme_deciders.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(packages))
    monkeypatch.delitem(sys.modules, "acme_deciders", raising=False)

    def written(tables: str) -> Path:
        path = tmp_path / "agentguard.toml"
        path.write_text(POLICY + tables)
        return path

    return written


def test_a_decider_is_made_with_its_options(write: Callable[[str], Path], tmp_path: Path) -> None:
    """It gets the options of its table, and the folder below which files in them lie."""
    path = write('[[decider]]\nname = "yes"\nwithin = "5s"\noptions = { file = "x", deep = [1] }')
    (made,) = deciders_of(load(path))
    assert (made.name, made.within.total_seconds()) == ("yes", 5.0)
    options, folder = vars(made.decider)["options"], vars(made.decider)["folder"]
    assert (dict(options), folder) == ({"file": "x", "deep": (1,)}, tmp_path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("not_there", "no installed package offers decider 'not_there'"),
        ("twice", "2 installed packages offer decider 'twice'"),
        ("failing", "decider 'failing' cannot be made (RuntimeError)"),
        ("missing", "decider 'missing' cannot be loaded (AttributeError)"),
        ("nothing", "decider 'nothing' has no method 'decide'"),
        ("picky", "decider 'picky' cannot use its options: 'colour' is not known"),
    ],
)
def test_a_decider_that_is_not_there_or_not_one_refuses_the_guard(
    write: Callable[[str], Path], name: str, message: str
) -> None:
    """No guard starts without a decider that its policy names."""
    with pytest.raises(ConfigError) as caught:
        Guard.from_file(write(f'[[decider]]\nname = "{name}"\n'))
    (problem,) = caught.value.problems
    assert message in problem.message
    assert problem.key.startswith("decider[0]")
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("table", "key", "message"),
    [
        ('name = "yes"\ntool = ["shwo"]', "decider[0].tool", "'shwo' is not declared"),
        ('name = "yes"\ntool = ["x*"]', "decider[0].tool", "no declared tool fits 'x*'"),
        ('name = "yes"\ntool = ["group:g"]', "decider[0].tool", "is not declared in [tool_groups]"),
        ('name = "yes"\napproval = "leads"', "decider[0].approval", "[approval.leads]"),
        ('name = "yes"\n[[decider]]\nname = "yes"', "decider[1].name", "declared twice"),
        ("models = true", "decider[0].name", "is needed"),
    ],
)
def test_a_table_that_says_nothing_is_refused_where_it_stands(
    write: Callable[[str], Path], table: str, key: str, message: str
) -> None:
    """A decider that would never be asked, or could not ask anybody, is a mistake of the file."""
    with pytest.raises(ConfigError) as caught:
        load(write(f"[[decider]]\n{table}\n"))
    problem = next(each for each in caught.value.problems if each.key == key)
    assert message in problem.message
    assert problem.line is not None


def test_a_check_says_that_a_decider_is_missing(write: Callable[[str], Path]) -> None:
    """What would keep the guard from starting is told by the check."""
    remarks = check(write('[[decider]]\nname = "not_there"\n'))
    assert any("no installed package offers decider" in str(remark) for remark in remarks)


def test_an_approver_needs_no_decider(write: Callable[[str], Path]) -> None:
    """Who only reads the policy need not have the packages of the agents' machines."""
    policy, _ = load_policy(write('[[decider]]\nname = "not_there"\n'))
    assert policy.document.deciders[0].name == "not_there"
