# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A policy that looks for names says what finds them, and nothing is loaded to check that."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agentguard import Guard
from agentguard.config import check, load, load_policy
from agentguard.errors import ConfigError

POLICY = """\
version = 1
name = "names"

[[class]]
name = "person"
"""
MODEL = '[detection]\nnames_model = "acme_model"\n'

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Install a package that is no model, and write a policy beside a folder."""
    packages = tmp_path / "packages"
    packages.mkdir()
    (packages / "acme_model.py").write_text("def load():\n    raise RuntimeError('canary')\n")
    monkeypatch.syspath_prepend(str(packages))
    monkeypatch.delitem(sys.modules, "acme_model", raising=False)
    (tmp_path / "models").mkdir()

    def written(text: str) -> Path:
        path = tmp_path / "agentguard.toml"
        path.write_text(text)
        return path

    return written


@pytest.mark.parametrize(
    ("text", "key", "message"),
    [
        (POLICY, "class[0]", "'person' is found by a model of language alone"),
        (POLICY.replace("person", "email") + MODEL, "detection.names_model", "finds nothing"),
        (POLICY + 'in_answers = "redact"\n' + MODEL, "class[0].in_answers", "must be 'label'"),
        (
            POLICY + MODEL.replace("acme_model", "no_such_model"),
            "detection.names_model",
            "no package 'no_such_model' is installed",
        ),
        (
            POLICY + MODEL.replace("acme_model", "./no-folder"),
            "detection.names_model",
            "neither the name of a package nor a folder",
        ),
    ],
)
def test_what_would_find_no_names_is_a_mistake(
    write: Write, text: str, key: str, message: str
) -> None:
    """Classes of names without a model, a model without them, and one that is not there."""
    path = write(text)
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    (problem,) = caught.value.problems
    assert (problem.key, problem.line is not None) == (key, True)
    assert message in problem.message
    assert [remark.problem for remark in check(path, {})] == [problem]


@pytest.mark.parametrize(
    "text",
    [
        POLICY + 'values = ["Harriet Thornbury"]\n',
        POLICY + 'values = ["Harriet Thornbury"]\nin_answers = "redact"\n',
        POLICY + 'keys = ["employee"]\n',
        POLICY + "labelled = true\n",
        POLICY + '[[external_label]]\nname = "HR"\nclass = "person"\n',
    ],
)
def test_names_that_are_found_otherwise_need_no_model(write: Write, text: str) -> None:
    """Values, members and labels find persons without any model."""
    assert load(write(text), {}).names_model is None
    assert check(write(text), {}) == ()


def test_nothing_is_loaded_before_there_is_a_guard(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A check says whether a model is there; who only reads the policy needs none."""
    path = write(POLICY + MODEL)
    assert check(path, {}) == ()
    assert load(path, {}).names_model == "acme_model"
    load_policy(path)
    assert "acme_model" not in sys.modules
    find = importlib.util.find_spec

    def without_spacy(name: str, *rest: Any) -> Any:
        return None if name == "spacy" else find(name, *rest)

    monkeypatch.setattr(importlib.util, "find_spec", without_spacy)
    load_policy(path)
    with pytest.raises(ConfigError, match="pip install 'agentguard"):
        load(path, {})


def test_a_model_that_cannot_be_loaded_starts_no_guard(write: Write, tmp_path: Path) -> None:
    """What the package raises stays inside; no store is left behind."""
    with pytest.raises(ConfigError, match="model 'acme_model' cannot be loaded") as caught:
        Guard.from_file(write(POLICY + MODEL))
    assert "canary" not in repr(caught.value)
    assert not list(tmp_path.glob("*.db"))


def test_a_folder_is_relative_to_the_policy(write: Write, tmp_path: Path) -> None:
    """A model in a folder is found from everywhere, and its name is part of the digest."""
    path = write(POLICY + MODEL.replace("acme_model", "./models"))
    assert load(path, {}).names_model == str(tmp_path / "models")
    digest = load_policy(path)[0].digest
    assert load_policy(write(POLICY + MODEL))[0].digest != digest
