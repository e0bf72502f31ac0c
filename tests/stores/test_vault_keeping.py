# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What a session hid is kept for it, and for nobody else, for as long as it may be."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agentguard.identity import Identities
from agentguard.redaction import Issued, Vault, VaultScope
from agentguard.stores import (
    Collision,
    KeyRing,
    SqliteVaultStore,
    StoreFailure,
    VaultKeeper,
    VaultKey,
)
from agentguard.vocabulary import (
    Action,
    Assurance,
    Caller,
    Chain,
    DataClass,
    Principal,
    PrincipalKind,
)

KEY, OTHER = VaultKey(bytes(range(32))), VaultKey(bytes(range(1, 33)))
EMAIL = DataClass(name="email", family="pii", action=Action.TOKENISE)
MAIL = "jane.doe@customers.example"


class Clock:
    """A time that the test moves on."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 22, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Tell the time."""
        return self.at


def who(
    session: str = "conv-17", *, agent: str = "agent:support", tenant: str | None = None
) -> Caller:
    """A caller in a named session."""
    return Identities(lambda: "s").narrowed(agent, session=session, tenant=tenant)


def value(text: str = MAIL, *, code: str = "7KQ2M4XA", reversible: bool = True) -> Issued:
    """A value as a vault issued it."""
    return Issued(
        placeholder=f"[[EMAIL:{code}]]",
        value=text,
        data_class="email",
        reversible=reversible,
        source="/messages/0/content",
    )


@pytest.fixture
def clock() -> Clock:
    """The clock of all keepers."""
    return Clock()


Open = Callable[..., VaultKeeper]


@pytest.fixture
def keeper(tmp_path: Path, clock: Clock) -> Iterator[Open]:
    """Open the same vault again and again, as processes do."""
    made: list[VaultKeeper] = []

    def one(
        *keys: VaultKey,
        scope: VaultScope = VaultScope.SESSION,
        expire_after: timedelta | None = None,
    ) -> VaultKeeper:
        current, *old = keys or (KEY,)
        store = SqliteVaultStore(tmp_path / "vault.db")
        made.append(
            VaultKeeper(
                store, KeyRing(current, old), scope=scope, expire_after=expire_after, now=clock
            )
        )
        return made[-1]

    yield one
    for each in made:
        each.close()


def values(keeper: VaultKeeper, caller: Caller) -> dict[str, bool]:
    """Return what is kept for a caller, and whether it may be turned back."""
    kept = keeper.read(keeper.place(caller))
    return {each.value: each.reversible for each in (*kept.own, *kept.others)}


def test_a_named_session_finds_its_values_again(keeper: Open) -> None:
    """Another process gets what the session hid, and reads on from where it was."""
    first, second = keeper(), keeper()
    place = first.place(who())
    first.keep(place, [value()])
    kept = second.read(second.place(who()))
    assert (kept.own, kept.others, kept.expires_at) == ((value(),), (), None)
    first.keep(place, [value("other", code="AAAAAAAA")])
    assert [each.value for each in second.read(place, kept.last).own] == ["other"]


@pytest.mark.parametrize(
    "other",
    [who("conv-18"), who(agent="agent:billing"), who(tenant="acme")],
    ids=["session", "chain", "tenant"],
)
def test_another_session_finds_nothing(keeper: Open, other: Caller) -> None:
    """Session, chain and tenant each keep what was hidden apart, and make other codes."""
    vaults = keeper()
    vaults.keep(vaults.place(who()), [value()])
    assert values(vaults, other) == {}
    assert vaults.place(other).code_key != vaults.place(who()).code_key
    assert vaults.place(who()).code_key == keeper().place(who()).code_key


def test_a_tenant_has_one_placeholder_for_a_value(keeper: Open) -> None:
    """A tenant's codes are the same everywhere, its values only in the sessions of one chain."""
    vaults = keeper(scope=VaultScope.TENANT)
    here = who(tenant="acme")
    vaults.keep(vaults.place(here), [value()])
    kept = vaults.read(vaults.place(who("conv-18", tenant="acme")))
    assert (kept.own, kept.others) == ((), (value(),))
    billing = who(agent="agent:billing", tenant="acme")
    assert values(vaults, billing) == {}
    assert vaults.place(billing).code_key == vaults.place(here).code_key
    assert values(vaults, who(tenant="globex")) == {}
    assert vaults.place(who(tenant="globex")).code_key != vaults.place(here).code_key


