# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How is a plain Python function guarded as a tool?

The arguments are bound to the signature and frozen before anything is decided, and the frozen
values are what the function gets. It does not know any agent framework: it is the innermost
layer, below all of them.

INVARIANT: no attribute of the guarded function leads to the function itself
(tests/attacks/test_tool_paths.py).
INVARIANT: a function counts as guarded by its identity, never by a mark that can be copied
(same file).
"""

import asyncio
import functools
import inspect
import typing
import weakref
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeVar, cast

from agentguard.canonical import Frozen, NotCanonical, canonical_bytes, digest, freeze, thaw
from agentguard.enforcement import Crossing, Enforcer, Hook, ResourceHooks, hooks_for
from agentguard.enforcement.signatures import check_signature, may_be_left_out
from agentguard.errors import ConfigError, ContentRefused, GuardFailure, TookTooLong
from agentguard.pipeline import Response, definition_checked
from agentguard.policy import Policy
from agentguard.vocabulary import Boundary, Call, Impact, ToolCall

F = TypeVar("F", bound=Callable[..., Any])

FUNCTIONS = "functions"

_COPIED = ("__module__", "__name__", "__qualname__", "__doc__")


def guard_function(
    function: F,
    enforcer: Enforcer,
    *,
    name: str | None = None,
    impact: Impact | None = None,
    resource: Hook | None = None,
    access: Hook | None = None,
) -> F:
    """Return a function of the same signature whose every call passes the guard.

    Args:
        function: a sync or async function, or a bound method.
        enforcer: takes the calls through the guard.
        name: the tool's name in the policy; the function's own name if None.
        impact: what the author believes the tool can do; must agree with the policy.
        resource: gives the ids of the objects that a call is about, from its arguments.
        access: says whether a principal may reach an object.

    Raises:
        TypeError: not a function, a generator function, an unbound method, or a function that
            takes any number of arguments.
        ConfigError: the policy does not know the tool, knows another impact or definition,
            disagrees on whether it acts on objects, or blocks what its definition says.
    """
    if _is_guarded_here(function, enforcer, name, impact):
        if resource is not None or access is not None:
            raise ConfigError("the function is guarded already, without this resource= or access=")
        return function
    _refuse_shape(function)
    signature = inspect.signature(function)
    tool = name or function.__name__
    definition = definition_digest(tool, function, signature)
    _check_against_policy(enforcer, tool, impact, definition)
    check_signature(enforcer.core.policy, tool, function, signature)
    runs_async = inspect.iscoroutinefunction(function)

    def fitting(policy: Policy) -> ResourceHooks | None:
        _check_time(policy, tool, asynchronous=runs_async)
        return hooks_for(policy, tool, resource, access, asynchronous=runs_async)

    hooks = fitting(enforcer.core.policy)
    guarded = _Tool(function, signature, tool, definition, enforcer, hooks)
    wrapper = guarded.asynchronous() if runs_async else guarded.plain()
    _dress(wrapper, function, signature)
    described = definition_checked(enforcer.core, tool, (function.__doc__ or "", str(signature)))
    wrapper.__doc__ = described if function.__doc__ else None
    _GUARDED[wrapper] = _Guarded(
        holder=weakref.ref(enforcer),
        tool=tool,
        hooks_in=fitting,
    )
    return cast("F", wrapper)


# Known by identity: an attribute would be copied along by functools.wraps to a bare function.
_GUARDED: "weakref.WeakKeyDictionary[Callable[..., Any], _Guarded]" = weakref.WeakKeyDictionary()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Guarded:
    """What is known of one guarded function.

    Attributes:
        holder: the guard's enforcer.
        tool: its name in the policy.
        hooks_in: gives its hooks under a policy; raises a ConfigError where they do not fit.
    """

    holder: "weakref.ref[Enforcer]"
    tool: str
    hooks_in: Callable[[Policy], ResourceHooks | None]


def guarded_tools(enforcer: Enforcer) -> Counter[str]:
    """Count the living functions that pass a guard, by the tool's name in its policy."""
    return Counter(each.tool for each in _living(enforcer))


def require_hooks(enforcer: Enforcer, policy: Policy) -> None:
    """Refuse a policy under which nobody would check the objects of a function that is guarded.

    Raises:
        ConfigError: a tool of the policy acts on objects, and its function lacks what says so or
            who may reach them; or the other way round.
    """
    for each in _living(enforcer):
        if each.tool in policy.tools:
            each.hooks_in(policy)


