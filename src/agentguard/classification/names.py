# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Where does prose name persons, places and companies?

Asks a model of language that the host loaded, about sentences alone. The model is an argument:
nothing is loaded and nothing is fetched here.

INVARIANT: a name is found where the model sees one in prose, and nowhere else
(tests/classification/test_names.py).
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from types import MappingProxyType

from agentguard.classification.classes import COMPANY, PERSON, PLACE
from agentguard.classification.prose import prose_parts
from agentguard.vocabulary import Finding

Entities = Callable[[str], Iterable[tuple[int, int, str]]]
"""Returns start, end and label of each name in a text."""

# The labels of OntoNotes and of CoNLL, which published models use.
CLASS_OF_LABEL = MappingProxyType(
    {
        "PERSON": PERSON,
        "PER": PERSON,
        "GPE": PLACE,
        "LOC": PLACE,
        "FAC": PLACE,
        "ORG": COMPANY,
    }
)
NAME_CLASSES = frozenset(CLASS_OF_LABEL.values())
SHORTEST_NAME = 2


class Names:
    """A detector of names in prose; keeps no state of its own."""

    name = "names"
    __slots__ = ("_entities", "_wanted")

    def __init__(self, entities: Entities, wanted: Collection[str]) -> None:
        """Prepare.

        Args:
            entities: the model.
            wanted: the classes to find, of ``person``, ``place`` and ``company``.
        """
        self._entities = entities
        self._wanted = frozenset(wanted)

    def detect(self, text: str) -> Iterator[Finding]:
        """Yield the names in the prose of *text*, in order."""
        for first, last in prose_parts(text):
            for start, end, label in self._entities(text[first:last]):
                data_class = CLASS_OF_LABEL.get(label, "")
                if data_class in self._wanted and end - start >= SHORTEST_NAME:
                    yield Finding(
                        start=first + start,
                        end=first + end,
                        data_class=data_class,
                        detector=f"{self.name}:{label.lower()}",
                    )
