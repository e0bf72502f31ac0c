# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Where keys are trusted, nothing but a policy that one of them signed is in force."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agentguard import ConfigError, Guard
from agentguard.cli import main
from agentguard.config import TRUSTED_VARIABLE, load, signature_path, starter
from agentguard.signing import new_key, signed, statement


@pytest.fixture(scope="module")
def keys() -> tuple[bytes, str]:
    """Make the key of who reviews policies."""
    return new_key()


@pytest.fixture
def policy(tmp_path: Path, keys: tuple[bytes, str]) -> Path:
    """Write a policy and sign it."""
    path = tmp_path / "agentguard.toml"
    path.write_text(starter(keys[1]), encoding="utf-8")
    pem = tmp_path / "key.pem"
    pem.write_bytes(keys[0])
    assert main(["policy", "sign", str(path), "--key", str(pem)]) == 0
    return path


def refusal(path: Path, *trusted: str) -> str:
    """Return why a policy is not loaded."""
    with pytest.raises(ConfigError) as caught:
        load(path, {}, trusted=trusted)
    return str(caught.value)


def test_a_signed_policy_is_loaded(policy: Path, keys: tuple[bytes, str]) -> None:
    """A signature by one of the trusted keys is enough, and the settings say whose it was."""
    assert load(policy, {}, trusted=[new_key()[1], keys[1]]).signed_by == keys[1]
    assert load(policy, {TRUSTED_VARIABLE: f"{new_key()[1]}, {keys[1]}"}).signed_by == keys[1]
    assert load(policy, {}).signed_by is None


def test_a_guard_demands_the_signature(
    policy: Path, keys: tuple[bytes, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A guard starts with a trusted signature, and not with another, named or in the environment."""
    Guard.from_file(policy, trusted_keys=[keys[1]]).close()
    with pytest.raises(ConfigError, match="none of the trusted keys"):
        Guard.from_file(policy, trusted_keys=[new_key()[1]])
    monkeypatch.setenv(TRUSTED_VARIABLE, new_key()[1])
    with pytest.raises(ConfigError, match="none of the trusted keys"):
        Guard.from_file(policy)


def test_one_changed_rule_voids_the_signature(policy: Path, keys: tuple[bytes, str]) -> None:
    """A wider bound is a policy that nobody signed."""
    text = policy.read_text(encoding="utf-8")
    policy.write_text(text.replace("[1, 100]", "[1, 1000]", 1), encoding="utf-8")
    assert "changed since it was signed" in refusal(policy, keys[1])


def test_moving_the_store_voids_nothing(policy: Path, keys: tuple[bytes, str]) -> None:
    """Where this deployment lies is no part of what was signed."""
    text = policy.read_text(encoding="utf-8")
    policy.write_text(text.replace('"agentguard.db"', '"elsewhere.db"'), encoding="utf-8")
    assert load(policy, {}, trusted=[keys[1]]).signed_by == keys[1]


def altered(change: Callable[[dict[str, Any]], object]) -> Callable[[str], str]:
    """Return what changes an envelope."""

    def applied(text: str) -> str:
        envelope = json.loads(text)
        change(envelope)
        return json.dumps(envelope)

    return applied


FORGERIES: dict[str, tuple[Callable[[str], str], str]] = {
    "no JSON": (lambda _: "{", "cannot be read"),
    "a list": (lambda _: "[]", "cannot be read"),
    "deep nesting": (lambda _: "[" * 100_000, "cannot be read"),
    "no signature": (altered(lambda each: each.update(signatures=[])), "none of the trusted keys"),
    "another kind": (
        altered(lambda each: each.update(payloadType="application/vnd.agentguard.vote+json")),
        "something else than a policy",
    ),
    "another payload": (
        altered(lambda each: each.update(payload=base64.b64encode(b"{}").decode())),
        "none of the trusted keys",
    ),
    "a broken signature": (
        altered(lambda each: each["signatures"][0].update(sig="%%")),
        "none of the trusted keys",
    ),
    "the claim to be another key": (
        altered(lambda each: each["signatures"][0].update(sig="AAAA")),
        "none of the trusted keys",
    ),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_envelope_is_refused(policy: Path, keys: tuple[bytes, str], name: str) -> None:
    """Whatever is changed in the envelope, the policy is not loaded, and the message says why."""
    change, expected = FORGERIES[name]
    place = signature_path(policy)
    place.write_text(change(place.read_text(encoding="utf-8")), encoding="utf-8")
    assert expected in refusal(policy, keys[1])


def test_a_signature_moves_to_no_other_policy(
    policy: Path, keys: tuple[bytes, str], tmp_path: Path
) -> None:
    """What was signed for one policy does not count for one of another name or content."""
    other = tmp_path / "other.toml"
    text = policy.read_text(encoding="utf-8").replace('name = "support"', 'name = "billing"')
    other.write_text(text, encoding="utf-8")
    signature_path(other).write_bytes(signature_path(policy).read_bytes())
    assert "another name" in refusal(other, keys[1])


def test_the_key_cannot_be_talked_into_signing_votes(policy: Path, keys: tuple[bytes, str]) -> None:
    """A trusted key's signature over the same bytes as another kind of statement does not count."""
    place = signature_path(policy)
    envelope = json.loads(place.read_text(encoding="utf-8"))
    body = base64.b64decode(envelope["payload"])
    vote = statement("application/vnd.agentguard.vote+json", body)
    envelope["signatures"][0]["sig"] = signed(vote, keys[0])
    place.write_text(json.dumps(envelope), encoding="utf-8")
    assert "none of the trusted keys" in refusal(policy, keys[1])


def test_a_missing_signature_is_refused(policy: Path, keys: tuple[bytes, str]) -> None:
    """A policy without a file of a signature is not loaded where keys are trusted."""
    signature_path(policy).unlink()
    assert "there is no signature" in refusal(policy, keys[1])


@pytest.mark.parametrize("written", ["", " ", "ed25519:", "rsa:AAAA", "ed25519:AAAA"])
def test_no_spelling_of_the_trusted_keys_turns_the_check_off(policy: Path, written: str) -> None:
    """An empty or broken list of trusted keys refuses, instead of trusting everybody."""
    with pytest.raises(ConfigError, match="must be public keys"):
        load(policy, {TRUSTED_VARIABLE: written})
    with pytest.raises(ConfigError, match="must be public keys"):
        load(policy, {}, trusted=[written] if written else [])


def test_the_command_says_who_signed(
    policy: Path, keys: tuple[bytes, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """``policy verify`` exits with 0 for a trusted signature and with 1 for none."""
    assert main(["policy", "verify", str(policy), "--trusted-key", keys[1]]) == 0
    assert keys[1] in capsys.readouterr().out
    assert main(["policy", "verify", str(policy), "--trusted-key", new_key()[1], "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["signed"] is False


def test_the_command_needs_a_key(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a key that counts there is nothing to verify, and without one of yours none to sign."""
    assert main(["policy", "verify", str(policy)]) == 2
    assert main(["policy", "sign", str(policy)]) == 2
    assert "--key" in capsys.readouterr().err
