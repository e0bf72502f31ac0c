# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a program say of who calls, and what does the policy make of it?"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from openai import OpenAI

from agentguard import CallRefused, ConfigError, DeniedByPolicy, Guard, IdentityRequired, wiring
from agentguard.identity import principal
from agentguard.signing import new_key
from agentguard.testing import LoopbackProvider
from agentguard.vocabulary import Assurance, AuditEntry, Reason

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
POLICY = """
version = 1
name = "who"
environments = ["production", "codegen"]

[deployment]
store = "agentguard.db"

[[identity]]
id = "agent:support"
keys = ["{key}"]
claims = {{ region = "eu" }}

[[identity]]
id = "agent:writer"
environments = ["codegen"]

[[tool]]
name = "order"
impact = "read_only"

[[tool]]
name = "delete"
impact = "irreversible"

[[rule]]
id = "own-orders"
who = ["agent:*"]
for = ["user:*"]
tool = "order"
args.customer = {{ claim = "person.customer" }}
args.region = {{ claim = "actor.region" }}
then = "allow"

[[rule]]
id = "only-known-agents-delete"
who = ["agent:*"]
tool = "delete"
environments = ["production"]
assurance = "local_key"
then = "allow"

[[provider]]
id = "loopback"
hosts = ["127.0.0.1:*"]

[[rule]]
id = "production-chats"
who = ["agent:*"]
provider = "loopback"
model = ["*"]
environments = ["production"]
then = "allow"
"""

Made = Callable[..., Guard]


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """The private key of the support agent."""
    return tmp_path / "support.pem"


@pytest.fixture
def policy_file(tmp_path: Path, key_file: Path) -> Path:
    """A policy with environments, a key and claims."""
    private, public = new_key()
    key_file.write_bytes(private)
    key_file.chmod(0o600)
    path = tmp_path / "agentguard.toml"
    path.write_text(POLICY.format(key=public), encoding="utf-8")
    return path


@pytest.fixture
def production(policy_file: Path) -> Guard:
    """A guard that runs in production."""
    return Guard.from_file(policy_file, environment="production")


def order(guard: Guard) -> Callable[[str, str], str]:
    """Return the guarded tool for orders."""

    @guard.tool(name="order")
    def look_up(customer: str, region: str) -> str:
        return customer

    return look_up


def deletion(guard: Guard) -> Callable[[], bool]:
    """Return the guarded tool that deletes."""

    @guard.tool
    def delete() -> bool:
        return True

    return delete


def test_an_agent_for_one_customer_cannot_name_another(production: Guard) -> None:
    """Claims of the person come from the program, those of the agent from the policy."""
    look_up = order(production)
    person = production.person("user:alice", claims={"customer": "C-1"})
    with production, production.identity("agent:support", on_behalf_of=person):
        assert look_up("C-1", "eu") == "C-1"
        for customer, region in (("C-2", "eu"), ("C-1", "us"), ("", "eu")):
            with pytest.raises(DeniedByPolicy):
                look_up(customer, region)


def test_a_person_without_the_claim_names_no_customer(production: Guard) -> None:
    """What nobody claims equals nothing, whatever is asked for."""
    look_up = order(production)
    with production, production.identity("agent:support", on_behalf_of="user:alice"):
        for customer in ("C-1", "", "None", "null"):
            with pytest.raises(DeniedByPolicy):
                look_up(customer, "eu")


def test_one_of_several_customers_may_be_named(production: Guard) -> None:
    """A claim that is a list admits each of its values."""
    look_up = order(production)
    person = production.person("user:alice", claims={"customer": ["C-1", "C-2"]})
    with production, production.identity("agent:support", on_behalf_of=person):
        assert [look_up(each, "eu") for each in ("C-1", "C-2")] == ["C-1", "C-2"]
        with pytest.raises(DeniedByPolicy):
            look_up("C-3", "eu")


def test_a_rule_can_demand_that_the_agent_holds_its_key(production: Guard, key_file: Path) -> None:
    """The id alone is not enough, the key file is; both ways are told apart."""
    delete = deletion(production)
    with production:
        with production.identity("agent:support"), pytest.raises(CallRefused):
            delete()
        with production.identity("agent:support", key_file=key_file) as caller:
            assert delete() is True
            assert caller.chain.actor.assurance is Assurance.LOCAL_KEY


def test_everybody_in_the_chain_must_be_known_as_surely(production: Guard, key_file: Path) -> None:
    """A helper that only says its name behind an agent with a key does not pass as known."""
    delete = deletion(production)
    with production, production.identity("agent:support", key_file=key_file):
        with production.identity("agent:helper"), pytest.raises(CallRefused):
            delete()
        assert delete() is True