def test_a_shared_vault_needs_a_tenant(keeper: Open) -> None:
    """Where values are shared by tenant, a call that names none has no place."""
    with pytest.raises(StoreFailure, match=r"guard\.identity\(\.\.\., tenant=\.\.\.\)"):
        keeper(scope=VaultScope.TENANT).place(who())


def test_nameless_sessions_are_kept_only_for_a_tenant(keeper: Open) -> None:
    """What nobody else can come back to is not written down."""
    nameless = Identities(lambda: "s").narrowed("agent:support", tenant="acme")
    assert not keeper().keeps(nameless)
    assert keeper(scope=VaultScope.TENANT).keeps(nameless)
    assert keeper().keeps(who())


def test_two_values_do_not_share_a_placeholder(keeper: Open) -> None:
    """Who comes second with another value is refused, and nothing of theirs is written."""
    vaults = keeper()
    place = vaults.place(who())
    vaults.keep(place, [value()])
    with pytest.raises(Collision) as caught:
        vaults.keep(place, [value("third", code="BBBBBBBB"), value("second-value")])
    assert "second-value" not in str(caught.value)
    assert values(vaults, who()) == {MAIL: True}
    assert vaults.keep(place, [value()]).values == (value(),)


def test_one_way_stays_one_way(keeper: Open) -> None:
    """A value that is one-way anywhere is so for everybody, in whichever order it is written."""
    first, second = keeper(), keeper()
    place = first.place(who())
    first.keep(place, [value()])
    assert second.keep(place, [value(reversible=False)]).values == (value(reversible=False),)
    assert values(first, who()) == {MAIL: False}
    assert first.keep(place, [value()]).values == (value(reversible=False),)
    assert values(first, who()) == {MAIL: False}


def test_one_way_holds_for_all_sessions_of_a_tenant(keeper: Open) -> None:
    """What one session made one-way is so in the rows of the others."""
    vaults = keeper(scope=VaultScope.TENANT)
    one, two = who("one", tenant="acme"), who("two", tenant="acme")
    vaults.keep(vaults.place(one), [value()])
    vaults.keep(vaults.place(two), [value(reversible=False)])
    vaults.erase(session="two", tenant="acme")
    assert values(vaults, one) == {MAIL: False}


def test_what_has_expired_is_not_read(keeper: Open, clock: Clock) -> None:
    """After its time a value is unknown, though it still lies there until somebody writes."""
    vaults = keeper(expire_after=timedelta(days=30))
    place = vaults.place(who())
    vaults.keep(place, [value()])
    assert vaults.read(place).expires_at == (clock.at + timedelta(days=30)).timestamp()
    clock.at += timedelta(days=30, seconds=-1)
    assert values(vaults, who()) == {MAIL: True}
    clock.at += timedelta(seconds=1)
    assert values(vaults, who()) == {}
    assert [each.count for each in vaults.census()] == [1]
    clock.at += timedelta(seconds=1)
    vaults.keep(place, [value("other", code="AAAAAAAA")])
    assert [each.count for each in vaults.census()] == [1]


def test_an_expired_value_is_hidden_anew(keeper: Open, clock: Clock) -> None:
    """A value that comes again after its time is kept again, from then on."""
    vaults = keeper(expire_after=timedelta(days=1))
    place = vaults.place(who())
    vaults.keep(place, [value(reversible=False)])
    clock.at += timedelta(days=1)
    assert vaults.keep(place, [value()]).values == (value(),)
    assert values(vaults, who()) == {MAIL: True}


def test_a_changed_key_reads_with_the_old_one(keeper: Open) -> None:
    """After a rotation what was there is found, also by who writes it again, and can be erased."""
    first = keeper(KEY)
    first.keep(first.place(who()), [value()])
    second = keeper(OTHER, KEY)
    assert values(second, who()) == {MAIL: True}
    second.keep(second.place(who()), [value("other", code="AAAAAAAA")])
    assert values(second, who()) == {MAIL: True, "other": True}
    assert second.erase(session="conv-17") == {"email": 2}


