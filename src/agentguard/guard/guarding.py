# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does a host program use the guard?

``Guard`` is the public face: it reads a policy, wraps clients and tools, and binds identities.
What it does about identities stands in ``acting``, about plans in ``proposing``. It holds no rule
and no step itself; two guards in one process know nothing of each other.
"""

import inspect
import os
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast, overload

from agentguard.coverage import Coverage
from agentguard.errors import ConfigError, GuardFailure
from agentguard.guard.frameworks import guarded_by_framework, is_of_a_framework
from agentguard.guard.proposing import Proposing
from agentguard.guard.surfaces import requests_guard_of, surface_of
from agentguard.vocabulary import Caller, Impact, Principal

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

    from agentguard.enforcement import Enforcer
    from agentguard.reloading import PolicyState, Reloading
    from agentguard.wiring import Parts

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

CONFIG_VARIABLE = "AGENTGUARD_CONFIG"
DEFAULT_FILE = "agentguard.toml"


class Guard(Proposing):
    """The organisation's side of the boundary, for one policy.

    Make one with ``Guard.from_file``. It serves sync and async code alike, from any thread.
    """

    def __init__(self, parts: "Parts", reloading: "Reloading") -> None:
        super().__init__(parts)
        self._reloading = reloading

    @classmethod
    def from_file(
        cls,
        path: str | os.PathLike[str] | None = None,
        *,
        environment: str | None = None,
        tracer_provider: "TracerProvider | None" = None,
        trusted_keys: Iterable[str] | None = None,
    ) -> Self:
        """Read a policy file and return a working guard.

        Args:
            path: the file; the one that ``AGENTGUARD_CONFIG`` names, or ``agentguard.toml`` in
                the working directory, if None.
            environment: the environment of the policy that everything runs in; if None, each
                block names one where the policy has any.
            tracer_provider: where spans go; the global provider if None.
            trusted_keys: public keys of which one must have signed the policy; those that
                ``AGENTGUARD_TRUSTED_KEYS`` holds if None, and without them nobody need sign.

        Raises:
            ConfigError: the file cannot be used; every problem with file, key and line. Or a
                client library that it requires to be guarded is not covered, or no trusted key
                signed the policy.
        """
        from agentguard.config import load
        from agentguard.reloading import Reloading, require_coverage
        from agentguard.stores import StoreFailure
        from agentguard.wiring import assemble

        settings = load(
            path or os.environ.get(CONFIG_VARIABLE) or DEFAULT_FILE, trusted=trusted_keys
        )
        require_coverage(settings)
        try:
            parts = assemble(settings, tracer_provider=tracer_provider, environment=environment)
        except StoreFailure as failure:
            problem = f"the store cannot be opened: {failure}"
        else:
            return cls(parts, Reloading(parts, settings, trusted_keys, environment))
        raise ConfigError(problem)

    def wrap(
        self,
        target: T,
        *,
        identity: str | Principal | None = None,
        tools: Iterable[str] | None = None,
        server: str | None = None,
    ) -> T:
        """Guard a model client, an HTTP client, a tool, or a part of a framework.

        Args:
            target: a client of the OpenAI or the Anthropic SDK, or of httpx, httpx2 or requests,
                guarded in place and returned; or a function, for which a new one is returned; or
                a model, a tool, a set of tools or a session of LangChain, openai-agents,
                pydantic-ai or MCP, as docs/frameworks.md says of each; or a list of such things.
            identity: who the client acts as when no block says so; it starts a session.
            tools: the tools of the policy that the requests of an HTTP client are calls of, no two
                of them for the same method.
            server: for what speaks to an MCP server, its name in the policy: its tools are
                declared, listed and called as ``SERVER_TOOL``.

        Raises:
            TypeError: the guard does not know how to guard this type, so it refuses it.
            ConfigError: the policy does not know the tool, another guard has the client, or an
                HTTP client could send something past the guard.
            IdentityRequired: the identity is malformed, or contradicts the block around.
        """
        guard_requests = requests_guard_of(target)
        if guard_requests is not None:
            carried = None if identity is None else self._parts.identities.narrowed(identity)
            return cast(
                "T", guard_requests(target, self._parts.enforcer, tuple(tools or ()), carried)
            )
        if tools is not None:
            raise TypeError("tools= goes with a client of httpx, httpx2 or requests")
        carried = None if identity is None else self._parts.identities.narrowed(identity)
        if surface_of(target) is not None:
            return cast("T", self._guarded_client(target, carried))
        if is_of_a_framework(target):
            from agentguard.tools import Wrapping

            wrapping = Wrapping(
                enforcer=self._parts.enforcer,
                carried=carried,
                server=server,
                wrap_client=lambda client: self._guarded_client(client, carried),
            )
            return cast("T", guarded_by_framework(target, wrapping))
        if identity is not None:
            raise TypeError("identity= goes with a client; tools follow the running code")
        if isinstance(target, list):
            return cast("T", [self.wrap(item, server=server) for item in target])
        if inspect.isroutine(target):
            return cast("T", self.tool(cast("Callable[..., Any]", target)))
        raise TypeError(f"objects of type {type(target).__name__} cannot be guarded")

    def _guarded_client(self, client: Any, carried: Caller | None) -> Any:
        from agentguard.clients import guard_client

        surface = surface_of(client)
        if surface is None:
            raise TypeError(f"objects of type {type(client).__name__} are no known client")
        return guard_client(client, surface, self._parts.enforcer, carried)

    @property
    def enforcer(self) -> "Enforcer":
        """What takes calls through the guard, for integrations; a host program has no use for it."""
        return self._parts.enforcer

    @overload
    def tool(self, function: F, /) -> F: ...

    @overload
    def tool(
        self,
        /,
        *,
        name: str | None = None,
        impact: str | None = None,
        resource: Callable[..., Any] | None = None,
        access: Callable[..., Any] | None = None,
    ) -> Callable[[F], F]: ...

    def tool(
        self,
        function: Callable[..., Any] | None = None,
        /,
        *,
        name: str | None = None,
        impact: str | None = None,
        resource: Callable[..., Any] | None = None,
        access: Callable[..., Any] | None = None,
    ) -> Any:
        """Guard a function as a tool; a decorator, with or without arguments.

        Args:
            function: a sync or async function, or a bound method.
            name: the tool's name in the policy; the function's own name if None.
            impact: what the tool can do; must agree with the policy.
            resource: for a tool whose policy names a kind of object: takes the arguments, a
                mapping that cannot be changed, and returns the id of the object that the call is
                about, or a list of ids, as text.
            access: takes a ``Principal`` and an id, and returns True where that principal may
                reach that object. Asked for everybody behind the call, the person included.

        Raises:
            TypeError: a generator function, or another shape that cannot be guarded.
            ConfigError: the policy does not know the tool, or knows it otherwise; or nothing says
                which objects the tool may act on.
        """
        from agentguard.integrations.functions import guard_function

        known = None if impact is None else Impact(impact)

        def decorate(plain: F) -> F:
            return guard_function(
                plain,
                self._parts.enforcer,
                name=name,
                impact=known,
                resource=resource,
                access=access,
            )

        return decorate if function is None else decorate(function)

    def label(
        self,
        value: object,
        data_class: str | None = None,
        *,
        external: str | None = None,
        everywhere: bool = False,
    ) -> None:
        """Say what class a value is of; it is then looked for like a value of a list.

        Args:
            value: a text, or what holds texts: a mapping, a list, a dataclass. Texts of four
                characters and more in it count, and numbers of six digits and more; the names
                of members do not.
            data_class: the name of a class of the policy.
            external: a label from outside instead, which the policy maps to a class.
            everywhere: for every session of this process, not for the current one alone.

        Raises:
            ContentRefused: the policy does not know the label.
            IdentityRequired: no identity is bound, so there is no session.
            TypeError: the value holds what is no text, number, list or mapping.
            ValueError: the policy has no such class, or nothing in the value is long enough.
        """
        from agentguard.integrations import labels

        labels.label(
            self._parts.enforcer, value, data_class, external=external, everywhere=everywhere
        )

    def label_from_headers(
        self, value: object, headers: Mapping[str, str], *, everywhere: bool = False
    ) -> tuple[str, ...]:
        """Label a value by the headers that came with it, as ``[labels]`` of the policy says.

        Returns:
            The names of the classes; none where no such header is there.

        Raises:
            ContentRefused: the policy does not know a label, or no header that carries one.
            IdentityRequired: no identity is bound, so there is no session.
            TypeError: the value holds what is no text, number, list or mapping, or the headers
                are no text.
            ValueError: nothing in the value is long enough to be looked for.
        """
        from agentguard.integrations import labels

        return labels.label_from_headers(
            self._parts.enforcer, value, headers, everywhere=everywhere
        )

    def labels(
        self, data_class: str | None = None, *, external: str | None = None
    ) -> Callable[[F], F]:
        """Label everything that a function returns; a decorator for sync and async functions.

        Args:
            data_class: the name of a class of the policy.
            external: a label from outside instead, which the policy maps to a class.

        Raises:
            ContentRefused: the policy does not know the label.
            TypeError: a generator function, or no function.
            ValueError: the policy has no such class.
        """
        from agentguard.integrations import labels

        def decorate(plain: F) -> F:
            return labels.labelled_function(plain, self._parts.enforcer, data_class, external)

        return decorate

    @property
    def policy_state(self) -> "PolicyState":
        """Which policy is in force, since when, and why a newer file is not."""
        return self._reloading.state

    def reload(self) -> "PolicyState":
        """Read the policy file again and put it in force, whole or not at all.

        Calls that have begun end under the policy that they began under. What lies under
        ``[deployment]``, ``[vault]`` and ``[facts]`` cannot change while the guard runs.

        Raises:
            ConfigError: the file cannot be used; what was in force stays in force.
            GuardFailure: the change could not be written down; what was in force stays in force.
        """
        return self._reloading.reload()

    def reload_on_change(self, every: timedelta = timedelta(seconds=5)) -> None:
        """Look at the policy file in the background, and reload it whenever it changed.

        A file that is refused is told in the logger ``agentguard``, in the audit log and in
        ``policy_state``. Write a new version beside the file and move it in place.

        Args:
            every: how often to look; a change is read once it has stood still that long.

        Raises:
            ValueError: that is too often.
        """
        self._reloading.reload_on_change(every)

    def coverage(self) -> Coverage:
        """Say what is guarded in this process, what is refused, and what passes the guard by.

        Looks for client objects of the known SDKs wherever they are, and counts the calls of this
        guard that have ended; it holds nothing of any call. Print it, or take ``as_json()``.
        """
        from agentguard.coverage.measuring import coverage_of

        return coverage_of(self._parts.enforcer)

    def close(self) -> None:
        """Write what is left to the audit log and close it; every later call is refused.

        Answers that are still being read end here: their readers get an error.

        Raises:
            GuardFailure: entries that were accepted could not be written.
        """
        self._reloading.close()
        problem = self._parts.close()
        if problem is not None:
            raise GuardFailure(problem, part="audit", dispatched=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
