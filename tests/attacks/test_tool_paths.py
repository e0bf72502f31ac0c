# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is there a way to a guarded function that does not pass the guard?

The story: decorators that keep the function under ``__wrapped__`` or take it by reference let a
framework, or a helpful colleague, call it directly; arguments that change after the decision
make the decision worthless.
"""

import asyncio
import copy
import functools
import inspect
import pickle
import threading
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from agentguard import (
    CallRefused,
    ConfigError,
    ContentRefused,
    DeniedByPolicy,
    Guard,
    GuardFailure,
    IdentityRequired,
)

TO = "jane.doe@customers.example"


@pytest.fixture
def ran() -> list[Any]:
    """What the tool was called with."""
    return []


@pytest.fixture
def refund(guard: Guard, ran: list[Any]) -> Any:
    """A guarded refund tool."""

    @guard.tool
    def refund(order: str, amount: int, to: str) -> str:
        """Refund an order."""
        ran.append((order, amount, to))
        return f"refunded {amount}"

    return refund


@pytest.fixture
def as_support(guard: Guard) -> Iterator[None]:
    """The running code is the support agent, for alice."""
    with guard.identity("agent:support", on_behalf_of="user:alice"):
        yield


def test_no_attribute_leads_to_the_function(refund: Any, ran: list[Any]) -> None:
    """Nothing that hangs on the wrapper calls the function without the guard."""
    assert not hasattr(refund, "__wrapped__")
    assert inspect.unwrap(refund) is refund
    for name in dir(refund):
        held = getattr(refund, name)
        if inspect.isfunction(held):
            with pytest.raises((IdentityRequired, TypeError)):
                held("ORD-00012345", 1, TO)
    assert ran == []


def test_the_wrapper_looks_like_the_function(refund: Any) -> None:
    """Frameworks that read a signature, hints and a docstring find the function's own."""
    assert list(inspect.signature(refund).parameters) == ["order", "amount", "to"]
    assert get_type_hints(refund) == {"order": str, "amount": int, "to": str, "return": str}
    assert (refund.__name__, refund.__doc__) == ("refund", "Refund an order.")


def test_every_spelling_of_a_call_is_decided(refund: Any, ran: list[Any], as_support: None) -> None:
    """Positions, keywords, partials and copies meet the same decision."""
    assert refund("ORD-00012345", 40, TO) == "refunded 40"
    assert refund(to=TO, amount=40, order="ORD-00012345") == "refunded 40"
    assert functools.partial(refund, "ORD-00012345")(to=TO, amount=40) == "refunded 40"
    assert copy.copy(refund)("ORD-00012345", 40, TO) == "refunded 40"
    done = len(ran)
    refused: tuple[Callable[[], Any], ...] = (
        lambda: refund("ORD-00012345", 5000, TO),
        lambda: refund(to=TO, amount=5000, order="ORD-00012345"),
        lambda: functools.partial(refund, amount=5000)(order="ORD-00012345", to=TO),
        lambda: copy.deepcopy(refund)("ORD-00012345", 5000, TO),
        lambda: refund("ORD-00012345", True, TO),
        lambda: refund("ORD-00012345", 40.0, TO),
        lambda: refund("ORD-00012345", "40", TO),
        lambda: refund("ORD-00012345", None, TO),
        lambda: refund("ORD-00012345", -40, TO),
    )
    for call in refused:
        with pytest.raises(DeniedByPolicy):
            call()
    assert len(ran) == done


def test_pickling_does_not_carry_the_function_out(refund: Any) -> None:
    """A guarded function that was defined locally cannot be pickled, guarded or not."""
    with pytest.raises((AttributeError, pickle.PicklingError)):
        pickle.dumps(refund)


def test_a_thread_without_the_identity_is_refused(
    refund: Any, ran: list[Any], as_support: None
) -> None:
    """An identity does not follow into a plain thread, and nobody stands in for it."""
    caught: list[BaseException] = []

    def call() -> None:
        try:
            refund("ORD-00012345", 40, TO)
        except IdentityRequired as error:
            caught.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    assert len(caught) == 1
    assert ran == []


class Shifty(dict[str, Any]):
    """A mapping whose content changes each time it is read."""

    def __init__(self) -> None:
        super().__init__(amount=1)
        self.reads = 0

    def items(self) -> Any:
        """Give another amount on each reading."""
        self.reads += 1
        return {"amount": 1 if self.reads == 1 else 10**6}.items()


