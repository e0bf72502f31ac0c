# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A secret that stands encoded in a payload is hidden as a whole, once and for all."""

import base64
import json
import urllib.parse
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.canonical import freeze, thaw
from agentguard.classification import BUILT_IN_CLASSES, KnownValues, build_classifier
from agentguard.classification.views import views_of
from agentguard.redaction import Vault, redact_payload
from agentguard.redaction.replacing import Find

ENGINE = build_classifier()
ACTIONS = {known.name: known for known in BUILT_IN_CLASSES}
TOKEN = "gh" + "p_" + "0aB1c2D3e4F5" * 3
MAIL = "jane.doe@customers.example"


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


CHANGES: tuple[Callable[[str], str], ...] = (
    str,
    _base64,
    lambda text: text.encode().hex(),
    lambda text: text.encode().hex(" "),
    lambda text: urllib.parse.quote(f"<{text}>", safe=""),
    lambda text: "".join(f"&#{ord(each)};" for each in text),
    lambda text: "".join(f"\\u{ord(each):04x}" for each in text),
    lambda text: json.dumps({"text": text}),
    lambda text: text.translate({code: code + 0xFEE0 for code in range(33, 127)}),
    "\u200b".join,
    lambda text: text[:20] + "\n" + text[20:],
    lambda text: text[::-1],
    lambda text: base64.encodebytes(f"{text} and more of it ".encode() * 3).decode(),
)
SECRETS = st.builds(
    lambda secret, first, second: second(first(secret)),
    st.sampled_from((TOKEN, MAIL)),
    st.sampled_from(CHANGES),
    st.sampled_from(CHANGES),
)
WORDS = st.sampled_from(
    ("some words", "a=b", "key: ", "\u4f60\u597d", "100%", "x\\y", "&amp;", "\n")
)
TEXTS = st.lists(st.one_of(SECRETS, WORDS), max_size=4).flatmap(
    lambda parts: st.sampled_from((" ", ", ", "\n")).map(lambda between: between.join(parts))
)
PAYLOADS = st.recursive(
    TEXTS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(("content", "text", "name")), inner, max_size=3),
    ),
    max_leaves=5,
)


def finder(vault: Vault) -> Find:
    """What the guard finds in a session."""
    known = KnownValues(vault.known_values())
    return lambda text: ENGINE.findings(text, known)


def redacted(payload: Any, vault: Vault) -> Any:
    """A payload with everything hidden that was found."""
    result = redact_payload(
        freeze(payload),
        find=finder(vault),
        actions=ACTIONS,
        vault=vault,
        find_again=lambda: finder(vault),
        model_authored=("",),
    )
    return thaw(result.payload)


def texts_of(payload: Any) -> list[str]:
    """All strings of a payload."""
    if isinstance(payload, str):
        return [payload]
    children = payload.values() if isinstance(payload, dict) else payload
    return [text for child in children for text in texts_of(child)]


@settings(deadline=None, max_examples=150)
@given(PAYLOADS)
def test_nothing_that_was_hidden_can_be_decoded(payload: Any) -> None:
    """No string of the result says the secret, as it is or in any of its views."""
    for text in texts_of(redacted(payload, Vault(b"k" * 32))):
        for shown in (text, *(view.text for view in views_of(text).over_blanks)):
            assert TOKEN not in shown
            assert MAIL not in shown


@settings(deadline=None, max_examples=150)
@given(PAYLOADS)
def test_redacting_encoded_secrets_twice_changes_nothing(payload: Any) -> None:
    """What is left of encoded secrets is left alone."""
    vault = Vault(b"k" * 32)
    once = redacted(payload, vault)
    assert redacted(once, vault) == once
