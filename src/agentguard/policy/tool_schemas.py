# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Do the rules name the arguments that the tools have?

Compares what rules say about arguments with the schemas of tools, where the policy holds them. A
rule that names an unknown argument or that can never apply is flawed; what is only unlikely to be
meant is a doubt.

INVARIANT: a rule that some call which fits the schema satisfies has no flaw here
(tests/policy/test_tool_schemas.py).
"""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from agentguard.canonical import Frozen
from agentguard.policy.constraints import AllOf, Constraint, Forbidden, Items, Members, Prefix
from agentguard.policy.document import ArgumentSpec, PolicyDocument, RuleSpec, ToolSpec
from agentguard.policy.flaws import Flaw, Path
from agentguard.policy.http_flaws import request_schema
from agentguard.policy.schema_fit import Shape, misfit, shape_of
from agentguard.policy.targets import finding_tools
from agentguard.vocabulary import Effect

_MOST_SHOWN = 8
_HOSTED = "does not apply to a tool that runs at the provider"
_NO_OBJECT = "must be the JSON Schema of an object, whose properties are the arguments"


def schema_flaws(document: PolicyDocument) -> Iterator[Flaw]:
    """Find rules that contradict the schemas of tools, and schemas that describe no arguments."""
    tools: dict[str, tuple[Shape, Frozen]] = {}
    for index, tool in enumerate(document.tools):
        schema = request_schema(tool) if tool.schema is None and tool.http else tool.schema
        shape = None if schema is None else shape_of(schema)
        if shape is not None and not tool.hosted:
            tools[tool.name] = shape, schema
        elif tool.schema is not None:
            yield Flaw(("tool", index, "schema"), _HOSTED if tool.hosted else _NO_OBJECT)
    find = finding_tools(document)
    for index, rule in enumerate(document.rules):
        names = find(rule)
        known = {name: tools[name] for name in names if name in tools}
        complete = known if len(known) == len(names) else {}
        unknown = dict(
            unknown_arguments(rule, {name: each for name, (each, _) in complete.items()})
        )
        for each, message in unknown.items():
            yield Flaw(("rule", index, "args", each), message)
        for name, (shape, schema) in known.items():
            flaws = rule_flaws_of(("rule", index), rule, name, shape, schema)
            yield from (flaw for flaw in flaws if flaw.path[-1] not in unknown)


def rule_flaws_of(
    path: Path, rule: RuleSpec, tool: str, shape: Shape, schema: Frozen
) -> Iterator[Flaw]:
    """Find what keeps a rule from ever meaning a call of a tool.

    Args:
        path: where the rule stands.
        rule: the rule.
        tool: the tool's name.
        shape: the tool's arguments.
        schema: the whole schema that they stand in.
    """
    lets = rule.effect is not Effect.DENY
    listed = {each.name: each for each in rule.arguments}
    for name in sorted(shape.required - listed.keys()) if lets else ():
        message = f"tool {tool!r} needs {name!r}, which is not listed: the rule can never apply"
        yield Flaw((*path, "args"), message)
    for name, each in listed.items():
        here = (*path, "args", name)
        is_needed = name in shape.required
        if name not in shape.properties:
            if lets and not each.optional and not shape.is_open:
                message = f"tool {tool!r} has no such argument: the rule can never apply to it"
                yield Flaw(here, message)
        elif isinstance(each.constraint, Forbidden):
            if is_needed:
                yield Flaw(here, f"tool {tool!r} needs this argument: the rule can never apply")
        elif not (each.optional and not is_needed and lets):
            problem = misfit(each.constraint, shape.properties[name], schema)
            if problem is not None:
                yield Flaw(here, f"can never fit tool {tool!r}: {problem}")


def unknown_arguments(rule: RuleSpec, known: Mapping[str, Shape]) -> Iterator[tuple[str, str]]:
    """Find arguments that none of a rule's tools has.

    Args:
        rule: the rule.
        known: the arguments of each of its tools.
    """
    if not known or any(shape.is_open for shape in known.values()):
        return
    names = sorted(set[str]().union(*(shape.properties for shape in known.values())))
    for each in rule.arguments:
        if each.name not in names:
            tools = " and ".join(map(repr, sorted(known)[:_MOST_SHOWN]))
            yield each.name, f"is no argument of {tools}{meant(each.name, names)}"


def meant(name: str, names: list[str]) -> str:
    """Return which of the names was probably meant, as the end of a message."""
    near = get_close_matches(name, names, n=1)
    if near:
        return f"; did you mean {near[0]!r}?"
    shown = ", ".join(map(repr, names[:_MOST_SHOWN]))
    return f"; it has {shown}" if names else "; it has no arguments"


def argument_doubts(document: PolicyDocument) -> Iterator[Flaw]:
    """Find what rules say about arguments that is probably not meant."""
    find = finding_tools(document)
    tools = {tool.name: tool for tool in document.tools}
    for index, rule in enumerate(document.rules):
        for each in rule.arguments:
            path: Path = ("rule", index, "args", each.name)
            yield from (Flaw(path, message) for message in _weak(each.constraint))
            if rule.effect is not Effect.DENY:
                named = (tools[name] for name in find(rule))
                yield from (Flaw(path, message) for message in _always_needed(each, named))


def _weak(constraint: Constraint) -> Iterator[str]:
    """Find prefixes that stand for a place, at any depth."""
    if isinstance(constraint, Prefix) and constraint.doubt is not None:
        yield constraint.doubt
    if isinstance(constraint, Items):
        yield from _weak(constraint.item)
    for part in constraint.parts if isinstance(constraint, AllOf) else ():
        yield from _weak(part)
    for _, member, _ in constraint.members if isinstance(constraint, Members) else ():
        yield from _weak(member)


def _always_needed(argument: ArgumentSpec, tools: Iterator[ToolSpec]) -> Iterator[str]:
    for tool in tools:
        shape = None if tool.schema is None or tool.hosted else shape_of(tool.schema)
        if shape is None or argument.optional or argument.name in shape.required:
            continue
        if argument.name in shape.properties:
            yield (
                f"tool {tool.name!r} does not need it, but the rule does: calls without it do not"
                " fit; add optional = true if they should"
            )
