# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Short strings that were harmless in one answer are not looked at again in the next."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.classification import BUILT_IN_CLASSES, build_classifier, with_answer_findings
from agentguard.redaction import Vault, checked_answer
from agentguard.vocabulary import Finding

ENGINE = build_classifier()
CLASSES = {known.name: known for known in BUILT_IN_CLASSES if known.family != "media"}
TOKEN = "gh" + "p_" + "0aB" * 12
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
TEXTS = st.sampled_from(
    ["stop", TOKEN, SECRET, "a\u200bb", "![x](https://x.example/a)", json.dumps({"to": TOKEN})]
)
KEYS = st.sampled_from(["id", "text", "aws_secret_access_key", "token", TOKEN])
ANSWERS = st.lists(st.dictionaries(KEYS, TEXTS | st.lists(TEXTS, max_size=2)), max_size=6)


def find(text: str) -> tuple[Finding, ...]:
    """Find what an answer is looked at for."""
    return with_answer_findings(text, ENGINE.findings(text))


@settings(deadline=None, max_examples=150)
@given(answers=ANSWERS)
def test_what_was_harmless_before_changes_no_answer(answers: list[Any]) -> None:
    """Each answer comes out as if it were the first, also behind a name that tells more."""
    harmless: set[str] = set()
    remembering, forgetful = Vault(b"k" * 32), Vault(b"k" * 32)
    for content in answers:
        one = checked_answer(
            content,
            answers=("/text",),
            find=find,
            classes=CLASSES,
            vault=remembering,
            harmless=harmless,
        )
        other = checked_answer(
            content, answers=("/text",), find=find, classes=CLASSES, vault=forgetful
        )
        assert one == other
    assert not {TOKEN, json.dumps({"to": TOKEN})} & harmless
