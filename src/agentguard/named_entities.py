# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which names does a local model of language see in a text?

Loads a spaCy model that is installed as a package or lies in a folder. Nothing is ever fetched:
a model that is not there is an error.

INVARIANT: one model serves many threads, one text at a time, and keeps no text
(tests/test_named_entities.py).
"""

import importlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

Entity = tuple[int, int, str]


class ModelMissing(Exception):
    """A model cannot be loaded; the message says what to do."""


def load_spacy(model: str) -> Callable[[str], tuple[Entity, ...]]:
    """Return a function that gives start, end and label of each name in a text.

    Args:
        model: the name of an installed package; what cannot be such a name is the path of a folder.

    Raises:
        ModelMissing: spaCy or the model is not there, or it recognises no names.
    """
    try:
        import spacy
    except ImportError:
        raise ModelMissing("names need spaCy: pip install 'agentguard[ner]'") from None
    pipeline = _pipeline(model, spacy)
    if "ner" not in pipeline.pipe_names:
        raise ModelMissing(f"model {model!r} recognises no names: it has no component 'ner'")
    lock = threading.Lock()

    def entities(text: str) -> tuple[Entity, ...]:
        # The memory of a pipeline is one, so texts take turns; it forgets each text afterwards.
        with lock, pipeline.memory_zone():
            found = pipeline(text).ents
            return tuple((entity.start_char, entity.end_char, entity.label_) for entity in found)

    return entities


def _pipeline(model: str, spacy: Any) -> Any:
    try:
        # A folder that happens to be called like the package is not what was meant.
        if model.isidentifier():
            return importlib.import_module(model).load()
        return spacy.load(Path(model))
    except Exception as error:  # noqa: BLE001 - a package that is no model fails in any way
        raise ModelMissing(
            f"model {model!r} cannot be loaded ({type(error).__name__}): it must be an installed "
            "package such as 'en_core_web_sm' or a folder with a spaCy model"
        ) from None
