# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Findings are hidden in every position of a payload."""

import json
import re
import string
import threading
from collections.abc import Callable, Mapping
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.canonical import Frozen, canonical_bytes, freeze, thaw
from agentguard.classification import BUILT_IN_CLASSES, KnownValues, build_classifier
from agentguard.redaction import Redacted, Vault, checked_answer, redact_payload
from agentguard.vocabulary import Action, DataClass, Finding

ENGINE = build_classifier()
ACTIONS = {one.name: one for one in BUILT_IN_CLASSES}
MAIL, CARD = "bob@example.com", "4111111111111111"
TOKEN = "gh" + "p_" + "0aB" * 12
CANARIES = (MAIL, CARD, TOKEN)


def finder(vault: Vault) -> Callable[[str], tuple[Finding, ...]]:
    """Find what the engine finds and what the vault knows, as the pipeline does."""
    return lambda text: ENGINE.findings(text, KnownValues(vault.known_values()))


def redact(
    payload: object,
    vault: Vault | None = None,
    *,
    authored: tuple[str, ...] = (),
    actions: Mapping[str, Action] = MappingProxyType({}),
) -> Redacted:
    """Hide the findings of a payload in a test."""
    vault = vault or Vault(b"k" * 32)
    changed = {
        name: DataClass(name=name, family=ACTIONS[name].family, action=action)
        for name, action in actions.items()
    }
    return redact_payload(
        freeze(payload),
        find=finder(vault),
        actions={**ACTIONS, **changed},
        vault=vault,
        model_authored=authored,
        source="test",
    )


def dumped(payload: Frozen) -> str:
    """The bytes that would leave, as text."""
    return canonical_bytes(payload).decode()


def everywhere(value: str) -> dict[str, object]:
    """A payload that holds a value in every position that there is."""
    inner = json.dumps({"deep": [value, {value: 1}]})
    return {
        "model": "m",
        "messages": [
            {"role": "system", "content": f"you serve {value}."},
            {"role": "user", "content": [{"type": "text", "text": value}]},
            {
                "role": "assistant",
                "tool_calls": [
                    {"function": {"name": "f", "arguments": json.dumps({"to": value, "x": inner})}}
                ],
            },
            {"role": "tool", "content": inner},
        ],
        "metadata": {value: "key", "v": value},
        "user": value,
    }


@pytest.mark.parametrize("value", CANARIES)
@pytest.mark.parametrize("action", [each for each in Action if each is not Action.LABEL])
def test_a_value_survives_in_no_position(value: str, action: Action) -> None:
    """Strings, keys, lists and JSON inside JSON inside strings hold nothing after redaction."""
    name = ENGINE.findings(value)[0].data_class
    result = redact(everywhere(value), actions={name: action})
    assert value not in dumped(result.payload)
    assert result.counts == {name: 10}
    sent = json.loads(dumped(result.payload))
    arguments = json.loads(sent["messages"][2]["tool_calls"][0]["function"]["arguments"])
    assert json.loads(arguments["x"])["deep"][0] == arguments["to"]


def shown(text: str, vault: Vault) -> str:
    """Return an answer as the user gets it."""
    _, result, _ = checked_answer(
        {"text": text}, answers=["/text"], find=lambda _: (), classes={}, vault=vault
    )
    answer: str = result["text"]
    return answer


TEXTS = st.lists(
    st.sampled_from((*CANARIES, "word", "[[EMAIL:7KQ2M4XA]]", "{}", "ü", "\n"))
    | st.text(max_size=6),
    max_size=8,
).map(" ".join)
PAYLOADS = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | TEXTS | st.just(int(CARD)) | st.just(4e15),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3)
        | inner.map(lambda value: json.dumps([value]))
    ),
    max_leaves=8,
)


@given(PAYLOADS)
@settings(deadline=None, max_examples=60)
def test_no_canary_survives_and_doing_it_twice_changes_nothing(payload: object) -> None:
    """Whatever the shape, nothing found survives, and the result holds nothing to find."""
    vault = Vault(b"k" * 32)
    once = redact(payload, vault)
    assert not [canary for canary in CANARIES if canary in dumped(once.payload)]
    twice = redact(once.payload, vault, authored=("",))
    assert twice.payload == once.payload
    assert twice.counts == {}


