# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A streamed answer is checked like a whole one, however it is cut."""

import base64
import itertools
import json
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.redaction import (
    AnswerBlocked,
    AnswerUncheckable,
    AnswerWithheld,
    Event,
    Released,
    StreamCheck,
)
from agentguard.vocabulary import Action

TOKEN = "gh" + "p_" + "0aB" * 12
AWS_ID, AWS_SECRET = "AKIAQ3EGRN5TVBWX2LPZ", "wJalrXUtnFEMIK7MDENGbPxRfiCYzQ8vT2pLrS4d"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.abcdefghijklmnop"
BODY = "MIIEabcdEFGH0123456789abcdefghijklmnop"
KEY = f"-----BEGIN RSA PRIVATE KEY-----\n{BODY}\n{BODY}\n-----END RSA PRIVATE KEY-----"
PGP = f"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n{BODY}\n-----END PGP PRIVATE KEY BLOCK-----"
PUTTY = f"PuTTY-User-Key-File-3: ssh-rsa\nPrivate-Lines: 1\n{BODY}\nPrivate-MAC: 00ff00ff"
MAIL, WORDS, WIDE = "jane.doe@customers.example", 'Jane "J" Doe of Nowhere', "张伟明天来了"
KNOWN = (MAIL, WORDS, WIDE)

SECRETS: dict[str, str] = {
    "openai": "sk-proj-" + "a1B2" * 8,
    "openai, old": "sk-" + "a1B2" * 8,
    "anthropic": "sk-ant-api03-" + "a1B2" * 8,
    "aws id": AWS_ID,
    "github": TOKEN,
    "github, fine": "github_pat_" + "0aB" * 12,
    "gitlab": "glpat-" + "a1B2c3D4e5F6g7H8i9J0",
    "slack": "xox" + "b-123456789012-abcdefABCDEF",
    "stripe": "sk_" + "live_" + "a1B2" * 6,
    "webhook": "whsec_" + "a1B2" * 8,
    "google": "AIza" + "a1B2c" * 7,
    "google, oauth": "GOCSPX-" + "a1B2" * 7,
    "npm": "npm_" + "a1B2" * 9,
    "pypi": "pypi-A" + "a1B2" * 16,
    "sendgrid": "SG." + "a1B2" * 6 + "." + "a1B2" * 11,
    "hugging face": "hf_" + "a1B2" * 9,
    "digitalocean": "dop_v1_" + "a1b2" * 16,
    "groq": "gsk_" + "a1B2" * 12,
    "databricks": "dapi" + "a1b2" * 8,
    "shopify": "shpat_" + "a1b2" * 8,
    "vault": "hvs." + "a1B2" * 8,
    "docker": "dckr_pat_" + "a1B2" * 8,
    "azure": "AccountKey=" + "a1B2" * 21 + "a1==",
    "jwt": JWT,
    "rsa": KEY,
    "rsa, escaped": KEY.replace("\n", "\\n"),
    "pgp": PGP,
    "putty": PUTTY,
    "url": "postgres://user:pa55w0rd@db.example/x",
    "first password": "Password=hunter2; User Id = sa",
    "password": "Server=db; Password = hunter2; Encrypt=yes",
    "bearer": "Authorization: Bearer abcdef1234567",
    "aws secret": f'secret_access_key = "{AWS_SECRET}"',
    "aws pair": f"{AWS_ID} and then {AWS_SECRET} .",
    "card": "4111111111111111",
    "card, grouped": "4111 1111 1111 1111",
    "card, joined": "4111-1111-1111-1111",
    "mail": "bob.smith@mail.example.co.uk,",
    "known mail": MAIL,
    "known words": WORDS,
    "known wide": WIDE,
    "parted": "sk-\u200b" + "a1B2" * 8,
    "escaped": "\\u0073k-" + "a1B2" * 8,
    "in url escapes": "%67hp%5F" + "0aB" * 12,
    "in entities": "&#103;&#x68;p_" + "0aB" * 12,
    "in base64": base64.b64encode(TOKEN.encode()).decode(),
    "in hexadecimal": TOKEN.encode().hex(),
    "in full width": TOKEN.translate({code: code + 0xFEE0 for code in range(33, 127)}),
    "in look-alikes": TOKEN.replace("a", "\u0430").replace("p", "\u0440"),
    "backwards": TOKEN[::-1],
    "artifactory": ' "AKC' + 'a1b2c3d4e5" ',
    "image": '![a b](https://evil.example/?d=x "t")',
    "image in angles": "![a b](<https://evil.example/x y>)",
    "image by name": "![a b][c d]",
    "tag": '<img alt="a > b" src="https://evil.example/?x=1">',
}
OTHERS = (
    *("the", "Hello", "a-b", "(see", "docs),", "pass", "password", "BEGIN", "END", "-----", "--"),
    *(
        "12",
        "2024",
        "7,",
        "x=1;",
        "1 2 3 4 5 6 7 8 9 " * 4,
        "你好世界",
        "时间: 10",
        "*",
        "```",
        "\n\n",
    ),
    *("https://a.example/p?q=1", "vec![1, 2]", "x![0]", "![", "](", "[1]", "<img ", "<b ", ">"),
    *('"', "'", '{"a": "b"}', "\\n", "\\u0073k-", "a\u200bb", "hi\U000e0041", "\u2764\ufe0f"),
    *(
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        "\u0645\u06cc\u200c\u062e\u0648",
        "Case",
        KEY[:60],
        WORDS[:12],
    ),
    *("[[EMAIL:AAAAAAAA]]", "[[EMAIL: ABCD]]", "[[", "![p](plot.png)", WIDE[:3], "AKIA", "eyJ"),
)
PLACEHOLDER = "@placeholder@"
TEXTS = st.builds(
    lambda start, parts: start + "".join(itertools.chain.from_iterable(parts)),
    st.sampled_from(["", "", " ", '{"k": "', "[1] ", "\ufeff"]),
    st.lists(
        st.tuples(
            st.sampled_from([*SECRETS.values(), *OTHERS, *[PLACEHOLDER] * 6]),
            st.sampled_from([" ", " ", "", "\n", ", "]),
        ),
        max_size=12,
    ),
)


