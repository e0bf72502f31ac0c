# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Can what a policy says of where values come from be told apart, and does it demand anything?

About the words of origins, about ``from`` and ``classes`` in rules, and about what tools say of
their results and of where their effects land.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from difflib import get_close_matches

from agentguard.policy.constraints import Forbidden
from agentguard.policy.document import (
    EVERY_CLASS,
    TEXT_FAMILIES,
    ArgumentSpec,
    PolicyDocument,
    RuleSpec,
    ToolSpec,
)
from agentguard.policy.flaws import Flaw, Path
from agentguard.policy.schema_fit import shape_of
from agentguard.policy.sourcing import PLAIN_WORDS, TOOL
from agentguard.policy.targets import finding_tools
from agentguard.policy.tool_schemas import meant
from agentguard.vocabulary import Effect

_AT_PROVIDER = "does not apply to a tool that runs at the provider"
# What everything comes from demands nothing.
_NO_DEMAND = frozenset({"model", "untrusted"})
_POINTER = re.compile(r"(?:/(?:[^~/]|~[01])*)*")


def origin_flaws(document: PolicyDocument) -> Iterator[Flaw]:
    """Find what is wrong with origins in rules, and with what tools say of them."""
    yield from _tools(document)
    tools = {tool.name: tool for tool in document.tools}
    find = finding_tools(document)
    known = {each.name for each in document.classes} | {each.family for each in document.classes}
    for index, rule in enumerate(document.rules):
        path: Path = ("rule", index)
        about = [tools[name] for name in find(rule)]
        for each in rule.arguments:
            yield from _argument((*path, "args", each.name), rule, each, about, document)
        yield from _classes((*path, "classes"), rule, known)


def word_flaws(path: Path, words: Iterable[str], document: PolicyDocument) -> Iterator[Flaw]:
    """Find words of origins that mean nothing, or demand nothing.

    Args:
        path: the key that holds them.
        words: the words.
        document: the policy.
    """
    tools = {tool.name: tool for tool in document.tools}
    given = sorted(words)
    if not given:
        yield Flaw(path, "must name an origin")
    for word in given:
        if word.startswith(TOOL):
            problem = _tool_problem(word.removeprefix(TOOL), tools)
            if problem is not None:
                yield Flaw(path, problem, word)
        elif word in _NO_DEMAND:
            yield Flaw(path, f"{word!r} demands nothing: whatever the model writes has it", word)
        elif word not in PLAIN_WORDS:
            expected = (*sorted(PLAIN_WORDS), *(f"{TOOL}{name}" for name in sorted(tools)))
            message = f"{word!r} is no origin{_instead(word, expected)}"
            yield Flaw(path, message, word)


def _tool_problem(name: str, tools: dict[str, ToolSpec]) -> str | None:
    if name not in tools:
        return f"tool {name!r} is not declared: add a [[tool]]{_or_else(name, tools)}"
    if tools[name].hosted:
        return f"tool {name!r} runs at the provider: nothing that it returns passes the guard"
    if not tools[name].trusted:
        return (
            f"nothing that tool {name!r} returns is trusted: say in its [[tool]] which places are,"
            " such as trusted = ['/contacts/*/email'], or trusted = true for all of it"
        )
    return None


def _instead(word: str, expected: Collection[str]) -> str:
    near = get_close_matches(word, expected, n=1)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f": expected {', '.join(map(repr, sorted(PLAIN_WORDS)))} or '{TOOL}NAME'"


def _or_else(name: str, tools: Collection[str]) -> str:
    near = get_close_matches(name, tools, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _argument(
    path: Path,
    rule: RuleSpec,
    argument: ArgumentSpec,
    tools: list[ToolSpec],
    document: PolicyDocument,
) -> Iterator[Flaw]:
    if argument.otherwise is Effect.APPROVE and rule.effect is Effect.DENY:
        yield Flaw((*path, "else"), "belongs to a rule that allows or asks")
    if argument.origins is None:
        return
    yield from word_flaws((*path, "from"), argument.origins, document)
    if isinstance(argument.constraint, Forbidden):
        yield Flaw((*path, "from"), "an argument that must be missing comes from nowhere")
    for tool in tools if rule.effect is not Effect.DENY else ():
        if tool.hosted:
            message = (
                f"tool {tool.name!r} runs at the provider: where its values come from is not seen"
            )
            yield Flaw((*path, "from"), message)


def _classes(path: Path, rule: RuleSpec, known: Collection[str]) -> Iterator[Flaw]:
    if rule.classes is None:
        return
    if not rule.tools and not rule.impacts:
        yield Flaw(path, "belong to a rule that names a tool")
    if rule.effect is Effect.DENY:
        yield Flaw(path, "belong to a rule that allows or asks")
    for name in sorted(rule.classes - {EVERY_CLASS, *TEXT_FAMILIES} - set(known)):
        yield Flaw(path, f"{name!r} is not a data class, or a family of classes", name)


def _tools(document: PolicyDocument) -> Iterator[Flaw]:
    listed = _listed(document)
    known = {EVERY_CLASS, *TEXT_FAMILIES}
    known |= {name for each in document.classes for name in (each.name, each.family)}
    for index, tool in enumerate(document.tools):
        path: Path = ("tool", index)
        yield from _targets((*path, "targets"), tool, listed.get(tool.name))
        yield from _trusted((*path, "trusted"), tool)
        for name in sorted(tool.returns - known):
            message = f"{name!r} is not a data class, or a family of classes"
            yield Flaw((*path, "returns"), message, name)
        if tool.hosted:
            for key in ("targets", "trusted", "returns"):
                if getattr(tool, key):
                    yield Flaw((*path, key), _AT_PROVIDER)


def _listed(document: PolicyDocument) -> dict[str, set[str]]:
    """Return for each tool that a rule lets run the arguments that such rules list."""
    listed: dict[str, set[str]] = {}
    find = finding_tools(document)
    for rule in document.rules:
        for name in find(rule) if rule.effect is not Effect.DENY else ():
            listed.setdefault(name, set()).update(each.name for each in rule.arguments)
    return listed


def _targets(path: Path, tool: ToolSpec, listed: set[str] | None) -> Iterator[Flaw]:
    shape = None if tool.schema is None else shape_of(tool.schema)
    for name in sorted(set(tool.targets)):
        if shape is not None and not shape.is_open and name not in shape.properties:
            names = sorted(shape.properties)
            yield Flaw(path, f"{name!r} is no argument of the tool{meant(name, names)}", name)
        elif listed is not None and name not in listed:
            message = (
                f"{name!r} is listed in no rule that lets the tool run{_or_else(name, listed)}"
            )
            yield Flaw(path, message, name)
    if len(set(tool.targets)) < len(tool.targets):
        yield Flaw(path, "name an argument twice")


def _trusted(path: Path, tool: ToolSpec) -> Iterator[Flaw]:
    for pointer in tool.trusted:
        if not _POINTER.fullmatch(pointer):
            message = (
                f"{pointer!r} is no place of a result: write it as '/contacts/*/email', with '*'"
                " for any item or member, '~1' for a slash in a name and '~0' for a tilde"
            )
            yield Flaw(path, message, pointer)
    if "" in tool.trusted and len(tool.trusted) > 1:
        yield Flaw(path, "holds the whole result and places in it: the whole is enough")
