# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a policy look for names in a way that finds some?

A model of language finds persons, places and companies where the policy has a table for them.
Loading one takes seconds, so here it is only told whether it is there.

INVARIANT: what looks for names and can find none is a mistake (tests/config/test_names_model.py).
"""

import importlib.util
from collections.abc import Iterator
from pathlib import Path

from agentguard.classification.names import NAME_CLASSES
from agentguard.config.document import ClassTable, Tell
from agentguard.policy import ClassSource, PolicyDocument
from agentguard.vocabulary import Action

PLACE = ("detection", "names_model")
_INSTEAD = "[detection] names_model = 'en_core_web_sm'"


def check_names(document: PolicyDocument, tables: tuple[ClassTable, ...], tell: Tell) -> None:
    """Tell where classes of names and a model of language do not fit together.

    Args:
        document: the policy.
        tables: its class tables, in the order of the file.
        tell: takes each problem with its path.
    """
    model = document.detection.names_model
    named = [(index, each) for index, each in enumerate(tables) if each.name in NAME_CLASSES]
    if model is None:
        found_otherwise = set(_found_otherwise(document))
        for index, table in named:
            if not table.labelled and table.name not in found_otherwise:
                message = f"{table.name!r} is found by a model of language alone: add {_INSTEAD}"
                tell(("class", index), message)
        return
    if not named:
        classes = ", ".join(map(repr, sorted(NAME_CLASSES)))
        tell(PLACE, f"finds nothing without a [[class]] table for one of {classes}")
    for index, table in named:
        if table.in_answers not in {None, Action.LABEL}:
            message = "must be 'label' with a model of language: answers are not read by it"
            tell(("class", index, "in_answers"), message)


def check_model(model: str, folder: Path, tell: Tell) -> None:
    """Tell that a model is not there, without loading anything.

    Args:
        model: as written.
        folder: the folder that a model in a folder is relative to.
        tell: takes the problem with its path.
    """
    if importlib.util.find_spec("spacy") is None:
        tell(PLACE, "names need spaCy: pip install 'agentguard[ner]'")
    elif model.isidentifier():
        if importlib.util.find_spec(model) is None:
            tell(PLACE, f"no package {model!r} is installed")
    elif not (folder / model).is_dir():
        tell(PLACE, f"{model!r} is neither the name of a package nor a folder")


def place_of(model: str, folder: Path) -> str:
    """Return the name of the package, or the whole path of the folder."""
    return model if model.isidentifier() else str(folder / model)


def _found_otherwise(document: PolicyDocument) -> Iterator[str]:
    """Yield the classes of names that something else than a model finds or says."""
    if document.detection.detectors:
        yield from NAME_CLASSES
    yield from (each.data_class for each in document.detection.rule_files)
    yield from (name for _, name in document.labels.classes)
    if document.labels.unknown is not None:
        yield document.labels.unknown
    for source in document.class_sources:
        if source != ClassSource(name=source.name):
            yield source.name
