# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does ``agentguard init`` give an operator a policy that works, and take nothing away?"""

import stat
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from openai import OpenAI

from agentguard import Guard
from agentguard.config import check, load
from agentguard.signing import new_key, public_key
from agentguard.testing import LoopbackProvider

if TYPE_CHECKING:
    from tests.cli.conftest import Shell


@pytest.fixture
def policy_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where no policy lies yet; keys go below the test's own folder."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "agentguard.toml"


def key_file(tmp_path: Path) -> Path:
    """Where init puts the key of its default approver."""
    return tmp_path / "config" / "agentguard" / "user-carol.pem"


def test_init_writes_a_policy_without_a_remark(shell: "Shell") -> None:
    """The policy that init writes has neither errors nor warnings."""
    assert shell("init").code == 0
    assert check(shell.policy) == ()


def test_init_writes_cases_that_pass(shell: "Shell") -> None:
    """Beside the policy stand cases that exercise every rule of it, and pass."""
    assert shell("init").code == 0
    assert shell("policy", "test").code == 0


def test_existing_cases_are_never_overwritten(shell: "Shell") -> None:
    """Init leaves cases alone that stand where its own would."""
    cases = shell.policy.with_suffix(".tests.toml")
    cases.write_text("mine", encoding="utf-8")
    ran = shell("init", "--json")
    assert ran.json["cases"] is None
    assert cases.read_text(encoding="utf-8") == "mine"


def test_the_key_is_for_its_owner_alone(shell: "Shell", tmp_path: Path) -> None:
    """The private key has mode 0600 in a folder with mode 0700, and the policy trusts it."""
    shell("init")
    path = key_file(tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    approver = load(shell.policy).policy.profiles["leads"].approvers[0]
    assert approver.key == public_key(path.read_bytes())
    assert approver.id == "user:carol"


def test_an_existing_policy_is_never_overwritten(shell: "Shell", tmp_path: Path) -> None:
    """Init on an existing file writes nothing, makes no key and exits with 2."""
    shell.policy.write_text("mine", encoding="utf-8")
    ran = shell("init")
    assert ran.code == 2
    assert "exists already" in ran.err
    assert shell.policy.read_text(encoding="utf-8") == "mine"
    assert not key_file(tmp_path).exists()


def test_an_existing_key_is_used_and_not_overwritten(shell: "Shell", tmp_path: Path) -> None:
    """A second policy for the same approver trusts the key that lies there already."""
    shell("init")
    first = key_file(tmp_path).read_bytes()
    shell.policy.unlink()
    assert shell("init").code == 0
    assert key_file(tmp_path).read_bytes() == first


def test_an_existing_key_with_a_passphrase_is_named(shell: "Shell", tmp_path: Path) -> None:
    """Init does not ask for a key's passphrase: it says how to name the public part."""
    path = tmp_path / "locked.pem"
    path.write_bytes(new_key(b"a passphrase")[0])
    ran = shell("init", "--key", str(path))
    assert ran.code == 2
    assert "--public-key" in ran.err
    assert not shell.policy.exists()


def test_a_given_public_key_makes_no_private_one(shell: "Shell", tmp_path: Path) -> None:
    """With --public-key the policy trusts that key, and no private key is made."""
    public = new_key()[1]
    ran = shell("init", "--public-key", public, "--approver", "user:dave", "--json")
    cases = shell.policy.with_suffix(".tests.toml")
    assert ran.json == {"policy": str(shell.policy), "cases": str(cases), "key": None}
    approver = load(shell.policy).policy.profiles["leads"].approvers[0]
    assert (approver.id, approver.key) == ("user:dave", public)
    assert not (tmp_path / "config").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("--public-key", "ed25519:short"),
        ("--approver", "carol"),
        ("--approver", 'user:x" }, { id = "user:y', "--public-key", "ed25519:short"),
    ],
)
def test_what_would_make_an_unusable_policy_leaves_none(
    shell: "Shell", arguments: tuple[str, ...]
) -> None:
    """An approver or a key that a policy cannot hold is refused, and no file is left behind."""
    ran = shell("init", *arguments)
    assert ran.code == 2
    assert ran.err.startswith("agentguard: no policy can be made with this approver")
    assert not shell.policy.exists()


def test_a_place_that_cannot_be_written_is_said(shell: "Shell", tmp_path: Path) -> None:
    """A key file below something that is no folder ends with exit code 2 and the reason."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    ran = shell("init", "--key", str(tmp_path / "file" / "key.pem"))
    assert ran.code == 2
    assert "no key can be written" in ran.err


def test_a_policy_below_a_file_is_said(shell: "Shell", tmp_path: Path) -> None:
    """A policy file that cannot be written ends with exit code 2 and the reason."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    ran = type(shell)(tmp_path / "file" / "agentguard.toml", shell.capture)("init")
    assert ran.code == 2
    assert "cannot be written" in ran.err


def test_the_policy_guards_what_the_quickstart_does(
    shell: "Shell", monkeypatch: pytest.MonkeyPatch, provider: LoopbackProvider
) -> None:
    """The written policy lets agent:support chat and look up an order for user:alice."""
    shell("init")
    monkeypatch.chdir(shell.policy.parent)
    with closing(Guard.from_file()) as guard:

        @guard.tool
        def lookup_order(order: str) -> str:
            return f"{order} is delivered"

        client = guard.wrap(OpenAI(base_url=provider.base_url, api_key="none"))
        with client, guard.identity("agent:support", on_behalf_of="user:alice"):
            reply = client.chat.completions.create(
                model="gpt-4o-mini",
                messages=[{"role": "user", "content": lookup_order("ORD-00012345")}],
            )
    assert reply.choices[0].message.content == "ORD-00012345 is delivered"
    assert len(provider.journal) == 1
    assert (shell.policy.parent / "agentguard.db").exists()
