# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A vault issues one placeholder for each value, and no two values share one."""

import dataclasses
import hmac
import itertools
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.classification import KnownValues
from agentguard.redaction import PLACEHOLDER, Vault
from agentguard.vocabulary import Action, DataClass, KnownValue

EMAIL = DataClass(name="email", family="pii", action=Action.TOKENISE)
KEY = DataClass(name="api_key", family="secret", action=Action.REDACT)


def issue(vault: Vault, value: str, data_class: DataClass = EMAIL, *, back: bool = True) -> str:
    """Issue a placeholder in a test."""
    return vault.issue(data_class=data_class, value=value, reversible=back, source="/a")


@given(st.lists(st.text(st.characters(codec="utf-8")), max_size=8))
@settings(deadline=None)
def test_the_same_value_has_the_same_placeholder(values: list[str]) -> None:
    """Equal values share a placeholder within a session, and different values do not."""
    vault = Vault(b"k" * 32)
    issued = {value: issue(vault, value) for value in values}
    assert {value: issue(vault, value) for value in values} == issued
    assert len(set(issued.values())) == len(set(values)) == vault.version
    for value, placeholder in issued.items():
        entry = vault.issued(placeholder)
        assert entry is not None
        assert entry.value == value
        assert PLACEHOLDER.fullmatch(placeholder)


def test_placeholders_of_two_sessions_differ() -> None:
    """The key of the session decides the placeholder, so that none can be guessed or carried."""
    first, second = Vault(b"a" * 32), Vault(b"b" * 32)
    assert issue(first, "bob@example.com") != issue(second, "bob@example.com")
    assert second.issued(issue(first, "bob@example.com")) is None


def test_the_class_takes_part_in_the_placeholder() -> None:
    """The same text in two classes has two placeholders with different codes."""
    vault = Vault(b"k" * 32)
    one, other = issue(vault, "value"), issue(vault, "value", KEY)
    assert one[-10:] != other[-10:]


def test_a_value_issued_one_way_stays_one_way() -> None:
    """No later request makes a value reversible."""
    for order in ((True, False), (False, True)):
        vault = Vault(b"k" * 32)
        placeholders = {issue(vault, "value", back=back) for back in order}
        entry = vault.issued(placeholders.pop())
        assert entry is not None
        assert not entry.reversible


