# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does an answer hold that a request need not be searched for?

Two classes: ``hidden_unicode``, characters that nobody sees and a program reads, and
``remote_image``, an image whose address tells a foreign server what stands in it.
What people write with invisible characters stays: joined emoji, the flags of England, Scotland
and Wales, the scripts that need joiners, one byte order mark at the very beginning.
It changes nothing and decides nothing.

INVARIANT: every invisible character is found where it has no such use
(tests/classification/test_answer_patterns.py).
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from agentguard.classification.classes import HIDDEN_UNICODE, REMOTE_IMAGE
from agentguard.classification.remote_images import remote_images
from agentguard.vocabulary import Finding

_CONTROLS = r"\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f"
_CONTROL = re.compile(f"[{_CONTROLS}]+")
_INVISIBLE = re.compile(
    f"[{_CONTROLS}"
    r"\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    r"\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    r"\U000e0000-\U000e0fff]+"
)

_BLACK_FLAG = "\U0001f3f4"
_TAG = 0xE0000
# The only flags that are recommended for general interchange (Unicode TR 51, RGI).
_FLAGS = frozenset(
    "".join(chr(_TAG + ord(letter)) for letter in region) + chr(_TAG + 0x7F)
    for region in ("gbeng", "gbsct", "gbwls")
)
_EMOJI_JOIN = re.compile("\ufe0f?\u200d")
_FIRST_PICTURE = "\u2190"
# Arabic to Sinhala, Tibetan, Myanmar, Khmer, Mongolian and the later Indic blocks: joiners shape
# their letters.
_JOINING = re.compile(
    r"[\u0600-\u0dff\u0f00-\u109f\u1780-\u18af\u1a20-\u1aaf\ua800-\ua8ff\ua980-\ua9ff"
    r"\uaa60-\uaaff\uabc0-\uabff\ufb50-\ufdff\ufe70-\ufefc"
    r"\U00010a00-\U00010eff\U00011000-\U00011fff\U0001e900-\U0001e95f]"
)
# Scripts that are written without blanks: a zero-width blank says where a line may break.
_UNSPACED = re.compile(r"[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u3041-\u30ff\u3400-\u9fff]")
_IDEOGRAPH = re.compile(r"[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_MONGOLIAN = re.compile(r"[\u1800-\u18af]")
_JAMO = re.compile(r"[\u1100-\u11ff]")
_VISIBLE_ASCII = re.compile(r"[!-~]")
_KEYCAP = re.compile(r"[0-9#*]")


def answer_findings(text: str) -> tuple[Finding, ...]:
    """Return what only answers are searched for, sorted; findings do not overlap."""
    found = (*_hidden(text), *remote_images(text))
    return tuple(sorted(found, key=lambda finding: finding.start)) if found else ()


def with_answer_findings(text: str, found: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Return the classifier's findings together with those of ``answer_findings``.

    What overlaps is cut, not united, so that each part keeps its own class: an invisible
    character is one even inside a secret, and a secret is one even inside an address.

    Args:
        text: the text.
        found: sorted findings in it that do not overlap.
    """
    answers = answer_findings(text)
    if not answers or not found:
        return answers or found
    hidden = [finding for finding in answers if finding.data_class == HIDDEN_UNICODE]
    images = [finding for finding in answers if finding.data_class == REMOTE_IMAGE]
    rest = [*_cut(found, hidden), *hidden]
    rest += _cut(images, sorted(rest, key=_start))
    return tuple(sorted(rest, key=_start))


def _start(finding: Finding) -> int:
    return finding.start


def _cut(findings: Iterable[Finding], around: Sequence[Finding]) -> Iterator[Finding]:
    """Yield what is left of the findings; both are sorted and do not overlap."""
    passed = 0
    for finding in findings:
        while passed < len(around) and around[passed].end <= finding.start:
            passed += 1
        begin, at = finding.start, passed
        while at < len(around) and around[at].start < finding.end:
            if begin < around[at].start:
                yield _part(finding, begin, around[at].start)
            begin, at = around[at].end, at + 1
        if begin < finding.end:
            yield _part(finding, begin, finding.end)


def _part(finding: Finding, start: int, end: int) -> Finding:
    return replace(finding, start=start, end=end)


def _hidden(text: str) -> Iterator[Finding]:
    if text.isascii():
        runs = _CONTROL.finditer(text)
    else:
        runs = (run for run in _INVISIBLE.finditer(text) if not _has_use(text, *run.span()))
    for run in runs:
        start, end = run.span()
        yield Finding(start=start, end=end, data_class=HIDDEN_UNICODE, detector=HIDDEN_UNICODE)


def _has_use(text: str, start: int, end: int) -> bool:
    """Say whether people write this run of invisible characters between these neighbours."""
    run = text[start:end]
    before, after = text[start - 1 : start], text[end : end + 1]
    if len(run) == 1:
        return _mark_has_use(run, before, after) or (run == "\ufeff" and start == 0)
    if _EMOJI_JOIN.fullmatch(run):
        return _is_picture(before) and _is_picture(after)
    return before == _BLACK_FLAG and run in _FLAGS


def _mark_has_use(mark: str, before: str, after: str) -> bool:
    if mark in "\u200c\u200d":
        joins = mark == "\u200d" and _is_picture(before) and _is_picture(after)
        return joins or _JOINING.match(before) is not None
    if mark in "\u200e\u200f\u061c":
        return not (_VISIBLE_ASCII.match(before) and _VISIBLE_ASCII.match(after))
    if "\ufe00" <= mark <= "\ufe0f":
        return _may_vary(mark, before)
    for first, last, needed, neighbours in _NEEDED:
        if first <= mark <= last:
            return any(needed.match(near) for near in (before, after)[:neighbours])
    return mark == "\u034f" and unicodedata.combining(before or " ") > 0


# First and last character, what must stand beside it, and whether after it counts as well.
_NEEDED = (
    ("\u200b", "\u200b", _UNSPACED, 2),
    ("\U000e0100", "\U000e01ef", _IDEOGRAPH, 1),
    ("\u180b", "\u180f", _MONGOLIAN, 1),
    ("\u115f", "\u1160", _JAMO, 2),
)


def _may_vary(selector: str, before: str) -> bool:
    if not before or before.isspace():
        return False
    if before.isascii():
        return selector >= "\ufe0e" and _KEYCAP.match(before) is not None
    # A letter has no emoji form; the letterlike signs that have one are not alphabetic but one.
    return selector < "\ufe0e" or not before.isalpha() or before == "\u2139"


def _is_picture(character: str) -> bool:
    return character >= _FIRST_PICTURE and unicodedata.category(character) in ("So", "Sm", "Sk")
