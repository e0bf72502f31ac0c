# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does the benchmark of detection count what it says that it counts?"""

import base64
import importlib
import json
import sys
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"
TOKEN = "Zx9-Kq_4RtLw82bTYq0Ae"  # no credential of anybody

Part = Callable[[str], Any]


@pytest.fixture
def part(monkeypatch: pytest.MonkeyPatch) -> Part:
    """Imports a module of the benchmark."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module


spans = st.tuples(st.integers(0, 40), st.integers(1, 20)).map(lambda at: (at[0], sum(at), "k"))


@given(st.lists(spans, max_size=6), spans)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_place_counts_once(part: Part, found: list[tuple[int, int, str]], label: Any) -> None:
    """The covered share of a span is that of its characters, however what was found overlaps."""
    start, end, _ = label
    hidden = {at for first, last, _ in found for at in range(first, last)}
    expected = len(hidden & set(range(start, end))) / (end - start)
    assert part("detection_scores").covered(start, end, found) == pytest.approx(expected)


def unescaped(text: str) -> str:
    """Read what stands in a JSON string."""
    return str(json.loads(f'"{text}"'))


READERS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "one zero-width character": lambda text: text.replace("\u200b", ""),
    "full-width letters": lambda text: "".join(
        chr(ord(each) - 0xFEE0) if ord(each) > 0xFF00 else each for each in text
    ),
    "newline inside": lambda text: text.replace("\n", ""),
    "token in base64": lambda text: base64.b64decode(text).decode(),
    "token in hex": lambda text: bytes.fromhex(text).decode(),
    "token reversed": lambda text: text[::-1],
    "text as a JSON string": unescaped,
    "JSON in JSON": lambda text: unescaped(unescaped(text)),
    "text URL-encoded": urllib.parse.unquote,
}


@given(st.text(max_size=20), st.text(max_size=20))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_changed_token_is_where_it_is_said_to_be(part: Part, before: str, after: str) -> None:
    """What stands at the place that a change gives reads as the token, in every kind of change."""
    changes = part("detection_evasion").CHANGES
    assert set(changes) - set(READERS) == {"Cyrillic look-alikes", "text in base64"}
    for name, read in READERS.items():
        text, start, end = changes[name](before + TOKEN + after, len(before), len(before) + 21)
        assert read(text[start:end]) == TOKEN, name
    text, start, end = changes["text in base64"](before + TOKEN, len(before), len(before) + 21)
    whole = base64.b64decode(text).decode()
    assert whole == before + TOKEN
    # Each character at the place holds bits of the token alone.
    first = len(before.encode())
    assert first * 8 <= start * 6
    assert end * 6 <= (first + 21) * 8


def test_a_trial_counts_tokens_that_are_found_as_they_are(part: Part) -> None:
    """A change is scored on the tokens that the engine covers in the plain text."""
    scores, evasion = part("detection_scores"), part("detection_evasion")
    document = scores.Document(f"key {TOKEN}", ((4, 25, "key"),), "source")
    [trial] = evasion.trials([document])
    found = scores.Looked([(4, 25, "k")], 0.0, 0.0)
    missed = scores.Looked([], 0.0, 0.0)
    told = evasion.evasion_scores([(each, found) for each in trial.documents])
    assert told["plain"] == {"tokens": 1, "covered": 1.0}
    assert told["token in hex"]["covered"] == 0.0
    assert evasion.evasion_scores([(each, missed) for each in trial.documents])["plain"] == {
        "tokens": 0,
        "covered": 0.0,
    }


def test_secrets_are_scored_by_source_type_and_noise(part: Part) -> None:
    """Covered, touched, flagged, places by megabyte and precision come from the right documents."""
    scores = part("detection_scores")
    positive = scores.Document("0123456789", ((0, 5, "A"), (5, 10, "B")), "here")
    quiet = scores.Document("x" * 1000, (), "prose")
    traps = scores.Document("y", (), "rule_fps")
    looked = scores.Looked([(0, 5, "k"), (9, 10, "k")], 0.001, 0.001)
    noisy = scores.Looked([(0, 1, "k"), (0, 1, "other")], 0.001, 0.001)
    told = scores.secret_scores([(positive, looked)], [(quiet, noisy), (traps, noisy)])
    assert told["sources"]["all"] == {"spans": 2, "covered": 0.5, "touched": 1.0}
    assert told["types"]["a"]["covered"] == 1.0
    assert told["types_met"] == (1, 2)
    assert told["benign"]["strict"] == {"documents": 1, "flagged": 1.0, "per_mb": 1000.0}
    assert told["precision"] == pytest.approx(2 / 3, abs=1e-3)


def test_an_engine_runs_in_a_process_of_its_own(part: Part) -> None:
    """What the engine says of each document comes back, with its version and how it ended."""
    scores, runs = part("detection_scores"), part("detection_runs")
    documents = [
        scores.Document(text, (), "s") for text in ("nothing", "write to jane@mail.example.com")
    ]
    here = runs.engines_of([sys.executable])
    run = runs.run_engine(here["agentguard balanced"], "agentguard balanced", "pii", documents, 60)
    assert [len(looked.spans) for _, looked in run.looked] == [0, 1]
    assert (run.ended, bool(run.version)) == ("", True)
    short = runs.run_engine(sys.executable, "agentguard strict", "pii", documents, 0)
    assert (len(short.looked), short.ended) == (1, "stopped at its limit of time")
    broken = runs.run_engine(sys.executable, "no such engine", "pii", documents, 60)
    assert broken.ended.startswith("broke: KeyError")


def test_the_generated_documents_are_the_same_in_every_run(part: Part) -> None:
    """The same seed gives the same documents, and every labelled span lies inside its text."""
    made = part("detection_generated").generated()
    assert made == part("detection_generated").generated()
    for documents in (made["secrets"], made["pii"]):
        for document in documents:
            assert document.spans
            for start, end, _ in document.spans:
                assert 0 <= start < end <= len(document.text)
                assert document.text[start:end].strip()


def test_what_was_not_run_whole_is_told(part: Part) -> None:
    """The report names engines that are missing, and those that stopped, with how far they came."""
    stopped = {
        "types": {}, "sources": {}, "benign": {}, "precision": 0.0, "negatives": {"flagged": 0.0},
        "speed": {}, "looked_at": 3, "asked": 9, "ended": "stopped at its limit of time",
    }  # fmt: skip
    told = part("detection_report").report(
        {
            "machine": {"cores": 2},
            "documents": {"pii": 9},
            "held_out": [],
            "missing": ["piighost with spaCy"],
            "secrets": {},
            "pii": {"slow": stopped},
        }
    )
    assert "- slow (pii): stopped at its limit of time; 3 of 9 texts" in told
    assert "- piighost with spaCy: not run, in no environment of --peers" in told