def test_arguments_are_frozen_before_they_are_decided(
    guard: Guard, policy_file: Any, ran: list[Any]
) -> None:
    """What was decided is what the function gets, whatever the caller does to its objects."""
    text = policy_file.read_text()
    text = text.replace(
        'args.order = { match = "ORD-[0-9]{8}" }     # the whole argument must match',
        "args.order = { any = true }",
    )
    policy_file.write_text(text)
    with Guard.from_file(policy_file) as lenient:

        @lenient.tool
        def lookup_order(order: Any) -> str:
            ran.append(order)
            return "found"

        shared = {"lines": [1, 2]}
        shifty = Shifty()
        with lenient.identity("agent:support", on_behalf_of="user:alice"):
            lookup_order(shared)
            lookup_order(shifty)
    assert ran[0] == {"lines": [1, 2]}
    assert ran[0] is not shared
    assert ran[1] == {"amount": 1}
    assert shifty.reads == 1


def test_a_forged_placeholder_is_not_turned_back(
    refund: Any, ran: list[Any], as_support: None
) -> None:
    """A placeholder that was never issued refuses the call."""
    for forged in ("[[EMAIL:AAAAAAAA]]", "[[email:aaaaaaaa]]", "[[EMAIL: AAAAAAAA ]]"):
        with pytest.raises(ContentRefused):
            refund("ORD-00012345", 40, forged)
    assert ran == []


def test_a_class_that_the_tool_may_not_receive_is_refused(
    guard: Guard, as_support: None, ran: list[Any]
) -> None:
    """A value of a class that the tool is not declared to receive does not reach it."""

    @guard.tool
    def lookup_order(order: str) -> str:
        ran.append(order)
        return "found"

    with pytest.raises((ContentRefused, DeniedByPolicy)):
        lookup_order(TO)
    assert ran == []


def test_a_function_that_hands_out_a_generator_is_withheld(guard: Guard, as_support: None) -> None:
    """A plain function that returns work for later does not get around the refusal."""

    def later(order: str) -> Any:
        yield order

    def lookup_order(order: str) -> Any:
        return later(order)

    with pytest.raises(GuardFailure) as caught:
        guard.tool(lookup_order)("ORD-00012345")
    assert caught.value.dispatched is True


def test_a_plain_function_that_hands_out_a_coroutine_is_withheld(
    guard: Guard, as_support: None, ran: list[Any]
) -> None:
    """A lambda around a coroutine function does not get around the asynchronous driver."""

    async def later(order: str) -> None:
        ran.append(order)

    def lookup_order(order: str) -> Any:
        return later(order)

    with pytest.raises(GuardFailure):
        guard.tool(lookup_order)("ORD-00012345")
    assert ran == []


def test_identities_of_tasks_stay_apart(guard: Guard) -> None:
    """Fifty tasks under two identities each keep their own."""
    seen: list[tuple[str, str]] = []

    @guard.tool
    async def lookup_order(order: str) -> str:
        await asyncio.sleep(0.001)
        return order

    async def one(index: int) -> None:
        allowed = index % 2 == 0
        actor = "agent:support" if allowed else "agent:other"
        with guard.identity(actor, on_behalf_of="user:alice"):
            try:
                await lookup_order("ORD-00012345")
            except DeniedByPolicy:
                seen.append((actor, "denied"))
            else:
                seen.append((actor, "allowed"))

    async def all_of_them() -> None:
        await asyncio.gather(*(one(index) for index in range(50)))

    asyncio.run(all_of_them())
    assert sorted(set(seen)) == [("agent:other", "denied"), ("agent:support", "allowed")]
    assert len(seen) == 50


def test_a_copied_mark_does_not_make_a_function_guarded(
    guard: Guard, refund: Any, ran: list[Any], as_support: None
) -> None:
    """A bare function that took over a guarded one's attributes is guarded, not believed."""

    @functools.wraps(refund)
    def delete_account(account: str) -> str:
        ran.append(account)
        return account

    guarded = guard.tool(delete_account, name="delete_account")  # type: ignore[call-overload]  # plain call
    assert guarded is not delete_account
    with pytest.raises(CallRefused):
        guarded("ACC-1")
    with pytest.raises(CallRefused):
        guarded("ORD-00012345", 40, TO)
    assert ran == []


def test_a_function_is_not_taken_for_a_tool_that_runs_at_the_provider(policy_file: Path) -> None:
    """A function under the name of a hosted tool is an error, since no rule for it is about it."""
    text = policy_file.read_text(encoding="utf-8")
    named = 'name = "delete_account"\nimpact = "irreversible"'
    assert named in text
    policy_file.write_text(text.replace(named, f'{named}\nhosted = ["shell"]'), encoding="utf-8")

    def delete_account(account: str) -> str:
        return account

    with Guard.from_file(policy_file) as made, pytest.raises(ConfigError, match="at the provider"):
        made.tool(delete_account)


