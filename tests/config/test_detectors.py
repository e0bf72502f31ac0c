# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Detectors of other packages are asked where the policy names them, or refuse it."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agentguard import ContentRefused, Guard, GuardFailure
from agentguard.config import check, load, load_policy
from agentguard.errors import ConfigError
from agentguard.wiring import classifier_of

POLICY = """\
version = 1
name = "detectors"

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
name = "acme_id"
labelled = true

[detection]
detectors = [NAMES]
"""
MODULE = """
from agentguard.vocabulary import Finding

class Ids:
    name = "acme_ids"

    def detect(self, text):
        start = text.find("canary")
        if start >= 0:
            yield Finding(start=start, end=start + 6, data_class="acme_id", detector=self.name)
        if "broken" in text:
            raise RuntimeError("canary " + text)
        if "outside" in text:
            yield Finding(start=0, end=len(text) + 1, data_class="acme_id", detector=self.name)
        if "unknown" in text:
            yield Finding(start=0, end=1, data_class="no_such_class", detector=self.name)

INSTANCE = Ids()

def make():
    return Ids()

def fail():
    raise RuntimeError("canary")

NOTHING = lambda: 5
"""
POINTS = """
[agentguard.detectors]
as_class = acme_detectors:Ids
as_instance = acme_detectors:INSTANCE
as_function = acme_detectors:make
failing = acme_detectors:fail
missing = acme_detectors:no_such_name
no_detector = acme_detectors:NOTHING
twice = acme_detectors:Ids
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Install a package with detectors, and write a policy that names some."""
    packages = tmp_path / "packages"
    for name, points in (
        ("acme_detectors-1", POINTS),
        ("other-1", "[agentguard.detectors]\ntwice = other:Ids\n"),
    ):
        folder = packages / f"{name}.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(f"Name: {name[:-2]}\nVersion: 1\n")
        (folder / "entry_points.txt").write_text(points)
    (packages / "acme_detectors.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(packages))
    monkeypatch.delitem(sys.modules, "acme_detectors", raising=False)

    def written(*names: str) -> Path:
        path = tmp_path / "agentguard.toml"
        path.write_text(POLICY.replace("NAMES", ", ".join(f'"{name}"' for name in names)))
        return path

    return written


@pytest.mark.parametrize("name", ["as_class", "as_instance", "as_function"])
def test_a_named_detector_finds_what_is_hidden(write: Callable[..., Path], name: str) -> None:
    """A detector, and what makes one, finds data of the classes of the policy."""

    def show(text: str) -> str:
        return text

    with Guard.from_file(write(name)) as guard, guard.identity("agent:a"):
        assert guard.tool(show)(text="nothing") == "nothing"
        with pytest.raises(ContentRefused):
            guard.tool(show)(text="a canary sings")


@pytest.mark.parametrize("text", ["broken", "outside", "unknown"])
def test_an_error_of_a_detector_refuses_the_call(write: Callable[..., Path], text: str) -> None:
    """A detector that fails, points outside or finds no class of the policy lets nothing pass."""

    def show(text: str) -> str:
        raise AssertionError(f"was called with {len(text)} characters")

    with Guard.from_file(write("as_class")) as guard, guard.identity("agent:a"):
        with pytest.raises(GuardFailure) as caught:
            guard.tool(show)(text=f"{text} canary")
        assert not caught.value.dispatched
        error: BaseException | None = caught.value
        while error is not None:
            assert "canary" not in f"{error!r}{error.args!r}{vars(error)!r}"
            error = error.__cause__ or error.__context__


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("not_there",), "no installed package offers detector 'not_there'"),
        (("twice",), "2 installed packages offer detector 'twice'"),
        (("as_class", "as_class"), "'as_class' is named twice"),
        (("failing",), "detector 'failing' cannot be loaded (RuntimeError)"),
        (("missing",), "detector 'missing' cannot be loaded (AttributeError)"),
        (("no_detector",), "has no name or no method 'detect'"),
    ],
)
def test_a_detector_that_is_not_there_refuses_the_policy(
    write: Callable[..., Path], names: tuple[str, ...], message: str
) -> None:
    """What cannot be loaded is told at its key, without what its package said."""
    with pytest.raises(ConfigError) as caught:
        load(write(*names), {})
    (problem,) = caught.value.problems
    assert problem.key == f"detection.detectors[{len(names) - 1}]"
    assert problem.line == 23
    assert message in problem.message
    assert "canary" not in repr(caught.value)


def test_no_detector_is_loaded_that_is_not_named_or_not_needed(write: Callable[..., Path]) -> None:
    """An installed package runs nothing by itself, and nothing where a policy is only read."""
    assert load(write(), {}).detectors == ()
    assert check(write("as_class"), {}) == ()
    before = load_policy(write())[0].digest
    assert load_policy(write("as_class"))[0].digest != before
    assert "acme_detectors" not in sys.modules


def test_detectors_combine_with_everything_else(write: Callable[..., Path]) -> None:
    """What an own detector and others find in one place is one finding that covers both."""
    path = write("as_class")
    (path.parent / "acme.toml").write_text("[[rules]]\nid = 'c'\nregex = 'ary-[0-9]{6}'\n")
    rule_file = '[[detection.rule_file]]\nfile = "acme.toml"\nformat = "gitleaks"\n'
    path.write_text(f'{path.read_text()}\n{rule_file}class = "credential"\n')
    classifier = classifier_of(load(path, {}))
    text = "so a canary-123456 sings"
    (found,) = classifier.findings(text)
    assert text[found.start : found.end] == "canary-123456"
    assert (found.data_class, found.detector) == ("credential", "gitleaks:c")
    assert found.covers == {"acme_id"}
    (encoded,) = classifier.findings(f"see {b'so a canary sings here'.hex()} there")
    assert encoded.data_class == "acme_id"