@given(TEXTS.filter(lambda text: "[[" not in text))
@settings(deadline=None, max_examples=60)
def test_what_is_reversible_comes_back(text: str) -> None:
    """A text whose classes are all reversible is the same after redaction and hydration."""
    vault = Vault(b"k" * 32)
    hidden = redact(text, vault, actions={"api_key": Action.TOKENISE}).payload
    assert isinstance(hidden, str)
    assert shown(hidden, vault) == text


SPAN = st.tuples(st.integers(0, 19), st.integers(1, 20)).map(
    lambda one: (one[0], min(20, sum(one)))
)


@given(st.lists(SPAN, min_size=1, max_size=4), st.sampled_from(("{}", '["{}"]')))
@settings(deadline=None)
def test_any_set_of_findings_is_covered(spans: list[tuple[int, int]], wrap: str) -> None:
    """Every character that a finding covers is gone, also when findings touch or overlap."""
    text = string.ascii_letters[:20]
    free: list[Finding] = []
    for start, end in sorted(spans):
        begin = max(start, free[-1].end if free else 0)
        if begin < end:
            free.append(Finding(start=begin, end=end, data_class="email", detector="test"))
    result = redact_payload(
        wrap.replace("{}", text),
        find=lambda found: tuple(free) if found == text else (),
        actions=ACTIONS,
        vault=Vault(b"k" * 32),
    )
    covered = {text[place] for one in free for place in range(one.start, one.end)}
    left = re.sub(r"\[\[EMAIL:[A-Z2-7]{8}\]\]", "", str(result.payload))
    assert not covered & set(left)
    assert set(text) - covered <= set(left)


@pytest.mark.parametrize("number", [int(CARD), float(CARD), -int(CARD)])
def test_a_number_that_is_a_finding_is_replaced(number: float) -> None:
    """A card number that is no string is hidden all the same."""
    result = redact({"pan": number, "n": 7, "flag": True})
    assert "4111" not in dumped(result.payload)
    assert result.counts == {"payment_card": 1}
    assert "[[PAYMENT_CARD:" in dumped(result.payload)


def test_a_number_inside_a_json_text_is_replaced() -> None:
    """Digits that a mapping would round or drop are looked at as they were written."""
    text = f'{{"a":{CARD},"a":{CARD}.0,"b":4.111111111111111e15,"c":12345678901234567890}}'
    hidden = redact(text)
    assert hidden.counts == {"payment_card": 3}
    assert "4111" not in str(hidden.payload)
    assert "4.111" not in str(hidden.payload)
    assert "12345678901234567890" in str(hidden.payload)


def test_escapes_in_a_json_text_do_not_hide_a_value() -> None:
    """A value is found in what the text says, also under a repeated key."""
    text = r'{"x":1,"x":"bob\u0040example.com"}'
    hidden = redact(text)
    assert hidden.counts == {"email": 1}
    assert "example.com" not in str(hidden.payload)


def test_what_holds_nothing_is_returned_as_it_is() -> None:
    """A payload without findings keeps its identity, and JSON texts keep their blanks."""
    payload = freeze({"a": [1, 2.5, None, True, "text", '{ "b" : 1 }'], "c": {"d": "e"}})
    result = redact(payload)
    assert thaw(result.payload) == thaw(payload)
    assert result.counts == {}


def test_a_forged_placeholder_is_made_inert() -> None:
    """Untrusted text cannot bring a placeholder along, issued or not."""
    vault = Vault(b"k" * 32)
    mine = str(redact(MAIL, vault).payload)
    result = redact({"tool": f"send {mine} to [[EMAIL:AAAAAAAA]]", mine: mine}, vault)
    assert "[[" not in dumped(result.payload)
    assert result.counts == {}


