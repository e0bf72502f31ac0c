# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a file say about classes of data?

Values are fetched by ``sources``; what does not fit together is found by ``policy``.
"""

from collections.abc import Iterable
from dataclasses import replace

from agentguard.config.document import ClassTable, ExternalLabelTable, LabelsTable, Tell
from agentguard.policy import ANSWER, ClassSource, DestinationSpec, LabelsSpec, value_digest
from agentguard.vocabulary import Action, DataClass

REFUSE = "refuse"


def classes_of(
    tables: tuple[ClassTable, ...], built_in: tuple[DataClass, ...], tell: Tell
) -> tuple[DataClass, ...]:
    """Return every class of the policy, treated as the tables say."""
    classes = {each.name: each for each in built_in}
    for index, table in enumerate(tables):
        if table.name is None:
            continue
        base = classes.get(
            table.name, DataClass(name=table.name, family="organisation", action=Action.TOKENISE)
        )
        if base.family == ANSWER and table.action is not None:
            message = "cannot be chosen: use 'in_answers', 'in_results' and 'in_definitions'"
            tell(("class", index, "action"), message)
        see = base.approvers_see if table.approvers_see is None else table.approvers_see
        classes[table.name] = replace(
            base,
            action=table.action or base.action,
            in_answers=table.in_answers or base.in_answers,
            in_results=table.in_results or base.in_results,
            in_definitions=table.in_definitions or base.in_definitions,
            approvers_see=see,
            environments=frozenset(table.environments or ()),
        )
    return tuple(classes.values())


def source_of(table: ClassTable) -> ClassSource:
    """Return how the class of a table is recognised beyond what is built in."""
    return ClassSource(
        name=table.name or "",
        patterns=tuple(table.patterns or ()),
        value_digests=tuple(map(value_digest, table.values or ())),
        values_file=table.values_file,
        values_column=table.values_column,
        environment=tuple(table.values_from_env or ()),
        files=tuple(table.values_from_files or ()),
        dotenv=tuple(table.values_from_dotenv or ()),
        keys=tuple(table.keys or ()),
        paths=tuple(table.paths or ()),
    )


def destinations_of(tables: tuple[ClassTable, ...]) -> tuple[DestinationSpec, ...]:
    """Return what happens to classes at single providers."""
    return tuple(
        DestinationSpec(data_class=table.name, provider=provider, action=action)
        for table in tables
        if table.name is not None
        for provider, action in (table.at or {}).items()
    )


def labels_of(labels: LabelsTable, external: Iterable[ExternalLabelTable]) -> LabelsSpec:
    """Return what labels from outside mean."""
    return LabelsSpec(
        classes=tuple((each.name or "", each.class_ or "") for each in external),
        unknown=None if labels.unknown in {None, REFUSE} else labels.unknown,
        headers=tuple(header.lower() for header in labels.headers or ()),
    )