def _living(enforcer: Enforcer) -> list[_Guarded]:
    # A copy, since functions come and go in other threads.
    living = [function for key in _GUARDED.keyrefs() if (function := key()) is not None]
    known = [held for function in living if (held := _GUARDED.get(function)) is not None]
    return [each for each in known if each.holder() is enforcer]


def _is_guarded_here(
    function: Callable[..., Any], enforcer: Enforcer, name: str | None, impact: Impact | None
) -> bool:
    """Say whether this very function passes the guard already.

    Raises:
        ConfigError: it does so for another guard, or under another name.
    """
    known = _GUARDED.get(function) if inspect.isfunction(function) else None
    if known is None:
        return False
    tool = known.tool
    if known.holder() is not enforcer:
        raise ConfigError(f"tool {tool!r} is guarded by another guard already")
    if name is not None and name != tool:
        raise ConfigError(f"the function is guarded as tool {tool!r} already")
    _check_impact(enforcer, tool, impact)
    return True


def definition_digest(tool: str, function: Callable[..., Any], signature: inspect.Signature) -> str:
    """Return the digest of what a model or an approver knows of a tool."""
    parts = (tool, str(signature), inspect.getdoc(function) or "")
    return digest(canonical_bytes(parts))


def _refuse_shape(function: Callable[..., Any]) -> None:
    name = getattr(function, "__name__", type(function).__name__)
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(
            f"{name} is a generator function: its body runs after the call was decided,"
            " so it cannot be guarded; return a list instead"
        )
    if not inspect.isfunction(function) and not inspect.ismethod(function):
        raise TypeError(f"{name} is no function; guard the function or the bound method itself")
    parameters = list(inspect.signature(function).parameters.values())
    if any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters):
        raise TypeError(f"{name} takes any number of arguments; name each, so that rules can")
    if parameters and parameters[0].name in ("self", "cls") and "." in function.__qualname__:
        raise TypeError(
            f"{name} is an unbound method; guard the bound method: guard.tool(x.{name})"
        )


def _check_against_policy(
    enforcer: Enforcer, tool: str, impact: Impact | None, definition: str
) -> None:
    known = enforcer.core.policy.tools.get(tool)
    if known is None:
        raise ConfigError(f"the policy has no tool {tool!r}: declare it in a [[tool]] table")
    if known.hosted:
        raise ConfigError(
            f"the policy says that tool {tool!r} runs at the provider: take 'hosted' out of its"
            " [[tool]] table, or give the function another name"
        )
    if known.http:
        raise ConfigError(
            f"the policy says that tool {tool!r} stands for requests: take 'http' out of its"
            " [[tool]] table, or give the function another name"
        )
    _check_impact(enforcer, tool, impact)
    if known.definition is not None and known.definition != definition:
        raise ConfigError(
            f"the definition of tool {tool!r} is not the one that the policy pins;"
            f" review it and pin {definition!r}"
        )


def _check_time(policy: Policy, tool: str, *, asynchronous: bool) -> None:
    """Refuse to promise that a function ends in time that nothing can end.

    Raises:
        ConfigError: the policy gives a time to a function that is not asynchronous.
    """
    spec = policy.tools.get(tool)
    if spec is not None and spec.within is not None and not asynchronous:
        raise ConfigError(
            f"the policy says 'within' of tool {tool!r}, but nothing can end a function that is"
            " not 'async': make it one, or take 'within' out of its [[tool]] table"
        )


def _check_impact(enforcer: Enforcer, tool: str, impact: Impact | None) -> None:
    known = enforcer.core.policy.tools[tool].impact
    if impact is not None and impact is not known:
        raise ConfigError(
            f"tool {tool!r} is {known.value!r} in the policy and {impact.value!r} here"
        )


