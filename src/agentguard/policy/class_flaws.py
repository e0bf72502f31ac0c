# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a policy treat a data class as one of its family cannot be treated?"""

import re
from collections.abc import Iterable, Iterator

from agentguard.policy.document import (
    ANSWER,
    DATA_LINK,
    ECHOED_INSTRUCTIONS,
    EVERY_CLASS,
    FAMILIES,
    INSTRUCTIONS,
    MEDIA,
    SECRET,
    TEXT_FAMILIES,
    ClassSource,
    PolicyDocument,
)
from agentguard.policy.flaws import Flaw, Path, duplicates
from agentguard.vocabulary import Action, DataClass

_CLASS_NAME = re.compile(r"[a-z][a-z_]{0,39}")
_POINTER = re.compile(r"(?:/(?:[^/~]|~[01])+)+")
_FOR_MEDIA = frozenset({Action.BLOCK, Action.LABEL})
_ONE_WAY = frozenset(Action) - {Action.TOKENISE, Action.LABEL}
_IN_ANSWERS = frozenset({Action.LABEL, Action.REDACT, Action.BLOCK})


def class_flaws(document: PolicyDocument) -> Iterator[Flaw]:
    """Find the flaws of a document's classes."""
    yield from _names(document)
    yield from _treatments(document)
    yield from _recognitions(document)
    yield from _destinations(document)
    yield from _places(document)
    yield from _labels(document)
    yield from _rule_files(document)


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
    elif problem := _unfit(family, action):
        yield "action", problem
    if family == MEDIA and data_class.in_answers is not Action.LABEL:
        yield "in_answers", "must be 'label': answers are searched for text"
    for key, treated in _where_said(data_class):
        if treated not in _IN_ANSWERS:
            yield key, "must be 'label', 'redact' or 'block'"
    yield from _misplaced(data_class)
    if data_class.approvers_see and family not in TEXT_FAMILIES:
        yield "approvers_see", "does not apply: no tool receives it"


def _where_said(data_class: DataClass) -> Iterator[tuple[str, Action]]:
    yield "in_answers", data_class.in_answers
    yield "in_results", data_class.in_results
    yield "in_definitions", data_class.in_definitions


def _misplaced(data_class: DataClass) -> Iterator[tuple[str, str]]:
    """Find what a class is to be treated with where it is not looked for."""
    name, family = data_class.name, data_class.family
    if family == MEDIA and data_class.in_results is not Action.LABEL:
        yield "in_results", "must be 'label': results are searched for text"
    if family != ANSWER and data_class.in_definitions is not Action.LABEL:
        yield "in_definitions", "must be 'label': definitions are treated by 'action'"
    if name == INSTRUCTIONS and data_class.in_answers is not Action.LABEL:
        yield "in_answers", "must be 'label': see 'echoed_instructions'"
    if name == DATA_LINK and data_class.in_answers is not Action.LABEL:
        yield "in_answers", "must be 'label': answers are searched for images, not for links"
    if name == ECHOED_INSTRUCTIONS:
        for key, treated in _where_said(data_class):
            if key != "in_answers" and treated is not Action.LABEL:
                yield key, "must be 'label': it is looked for in answers only"


def _unfit(family: str, action: Action) -> str | None:
    """Return why a class of this family cannot have this action."""
    if family == MEDIA and action not in _FOR_MEDIA:
        return "must be 'block' or 'label', since it is no text"
    if family == ANSWER and action is not Action.REDACT:
        return "cannot be chosen: use in_answers, in_results and in_definitions"
    if family == SECRET and action is Action.LABEL:
        return "cannot be 'label': no secret leaves as it is"
    return None


def _destinations(document: PolicyDocument) -> Iterator[Flaw]:
    places = {each.name: index for index, each in enumerate(document.class_sources)}
    families = {each.name: each.family for each in document.classes}
    providers = {each.id for each in document.providers}
    for each in document.destinations:
        path: Path = ("class", places.get(each.data_class, 0), "at", each.provider)
        family = families.get(each.data_class)
        if each.provider not in providers:
            yield Flaw(path, f"provider {each.provider!r} is not declared")
        if family is None:
            yield Flaw(path, f"{each.data_class!r} is not declared")
        elif family == ANSWER:
            yield Flaw(path, "does not apply: it is looked for in what models and tools say only")
        elif family == SECRET and each.action not in _ONE_WAY:
            yield Flaw(path, "must be one-way for a secret: " + _listed(_ONE_WAY))
        elif problem := _unfit(family, each.action):
            yield Flaw(path, problem)


def _places(document: PolicyDocument) -> Iterator[Flaw]:
    """Find names and paths that mean nothing, everything, or two classes."""
    owners: dict[str, str] = {}
    for index, source in enumerate(document.class_sources):
        for place, key in enumerate(source.keys):
            if not key.strip("*"):
                yield Flaw(("class", index, "keys", place), "would mean every member")
        for place, path in enumerate(source.paths):
            if not _POINTER.fullmatch(path):
                message = "must be a JSON pointer such as '/messages/*/metadata/account'"
                yield Flaw(("class", index, "paths", place), message)
        for key, names in (("keys", source.keys), ("paths", source.paths)):
            for place, name in enumerate(names):
                owner = owners.setdefault(f"{key} {name}", source.name)
                if owner != source.name:
                    message = f"{name!r} belongs to class {owner!r} already"
                    yield Flaw(("class", index, key, place), message)


def _labels(document: PolicyDocument) -> Iterator[Flaw]:
    """Find labels that mean what no text can be, or two things."""
    texts = {each.name for each in document.classes if each.family in TEXT_FAMILIES}
    seen: set[str] = set()
    for index, (label, name) in enumerate(document.labels.classes):
        if name not in texts:
            yield Flaw(("external_label", index, "class"), f"{name!r} is not a class of text")
        if label.strip().casefold() in seen:
            yield Flaw(("external_label", index, "name"), f"{label!r} is declared twice")
        seen.add(label.strip().casefold())
    unknown = document.labels.unknown
    if unknown is not None and unknown not in texts:
        yield Flaw(("labels", "unknown"), f"must be 'refuse' or a class of text, not {unknown!r}")


def _rule_files(document: PolicyDocument) -> Iterator[Flaw]:
    """Find files of rules that find what no text can be, or that are named twice."""
    texts = {each.name for each in document.classes if each.family in TEXT_FAMILIES}
    seen: set[str] = set()
    for index, each in enumerate(document.detection.rule_files):
        path: Path = ("detection", "rule_file", index)
        if each.data_class not in texts:
            yield Flaw((*path, "class"), f"{each.data_class!r} is not a class of text")
        if each.file in seen:
            yield Flaw((*path, "file"), f"{each.file!r} is named twice")
        seen.add(each.file)


def _listed(actions: Iterable[Action]) -> str:
    return ", ".join(repr(action.value) for action in Action if action in actions)


def _recognition(source: ClassSource) -> Iterator[str]:
    given = {
        "patterns": source.patterns,
        "values": source.value_digests,
        "values_file": source.values_file,
        "values_column": source.values_column,
        "values_from_env": source.environment,
        "values_from_files": source.files,
        "values_from_dotenv": source.dotenv,
        "keys": source.keys,
        "paths": source.paths,
    }
    return (key for key, value in given.items() if value)