def test_a_collision_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two values that would share a placeholder are an error without their text."""
    vault = Vault(b"k" * 32)
    monkeypatch.setattr(hmac, "digest", lambda *_: bytes(32))
    issue(vault, "first-value")
    assert issue(vault, "first-value") == issue(vault, "first-value")
    with pytest.raises(ValueError, match="share a placeholder") as caught:
        issue(vault, "second-value")
    assert "value" not in str(caught.value).replace("two values", "")


@pytest.mark.parametrize("name", ["größe", "two words", "1st", "x" * 65, "a]]b"])
def test_a_class_whose_name_does_not_fit_is_refused(name: str) -> None:
    """A label that could not be recognised again is never issued."""
    odd = DataClass(name=name, family="organisation", action=Action.TOKENISE)
    with pytest.raises(ValueError, match="does not fit"):
        issue(Vault(b"k" * 32), "value", odd)


@pytest.mark.parametrize("name", ["order_id", "order-id", "v1.2"])
def test_names_of_own_classes_fit(name: str) -> None:
    """Names with underscores, hyphens, dots and digits make placeholders."""
    own = DataClass(name=name, family="organisation", action=Action.TOKENISE)
    assert PLACEHOLDER.fullmatch(issue(Vault(b"k" * 32), "value", own))


def test_a_short_key_is_refused() -> None:
    """A vault does not start with a key that can be guessed."""
    with pytest.raises(ValueError, match="32 bytes"):
        Vault(b"k" * 31)


def test_what_was_hidden_is_known_from_then_on() -> None:
    """Values that are long enough become known values; very short ones do not."""
    vault = Vault(b"k" * 32)
    for value in ("bob@example.com", "abc", " ab "):
        issue(vault, value)
    assert vault.known_values() == (KnownValue(value="bob@example.com", data_class="email"),)


def test_a_value_with_a_lone_surrogate_is_known_by_its_parts() -> None:
    """What cannot be encoded as a whole can be looked for all the same."""
    vault = Vault(b"k" * 32)
    issue(vault, "first\ud800second\udfff\ud800abc")
    assert [known.value for known in vault.known_values()] == ["first", "second"]
    assert KnownValues(vault.known_values()).find("see first")


def test_known_values_between_two_versions_are_given_alone() -> None:
    """What was known before a version, and what came after another, is left out."""
    vault = Vault(b"k" * 32)
    for number in range(5):
        issue(vault, f"value-{number}")
    assert [known.value for known in vault.known_values(2, 4)] == ["value-2", "value-3"]


def test_values_stay_out_of_reprs() -> None:
    """Neither the vault nor what it issued shows a value or the key."""
    vault = Vault(b"secret-key-of-thirty-two-bytes!!")
    placeholder = issue(vault, "bob@example.com")
    assert repr(vault) == "Vault(1 values)"
    assert "bob" not in repr(vault.issued(placeholder))


def test_threads_may_share_a_vault() -> None:
    """Many threads that hide the same values get the same placeholders."""
    vault = Vault(b"k" * 32)
    values = [f"value-{number}" for number in range(200)]
    results: list[list[str]] = []

    def work() -> None:
        results.append([issue(vault, value) for value in values])
        vault.known_values()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8
    assert all(result == results[0] for result in results)
    assert vault.version == 200


def test_what_was_issued_is_to_be_kept_until_it_is() -> None:
    """A durable vault names what is not kept yet, one that is not names nothing."""
    vault = Vault(b"k" * 32, durable=True)
    issue(vault, "first-value")
    first = vault.unkept
    issue(vault, "second-value")
    vault.keep(first)
    assert [each.value for each in vault.unkept] == ["second-value"]
    vault.keep(vault.unkept)
    issue(vault, "first-value")
    assert not vault.has_unkept
    memory = Vault(b"k" * 32)
    issue(memory, "first-value")
    assert not memory.has_unkept
    with pytest.raises(ValueError, match="nothing of this vault"):
        memory.keep(first)


def test_a_value_that_became_one_way_is_kept_anew() -> None:
    """Also when it became so while it was being written."""
    vault = Vault(b"k" * 32, durable=True)
    issue(vault, "value")
    written = vault.unkept
    issue(vault, "value", back=False)
    vault.keep(written)
    (left,) = vault.unkept
    assert not left.reversible
    vault.keep(vault.unkept)
    assert not vault.has_unkept
    issue(vault, "value", back=True)
    assert not vault.has_unkept


def test_one_way_outlives_a_thread_that_began_before() -> None:
    """What becomes one-way while another thread hides it again is kept as one-way."""
    # The other thread put what it had read before among what was to be kept.
    vault = Vault(b"k" * 32, durable=True)
    compared = itertools.count()

    class Late(str):
        """A text that is made one-way when it is compared behind having been looked up."""

        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            if next(compared) == 1:
                issue(vault, "value", back=False)
            return super().__eq__(other)

    issue(vault, "value")
    vault.keep(vault.unkept)
    issue(vault, Late("value"), back=True)
    (left,) = vault.unkept
    assert not left.reversible
    vault.keep(vault.unkept)
    assert not vault.has_unkept


def test_what_others_kept_is_known_and_kept_again_only_elsewhere() -> None:
    """A value of another session is to be kept for this one as soon as it is hidden here."""
    other = Vault(b"k" * 32, durable=True)
    marks = [issue(other, "first-value"), issue(other, "second-value")]
    vault = Vault(b"x" * 32, durable=True)
    vault.restore(other.unkept[:1], own=True)
    vault.restore(other.unkept[1:], own=False)
    assert [issue(vault, "first-value"), issue(vault, "second-value")] == marks
    assert [each.value for each in vault.unkept] == ["second-value"]
    assert {known.value for known in vault.known_values()} == {"first-value", "second-value"}


def test_another_value_under_a_known_placeholder_is_refused() -> None:
    """What is taken in never changes what a placeholder stands for."""
    other, vault = Vault(b"k" * 32, durable=True), Vault(b"k" * 32, durable=True)
    mark = issue(other, "first-value")
    issue(vault, "first-value")
    changed = [dataclasses.replace(other.unkept[0], value="second-value")]
    with pytest.raises(ValueError, match="share a placeholder") as caught:
        vault.restore(changed, own=True)
    assert "second-value" not in str(caught.value)
    entry = vault.issued(mark)
    assert entry is not None
    assert entry.value == "first-value"
