# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which links of a text carry something away when they are opened?

An address whose query, fragment, path or host holds a place to fill in, a placeholder, a text, or a
long run that nobody can read: whoever opens it tells a foreign server what stands there. It counts
wherever it stands: in Markdown, in HTML and its styles, or bare.
Addresses that only name something stay: ids, digests, names of pages, words of a search.

INVARIANT: an address without anything to tell is not found, and the time grows with the text alone
(tests/classification/test_data_links.py).
"""

import re
import urllib.parse
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence

from agentguard.classification.classes import DATA_LINK
from agentguard.vocabulary import Finding

# Behind that many characters an address is cut; what is longer is found for its length.
LONGEST_ADDRESS = 8192
SHORTEST_OPAQUE = 48
SHORTEST_OPAQUE_LABEL = 26
LONGEST_LABELS = 80
MOST_WORDS = 10
_LONGEST_ID = 44
# A run of which so many characters are digits or change their case reads as no words.
_MIXED = 0.25

_ADDRESS = re.compile(
    r"(?i)(?:\b(?:https?|wss?|ftps?):|(?<![\w/:]))//[^\s\"'<>`\\]{3,8192}"
    r"|\bwww\.[^\s\"'<>`\\]{3,8192}"
)
_HOST = re.compile(r"(?i)(?:[a-z][a-z0-9+.-]*:)?(?://)?([^/?#]*)")
_TO_FILL_IN = re.compile(
    r"\$?\{[^{}\s]{0,64}\}?|\{\{[^{}\s]{0,64}|%7[Bb][\w%.-]{1,64}%7[Dd]|<[\w -]{1,40}>"
    r"|\[(?!\[)[A-Za-z_][\w -]{1,40}\]|%5[Bb][A-Za-z_]\w{1,40}%5[Dd]|\$[A-Za-z_]\w{2,40}"
)
_TELLING_NAME = re.compile(
    r"(?i)data|content|message|text|secret|summar|passw|conversation|history|chat|info|e?mail"
    r"|result|output|response|answer|token|key|prompt|context|document|payload|exfil|base64|encoded"
)
_PLACEHOLDER = re.compile(r"\[\[[A-Z_]{2,}(?::|%3A)[0-9A-Z]{4,}|%5[Bb]%5[Bb][A-Z_]{2,}(?::|%3[Aa])")
_RUN = re.compile(rf"[A-Za-z0-9_+=~-]{{{SHORTEST_OPAQUE},}}")
_DIGEST = re.compile(
    r"(?i)[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{56}|[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128}"
)
_CHANGE = re.compile(r"[a-z][A-Z0-9]|[A-Z][a-z](?=[A-Z0-9])|[0-9][A-Za-z]")
_LABEL = re.compile(rf"[A-Za-z0-9]{{{SHORTEST_OPAQUE_LABEL},}}")
_WORD = re.compile(r"[^\W\d_]{2,}")
_TRAILING = ".,;:!?)]}*_"


def data_links(text: str, found: Sequence[Finding] = ()) -> Iterator[Finding]:
    """Yield the findings in a text, in order; they do not overlap.

    Args:
        text: the text.
        found: what else was found in it, sorted; an address that holds any of that behind its host
            carries it away.
    """
    if "//" not in text and "www." not in text.lower():
        return
    ends = [each.end for each in found]
    for match in _ADDRESS.finditer(text):
        address = _ended(match.group())
        start, end = match.start(), match.start() + len(address)
        why = _why(address) or _holding(text, (start, end), found, ends)
        if why:
            yield Finding(start=start, end=end, data_class=DATA_LINK, detector=f"{DATA_LINK}:{why}")


def _ended(address: str) -> str:
    """Return an address without what ends the sentence, the bracket or the style around it."""
    depth = 0
    for place, character in enumerate(address):
        depth += (character == "(") - (character == ")")
        if depth < 0:
            address = address[:place]
            break
    if _PLACEHOLDER.search(address) or _TO_FILL_IN.search(address):
        return address.rstrip(".,;:!?")
    return address.rstrip(_TRAILING)


def _why(address: str) -> str | None:
    """Return what in an address carries something away, None if nothing does."""
    host = _HOST.match(address)
    behind = "" if host is None else address[host.end(1) :]
    name = "" if host is None else host[1]
    if len(address) >= LONGEST_ADDRESS:
        return "long"
    if _PLACEHOLDER.search(address):
        return "placeholder"
    if _has_to_fill_in(name, behind):
        return "template"
    if _is_opaque_host(name):
        return "host"
    if any(_is_opaque(run.group()) for run in _RUN.finditer(behind)):
        return "opaque"
    return "text" if _tells_a_text(behind) else None


def _has_to_fill_in(name: str, behind: str) -> bool:
    path, query, fragment = _parted(behind)
    places = [each.group() for each in _TO_FILL_IN.finditer(f"{query}\n{fragment}")]
    if any("{" in place or "7b" in place.lower() or "$" in place for place in places):
        return True
    places += [each.group() for each in _TO_FILL_IN.finditer(f"{name}\n{path}")]
    return any(map(_TELLING_NAME.search, places))


def _parted(behind: str) -> tuple[str, str, str]:
    before, _, fragment = behind.partition("#")
    path, _, query = before.partition("?")
    return path, query, fragment


def _is_opaque_host(name: str) -> bool:
    labels = name.rpartition("@")[2].split(":")[0].split(".")[:-2]
    if any(_LABEL.fullmatch(label) and _reads_as_no_words(label) for label in labels):
        return True
    return sum(map(len, labels)) > LONGEST_LABELS


def _is_opaque(run: str) -> bool:
    if _DIGEST.fullmatch(run.strip("=_-")):
        return False
    return any(
        len(part) >= SHORTEST_OPAQUE and _reads_as_no_words(part)
        for part in re.split(r"[_=~-]{1,2}(?=[a-z]{3,}\b)", run)
    )


def _reads_as_no_words(run: str) -> bool:
    if _DIGEST.fullmatch(run):
        return False
    changes = sum(1 for _ in _CHANGE.finditer(run))
    digits = sum(character.isdigit() for character in run)
    return changes + digits >= _MIXED * len(run) and run.count("-") + run.count("_") < len(run) / 8


def _tells_a_text(behind: str) -> bool:
    """Say whether a value behind the host is a text: more words than anybody searches for."""
    _, query, fragment = _parted(behind)
    for part in re.split(r"[&;]", f"{query}&{fragment}"):
        value = part.partition("=")[2] or part
        if len(value) <= _LONGEST_ID:
            continue
        decoded = urllib.parse.unquote_plus(value)
        if "://" not in decoded and len(_WORD.findall(decoded)) > MOST_WORDS and " " in decoded:
            return True
    return False


def _holding(
    text: str, span: tuple[int, int], found: Iterable[Finding], ends: Sequence[int]
) -> str | None:
    """Say whether something that was found stands in an address, behind its host."""
    start, end = span
    host = _HOST.match(text, start, end)
    behind = start if host is None else host.end(1)
    index = bisect_right(ends, behind)
    listed = found if isinstance(found, Sequence) else tuple(found)
    if index < len(listed) and listed[index].start < end and listed[index].start >= start:
        return "value"
    return None