def test_a_guarded_function_is_not_taken_for_another_tool_or_guard(
    guard: Guard, refund: Any, policy_file: Any
) -> None:
    """Guarding again changes nothing; under another name or by another guard it is an error."""
    assert guard.tool(refund) is refund
    with pytest.raises(ConfigError, match="already"):
        guard.tool(refund, name="delete_account")  # type: ignore[call-overload]  # plain call
    with Guard.from_file(policy_file) as other, pytest.raises(ConfigError, match="another guard"):
        other.tool(refund)


@pytest.mark.parametrize("kind", ["coroutine", "map", "async generator"])
def test_an_async_tool_that_hands_out_work_is_withheld(
    guard: Guard, as_support: None, ran: list[Any], kind: str
) -> None:
    """An asynchronous tool cannot return work that runs after its outcome was written."""

    async def later(order: str) -> None:
        ran.append(order)

    async def pieces(order: str) -> Any:
        ran.append(order)
        yield order

    work = {
        "coroutine": later,
        "map": lambda order: map(ran.append, [order]),
        "async generator": pieces,
    }

    async def lookup_order(order: str) -> Any:
        return work[kind](order)

    with pytest.raises(GuardFailure) as caught:
        asyncio.run(guard.tool(lookup_order)("ORD-00012345"))
    assert caught.value.dispatched is True
    assert ran == []


def test_annotations_that_cannot_be_read_do_not_stop_the_guard(guard: Guard) -> None:
    """A function whose annotations raise is guarded all the same."""

    def lookup_order(order: "missing.attribute.of.nothing") -> str:  # type: ignore[name-defined]  # noqa: F821 - on purpose
        return "x"

    wrapped = guard.tool(lookup_order)
    with pytest.raises(IdentityRequired):
        wrapped("ORD-00012345")


class Plain(str, Enum):  # noqa: UP042 - the older way to write it prints differently
    """A choice that prints as its member's name."""

    ORDER = "ORD-00012345"


def test_a_member_of_an_enumeration_is_its_value(guard: Guard, as_support: None) -> None:
    """What is decided and dispatched is what a member holds, not what it prints."""

    @guard.tool
    def lookup_order(order: str) -> str:
        return order

    assert lookup_order(Plain.ORDER) == "ORD-00012345"


def test_a_refusal_inside_a_tool_says_that_the_tool_ran(
    guard: Guard, as_support: None, ran: list[Any]
) -> None:
    """Who retries what was not dispatched does not run a tool twice that had run already."""

    @guard.tool
    def delete_account(account: str) -> str:
        return account

    @guard.tool
    def refund(order: str, amount: int, to: str) -> str:
        ran.append(amount)
        return delete_account("ACC-1")

    with pytest.raises(DeniedByPolicy, match="delete_account") as caught:
        refund("ORD-00012345", 40, TO)
    assert ran == [40]
    assert caught.value.dispatched is True


OPTIONAL = """
version = 1
name = "optional"

[[identity]]
id = "agent:a"

[[tool]]
name = "note"
impact = "reversible"

[[rule]]
id = "note"
who = ["agent:a"]
tool = "note"
args.text = { length = [1, 10] }
args.title = { in = ["a", "b"], optional = true }
then = "allow"
"""


@pytest.mark.parametrize(
    ("arguments", "allowed"),
    [
        ({}, True),
        ({"title": None}, True),
        ({"title": "a"}, True),
        ({"title": "c"}, False),
        ({"tags": None}, True),
        ({"tags": "x"}, False),
        ({"tags": []}, False),
    ],
)
def test_none_where_none_is_the_default_is_no_argument(
    tmp_path: Path, arguments: dict[str, Any], *, allowed: bool
) -> None:
    """An argument that is None by default is left out of the decision when it is None, and only then."""
    # Models send null for what they leave out; a rule that lists the argument as optional, or does
    # not list it, is about the call without it, and the function gets its own default.
    path = tmp_path / "agentguard.toml"
    path.write_text(OPTIONAL, encoding="utf-8")
    with Guard.from_file(path) as guard:

        @guard.tool
        def note(title: str | None = None, tags: list[str] | None = None, *, text: str) -> Any:
            return title, tags, text

        with guard.identity("agent:a"):
            if allowed:
                assert note(text="x", **arguments) == (arguments.get("title"), None, "x")
            else:
                with pytest.raises(DeniedByPolicy):
                    note(text="x", **arguments)
