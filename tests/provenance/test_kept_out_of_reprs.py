# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What texts are read into shows nothing of them."""

import pytest

from agentguard.classification import echoes
from agentguard.provenance.dates import dates_in
from agentguard.provenance.sought import sought
from agentguard.provenance.tokens import writing_of

TEXT = "Canary goes to mallory@evil.example on 13 June 2024."
SHOWN = ("canary", "mallory", "evil", "2024", "06-13")


@pytest.mark.parametrize(
    "value",
    [
        writing_of(TEXT),
        list(dates_in(writing_of(TEXT).tokens)),
        sought(TEXT),
        echoes._words(TEXT),
    ],
    ids=["tokens", "dates", "a value that is looked for", "words of an answer"],
)
def test_what_a_text_is_read_into_shows_none_of_it(value: object) -> None:
    """Nothing of a text stands in the repr of what it was read into."""
    assert value
    shown = repr(value).lower()
    assert not [each for each in SHOWN if each in shown]
