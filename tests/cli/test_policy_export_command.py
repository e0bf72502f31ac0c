# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does ``agentguard policy export`` write what Cedar takes?"""

from pathlib import Path
from typing import TYPE_CHECKING

import cedarpy

if TYPE_CHECKING:
    from tests.cli.conftest import Shell


def test_the_first_policy_is_valid_in_cedar(shell: "Shell", tmp_path: Path) -> None:
    """The policy that ``init`` writes is exported as files that Cedar validates."""
    folder = tmp_path / "cedar" / "out"
    ran = shell("policy", "export", "--to", "cedar", "--out", str(folder))
    assert (ran.code, ran.out.count("wrote ")) == (0, 3)
    policies = (folder / "policy.cedar").read_text(encoding="utf-8")
    schema = (folder / "policy.cedarschema").read_text(encoding="utf-8")
    entities = (folder / "entities.json").read_text(encoding="utf-8")
    assert cedarpy.validate_policies(policies, schema).validation_passed
    assert len(cedarpy.Entities.from_json_str(entities, schema))
    assert policies.startswith("// ")


def test_what_cedar_must_be_told_is_listed(shell: "Shell") -> None:
    """Facts that Cedar cannot find out stand beside the policies, and in the JSON."""
    ran = shell("policy", "export", "--to", "cedar")
    assert ran.code == 0
    assert "permit (" in ran.out
    told = shell("policy", "export", "--to", "cedar", "--json").json
    assert told["files"]["policy.cedar"].endswith(ran.out[-40:].strip() + "\n")
    assert [fact for fact in told["facts"] if fact not in ran.err] == []
    assert all("satisfies" in fact or "ruled out" in fact for fact in told["facts"])


def test_a_folder_that_cannot_be_written_is_told(shell: "Shell", tmp_path: Path) -> None:
    """The command fails with the reason where its files cannot be written."""
    taken = tmp_path / "taken"
    taken.write_text("", encoding="utf-8")
    ran = shell("policy", "export", "--to", "cedar", "--out", str(taken))
    assert ran.code == 2
    assert "cannot be written" in ran.err


def test_a_policy_with_a_mistake_is_not_exported(shell: "Shell") -> None:
    """Nothing is written for a policy that cannot be used."""
    shell.policy.write_text("version = 9\n", encoding="utf-8")
    ran = shell("policy", "export", "--to", "cedar")
    assert ran.code == 2
    assert ran.out == ""
