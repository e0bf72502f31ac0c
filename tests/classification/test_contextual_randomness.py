# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What was drawn is told from what was written."""

import platform
import random
import string
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentguard.classification.contextual import letter_table
from agentguard.classification.contextual.randomness import looks_typed, surprise

ROOT = Path(__file__).resolve().parents[2]
WRITTEN = [
    *("getUserByIdentifier", "AbstractSingletonProxyFactoryBean", "test_oauth_client_key"),
    *("django.contrib.auth.middleware", "correct-horse-battery-staple", "connection_timeout"),
    *("HttpServletRequest", "application/json", "internationalisation", "MAX_RETRY_COUNT"),
]


@pytest.mark.parametrize("token", WRITTEN)
def test_names_and_words_do_not_surprise(token: str) -> None:
    """What people write costs no more than what was drawn would."""
    assert surprise(token.encode()) < 0


@given(
    st.integers(),
    st.sampled_from(
        [string.ascii_letters + string.digits, string.ascii_lowercase, "0123456789abcdef"]
    ),
)
def test_drawn_tokens_surprise(seed: int, alphabet: str) -> None:
    """A token of forty characters drawn from an alphabet surprises."""
    rng = random.Random(seed)  # noqa: S311 - what Hypothesis says
    token = "".join(rng.choice(alphabet) for _ in range(40))
    assert surprise(token.encode()) > 20


@pytest.mark.parametrize(
    ("token", "typed"),
    [
        ("abcdefghijklmnopqrstuvwxyz123456", True),
        ("1234567890abcdef1234567890abcdef", True),
        ("abcabcabcabcabcabc", True),
        ("kxq0jUYMcwpV2bOqcMwTVkyLNQOPqyMr", False),
        ("abcdef", False),
    ],
)
def test_a_run_along_the_alphabet_looks_typed(token: str, *, typed: bool) -> None:
    """Sequences and repetitions are told from what was drawn."""
    assert looks_typed(token.encode()) is typed


@pytest.mark.skipif(
    f"Python {platform.python_version()};" not in (letter_table.__doc__ or ""),
    reason="the table was trained with the library of another version",
)
def test_the_table_is_what_the_script_writes() -> None:
    """Anybody with the same version of Python can train the table again."""
    script = ROOT / "benchmarks" / "train_randomness.py"
    subprocess.run([sys.executable, script, "--check"], check=True, capture_output=True)