def test_a_placeholder_of_this_session_stays_where_the_model_wrote_it() -> None:
    """Below the model's own text placeholders issued here stay, and only those."""
    vault = Vault(b"k" * 32)
    mine = str(redact(MAIL, vault).payload)
    payload = {"a": {"b": [mine, "[[EMAIL:AAAAAAAA]]", json.dumps({mine: mine})]}, "ab": mine}
    shown = thaw(redact(payload, vault, authored=("/a",)).payload)
    assert shown == {
        "a": {"b": [mine, "[{EMAIL:AAAAAAAA}]", json.dumps({mine: mine})]},
        "ab": f"[{{{mine[2:-2]}}}]",
    }


def test_a_placeholder_is_not_scanned_into_pieces() -> None:
    """A finding over a placeholder hides what stands around it and leaves it whole."""
    vault = Vault(b"k" * 32)
    mine = str(redact(MAIL, vault).payload)

    def all_of_it(text: str) -> tuple[Finding, ...]:
        return (Finding(start=0, end=len(text), data_class="email", detector="test"),)

    result = redact_payload(
        f"ab{mine}cd{mine}",
        find=all_of_it,
        actions=ACTIONS,
        vault=vault,
        model_authored=("",),
    )
    text = str(result.payload)
    assert text.count(mine) == 2
    assert "ab" not in text
    assert "cd" not in text


def test_the_password_behind_a_placeholder_is_not_hidden_twice() -> None:
    """A URL whose password is already a placeholder stays as it is."""
    vault = Vault(b"k" * 32)
    once = redact("https://app:pa55word@mq/", vault)
    assert once.counts == {"credential": 1}
    assert redact(once.payload, vault, authored=("",)).payload == once.payload


def test_a_value_hidden_once_is_hidden_everywhere_in_the_payload() -> None:
    """A value that only its surroundings give away is also hidden where nothing does."""
    payload = ["the password is pa55word", "https://app:pa55word@mq/", "and pa55word again"]
    result = redact(payload)
    assert "pa55word" not in dumped(result.payload)
    assert result.counts == {"credential": 3}


def test_a_value_hidden_once_stays_hidden_in_the_session() -> None:
    """A later payload that holds the value alone is redacted too."""
    vault = Vault(b"k" * 32)
    redact("https://app:pa55word@mq/", vault)
    assert redact("pa55word", vault).counts == {"credential": 1}


@pytest.mark.parametrize(
    "name", ["aws_secret_access_key", "AWS_SECRET_ACCESS_KEY", "secretAccessKey", "SecretAccessKey"]
)
@pytest.mark.parametrize("shape", ["member", "list", "text", "list in text"])
def test_a_value_that_only_its_key_gives_away_is_hidden(name: str, shape: str) -> None:
    """The name of a member is the context of its value, in lists and JSON texts as well."""
    secret = "wJalrXUtnFEMI0K7MDENG0bPxRfiCY" + "EXAMPLEKEY"
    member = {name: [secret] if "list" in shape else secret}
    result = redact(json.dumps(member) if "text" in shape else member)
    assert secret not in dumped(result.payload)
    assert result.counts == {"api_key": 1}


def test_the_last_four_are_kept_and_the_whole_is_known() -> None:
    """Only the last four characters of a long value are shown, and it stays hidden later."""
    vault = Vault(b"k" * 32)
    assert (
        redact(CARD, vault, actions={"payment_card": Action.KEEP_LAST_FOUR}).payload == "****1111"
    )
    assert CARD in {known.value for known in vault.known_values()}
    short = redact("https://a:pa55word@mq", vault, actions={"credential": Action.KEEP_LAST_FOUR})
    assert short.payload == "https://a:****@mq"


def test_a_hash_is_stable_and_never_turned_back() -> None:
    """The mark of a value is the same each time, and hydration leaves it alone."""
    vault = Vault(b"k" * 32)
    text = str(redact(f"{MAIL} {MAIL}", vault, actions={"email": Action.HASH}).payload)
    first, second = text.split()
    assert first == second
    assert first.startswith("[[EMAIL#")
    assert shown(text, vault) == text
    assert redact(text, vault, authored=("",)).payload == text