def pieces(text: str, cuts: Sequence[int]) -> list[str]:
    """A text in pieces."""
    edges = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    return [text[start:end] for start, end in itertools.pairwise(edges)]


def tell(check: StreamCheck, text: Iterable[str], shown: list[str]) -> None:
    """Let a text come piece by piece and end, and note what is shown of it."""
    for piece in text:
        shown += said(check.feed(Event(None, {"grow": {"c": piece}})))
    shown += said(check.finish())


def said(released: Iterable[Released]) -> list[str]:
    """What is shown of the text."""
    return [each.shown.content["grow"]["c"] for each in released]


@settings(deadline=None, max_examples=150)
@given(TEXTS, st.lists(st.integers(0, 2000), max_size=20), st.integers(0, 2))
def test_every_way_of_cutting_gives_the_whole(
    session: Any, text: str, cuts: list[int], which: int
) -> None:
    """What is released, put together, is what the whole text gives, as observed and as shown."""
    here = session(KNOWN, payment_card=Action.REDACT)
    text = text.replace(PLACEHOLDER, here.placeholders[which])
    expected = here.whole(text)
    assert here.streamed(pieces(text, cuts)) == expected
    assert here.streamed(text) == expected


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_every_format_is_checked_at_every_cut(session: Any, secret: str) -> None:
    """Every format, cut once at every place, comes out as from the whole text."""
    here = session(KNOWN, payment_card=Action.REDACT, email=Action.REDACT)
    text = f"it is {secret} and more"
    expected = here.whole(text)
    assert expected[0] != text
    for cut in range(1, len(text)):
        assert here.streamed(pieces(text, [cut])) == expected


@pytest.mark.parametrize("secret", [TOKEN, KEY, SECRETS["first password"], WORDS], ids=len)
def test_nothing_of_a_blocked_class_is_released(session: Any, secret: str) -> None:
    """The stream stops before the first character of what is blocked, and stays stopped."""
    here = session(
        KNOWN,
        **dict.fromkeys(("api_key", "private_key", "credential", "email"), Action.BLOCK),
    )
    check = here.stream()
    shown: list[str] = []
    with pytest.raises(AnswerBlocked) as caught:
        tell(check, f"it is {secret} and more ", shown)
    assert "it is ".startswith("".join(shown))
    assert secret not in repr(caught.value)
    with pytest.raises(AnswerWithheld):
        check.feed(Event(None, {"grow": {"c": "more"}}))
    with pytest.raises(AnswerWithheld):
        check.finish()


def test_ordinary_words_are_released_one_by_one(session: Any) -> None:
    """A word is released as soon as the next one begins."""
    check = session().stream()
    shown = [
        released.shown.content["grow"]["c"]
        for piece in ("Hel", "lo", " wor", "ld, this", " is ", "plain")
        for released in check.feed(Event(None, {"grow": {"c": piece}}))
    ]
    assert shown == ["", "", "Hello ", "world, ", "this is ", ""]


def test_a_script_without_blanks_is_released(session: Any) -> None:
    """Text in a script that has no blanks does not wait for one."""
    check = session().stream()
    (released,) = check.feed(Event(None, {"grow": {"c": "你好世界"}}))
    assert released.shown.content["grow"]["c"] == "你好世"


