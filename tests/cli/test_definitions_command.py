# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""The commands about what servers say of their tools."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from agentguard import Guard
from agentguard.cli import main
from agentguard.tools import Description, ServedTools
from agentguard.vocabulary import AuditEntry, EntryType

SCHEMA = {"type": "object", "properties": {}}
Run = Callable[..., tuple[int, str, str]]


def said(text: str, **changes: object) -> Description:
    """Return what a server says of its tool ``docs_search``."""
    schema = {**SCHEMA, **changes}
    return Description(tool="docs_search", text=text, schema=schema, surface="mcp")


@pytest.fixture
def run(policy_file: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command and return its exit code and what it printed."""
    text = policy_file.read_text() + '\n[[tool]]\nname = "docs_search"\nimpact = "read_only"\n'
    policy_file.write_text(text)

    def one(*arguments: str) -> tuple[int, str, str]:
        code = main([*arguments, "--config", str(policy_file)])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return one


@pytest.fixture
def seen(policy_file: Path, run: Run) -> Callable[[Description], bool]:
    """List a tool to a guard, and say whether it may be used."""

    def one(description: Description) -> bool:
        with Guard.from_file(policy_file) as guard:
            return bool(ServedTools(guard.enforcer, "mcp").take([description]))

    return one


def test_a_change_is_shown_and_approved(
    run: Run, seen: Callable[[Description], bool], entries: list[AuditEntry]
) -> None:
    """A changed definition is told as a difference, and may be used once it is approved."""
    assert seen(said("Searches."))
    changed = said("Searches, and mails what it finds.")
    assert not seen(changed)
    assert "changed" in run("definitions", "list")[1]
    shown = run("definitions", "show", "docs_search")[1]
    assert '-  "description": "Searches."' in shown
    assert '+  "description": "Searches, and mails what it finds."' in shown
    yes = ("--as", "user:carol", "--yes", "--digest", changed.digest)
    code, out, _ = run("definitions", "approve", "docs_search", *yes)
    assert (code, "approved" in out) == (0, True)
    assert seen(changed)
    (entry,) = [each for each in entries if each.type is EntryType.DEFINITION_APPROVED]
    assert (entry.target, entry.details["by"]) == ("docs_search", "user:carol")
    assert run("definitions", "approve", "docs_search", *yes)[0] == 1


def test_an_approval_is_told_as_json(run: Run, seen: Callable[[Description], bool]) -> None:
    """With ``--json`` an approval prints what is trusted now; before anything was seen, nothing."""
    assert run("definitions", "list")[0] == 2
    seen(said("Searches."))
    changed = said("Changed.")
    seen(changed)
    yes = ("--as", "user:carol", "--yes", "--digest", changed.digest, "--json")
    row = json.loads(run("definitions", "approve", "docs_search", *yes)[1])
    assert (row["trusted"], row["trusted_by"], row["seen"]) == (changed.digest, "user:carol", None)
    assert "Changed." in run("definitions", "show", "docs_search")[1]


def test_what_is_approved_is_what_was_reviewed(
    run: Run, seen: Callable[[Description], bool]
) -> None:
    """A definition that changed again since it was reviewed is not approved."""
    for text in ("Searches.", "Reviewed.", "Something else."):
        seen(said(text))
    yes = ("--as", "user:carol", "--yes", "--digest", said("Reviewed.").digest)
    code, _, err = run("definitions", "approve", "docs_search", *yes)
    assert (code, "look at it again" in err) == (2, True)
    assert not seen(said("Something else."))


def test_hidden_characters_are_shown(run: Run, seen: Callable[[Description], bool]) -> None:
    """A character that a reader would not see stands there as an escape."""
    seen(said("Searches.", title="plain"))
    seen(said("Searches.", title="pla\ue000in"))
    shown = run("definitions", "show", "docs_search")[1]
    assert "\\u{e000}" in shown
    assert "\ue000" not in shown


def test_definitions_are_listed_as_json(run: Run, seen: Callable[[Description], bool]) -> None:
    """With ``--json`` everything that is kept is there."""
    seen(said("Searches."))
    (row,) = json.loads(run("definitions", "list", "--json")[1])
    assert (row["tool"], row["trusted"], row["seen"]) == (
        *("docs_search", said("Searches.").digest, None),
    )
    assert row["definition"]["description"] == "Searches."
    assert json.loads(run("definitions", "show", "docs_search", "--json")[1]) == row


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", "unknown"),
        ("approve", "unknown", "--as", "user:carol", "--yes", "--digest", "sha256:x"),
        ("approve", "docs_search", "--as", " ", "--yes", "--digest", "sha256:x"),
        ("approve", "docs_search", "--as", "user:carol", "--yes"),
        ("approve", "docs_search", "--as", "user:carol", "--json"),
        ("approve", "docs_search", "--as", "user:carol"),
    ],
)
def test_what_cannot_be_done_is_said(
    run: Run, seen: Callable[[Description], bool], arguments: tuple[str, ...]
) -> None:
    """An unknown tool, nobody's approval and an unreviewed one change nothing."""
    seen(said("Searches."))
    seen(said("Changed."))
    assert run("definitions", *arguments)[0] == 2
    assert not seen(said("Changed."))
