# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Values come back for the user and for tools that may receive them, and for nobody else."""

import json
from collections.abc import Mapping

import pytest

from agentguard.canonical import Frozen, freeze, thaw
from agentguard.redaction import (
    PlaceholderProblem,
    PlaceholderUnresolved,
    Vault,
    checked_answer,
    escape_placeholders,
    resolve_arguments,
)
from agentguard.vocabulary import Action, DataClass

EMAIL = DataClass(name="email", family="pii", action=Action.TOKENISE)
KEY = DataClass(name="api_key", family="secret", action=Action.REDACT)
VALUE = 'bob "the\\boss"\n@example.com'


@pytest.fixture
def vault() -> Vault:
    """The vault of a session."""
    return Vault(b"k" * 32)


def issue(vault: Vault, value: str, data_class: DataClass = EMAIL) -> str:
    """Issue a placeholder by the action of its class."""
    return vault.issue(
        data_class=data_class,
        value=value,
        reversible=data_class.action is Action.TOKENISE,
        source="/a",
    )


def shown(text: str, vault: Vault) -> str:
    """Return an answer as the user gets it."""
    crossed, result, _ = checked_answer(
        {"text": text}, answers=["/text"], find=lambda _: (), classes={}, vault=vault
    )
    assert crossed == {"text": text}
    answer: str = result["text"]
    return answer


def arguments(**values: object) -> Mapping[str, Frozen]:
    """The arguments of a tool call, frozen."""
    frozen = freeze(values)
    assert isinstance(frozen, Mapping)
    return frozen


def test_the_user_gets_the_values_back(vault: Vault) -> None:
    """Every occurrence of a reversible placeholder is turned back."""
    mark = issue(vault, "bob@example.com")
    assert shown(f"{mark} and {mark}.", vault) == "bob@example.com and bob@example.com."


def test_what_is_one_way_unknown_or_inert_stays_for_the_user(vault: Vault) -> None:
    """Secrets, foreign placeholders, marks and escaped ones are not turned back."""
    key, mail = issue(vault, "s3cr3t-key", KEY), issue(vault, "bob@example.com")
    inert = escape_placeholders(mail)
    text = f"{key} [[EMAIL:AAAAAAAA]] {mail.replace(':', '#')} {inert} {mail.lower()}"
    assert shown(text, vault) == text


@pytest.mark.parametrize("indent", [None, 2])
def test_a_json_answer_still_parses(vault: Vault, indent: int | None) -> None:
    """A value with quotes and line breaks is put into JSON, at every depth, so that it parses."""
    mark = issue(vault, VALUE)
    answer = {"to": f"<{mark}>", mark: [1.50, None], "inner": json.dumps({"x": mark})}
    back = json.loads(shown(json.dumps(answer, indent=indent), vault))
    assert back["to"] == f"<{VALUE}>"
    assert back[VALUE] == [1.5, None]
    assert json.loads(back["inner"]) == {"x": VALUE}


def test_a_plain_json_answer_keeps_its_form(vault: Vault) -> None:
    """Values that need no escape leave the blanks of a JSON answer as they were."""
    mark = issue(vault, "bob@example.com")
    text = json.dumps({"to": mark, "n": 1}, indent=2)
    assert shown(text, vault) == text.replace(mark, "bob@example.com")


def test_a_value_that_looks_like_a_placeholder_stays_text(vault: Vault) -> None:
    """A value is put in once; nothing in it is turned back in turn."""
    inner = issue(vault, "the other value")
    outer = issue(vault, f"see {inner}")
    assert shown(outer, vault) == f"see {inner}"
    resolved, _ = resolve_arguments(arguments(a=outer), vault, lambda _: True)
    assert resolved["a"] == f"see {inner}"


def test_a_text_without_placeholders_is_the_same(vault: Vault) -> None:
    """Nothing to turn back means nothing changes."""
    assert shown('{ "a" : 1 }', vault) == '{ "a" : 1 }'