def test_a_value_of_many_words_is_not_released_by_half(session: Any) -> None:
    """The beginning of a hidden value waits until it is clear that it is another text."""
    check = session(["Project Falcon Nine"], email=Action.REDACT).stream()

    def after(piece: str) -> str:
        return "".join(said(check.feed(Event(None, {"grow": {"c": piece}}))))

    assert after("about Project Falcon ") == "about "
    assert after("Heavy ") == "Project Falcon Heavy "
    assert after("Project Falcon Nine, ").startswith("[[EMAIL:")


def test_more_can_be_held(session: Any) -> None:
    """For patterns of an organisation's own, which may hold blanks, a distance is kept."""
    check = session().stream(ahead=20)
    assert check.feed(Event(None, {"grow": {"c": "one two three four "}}))[0].shown.content == {
        "grow": {"c": ""}
    }
    text = "one two three four five six seven eight"
    assert session().streamed(text, ahead=20) == (text, text)


@pytest.mark.parametrize("text", ["x" * 200, "![ " * 30_000])
def test_what_is_held_has_a_bound(session: Any, text: str) -> None:
    """A word, or what is open, that goes on and on stops the stream without its text."""
    shown: list[str] = []
    with pytest.raises(AnswerUncheckable) as caught:
        tell(session().stream(), [text] * 10_000, shown)
    assert "".join(shown) == ""
    assert "xxx" not in repr(caught.value)


def test_a_key_without_an_end_is_not_waited_for_endlessly(session: Any) -> None:
    """The words behind the beginning of a key go on once no end of it can come any more."""
    text = f"the line -----BEGIN PRIVATE KEY----- begins a key {'and so on ' * 20_000}"
    here = session()
    shown: list[str] = []
    tell(here.stream(), pieces(text, range(0, len(text), 999)), shown)
    assert ("".join(shown),) * 2 == here.whole(text)
    assert len(list(filter(None, shown))) > 2


def call(piece: str, *end: str, channel: str = "f") -> Event:
    """An event with a piece of a tool call's arguments."""
    return Event(None, {"call": {channel: piece}, "end": list(end)})


def test_arguments_are_held_until_they_are_complete(session: Any) -> None:
    """The first event carries all, the others nothing, and other texts go on meanwhile."""
    here = session([MAIL])
    check = here.stream()
    text = json.dumps({"to": here.placeholders[0], "key": TOKEN})
    assert check.feed(call(text[:9])) == []
    assert said(check.feed(Event(None, {"grow": {"c": "meanwhile "}}))) == ["meanwhile "]
    released = [*check.feed(call(text[9:30])), *check.feed(call(text[30:], "f"))]
    carried = [each.shown.content["call"]["f"] for each in released]
    assert carried[1:] == ["", ""]
    arguments = json.loads(carried[0])
    assert arguments["to"] == here.placeholders[0]
    assert arguments["key"].startswith("[[API_KEY:")
    assert all(each.crossed is each.shown for each in released)


def test_held_events_keep_their_order(session: Any) -> None:
    """Arguments of a later call do not overtake those of an earlier one, nor what ends them."""
    check = session().stream()
    assert check.feed(call("{", channel="a")) == []
    assert check.feed(call("{}", "b", channel="b")) == []
    assert check.feed(Event(None, {"done": {"b": "{}"}})) == []
    released = check.feed(Event(None, {"grow": {"c": "x "}}))
    assert [list(each.shown.content) for each in released] == [["grow"]]
    released = check.feed(call("}", "a", channel="a"))
    names = [list(each.shown.content.get("call", ["done"])) for each in released]
    assert names == [["a"], ["b"], ["done"], ["a"]]


def test_a_text_beside_held_arguments_is_not_lost(session: Any) -> None:
    """Text in an event that must wait is carried by the next event of its own."""
    check = session().stream()
    assert check.feed(Event(None, {"grow": {"c": "one "}, "call": {"f": "{"}})) == []
    (released,) = check.feed(Event(None, {"grow": {"c": "two "}}))
    assert released.shown.content["grow"]["c"] == "one two "
    released, last = check.feed(call("}", "f"))
    assert released.shown.content == {"grow": {"c": ""}, "call": {"f": "{}"}}
    assert last.shown.content["call"] == {"f": ""}


@pytest.mark.parametrize(
    "ending", [{"end": ["c"]}, {"end": ["*"]}, {"end": ["c"], "done": {"c": "it is so"}}]
)
def test_what_is_held_comes_before_the_end(session: Any, ending: dict[str, Any]) -> None:
    """An event of its own carries the rest of a text that ends."""
    check = session().stream()
    check.feed(Event("delta", {"grow": {"c": "it is so"}}))
    carried, last = check.feed(Event("end", ending))
    assert carried.shown == Event("delta", {"grow": {"c": "so"}})
    assert last.shown == Event("end", ending)
    assert check.finish() == []


