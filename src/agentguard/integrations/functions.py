# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How is a plain Python function guarded as a tool?

The arguments are bound to the signature and frozen before anything is decided, and the frozen
values are what the function gets. It does not know any agent framework: it is the innermost
layer, below all of them.

INVARIANT: no attribute of the guarded function leads to the function itself
(tests/attacks/test_tool_paths.py).
"""

import functools
import inspect
import typing
import weakref
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar, cast

from agentguard.canonical import Frozen, NotCanonical, canonical_bytes, digest, freeze, thaw
from agentguard.enforcement import Crossing, Enforcer, Hook, ResourceHooks, hooks_for
from agentguard.enforcement.signatures import check_signature, may_be_left_out
from agentguard.errors import ConfigError, ContentRefused
from agentguard.pipeline import Response, definition_checked
from agentguard.policy import Policy
from agentguard.tools import Known, check_declared, check_time, known_as, note_guarded
from agentguard.tools.ending import finished, in_time
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
    if inspect.isfunction(function) and known_as(function, enforcer, name=name, impact=impact):
        if resource is not None or access is not None:
            raise ConfigError("the function is guarded already, without this resource= or access=")
        return function
    _refuse_shape(function)
    signature = inspect.signature(function)
    tool = name or function.__name__
    definition = definition_digest(tool, function, signature)
    check_declared(enforcer.core.policy, tool, impact, definition)
    check_signature(enforcer.core.policy, tool, function, signature)
    runs_async = inspect.iscoroutinefunction(function)

    def fitting(policy: Policy) -> ResourceHooks | None:
        check_time(policy, tool, asynchronous=runs_async)
        return hooks_for(policy, tool, resource, access, asynchronous=runs_async)

    hooks = fitting(enforcer.core.policy)
    guarded = _Tool(function, signature, tool, definition, enforcer, hooks)
    wrapper = guarded.asynchronous() if runs_async else guarded.plain()
    _dress(wrapper, function, signature)
    described = definition_checked(enforcer.core, tool, (function.__doc__ or "", str(signature)))
    wrapper.__doc__ = described if function.__doc__ else None
    note_guarded(
        wrapper,
        Known(
            holder=weakref.ref(enforcer),
            tool=tool,
            hooks_in=fitting,
            crossing=guarded.crossing,
        ),
    )
    return cast("F", wrapper)


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

    def crossing(self, arguments: Mapping[str, Any]) -> Crossing:
        """Describe a call with arguments by name."""
        return self._crossing((), arguments)

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
        return finished(self._tool, self._function(*bound.args, **bound.kwargs))

    async def _run_async(self, call: Call) -> Response:
        bound = self._bound(call)
        within = self._enforcer.core.policy.tools[self._tool].within
        work = self._function(*bound.args, **bound.kwargs)
        return finished(self._tool, await in_time(work, within, self._tool, call.id))


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