def test_a_key_that_the_policy_does_not_list_is_refused(production: Guard, tmp_path: Path) -> None:
    """Neither a key of somebody else nor a file that is missing makes a block."""
    other = tmp_path / "other.pem"
    other.write_bytes(new_key()[0])
    other.chmod(0o600)
    with production:
        with pytest.raises(IdentityRequired, match="does not list this key"):
            production.identity("agent:support", key_file=other)
        with pytest.raises(IdentityRequired, match="cannot be read"):
            production.identity("agent:support", key_file=tmp_path / "missing.pem")


def test_the_private_key_is_not_kept(production: Guard, key_file: Path) -> None:
    """A block that was made does not read the file again."""
    delete = deletion(production)
    with production:
        block = production.identity("agent:support", key_file=key_file)
        key_file.unlink()
        with block:
            assert delete() is True


def test_a_guard_is_made_for_an_environment_of_the_policy(policy_file: Path) -> None:
    """Another one is a mistake at start, which names those that there are."""
    with pytest.raises(ConfigError, match="'codegen', 'production'"):
        Guard.from_file(policy_file, environment="staging")


def test_a_guard_without_an_environment_names_one_in_each_block(policy_file: Path) -> None:
    """A block without one is refused, and what is allowed in one is refused in the other."""
    with Guard.from_file(policy_file) as guard:
        with pytest.raises(IdentityRequired, match="none is named"), guard.identity("agent:writer"):
            pass
        with guard.identity("agent:writer", environment="codegen") as caller:
            assert caller.environment == "codegen"
        with (
            pytest.raises(IdentityRequired, match="may not act in"),
            guard.identity("agent:writer", environment="production"),
        ):
            pass


def test_a_rule_of_one_environment_is_not_reached_from_another(
    policy_file: Path, key_file: Path
) -> None:
    """The same agent with the same key deletes in production, and nowhere else."""
    with Guard.from_file(policy_file) as guard:
        delete = deletion(guard)
        with guard.identity("agent:support", environment="production", key_file=key_file):
            assert delete() is True
        with (
            guard.identity("agent:support", environment="codegen", key_file=key_file),
            pytest.raises(DeniedByPolicy),
        ):
            delete()


def test_a_bound_client_stays_in_its_environment(
    policy_file: Path, provider: LoopbackProvider
) -> None:
    """What is bound in one environment calls from there, and not in a block of another."""

    def chat(client: OpenAI) -> None:
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hello"}])

    with (
        Guard.from_file(policy_file) as guard,
        OpenAI(base_url=provider.base_url, api_key="not-a-key", max_retries=0) as plain,
    ):
        client = guard.wrap(plain)
        here = guard.bind(client, "agent:support", environment="production")
        chat(here)
        with pytest.raises(DeniedByPolicy):
            chat(guard.bind(client, "agent:support", environment="codegen"))
        with (
            guard.identity("agent:support", environment="codegen"),
            pytest.raises(IdentityRequired, match="different environments"),
        ):
            chat(here)
        with pytest.raises(IdentityRequired, match="none is named"):
            guard.bind(client, "agent:support")


def test_a_client_is_wrapped_for_a_verified_principal(
    production: Guard, provider: LoopbackProvider
) -> None:
    """``wrap`` takes a principal as ``identity`` does."""
    verified = replace(principal("agent:support"), assurance=Assurance.TOKEN)
    with (
        production,
        OpenAI(base_url=provider.base_url, api_key="not-a-key", max_retries=0) as plain,
    ):
        client = production.wrap(plain, identity=verified)
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hello"}])
    assert len(provider.journal) == 1


def test_evidence_that_ends_inside_a_block_ends_its_calls(
    policy_file: Path, monkeypatch: pytest.MonkeyPatch, entries: list[AuditEntry]
) -> None:
    """A block outlives its token, but no call does; the journal says why."""
    clock = [NOW]
    monkeypatch.setattr(wiring, "now", lambda: clock[0])
    verified = replace(
        principal("agent:support"),
        assurance=Assurance.TOKEN,
        expires_at=NOW + timedelta(minutes=5),
    )
    with Guard.from_file(policy_file, environment="production") as guard:
        delete = deletion(guard)
        with guard.identity(verified):
            assert delete() is True
            clock[0] = NOW + timedelta(minutes=5)
            with pytest.raises(DeniedByPolicy):
                delete()
    assert entries[-1].reason is Reason.IDENTITY_EXPIRED


def test_a_grant_ends_inside_a_block(policy_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A block outlives its grant, but no call does."""
    clock = [NOW]
    monkeypatch.setattr(wiring, "now", lambda: clock[0])
    with Guard.from_file(policy_file, environment="codegen") as guard:
        look_up = order(guard)
        person = guard.person("user:alice", claims={"customer": "C-1"})
        with guard.identity("agent:writer", on_behalf_of=person):
            grant = guard.grant("agent:support", tools=["order"], within=timedelta(minutes=5))
            with guard.identity("agent:support", grant=grant):
                assert look_up("C-1", "eu") == "C-1"
                clock[0] = NOW + timedelta(minutes=5)
                with pytest.raises(DeniedByPolicy, match="has ended"):
                    look_up("C-1", "eu")