def test_a_tool_gets_the_values_of_the_classes_it_may_receive(vault: Vault) -> None:
    """Strings, keys, lists and JSON inside strings are resolved, and the classes reported."""
    mark = issue(vault, VALUE)
    given = arguments(
        to=f"a {mark}", many=[mark, {mark: 1}], body=json.dumps({"x": [mark, 1.10]}), n=5, t=True
    )
    resolved, classes = resolve_arguments(given, vault, lambda name: name == "email")
    assert classes == {"email"}
    plain = {name: thaw(value) for name, value in resolved.items()}
    assert json.loads(str(plain.pop("body"))) == {"x": [VALUE, 1.1]}
    assert plain == {"to": f"a {VALUE}", "many": [VALUE, {VALUE: 1}], "n": 5, "t": True}


def test_the_arguments_stay_frozen(vault: Vault) -> None:
    """What was resolved cannot be changed afterwards."""
    resolved, _ = resolve_arguments(arguments(a=[{"b": 1}]), vault, lambda _: True)
    with pytest.raises(TypeError):
        resolved["a"] = 1  # type: ignore[index] # what must not work
    assert resolved == arguments(a=[{"b": 1}])


def unresolved(vault: Vault, value: object, *, receives: bool = True) -> PlaceholderUnresolved:
    """The error that an argument causes."""
    with pytest.raises(PlaceholderUnresolved) as caught:
        resolve_arguments(arguments(a=value), vault, lambda _: receives)
    return caught.value


def test_a_class_that_the_tool_may_not_receive_is_refused(vault: Vault) -> None:
    """A placeholder of another class does not reach the tool."""
    error = unresolved(vault, issue(vault, "bob@example.com"), receives=False)
    assert (error.kind, error.data_class) == (PlaceholderProblem.NOT_PERMITTED, "email")


def test_a_one_way_placeholder_is_refused(vault: Vault) -> None:
    """A secret's placeholder and a mark reach no tool, whatever it may receive."""
    error = unresolved(vault, issue(vault, "s3cr3t-key", KEY))
    assert (error.kind, error.data_class) == (PlaceholderProblem.ONE_WAY, "api_key")
    mark = issue(vault, "bob@example.com").replace(":", "#")
    assert unresolved(vault, mark).kind is PlaceholderProblem.ONE_WAY


@pytest.mark.parametrize(
    "text",
    [
        "[[EMAIL:AAAAAAAA]]",
        "[[EMAIL:7KQ2M4X]]",
        "[[EMAIL: 7KQ2M4XA]]",
        "[[email:7kq2m4xa]]",
        "[[EMAIL#AAAAAAAA]]",
    ],
)
def test_an_unknown_or_damaged_placeholder_is_refused(vault: Vault, text: str) -> None:
    """What looks like a placeholder and was not issued here is refused in every position."""
    for value in (text, [text], {text: 1}, json.dumps({"x": text}), json.dumps({text: 1})):
        error = unresolved(vault, value)
        assert (error.kind, error.data_class) == (PlaceholderProblem.UNKNOWN, None)
        assert text not in str(error)
    with pytest.raises(PlaceholderUnresolved):
        resolve_arguments(arguments(**{text: 1}), vault, lambda _: True)


def test_escapes_do_not_carry_a_placeholder_past(vault: Vault) -> None:
    """A placeholder that is written with JSON escapes is seen for what it is."""
    text = r'{"x":"\u005b\u005bEMAIL:AAAAAAAA]]"}'
    assert unresolved(vault, text).kind is PlaceholderProblem.UNKNOWN


def test_a_placeholder_of_another_session_is_refused(vault: Vault) -> None:
    """Nothing is hydrated across sessions."""
    foreign = issue(Vault(b"x" * 32), "bob@example.com")
    assert shown(foreign, vault) == foreign
    assert unresolved(vault, foreign).kind is PlaceholderProblem.UNKNOWN


def test_two_keys_that_become_one_are_refused(vault: Vault) -> None:
    """An argument is never dropped because two keys resolve alike."""
    mark = issue(vault, "to")
    with pytest.raises(ValueError, match="become the same"):
        resolve_arguments(arguments(**{mark: 1, "to": 2}), vault, lambda _: True)