def test_a_text_that_ends_in_its_own_event_needs_no_other(session: Any) -> None:
    """The last piece and what was held go in one event."""
    check = session().stream()
    check.feed(Event(None, {"grow": {"c": "it is s"}}))
    (released,) = check.feed(Event(None, {"grow": {"c": "o"}, "end": ["c"]}))
    assert released.shown.content["grow"]["c"] == "so"


@pytest.mark.parametrize("kind", ["grow", "call"])
def test_a_text_does_not_go_on_behind_its_end(session: Any, kind: str) -> None:
    """What comes behind the end of a text stops the stream; nothing that is empty does."""
    check = session().stream()
    check.feed(Event(None, {kind: {"c": "a"}, "end": ["c"]}))
    check.feed(Event(None, {kind: {"c": ""}}))
    with pytest.raises(AnswerUncheckable):
        check.feed(Event(None, {kind: {"c": "b"}}))


def test_a_broken_off_stream_releases_only_what_was_checked(session: Any) -> None:
    """At the end of a stream half a secret is checked as it is, and half of arguments too."""
    check = session().stream()
    assert check.feed(call('{"key": "' + "".join(f"\\u{ord(one):04x}" for one in TOKEN))) == []
    check.feed(Event(None, {"grow": {"c": f"it is {TOKEN}"}}))
    spoken, called = check.finish()
    assert spoken.shown.content["grow"]["c"].startswith("[[API_KEY:")
    assert called.shown.content["call"]["f"].startswith('{"key": "[[API_KEY:')


def test_whole_texts_say_what_their_pieces_said(session: Any) -> None:
    """A text that is repeated at its end comes out the same and is counted once."""
    here = session([MAIL])
    text = f"{here.placeholders[0]} knows {TOKEN} and {AWS_ID}"
    check = here.stream()
    released = []
    for character in text:
        released += check.feed(Event(None, {"grow": {"c": character}}))
    released += check.feed(Event(None, {"end": ["c"], "done": {"c": text}}))
    grown = "".join(each.shown.content.get("grow", {}).get("c", "") for each in released)
    assert released[-1].shown.content["done"]["c"] == grown
    assert grown.startswith(f"{MAIL} knows [[API_KEY:")
    assert check.counts == {"api_key": 2}


def test_everything_else_in_an_event_is_checked(session: Any) -> None:
    """A secret in an id, a key, or among probabilities does not pass beside the text."""
    check = session().stream()
    tokens = {"content": [{"token": "Hel", "logprob": -0.1}]}
    content = {"id": TOKEN, TOKEN: 1, "grow": {"c": "Hel"}, "logprobs": tokens}
    (released,) = check.feed(Event(None, content))
    assert TOKEN not in json.dumps(released.shown.content)
    assert released.shown.content["logprobs"] is None
    assert content["logprobs"] is tokens


def test_a_form_that_is_no_text_is_left(session: Any) -> None:
    """A place for text that holds none says nothing."""
    check = session().stream()
    event = Event(None, {"grow": {"c": None}, "call": {"f": None}, "end": ["*"]})
    (released,) = check.feed(event)
    assert released.shown == event


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 200), max_size=20))
def test_a_pattern_that_reaches_back_further_still_hides_its_secret(
    session: Any, cuts: list[int]
) -> None:
    """Where a finding begins in what was released already, the rest of it is hidden."""
    token = "npm" + "_abc-not-long"
    text = f"from https://a.example/ use //registry.example/:_authToken={token} there\nand go"
    here = session()
    assert token not in here.whole(text)[0]
    crossed, shown = here.streamed(pieces(text, cuts))
    assert crossed == shown
    assert token not in shown
    assert shown.endswith("\nand go")


def test_padding_is_not_taken_for_a_secret(session: Any) -> None:
    """What a provider puts in at random is emptied, and never stops a stream."""
    check = session(api_key=Action.BLOCK).stream()
    event = Event(None, {"grow": {"c": "it "}, "obfuscation": "AP3" + "kdfj3Kd9x"})
    (released,) = check.feed(event)
    assert released.shown.content == {"grow": {"c": "it "}, "obfuscation": ""}
    assert not check.counts


def test_an_event_shows_no_text_in_its_repr() -> None:
    """The repr of an event, checked or not, holds nothing of its content."""
    event = Event("said", {"text": "jane@customers.example"})
    assert "jane" not in f"{event!r} {Released(event, event)!r}"
