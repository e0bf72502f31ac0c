# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a policy treat a data class as one of its family cannot be treated?"""

import re
from collections.abc import Iterator

from agentguard.policy.document import (
    ANSWER,
    EVERY_CLASS,
    FAMILIES,
    MEDIA,
    TEXT_FAMILIES,
    ClassSource,
    PolicyDocument,
)
from agentguard.policy.flaws import Flaw, Path, duplicates
from agentguard.vocabulary import Action, DataClass

_CLASS_NAME = re.compile(r"[a-z][a-z_]{0,39}")
_FOR_MEDIA = frozenset({Action.BLOCK, Action.LABEL})
_IN_ANSWERS = frozenset({Action.LABEL, Action.REDACT, Action.BLOCK})


def class_flaws(document: PolicyDocument) -> Iterator[Flaw]:
    """Find the flaws of a document's classes."""
    yield from _names(document)
    yield from _treatments(document)
    yield from _recognitions(document)


def _names(document: PolicyDocument) -> Iterator[Flaw]:
    names = {each.name for each in document.classes}
    reserved = {*FAMILIES, EVERY_CLASS}
    for index, source in enumerate(document.class_sources):
        path: Path = ("class", index, "name")
        if source.name in reserved:
            yield Flaw(path, f"{source.name!r} is the name of a family")
        elif not _CLASS_NAME.fullmatch(source.name):
            yield Flaw(path, f"must be lower-case letters and '_', not {source.name!r}")
        elif source.name not in names:
            yield Flaw(path, f"{source.name!r} is not declared")
    yield from duplicates("class", "name", (each.name for each in document.class_sources))


def _treatments(document: PolicyDocument) -> Iterator[Flaw]:
    sources = {each.name: index for index, each in enumerate(document.class_sources)}
    for data_class in document.classes:
        place: Path = ("class",)
        if data_class.name in sources:
            place = ("class", sources[data_class.name])
        for key, message in _treatment(data_class):
            yield Flaw((*place, key), f"of {data_class.name!r} {message}")


def _recognitions(document: PolicyDocument) -> Iterator[Flaw]:
    families = {each.name: each.family for each in document.classes}
    for index, source in enumerate(document.class_sources):
        if families.get(source.name, "organisation") not in TEXT_FAMILIES:
            for key in _recognition(source):
                yield Flaw(("class", index, key), f"{source.name!r} is recognised by its form")


def _treatment(data_class: DataClass) -> Iterator[tuple[str, str]]:
    """Find what a class of this family cannot be treated with."""
    family, action = data_class.family, data_class.action
    if family not in FAMILIES:
        yield "family", f"must be one of {', '.join(map(repr, sorted(FAMILIES)))}"
    elif family == MEDIA:
        if action not in _FOR_MEDIA:
            yield "action", "must be 'block' or 'label', since it is no text"
        if data_class.in_answers is not Action.LABEL:
            yield "in_answers", "must be 'label': answers are searched for text"
    elif family == ANSWER and action is not Action.REDACT:
        yield "action", "cannot be chosen: it is looked for in answers only; use in_answers"
    elif action is Action.LABEL:
        yield "action", "cannot be 'label': only content that is no text passes with a label"
    if data_class.in_answers not in _IN_ANSWERS:
        yield "in_answers", "must be 'label', 'redact' or 'block'"
    if data_class.approvers_see and family not in TEXT_FAMILIES:
        yield "approvers_see", "does not apply: no tool receives it"


def _recognition(source: ClassSource) -> Iterator[str]:
    given = {
        "patterns": source.patterns,
        "values": source.value_digests,
        "values_file": source.values_file,
        "values_from_env": source.environment,
    }
    return (key for key, value in given.items() if value)