class _Tool:
    """One function with what is needed to call it."""

    def __init__(
        self,
        function: Callable[..., Any],
        signature: inspect.Signature,
        tool: str,
        definition: str,
        enforcer: Enforcer,
        hooks: ResourceHooks | None,
    ) -> None:
        self._hooks = hooks
        self._function = function
        self._signature = signature
        self._tool = tool
        self._definition = definition
        self._enforcer = enforcer
        # None where None is the default says that there is no argument, however it was left out.
        self._left_out = may_be_left_out(signature)

    def plain(self) -> Callable[..., Any]:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return self._enforcer.call(self._crossing(args, kwargs), self._run)

        return wrapper

    def asynchronous(self) -> Callable[..., Any]:
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            return await self._enforcer.call_async(self._crossing(args, kwargs), self._run_async)

        return wrapper

    def _crossing(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Crossing:
        return Crossing(
            boundary=Boundary.TOOL,
            surface=FUNCTIONS,
            operation="execute_tool",
            target=self._tool,
            carried=None,
            describe=lambda call_id: self._describe(call_id, args, kwargs),
            hooks=self._hooks,
        )

    def _describe(self, call_id: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> ToolCall:
        try:
            bound = self._signature.bind(*args, **kwargs)
        except TypeError:
            raise ContentRefused(
                f"the arguments do not fit the signature of tool {self._tool!r}"
            ) from None
        bound.apply_defaults()
        arguments: dict[str, Frozen] = {}
        for name, value in bound.arguments.items():
            if value is None and name in self._left_out:
                continue
            try:
                arguments[name] = freeze(value)
            except NotCanonical as error:
                raise ContentRefused(
                    f"argument {name!r} of tool {self._tool!r} cannot be inspected:"
                    f" {error.problem}",
                    remedy="tools take JSON values: pass an id, and look the object up inside",
                ) from None
        frozen = MappingProxyType(arguments)
        return ToolCall(
            id=call_id,
            tool=self._tool,
            definition=self._definition,
            received=frozen,
            resolved=frozen,
        )

    def _bound(self, call: Call) -> inspect.BoundArguments:
        """Return fresh copies of the decided arguments, bound to the signature."""
        resolved = call.resolved if isinstance(call, ToolCall) else {}
        arguments = {
            name: thaw(resolved[name]) if name in resolved else None
            for name in self._signature.parameters
            if name in resolved or name in self._left_out
        }
        return inspect.BoundArguments(self._signature, cast("Any", arguments))

    def _run(self, call: Call) -> Response:
        bound = self._bound(call)
        return self._finished(self._function(*bound.args, **bound.kwargs))

    async def _run_async(self, call: Call) -> Response:
        bound = self._bound(call)
        within = self._enforcer.core.policy.tools[self._tool].within
        if within is None:
            return self._finished(await self._function(*bound.args, **bound.kwargs))
        limit = asyncio.timeout(within.total_seconds())
        try:
            async with limit:
                result = await self._function(*bound.args, **bound.kwargs)
        except TimeoutError:
            if not limit.expired():
                raise
        else:
            return self._finished(result)
        raise TookTooLong(
            f"tool {self._tool!r} took longer than the policy gives it, and was cancelled",
            call_id=call.id,
            dispatched=True,
            remedy="see 'within' of its [[tool]] table; look up what it did before trying again",
        )

    def _finished(self, result: Any) -> Response:
        """Return the result of a tool that has done its work.

        Raises:
            GuardFailure: the result is work that would run later, outside the guard.
        """
        if not inspect.isawaitable(result) and not isinstance(result, Iterator | AsyncIterator):
            return Response(content=result)
        if inspect.iscoroutine(result) or inspect.isgenerator(result):
            result.close()
        raise GuardFailure(
            f"tool {self._tool!r} returned an iterator or work that runs later, which is not guarded; return a list",
            part="dispatch",
            dispatched=True,
        )


def _dress(
    wrapper: Callable[..., Any], function: Callable[..., Any], signature: inspect.Signature
) -> None:
    """Give the wrapper the looks of the function, without ``__wrapped__``, which leads past."""
    functools.update_wrapper(wrapper, function, assigned=_COPIED, updated=())
    del wrapper.__dict__["__wrapped__"]
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except Exception:  # noqa: BLE001 - evaluates the author's annotations, which may do anything
        hints = dict(getattr(function, "__annotations__", {}))
    parameters = [
        p.replace(annotation=hints.get(p.name, p.annotation)) for p in signature.parameters.values()
    ]
    returns = hints.get("return", signature.return_annotation)
    dressed = cast("Any", wrapper)
    dressed.__annotations__ = hints
    dressed.__signature__ = signature.replace(parameters=parameters, return_annotation=returns)