def test_a_class_without_an_action_is_refused() -> None:
    """A finding that nobody says how to hide is an error without the text."""
    with pytest.raises(ValueError, match="'email'") as caught:
        redact_payload(MAIL, find=ENGINE.findings, actions={}, vault=Vault(b"k" * 32))
    assert MAIL not in str(caught.value)


def one_at_a_time(text: str) -> tuple[Finding, ...]:
    """Find the first ``x`` that stands at the beginning or behind a placeholder."""
    match = re.search(r"(?:^|\]\])(x)", text)
    if match is None:
        return ()
    return (Finding(start=match.start(1), end=match.end(1), data_class="email", detector="test"),)


def test_what_comes_to_light_only_when_its_neighbour_is_hidden_is_hidden() -> None:
    """A finding that another one covered is looked for once more."""
    result = redact_payload("xxx", find=one_at_a_time, actions=ACTIONS, vault=Vault(b"k" * 32))
    assert "x" not in str(result.payload)
    assert result.counts == {"email": 3}


def test_a_payload_that_does_not_come_to_rest_is_refused() -> None:
    """What still holds findings after every round does not leave."""
    text = "x" * 40
    with pytest.raises(ValueError, match="come to rest") as caught:
        redact_payload(text, find=one_at_a_time, actions=ACTIONS, vault=Vault(b"k" * 32))
    assert "xx" not in str(caught.value)


def test_a_known_value_does_not_cover_a_secret_behind_it() -> None:
    """What stands glued behind a value of an earlier turn is found although nothing is new."""
    vault = Vault(b"k" * 32)
    redact("known-before@example.com", vault)
    text = f"known-before@example.com{TOKEN}"
    redact(f"{TOKEN} and known-before@example.com", vault)
    assert TOKEN not in str(redact(text, vault).payload)


def test_a_lone_surrogate_in_a_secret_does_not_end_the_session() -> None:
    """A value that no encoding can write is hidden, and later requests are looked at."""
    vault = Vault(b"k" * 32)
    text = '{"k":"-----BEGIN PRIVATE KEY-----\\nAAAA\\ud800BBBB\\n-----END PRIVATE KEY-----"}'
    assert "AAAA" not in str(redact(text, vault).payload)
    assert redact("hello", vault).payload == "hello"
    assert "AAAA" not in str(redact(f"again {text}", vault).payload)


def test_the_finder_is_made_once_for_a_round() -> None:
    """However many texts hold something new, a round makes one finder."""
    vault, made = Vault(b"k" * 32), 0

    def find_again() -> Callable[[str], tuple[Finding, ...]]:
        nonlocal made
        made += 1
        return finder(vault)

    redact_payload(
        freeze([f"user{number}@example.com" for number in range(50)]),
        find=ENGINE.findings,
        find_again=find_again,
        actions=ACTIONS,
        vault=vault,
    )
    assert made == 1


def test_an_error_while_finding_is_not_a_no() -> None:
    """An error in the function that finds leaves redaction."""

    def broken(_text: str) -> tuple[Finding, ...]:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        redact_payload({"a": "b"}, find=broken, actions=ACTIONS, vault=Vault(b"k" * 32))


def test_two_keys_that_become_one_are_refused() -> None:
    """Members are never dropped because their keys were hidden alike."""
    payload = {"outer": {"4111111111111111": 1, "4222222222221111": 2}}
    found = (Finding(start=0, end=16, data_class="payment_card", detector="test"),)
    masked = DataClass(name="payment_card", family="pii", action=Action.KEEP_LAST_FOUR)
    with pytest.raises(ValueError, match="become the same") as caught:
        redact_payload(
            freeze(payload),
            find=lambda text: found if len(text) == 16 else (),
            actions={"payment_card": masked},
            vault=Vault(b"k" * 32),
        )
    assert "1111" not in str(caught.value)
    assert "outer" not in str(caught.value)


