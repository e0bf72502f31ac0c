# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Whose API keys are, and where they may be used."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.policy import IdentitySpec, KeySpec, PolicyDocument, ProviderSpec
from agentguard.policy.provider_keys import Misused, ProviderKeys
from agentguard.vocabulary import Keys

A, B, C, SHARED = (f"sha256:{digit * 32}" for digit in "abcd")
LISTED = PolicyDocument(
    name="n",
    identities=tuple(IdentitySpec(id=name) for name in ("agent:a", "agent:b", "agent:c")),
    groups={"team": ("agent:b", "agent:c")},
    providers=(
        ProviderSpec(
            id="one",
            hosts=("one.example",),
            keys=(
                KeySpec(fingerprint=A, who=("agent:a",)),
                KeySpec(fingerprint=B, who=("group:team",)),
                KeySpec(fingerprint=SHARED, who=("agent:*",)),
            ),
        ),
        ProviderSpec(
            id="two",
            hosts=("two.example",),
            keys=(
                KeySpec(fingerprint=C, who=("agent:a",)),
                KeySpec(fingerprint=SHARED, who=("agent:b",)),
            ),
        ),
        ProviderSpec(id="open", hosts=("open.example",)),
    ),
)
KEYS = ProviderKeys(LISTED)


@pytest.mark.parametrize(
    ("provider", "actor", "credential", "only"),
    [
        ("one", "agent:a", None, {A, SHARED}),
        ("one", "agent:b", None, {B, SHARED}),
        ("one", "agent:x", None, set()),
        ("one", "agent:a", A, {A}),
        ("one", "agent:c", B, {B}),
        ("two", "agent:b", SHARED, {SHARED}),
        ("two", "agent:c", None, set()),
        ("open", "agent:a", None, None),
        ("open", "agent:a", "sha256:" + "0" * 32, None),
    ],
)
def test_who_may_use_which_key(
    provider: str, actor: str, credential: str | None, only: set[str] | None
) -> None:
    """A call may be sent with the keys that are listed for its actor, or with the one it has."""
    keys = KEYS.for_call(provider, actor, credential)
    assert isinstance(keys, Keys)
    assert keys.only == only


@pytest.mark.parametrize(
    ("provider", "actor", "credential", "word"),
    [
        ("one", "agent:b", A, "'agent:b' to 'who'"),
        ("one", "agent:a", "sha256:" + "0" * 32, "[[provider.key]] of provider 'one'"),
        ("one", "agent:a", C, "a key of provider 'one'"),
        ("open", "agent:a", C, "a key of provider 'open'"),
        ("two", "agent:a", SHARED, "'agent:a' to 'who'"),
    ],
)
def test_a_key_of_somebody_else_or_elsewhere_is_not_used(
    provider: str, actor: str, credential: str, word: str
) -> None:
    """Another identity's key, an unlisted one and one of another provider are misused."""
    misused = KEYS.for_call(provider, actor, credential)
    assert isinstance(misused, Misused)
    assert word in misused.hint
    assert credential not in f"{misused.hint}{misused.nearest}"


def test_a_policy_without_keys_has_none() -> None:
    """Where no provider lists a key, there is nothing to look at."""
    assert not ProviderKeys(PolicyDocument(name="n", providers=(LISTED.providers[2],)))
    assert KEYS


@settings(deadline=None)
@given(
    st.sampled_from(["one", "two", "open"]),
    st.sampled_from(["agent:a", "agent:b", "agent:c", "agent:x"]),
    st.none() | st.sampled_from([A, B, C, SHARED, "sha256:" + "0" * 32]),
    st.frozensets(st.sampled_from([A, B, C, SHARED, "sha256:" + "0" * 32])),
)
def test_a_listed_key_is_used_by_its_holders_where_it_is_listed(
    provider: str, actor: str, credential: str | None, presented: frozenset[str]
) -> None:
    """Whatever is known beforehand, no request leaves with a key that is not its actor's there."""
    keys = KEYS.for_call(provider, actor, credential)
    if isinstance(keys, Misused) or not keys.admit(presented):
        return
    holders = {
        "one": {A: "a", B: "bc", SHARED: "abc"},
        "two": {C: "a", SHARED: "b"},
        "open": {},
    }[provider]
    elsewhere = {A, B, C, SHARED} - holders.keys()
    assert not presented & elsewhere
    assert all(actor[-1] in holders[each] for each in presented & holders.keys())
    assert not holders or (presented and presented <= holders.keys())
