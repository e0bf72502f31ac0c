# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which tools of a server may be used, by what the server says of them today?

The first definition that is seen of a tool is trusted, and kept in the guard's store. A tool whose
definition is another one later is hidden and refused until a person approves that one. A definition
that the policy pins itself needs no store.

INVARIANT: a tool is used only while its definition is the trusted one, in every process that
shares the store (tests/tools/test_pinning.py).
"""

import json
import logging
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NoReturn

from agentguard.canonical import NotCanonical
from agentguard.enforcement import Enforcer
from agentguard.enforcement.threads import in_thread
from agentguard.errors import CallRefused, ConfigError, DeniedByPolicy, GuardFailure
from agentguard.pipeline import Core
from agentguard.stores import KeptDefinition, SeenDefinition, StoreFailure
from agentguard.tools.described import DescribedTool, Description
from agentguard.tools.refusing import refuse, refuse_async
from agentguard.vocabulary import Caller

_LOG = logging.getLogger("agentguard")

_UNKNOWN = "no tool of this name is declared in the policy and listed by its server"
_CHANGED = (
    "the definition of tool {tool!r} is not the one that is trusted: see"
    " 'agentguard definitions show {tool}'"
)
_UNFIT = (
    "the definition of tool {tool!r} may not be used: it holds what may not be in a definition, or"
    " does not fit what the policy says of the tool; with its schema in 'schema_file', 'agentguard"
    " policy check' says what does not fit"
)
_TWICE = "a server lists tool {tool!r} twice"
_UNDECLARED = (
    "the policy does not declare %d of the %d tools of a server, which are hidden: 'agentguard"
    " mcp-gateway --print-policy' shows tables for them"
)


class ServedTools:
    """The tools of one server, under a guard."""

    def __init__(
        self,
        enforcer: Enforcer,
        surface: str,
        *,
        asynchronous: bool = True,
        on_first_use: bool = True,
    ) -> None:
        """Know no tool yet.

        Args:
            enforcer: takes their calls through the guard.
            surface: what they come from, such as ``mcp``.
            asynchronous: whether they are run by ``call_async`` alone.
            on_first_use: whether the first definition that is seen is the trusted one; if not,
                whatever the program itself says of its tools is trusted.
        """
        self._enforcer = enforcer
        self._surface = surface
        self._asynchronous = asynchronous
        self._on_first_use = on_first_use
        # Of two listings at once, neither is given what the other one says.
        self._one_at_a_time = threading.Lock()
        self._core: Core | None = None
        self._made: dict[str, tuple[str, DescribedTool]] = {}
        self._problems: dict[str, str] = {}
        self._told_undeclared: set[tuple[int, int]] = set()

    def take(self, listed: Iterable[Description]) -> Mapping[str, DescribedTool]:
        """Return the tools that may be used, of those that a server lists; it may block.

        What is not among them is refused from now on, and the log says why, by the names of the
        policy alone; of tools that it does not declare, how many there are.

        Args:
            listed: what the server says of each tool, the names being those of the policy.

        Raises:
            GuardFailure: the store does not say which definitions are trusted.
        """
        with self._one_at_a_time:
            return self._take(list(listed))

    def _take(self, everything: list[Description]) -> Mapping[str, DescribedTool]:
        known = self._enforcer.core.policy.tools
        declared = [each for each in everything if each.tool in known]
        self._tell_undeclared(len(everything) - len(declared), len(everything))
        counted = Counter(each.tool for each in declared)
        for twice in (name for name, count in counted.items() if count > 1):
            self._refuse(twice, _TWICE)
        made = [(each, self._made_of(each)) for each in declared if counted[each.tool] == 1]
        fitting = [(each, tool) for each, tool in made if tool is not None]
        unpinned = [each for each, _ in fitting if known[each.tool].definition is None]
        kept = self._kept(unpinned if self._on_first_use else [])
        taken: dict[str, DescribedTool] = {}
        for each, tool in fitting:
            pin = kept.get(each.tool)
            if pin is not None and pin.trusted != each.digest:
                self._refuse(each.tool, _CHANGED)
                continue
            self._problems.pop(each.tool, None)
            self._made[each.tool] = each.digest, tool
            taken[each.tool] = tool
        return taken

    async def take_async(self, listed: Iterable[Description]) -> Mapping[str, DescribedTool]:
        """Do what ``take`` does, in a thread."""
        return await in_thread(lambda: self.take(listed))

    def get(self, tool: str) -> DescribedTool | None:
        """Return a tool that was taken last time it was listed, None for any other."""
        found = self._made.get(tool)
        return None if found is None or self._core is not self._enforcer.core else found[1]

    def refuse(self, tool: str, carried: Caller | None = None) -> NoReturn:
        """Refuse a call of a tool that was not taken, and write it down.

        Args:
            tool: its name in the policy, if it has one.
            carried: the caller that the call is bound to, if any.

        Raises:
            AgentGuardError: always.
        """
        refuse(
            self._enforcer,
            DeniedByPolicy(self._problem(tool)),
            surface=self._surface,
            target=self._target(tool),
            carried=carried,
        )

    async def refuse_async(
        self, tool: str, carried: Caller | None = None, refusal: CallRefused | None = None
    ) -> NoReturn:
        """Do what ``refuse`` does, in asynchronous code.

        Args:
            tool: its name in the policy, if it has one.
            carried: the caller that the call is bound to, if any.
            refusal: why, where it is not for the tool's definition.
        """
        await refuse_async(
            self._enforcer,
            refusal or DeniedByPolicy(self._problem(tool)),
            surface=self._surface,
            target=self._target(tool),
            carried=carried,
        )

    def _problem(self, tool: str) -> str:
        return self._problems.get(tool, _UNKNOWN).format(tool=tool)

    def _target(self, tool: str) -> str:
        """Return what the log calls a tool, whose name may be a server's or a model's words."""
        return tool if tool in self._enforcer.core.policy.tools else "undeclared"

    def _made_of(self, description: Description) -> DescribedTool | None:
        """Return the tool of a description, None where the policy does not let it be made."""
        core = self._enforcer.core
        if self._core is not core:  # another policy came into force
            self._made.clear()
            self._core = core
        made = self._made.get(description.tool)
        try:
            if made is not None and made[0] == description.digest:
                return made[1]
            return DescribedTool(description, self._enforcer, asynchronous=self._asynchronous)
        except (ConfigError, NotCanonical):
            self._refuse(description.tool, _UNFIT)
            return None

    def _refuse(self, tool: str, problem: str) -> None:
        self._made.pop(tool, None)
        if self._problems.get(tool) != problem:
            self._problems[tool] = problem
            _LOG.warning("%s", problem.format(tool=tool))

    def _tell_undeclared(self, undeclared: int, everything: int) -> None:
        counts = undeclared, everything
        if undeclared and counts not in self._told_undeclared:
            self._told_undeclared.add(counts)
            _LOG.warning(_UNDECLARED, *counts)

    def _kept(self, unpinned: list[Description]) -> Mapping[str, KeptDefinition]:
        if not unpinned:
            return {}
        store = self._enforcer.definitions
        seen = [
            SeenDefinition(tool=each.tool, digest=each.digest, content=content_of(each))
            for each in unpinned
        ]
        try:
            if store is not None:
                return store.see(seen, self._enforcer.core.now())
            problem = "nothing keeps which definitions of tools are trusted"
        except StoreFailure as failure:
            problem = str(failure)
        for each in unpinned:
            self._made.pop(each.tool, None)
        raise GuardFailure(problem, part="store")


def content_of(description: Description) -> bytes:
    """Return a definition as JSON that people can compare with another one."""
    told = {
        "description": description.text,
        "schema": description.schema,
        "told": description.told,
    }
    return json.dumps(told, sort_keys=True, ensure_ascii=False, default=dict).encode("utf-8")
