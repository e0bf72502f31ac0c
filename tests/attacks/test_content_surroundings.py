# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Can a secret leave because of what stands around it, or because it is cut to pieces?

The story: detectors look at the characters beside a match to tell a token from a piece of a word,
and so a secret leaves behind an escape, a fraction or a second token. Each text here once left
as it was.
"""

import base64
import itertools
import json
import random
import string

import pytest

from agentguard.canonical import canonical_bytes, freeze
from agentguard.classification import BUILT_IN_CLASSES, Classifier, build_classifier
from agentguard.redaction import redact_payload
from agentguard.session import Session

SOURCE = random.Random(11)  # noqa: S311 - the same secrets in every run
BASE62 = string.ascii_letters + string.digits
HEX = "0123456789abcdef"


def body(length: int, alphabet: str = BASE62) -> str:
    """Random characters that hold a digit."""
    return "".join(SOURCE.choice(alphabet) for _ in range(length - 1)) + "7"


def segment(content: object) -> str:
    """One part of a JSON Web Token, written with blanks."""
    written = json.dumps(content, separators=(", ", " : "))
    return base64.urlsafe_b64encode(written.encode()).rstrip(b"=").decode()


CARD = "4111 1111 1111 1111"
WEB_TOKEN = f"{segment({'alg': 'HS256'})}.{segment({'sub': '17'})}.{body(43)}"
SECRETS = {
    "mail": "maria.lopez@clinic.example",
    "mail of Paraguay": "maria.lopez@clinica.com.py",
    "card": "5555555555554444",
    "card in groups": CARD,
    "card with hyphens": "4111-1111-1111-1111",
    "short card": "3782 822463 10005",
    "openai": "sk-" + "proj-" + body(60),
    "other sk": "sk-" + body(44),
    "anthropic": "sk-" + "ant-api03-" + body(50),
    "aws": "AKI" + "A" + body(16, string.ascii_uppercase),
    "github": "gh" + "p_" + body(36),
    "gitlab": "gl" + "pat-" + body(20),
    "slack": "xo" + "xb-" + body(12, "123456789") + "-" + body(24),
    "stripe": "sk" + "_live_" + body(24),
    "google": "AI" + "za" + body(35),
    "npm": "np" + "m_" + body(36),
    "sendgrid": "S" + "G." + body(22) + "." + body(43),
    "hugging face": "h" + "f_" + body(34),
    "groq": "gs" + "k_" + body(52),
    "databricks": "da" + "pi" + body(32, HEX),
    "vault": "hv" + "s." + body(28),
    "web token": WEB_TOKEN,
}
BEFORE = (
    *("", "see ", "(", '"', "'", "=", ":", ";", ",", "#", "[", "{", "<", "/", "\\", "|", "$", "*"),
    *("\n", "\t", "\u00a0", "é", "漢", "😀", "7.25 ", "12 ", "a1 ", "-", "--", "_", "key=", "0.1 "),
    *(
        "\\n",
        "\\t",
        "\\r",
        "\\u000a",
        "%20",
        "%2F",
        "%0A",
        "B12 ",
        "08:15 ",
        "10.0.0.1 ",
        "@",
        "x@",
    ),
)
BEHIND = (
    *("", " and", ")", '"', "'", ",", ";", ".", "\n", "\u00a0", "é", "漢", "😀", " 12", " 4th"),
    *(" 3x", "-", "]", "}", ">", "/", "\\", "\\n", "%20", "|", "?", "&a=b", "*", "!", ":", ".png"),
    *(" 12/27", "@", "`"),
)


@pytest.fixture(scope="module")
def engine() -> Classifier:
    """The engine as it is without anything of the organisation's own."""
    return build_classifier()


def left(engine: Classifier, text: str) -> str:
    """What of a text is not found."""
    rest = text
    for found in reversed(engine.findings(text)):
        rest = rest[: found.start] + "\0" + rest[found.end :]
    return rest


