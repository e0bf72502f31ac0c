# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How much of what is labelled was found, and how much that is not?

A labelled span is *covered* when at least nine tenths of it lie inside what was found, so that
the value would really be gone, and *touched* when anything of it does. A document without labels
is *flagged* when anything was found in it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Span = tuple[int, int, str]

COVERED = 0.9
# The sources of documents that were checked or labelled as free of secrets. Others hold texts
# that resemble secrets on purpose.
STRICT = frozenset(
    {"creddata_F", "repo_code", "logs", "lockfile", "prose", "git_log", "base64_image"}
)
# The sources in which all personal data is labelled, and the one of texts that some rule of some
# type does not accept.
LABELLED = frozenset({"presidio_research", "datafog_corpus", "pii_syn_nano", "generated"})
NEGATIVE = frozenset({"presidio_tests_negative"})
STRUCTURED = frozenset({"EMAIL", "PHONE", "CREDIT_CARD", "IBAN", "US_SSN", "IP", "URL"})


@dataclass(frozen=True, slots=True)
class Document:
    """A text with what is labelled in it."""

    text: str
    spans: tuple[Span, ...]
    source: str


@dataclass(slots=True)
class Looked:
    """What an engine found in a document, the seconds that it took, and those of the processor."""

    spans: list[Span]
    seconds: float
    worked: float


def covered(start: int, end: int, found: Iterable[Span]) -> float:
    """Return the share of a span that lies inside what was found."""
    hidden, at = 0, start
    for span in sorted(found):
        first, last = max(span[0], at), min(span[1], end)
        if last > first:
            hidden += last - first
            at = last
    return hidden / (end - start)


@dataclass(slots=True)
class Tally:
    """How many labelled spans there are, and how many were found."""

    spans: int = 0
    touched: int = 0
    covered: int = 0

    def add(self, share: float) -> None:
        """Count one."""
        self.spans += 1
        self.touched += share > 0
        self.covered += share >= COVERED

    def told(self) -> dict[str, float]:
        """Return the shares."""
        return {
            "spans": self.spans,
            "covered": round(self.covered / max(1, self.spans), 4),
            "touched": round(self.touched / max(1, self.spans), 4),
        }


@dataclass(slots=True)
class Noise:
    """What was found where nothing is labelled."""

    documents: int = 0
    flagged: int = 0
    places: int = 0
    size: int = 0

    def add(self, document: Document, found: Sequence[Span]) -> None:
        """Count one document."""
        self.documents += 1
        self.flagged += bool(found)
        self.places += len({span[:2] for span in found})
        self.size += len(document.text.encode())

    def told(self) -> dict[str, float]:
        """Return the rates."""
        return {
            "documents": self.documents,
            "flagged": round(self.flagged / max(1, self.documents), 4),
            "per_mb": round(self.places / max(1, self.size) * 1e6, 1),
        }


@dataclass(slots=True)
class Pace:
    """How long it took."""

    seconds: list[float] = field(default_factory=list)
    worked: float = 0.0
    size: int = 0

    def add(self, document: Document, looked: Looked) -> None:
        """Count one document."""
        self.seconds.append(looked.seconds)
        self.worked += looked.worked
        self.size += len(document.text.encode())

    def told(self) -> dict[str, float]:
        """Return throughput and latencies."""
        ordered = sorted(self.seconds)
        if not ordered:
            return {}
        return {
            "mb_per_s": round(self.size / max(1e-9, sum(ordered)) / 1e6, 3),
            "mb_per_cpu_s": round(self.size / max(1e-9, self.worked) / 1e6, 3),
            "p50_ms": round(ordered[len(ordered) // 2] * 1e3, 4),
            "p99_ms": round(ordered[int(len(ordered) * 0.99)] * 1e3, 4),
            "max_ms": round(ordered[-1] * 1e3, 3),
        }


Pairs = Iterable[tuple[Document, Looked]]


def secret_scores(positives: Pairs, benign: Pairs) -> dict[str, Any]:
    """Score the search for secrets."""
    sources, types = defaultdict[str, Tally](Tally), defaultdict[str, Tally](Tally)
    noise, pace, kinds = defaultdict[str, Noise](Noise), Pace(), Counter[str]()
    good = 0
    for document, looked in positives:
        pace.add(document, looked)
        good += sum(any(_meet(span, each) for each in document.spans) for span in looked.spans)
        for span, share in _shares(document, looked.spans):
            for name in (document.source, "all"):
                sources[name].add(share)
            types[span[2].lower()].add(share)
    for document, looked in benign:
        pace.add(document, looked)
        noise[document.source].add(document, looked.spans)
        if document.source in STRICT:
            noise["strict"].add(document, looked.spans)
            kinds.update(kind for _, _, kind in looked.spans)
    bad = noise["strict"].places
    return {
        "sources": _told(sources),
        "types": _told(types),
        "types_met": (sum(tally.covered > 0 for tally in types.values()), len(types)),
        "benign": _told(noise),
        "precision": round(good / max(1, good + bad), 4),
        "noisiest": kinds.most_common(10),
        **pace.told(),
    }


def pii_scores(positives: Pairs, benign: Pairs) -> dict[str, Any]:
    """Score the search for personal data."""
    types, sources = defaultdict[str, Tally](Tally), defaultdict[str, Tally](Tally)
    noise, pace = defaultdict[str, Noise](Noise), Pace()
    negative, good, bad = Noise(), 0, 0
    for document, looked in positives:
        pace.add(document, looked)
        for span, share in _shares(document, looked.spans):
            structured = ("structured",) if span[2] in STRUCTURED else ()
            for name in (span[2], "all", *structured):
                types[name].add(share)
            if structured:
                sources[document.source].add(share)
        if document.source in NEGATIVE:
            negative.add(document, looked.spans)
        elif document.source in LABELLED:
            right = [any(_meet(span, each) for each in document.spans) for span in looked.spans]
            good += sum(right)
            bad += len(right) - sum(right)
    for document, looked in benign:
        spans = [span for span in looked.spans if not _is_address(span[2])]
        noise[document.source].add(document, spans)
        if document.source in STRICT:
            noise["strict"].add(document, spans)
    return {
        "types": _told(types),
        "sources": _told(sources),
        "benign": _told(noise),
        "precision": round(good / max(1, good + bad), 4),
        "negatives": negative.told(),
        **pace.told(),
    }


def _is_address(kind: str) -> bool:
    """Say whether a kind is that of addresses of mail or pages, which code and histories hold."""
    return kind.split(maxsplit=1)[0].lower() in {"email", "email_address", "url", "web_address"}


def _shares(document: Document, found: Sequence[Span]) -> Iterator[tuple[Span, float]]:
    for span in document.spans:
        yield span, covered(span[0], span[1], found)


def _meet(one: Span, other: Span) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _told(table: Mapping[str, Tally | Noise]) -> dict[str, dict[str, float]]:
    return {name: table[name].told() for name in sorted(table)}