def test_a_placeholder_outlives_its_key(keeper: Open) -> None:
    """A vault that is opened with a new key gives a value the placeholder that it had."""
    first = keeper(KEY)
    place = first.place(who())
    vault = Vault(place.code_key, durable=True)
    mark = vault.issue(data_class=EMAIL, value=MAIL, reversible=True, source="/a")
    vault.keep(first.keep(place, vault.unkept).values)
    second = keeper(OTHER, KEY)
    again = Vault(second.place(who()).code_key, durable=True)
    assert again.issue(data_class=EMAIL, value=MAIL, reversible=True, source="/a") != mark
    again = Vault(second.place(who()).code_key, durable=True)
    again.restore(second.read(second.place(who())).own, own=True)
    assert again.issue(data_class=EMAIL, value=MAIL, reversible=True, source="/a") == mark
    assert not again.has_unkept


def test_values_under_an_unknown_key_are_refused_at_the_start(keeper: Open) -> None:
    """A wrong key is told before any call, by its id and not by itself."""
    first = keeper(KEY)
    first.keep(first.place(who()), [value()])
    with pytest.raises(StoreFailure, match=KEY.id):
        keeper(OTHER)


def test_values_are_erased_by_session_tenant_and_age(keeper: Open, clock: Clock) -> None:
    """Each erases what was hidden there, whatever the chain, and nothing else."""
    vaults = keeper()
    for number, caller in enumerate(
        [who(), who(agent="agent:billing"), who("conv-18"), who(tenant="acme")]
    ):
        vaults.keep(vaults.place(caller), [value(f"value-{number}", code=f"AAAAAAA{number + 2}")])
    assert vaults.erase(session="conv-17") == {"email": 2}
    assert values(vaults, who()) == {}
    assert vaults.erase(session="conv-17", tenant="acme") == {"email": 1}
    clock.at += timedelta(days=2)
    vaults.keep(vaults.place(who(tenant="acme")), [value()])
    assert vaults.erase(older_than=timedelta(days=1)) == {"email": 1}
    assert vaults.erase(tenant="globex") == {}
    assert vaults.erase(tenant="acme") == {"email": 1}


def test_a_value_is_erased_wherever_it_is_held(keeper: Open) -> None:
    """Every row goes whose value holds the text, or whose place in the payload does."""
    vaults = keeper()
    vaults.keep(vaults.place(who("a")), [value()])
    vaults.keep(vaults.place(who("b")), [value(f"<{MAIL}>"), value("bob", code="AAAAAAAA")])
    named = replace(value("carol", code="BBBBBBBB"), source=f"/messages/0/{MAIL}")
    vaults.keep(vaults.place(who("c")), [named])
    assert vaults.erase_value(MAIL) == {"email": 3}
    assert values(vaults, who("b")) == {"bob": True}
    with pytest.raises(ValueError, match="at least 4"):
        vaults.erase_value("bob")


def test_an_erasure_is_told_to_who_reads(keeper: Open) -> None:
    """Whoever reads on learns that something is gone."""
    first, second = keeper(), keeper()
    place = first.place(who())
    first.keep(place, [value()])
    before = second.read(place)
    first.erase(session="conv-18")
    assert second.read(place, before.last).erasures > before.erasures


@pytest.mark.parametrize(
    "other", [{"environment": "codegen"}, {"issuer": "partner"}, {"issuer": ""}]
)
def test_a_shared_vault_keeps_environments_and_issuers_apart(
    keeper: Open, other: dict[str, str]
) -> None:
    """In the scope of a tenant, ids that mean somebody else elsewhere find nothing."""

    def caller(environment: str = "production", issuer: str = "corp") -> Caller:
        alice = Principal(
            id="user:alice",
            kind=PrincipalKind.USER,
            assurance=Assurance.TOKEN if issuer else Assurance.DECLARED,
            source=issuer,
        )
        return Caller(
            chain=Chain(principals=(alice,)),
            session="conv-17",
            tenant="acme",
            environment=environment,
        )

    shared = keeper(scope=VaultScope.TENANT)
    shared.keep(shared.place(caller()), [value()])
    assert values(shared, caller()) == {MAIL: True}
    assert values(shared, caller(**other)) == {}