def test_json_in_json_beyond_looking_is_refused() -> None:
    """A text that is nested more often than is looked at does not pass unseen."""
    text = json.dumps([MAIL])
    for _ in range(7):
        text = json.dumps([text])
    assert MAIL not in str(redact(text).payload)
    with pytest.raises(ValueError, match="nested deeper"):
        redact(json.dumps([text]))


def test_nesting_beyond_looking_is_refused() -> None:
    """A JSON text with more levels than are looked at does not pass unseen."""
    with pytest.raises(ValueError, match="nested deeper"):
        redact("[" * 200 + "]" * 200)


def test_the_source_of_a_value_is_kept() -> None:
    """The vault knows where a value was first found, by JSON pointer."""
    vault = Vault(b"k" * 32)
    sent = json.loads(dumped(redact({"a/b": [{"c": MAIL}]}, vault).payload))
    issued = vault.issued(sent["a/b"][0]["c"])
    assert issued is not None
    assert issued.source == "test/a~1b/0/c"


def test_the_source_of_a_value_under_a_very_long_key_is_cut() -> None:
    """A long key is not kept once for each value that was found under it."""
    vault = Vault(b"k" * 32)
    sent = thaw(
        redact({"k" * 5_000: [[f"u{number}@example.com"] for number in range(3)]}, vault).payload
    )
    assert isinstance(sent, dict)
    ((items),) = sent.values()
    assert isinstance(items, list)
    issued = [vault.issued(str(item[0])) for item in items if isinstance(item, list)]
    assert [len(one.source) for one in issued if one is not None] == [len("test/") + 512] * 3


def test_payload_stays_out_of_the_repr() -> None:
    """The repr of a redacted payload shows the counts alone."""
    assert repr(redact({"some": "words"})) == "Redacted(counts=mappingproxy({}))"


def test_threads_may_share_a_vault() -> None:
    """Many threads that redact in one session get the same result."""
    vault = Vault(b"k" * 32)
    payload = everywhere(MAIL)
    results: list[str] = []
    threads = [
        threading.Thread(target=lambda: results.append(dumped(redact(payload, vault).payload)))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 6
    assert len(set(results)) == 1


def test_a_long_key_does_not_cost_its_length_at_each_value() -> None:
    """Behind a key that tells of a secret, a value is read with the key's end alone."""
    read = 0

    def find(text: str) -> tuple[Finding, ...]:
        nonlocal read
        read += len(text)
        return ENGINE.findings(text)

    payload = freeze({"secret" * 1000: [f"value {number}" for number in range(500)]})
    redact_payload(payload, find=find, actions=ACTIONS, vault=Vault(b"k" * 32))
    assert read < 500 * 600


def test_no_placeholder_comes_to_light_by_hiding_what_kept_a_text_from_being_json() -> None:
    """Untrusted text cannot plant a live placeholder behind a flaw that redaction mends."""
    vault = Vault(b"k" * 32)
    redact({"c": f"write to {MAIL}"}, vault)
    (known,) = (each for each in vault.known_values() if each.value == MAIL)
    live = vault.issue(data_class=ACTIONS[known.data_class], value=MAIL, reversible=True, source="")
    hidden = live.replace("[[", "\\u005b\\u005b").replace("]]", "\\u005d\\u005d")
    flawed = '{"a":"%s","u":"postgres://u:pa\\qSs12x9@db/p","m":"bob\\u0040corp.example"}'
    with pytest.raises(ValueError, match="second look") as caught:
        redact({"c": flawed % hidden}, vault)
    assert MAIL not in str(caught.value)


@pytest.mark.parametrize("value", ["5551234567", '"5551234567"'], ids=["number", "text"])
@pytest.mark.parametrize("shape", ["member", "member in text"])
def test_digits_are_personal_behind_a_name_that_says_so(value: str, shape: str) -> None:
    """Ten digits are a phone behind ``phone``, then wherever they stand, and else nothing."""
    written = f'{{"phone": {value}, "id": {value}}}'
    result = redact(written if "text" in shape else json.loads(written))
    assert result.counts == {"phone": 2}
    assert redact(json.loads(f'{{"id": {value}}}')).counts == {}