@pytest.mark.parametrize("name", SECRETS)
def test_no_surroundings_let_a_secret_out(engine: Classifier, name: str) -> None:
    """Whatever stands before and behind it, the greater part of a secret is never left."""
    secret = SECRETS[name]
    tail = secret[len(secret) // 3 :]
    escaped = [
        (before, behind)
        for before, behind in itertools.product(BEFORE, BEHIND)
        if tail in left(engine, f"{before}{secret}{behind}")
    ]
    assert escaped == []


@pytest.mark.parametrize(
    "text",
    [
        f"Total 10.50 {CARD} please",
        f"2026-05-01 10:00:00.123 {CARD}",
        f"10.0.0.1 {CARD}",
        f"Room B12 {CARD}",
        f"{CARD} 4th of May",
        f"paid\\n{CARD}",
        f"pan%3D{CARD}",
        f"100%{CARD}",
    ],
)
def test_a_card_is_found_beside_other_numbers(engine: Classifier, text: str) -> None:
    """Amounts, times, addresses and rooms beside a card are no part of its number."""
    assert "1111" not in left(engine, text)


@pytest.mark.parametrize(
    "text", ["write ion@mail.md now", "ion@corp.zip", "contact git@corp.example: thanks"]
)
def test_an_address_that_ends_like_a_file_is_found(engine: Classifier, text: str) -> None:
    """Countries whose domain is also a file suffix have people with addresses."""
    assert "@" not in left(engine, text)


def test_a_decoy_does_not_swallow_the_token_behind_it(engine: Classifier) -> None:
    """Parts that only begin like a web token do not hide a real one, however many there are."""
    for decoys in ("eyJAAAAAAAAA.", "eyJAAAAAAAAA." * 9, "eyJ" * 20):
        assert WEB_TOKEN[-20:] not in left(engine, f"tok {decoys}{WEB_TOKEN} ok")


def test_tokens_without_anything_between_them_are_all_found(engine: Classifier) -> None:
    """A token begins also where another one ends."""
    text = "".join("da" + "pi" + (HEX[at:] + HEX[:at]) * 2 for at in range(16))
    assert set(left(engine, text)) == {"\0"}


def test_a_password_that_begins_like_a_variable_is_found(engine: Classifier) -> None:
    """Only a name in capitals behind a dollar sign is the name of a password."""
    assert "uperS3" not in left(engine, "postgres://app:$uperS3cretPw@db/prod")


def test_json_within_prose_does_not_hide_a_token(engine: Classifier) -> None:
    """A text that holds JSON but is none is searched with its escapes in it."""
    token = SECRETS["openai"]
    for text in (
        f"Result: {json.dumps({'note': f'hi{chr(10)}{token}'})}",
        f"{json.dumps({'a': f'x{chr(9)}{token}'})}\n{json.dumps({'b': token})}",
    ):
        assert token not in left(engine, text)


MATERIAL = base64.b64encode(SOURCE.randbytes(800)).decode()
LINES = [MATERIAL[place : place + 64] for place in range(0, len(MATERIAL), 64)]
HEAD, FOOT = "-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----"
KEY_ID, KEY_SECRET = SECRETS["aws"], body(40)
PIECES: dict[str, object] = {
    "key as lines": [HEAD, *LINES, FOOT],
    "key without its end": [HEAD, *LINES],
    "key as lines of a member": {"note": "x", "key": [HEAD, *LINES, FOOT]},
    "key as records": [{"line": line} for line in (HEAD, *LINES, FOOT)],
    "key as parts": [{"type": "text", "text": line} for line in (HEAD, *LINES, FOOT)],
    "pair as list": [KEY_ID, KEY_SECRET],
    "pair as object": {"id": KEY_ID, "secret": KEY_SECRET},
    "pair as member": {KEY_ID: KEY_SECRET},
    "pair as environment": [{"name": "AWS_SECRET_ACCESS_KEY", "value": KEY_SECRET}],
}


def sent(engine: Classifier, payload: object) -> str:
    """The bytes of a payload that would leave in a new session."""
    session = Session(b"k" * 32)
    hidden = redact_payload(
        freeze(payload),
        find=session.finder(engine),
        find_again=session.second_finder(engine),
        actions={one.name: one for one in BUILT_IN_CLASSES},
        vault=session.vault,
    )
    return canonical_bytes(hidden.payload).decode()


@pytest.mark.parametrize("name", PIECES)
@pytest.mark.parametrize("way", ["as it is", "as text", "in a message", "text in text"])
def test_a_secret_in_pieces_is_hidden(engine: Classifier, name: str, way: str) -> None:
    """A key as its lines, or a secret beside the string that names it, leaves in no shape."""
    payload = PIECES[name]
    if way != "as it is":
        payload = json.dumps(payload)
    if way == "in a message":
        payload = {"model": "m", "messages": [{"role": "user", "content": payload}]}
    if way == "text in text":
        payload = json.dumps({"output": payload})
    text = sent(engine, payload)
    assert not [line for line in (*LINES, KEY_SECRET) if line in text]


def test_speaking_of_keys_leaves_a_conversation_whole(engine: Classifier) -> None:
    """A header in one message and an end line in a later one do not hide what is between."""
    messages = [
        {"role": "user", "content": f"My file starts with {HEAD}, what is it?"},
        {"role": "assistant", "content": "A private key; keep it to yourself."},
        {"role": "tool", "tool_call_id": "call_17", "content": "done"},
        {"role": "user", "content": f"It ends with {FOOT}"},
    ]
    left_over = json.loads(sent(engine, {"messages": messages, "model": "m"}))["messages"]
    assert [one["role"] for one in left_over] == ["user", "assistant", "tool", "user"]
    assert left_over[1] == messages[1]
    assert left_over[2]["tool_call_id"] == "call_17"
