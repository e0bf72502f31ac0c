# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How do finished spans look as a tree?"""

from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan

SHOWN = (
    "agentguard.decision.outcome",
    "agentguard.decision.reason",
    "agentguard.decision.rule.id",
    "agentguard.redaction.classes",
    "agentguard.approval.outcome",
    "error.type",
)


def span_tree(spans: Sequence[ReadableSpan]) -> str:
    """Return the spans as an indented tree, in the order of their starts."""
    children: dict[int | None, list[ReadableSpan]] = {}
    for span in sorted(spans, key=lambda each: each.start_time or 0):
        parent = span.parent.span_id if span.parent is not None else None
        children.setdefault(parent, []).append(span)
    return "\n".join(_lines(children, None, 0))


def _lines(
    children: dict[int | None, list[ReadableSpan]], parent: int | None, depth: int
) -> list[str]:
    lines = []
    for span in children.get(parent, []):
        told = [
            f"{name.rpartition('.')[2]}={','.join(value) if isinstance(value, tuple) else value}"
            for name in SHOWN
            if (value := (span.attributes or {}).get(name)) is not None
        ]
        lines.append("  " * depth + " ".join([span.name, *told]))
        if span.context is not None:
            lines += _lines(children, span.context.span_id, depth + 1)
    return lines
