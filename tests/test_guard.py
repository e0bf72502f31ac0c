# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does the facade give what it promises, and refuse what it does not know?"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from langchain_core.tools import tool as langchain_tool
from openai import AsyncOpenAI, OpenAI

from agentguard import (
    ConfigError,
    ContentRefused,
    DeniedByPolicy,
    Guard,
    GuardFailure,
    IdentityRequired,
)
from agentguard.testing import Answer, LoopbackProvider

ORDER = "ORD-00012345"
AGENT, ALICE = "agent:support", "user:alice"
CUSTOMER = "jane.doe@customers.example"


@pytest.fixture
def plain(provider: LoopbackProvider) -> Iterator[OpenAI]:
    """A client that nobody guards yet."""
    with OpenAI(base_url=provider.base_url, api_key="none", max_retries=0) as client:
        yield client


def chat(client: OpenAI, text: str = "hello") -> str | None:
    """Ask a model and return what it said."""
    reply = client.chat.completions.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": text}]
    )
    return reply.choices[0].message.content


def lookup_order(order: str) -> str:
    """Look an order up."""
    return f"{order} is delivered"


def read_customer_email(order: str) -> str:
    """Read an e-mail."""
    return f"{order} is late"


# --- from_file -----------------------------------------------------------------------------


def test_a_policy_is_read_from_the_file_that_is_named(policy_file: Path) -> None:
    """A path that is given, as text or as a path, is the file that is read."""
    for path in (policy_file, str(policy_file)):
        with Guard.from_file(path) as guard:
            assert guard.tool(lookup_order) is not lookup_order


def test_a_policy_is_read_from_the_file_that_the_environment_names(
    policy_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a path the file that AGENTGUARD_CONFIG names is read, before the default."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    Path("agentguard.toml").write_text("broken", encoding="utf-8")
    monkeypatch.setenv("AGENTGUARD_CONFIG", str(policy_file))
    Guard.from_file().close()


def test_a_path_goes_before_the_environment(
    policy_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path that is given is read whatever the environment names."""
    monkeypatch.setenv("AGENTGUARD_CONFIG", str(tmp_path / "missing.toml"))
    Guard.from_file(policy_file).close()


def test_a_policy_is_read_from_the_working_directory(
    policy_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a path and a variable, agentguard.toml in the working directory is read."""
    monkeypatch.chdir(policy_file.parent)
    monkeypatch.setenv("AGENTGUARD_CONFIG", "")
    Guard.from_file().close()


def test_a_missing_policy_is_a_configuration_error(tmp_path: Path) -> None:
    """A file that does not exist is told by its name, and no store is made."""
    with pytest.raises(ConfigError, match=r"missing\.toml: the file does not exist"):
        Guard.from_file(tmp_path / "missing.toml")
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_cannot_be_opened_is_a_configuration_error(policy_file: Path) -> None:
    """A store that is no database makes no guard, and the error has no cause that tells more."""
    (policy_file.parent / "agentguard.db").write_bytes(b"something else altogether" * 50)
    with pytest.raises(ConfigError, match="the store cannot be opened") as caught:
        Guard.from_file(policy_file)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


# --- wrap ----------------------------------------------------------------------------------


@pytest.mark.parametrize("target", [object(), 1, "text", None, {}, (), [object()], Path()])
def test_what_is_not_known_is_not_wrapped(guard: Guard, target: object) -> None:
    """A type that the guard does not know raises TypeError instead of passing through."""
    with pytest.raises(TypeError, match="cannot be guarded"):
        guard.wrap(target)


def test_a_client_is_guarded_in_place(guard: Guard, plain: OpenAI) -> None:
    """The wrapped client is the same object and still an OpenAI client."""
    assert guard.wrap(plain) is plain
    assert isinstance(plain, OpenAI)
    with pytest.raises(IdentityRequired):
        chat(plain)


def test_wrapping_twice_changes_nothing(
    guard: Guard, plain: OpenAI, provider: LoopbackProvider
) -> None:
    """A client that is wrapped again has the class that it had, and a call is sent once."""
    kind = type(guard.wrap(plain))
    assert type(guard.wrap(plain)) is kind
    with guard.identity(AGENT, on_behalf_of=ALICE):
        assert chat(plain) == "hello"
    assert len(provider.journal) == 1
    guarded = guard.wrap(lookup_order)
    assert guard.wrap(guarded) is guarded


def test_another_guard_does_not_take_a_client_over(
    guard: Guard, plain: OpenAI, other_guard: Guard
) -> None:
    """A client that one guard has is refused by another guard's wrap and bind."""
    guard.wrap(plain)
    with pytest.raises(ConfigError, match="another guard"):
        other_guard.wrap(plain)
    with pytest.raises(ConfigError, match="another guard"):
        other_guard.bind(plain, AGENT)


def test_a_list_of_tools_gives_a_new_list(guard: Guard) -> None:
    """The list that is given stays as it is, and every function in the new one is guarded."""
    tools = [lookup_order, read_customer_email]
    guarded = guard.wrap(tools)
    assert tools == [lookup_order, read_customer_email]
    assert type(guarded) is list
    assert [each.__name__ for each in guarded] == ["lookup_order", "read_customer_email"]
    for each in guarded:
        with pytest.raises(IdentityRequired):
            each(ORDER)


def test_a_list_with_one_stranger_is_refused_whole(guard: Guard) -> None:
    """A list that holds something unknown is refused, so that nothing in it passes unguarded."""
    with pytest.raises(TypeError):
        guard.wrap([lookup_order, "lookup_order"])


def test_an_identity_goes_with_a_client_alone(guard: Guard) -> None:
    """A tool cannot carry an identity: it runs under that of the code that calls it."""
    with pytest.raises(TypeError, match="identity="):
        guard.wrap(lookup_order, identity=AGENT)


def test_a_wrapped_client_carries_its_identity(
    autonomous: Guard, plain: OpenAI, provider: LoopbackProvider
) -> None:
    """With identity= a client calls without a block around, as that identity."""
    assert chat(autonomous.wrap(plain, identity=AGENT)) == "hello"
    with autonomous.identity("agent:other"), pytest.raises(IdentityRequired):
        chat(plain)
    with pytest.raises(ConfigError, match="identity already"):
        autonomous.wrap(plain, identity="agent:other")
    assert len(provider.journal) == 1


# --- tool ----------------------------------------------------------------------------------


def test_the_decorator_stands_bare_or_with_arguments(guard: Guard) -> None:
    """Both forms of the decorator guard the function, under its own name or the one given."""

    @guard.tool(name="lookup_order", impact="read_only")
    def find(order: str) -> str:
        return f"{order} is found"

    with guard.identity(AGENT, on_behalf_of=ALICE):
        assert guard.tool(lookup_order)(ORDER) == f"{ORDER} is delivered"
        assert find(ORDER) == f"{ORDER} is found"
        with pytest.raises(DeniedByPolicy):
            find("ORD-1")


def test_an_impact_must_agree_with_the_policy(guard: Guard) -> None:
    """A tool whose author believes in another impact than the policy is refused at decoration."""
    with pytest.raises(ConfigError, match="'read_only' in the policy and 'irreversible' here"):
        guard.tool(impact="irreversible")(lookup_order)
    with pytest.raises(ValueError, match="harmless"):
        guard.tool(impact="harmless")


def test_a_tool_that_the_policy_does_not_know_is_refused(guard: Guard) -> None:
    """A function that has no [[tool]] table is refused at decoration, not at the first call."""
    with pytest.raises(ConfigError, match="no tool 'unheard_of'"):
        guard.tool(name="unheard_of")(lookup_order)


def generator(order: str) -> Iterator[str]:
    """Give orders one by one."""
    yield order


async def asynchronous_generator(order: str) -> AsyncIterator[str]:
    """Give orders one by one."""
    yield order


def any_number(*orders: str) -> str:
    """Take any number of orders."""
    return " ".join(orders)


def any_name(**orders: str) -> str:
    """Take orders under any name."""
    return " ".join(orders)


class Desk:
    """Something with methods."""

    def __init__(self, place: str) -> None:
        self.place = place

    def lookup_order(self, order: str) -> str:
        """Look an order up."""
        return f"{order} is in {self.place}"

    async def read_customer_email(self, order: str) -> str:
        """Read an e-mail."""
        return f"{order} is late in {self.place}"

    def __call__(self, order: str) -> str:
        """Look an order up."""
        return order


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (generator, "generator function"),
        (asynchronous_generator, "generator function"),
        (any_number, "any number of arguments"),
        (any_name, "any number of arguments"),
        (Desk.lookup_order, "unbound method"),
        (Desk, "no function"),
        (Desk("x"), "no function"),
        (len, "no function"),
    ],
)
def test_a_shape_that_cannot_be_guarded_is_refused(
    guard: Guard, function: Callable[..., Any], reason: str
) -> None:
    """What the guard could not decide before it runs is refused at decoration, with the reason."""
    with pytest.raises(TypeError, match=reason):
        guard.tool(name="lookup_order")(function)


def test_bound_methods_are_tools(guard: Guard) -> None:
    """A bound method is guarded, sync or async, and runs on its own object."""
    desk = Desk("Ghent")
    with guard.identity(AGENT, on_behalf_of=ALICE):
        look_up = guard.wrap(desk.lookup_order)
        assert look_up(ORDER) == f"{ORDER} is in Ghent"
        with pytest.raises(DeniedByPolicy):
            look_up("ORD-1")
        read = guard.tool(desk.read_customer_email)
        assert asyncio.run(read(ORDER)) == f"{ORDER} is late in Ghent"


def test_arguments_that_do_not_fit_are_refused(guard: Guard) -> None:
    """A call that does not fit the signature is refused without a word of its content."""
    with guard.identity(AGENT, on_behalf_of=ALICE), pytest.raises(ContentRefused) as refused:
        guard.tool(lookup_order)(secret="canary")  # type: ignore[call-arg]  # is the test
    assert "canary" not in str(refused.value)


# --- LangChain above the guard -------------------------------------------------------------


def test_a_langchain_tool_above_the_guard_is_enforced(guard: Guard) -> None:
    """A function that is guarded and then made a LangChain tool is decided when it is invoked."""
    ran: list[str] = []

    @langchain_tool
    @guard.tool
    def lookup_order(order: str) -> str:
        """Look an order up."""
        ran.append(order)
        return f"{order} is delivered"

    assert lookup_order.name == "lookup_order"
    assert lookup_order.args == {"order": {"title": "Order", "type": "string"}}
    with guard.identity(AGENT, on_behalf_of=ALICE):
        assert lookup_order.invoke({"order": ORDER}) == f"{ORDER} is delivered"
        assert asyncio.run(lookup_order.ainvoke({"order": ORDER})) == f"{ORDER} is delivered"
        with pytest.raises(DeniedByPolicy):
            lookup_order.invoke({"order": "ORD-1"})
        with pytest.raises(DeniedByPolicy):
            asyncio.run(lookup_order.ainvoke({"order": "ORD-1"}))
    with pytest.raises(IdentityRequired):
        lookup_order.invoke({"order": ORDER})
    assert ran == [ORDER, ORDER]


def test_an_asynchronous_langchain_tool_above_the_guard_is_enforced(guard: Guard) -> None:
    """An async function that is guarded and then made a LangChain tool is decided as well."""
    ran: list[str] = []

    @langchain_tool
    @guard.tool
    async def lookup_order(order: str) -> str:
        """Look an order up."""
        ran.append(order)
        return f"{order} is delivered"

    async def use() -> None:
        with guard.identity(AGENT, on_behalf_of=ALICE):
            assert await lookup_order.ainvoke({"order": ORDER}) == f"{ORDER} is delivered"
            with pytest.raises(DeniedByPolicy):
                await lookup_order.ainvoke({"order": "ORD-1"})
        with pytest.raises(IdentityRequired):
            await lookup_order.ainvoke({"order": ORDER})

    asyncio.run(use())
    assert ran == [ORDER]


# --- identity, bind, close -----------------------------------------------------------------


def test_blocks_nest_and_end(guard: Guard) -> None:
    """An inner block extends the chain within the session, and ends with its block."""
    look_up = guard.tool(lookup_order)
    with guard.identity(AGENT, on_behalf_of=ALICE, session="s") as outer:
        assert outer.chain.ids == (ALICE, AGENT)
        with guard.identity("agent:helper") as inner:
            assert inner.chain.ids == (ALICE, AGENT, "agent:helper")
            assert inner.session == "s"
            # No rule lets agent:helper look an order up, so the whole chain may not.
            with pytest.raises(DeniedByPolicy):
                look_up(ORDER)
        assert look_up(ORDER)
        for_bob = guard.identity("agent:helper", on_behalf_of="user:bob")
        with pytest.raises(IdentityRequired, match="another person"), for_bob:
            pass
    with pytest.raises(IdentityRequired):
        look_up(ORDER)


@pytest.mark.parametrize("malformed", ["", "support", "agent:", "agent:a b", "robot:x", "user:"])
def test_a_malformed_identity_is_refused(guard: Guard, plain: OpenAI, malformed: str) -> None:
    """An id that is no id is refused by block, wrap and bind alike, and the client stays plain."""
    kind = type(plain)
    with pytest.raises(IdentityRequired):
        guard.identity(malformed)
    with pytest.raises(IdentityRequired):
        guard.wrap(plain, identity=malformed)
    with pytest.raises(IdentityRequired):
        guard.bind(plain, malformed)
    assert type(plain) is kind


def test_a_bound_client_is_a_second_one(
    guard: Guard, plain: OpenAI, provider: LoopbackProvider
) -> None:
    """A bound client calls without a block, and the first one still belongs to nobody."""
    bound = guard.bind(plain, AGENT, on_behalf_of=ALICE)
    assert bound is not plain
    assert chat(bound) == "hello"
    with pytest.raises(IdentityRequired):
        chat(plain)
    assert len(provider.journal) == 1


def test_an_asynchronous_client_is_bound_as_well(guard: Guard, provider: LoopbackProvider) -> None:
    """A bound async client calls without a block."""

    async def use() -> str | None:
        async with AsyncOpenAI(base_url=provider.base_url, api_key="none") as client:
            bound = guard.bind(client, AGENT, on_behalf_of=ALICE)
            reply = await bound.chat.completions.create(
                model="gpt-4o-mini", messages=[{"role": "user", "content": "hello"}]
            )
            return reply.choices[0].message.content

    assert asyncio.run(use()) == "hello"


@pytest.mark.parametrize("target", [object(), lookup_order, []])
def test_only_clients_are_bound(guard: Guard, target: object) -> None:
    """What is no model client cannot carry an identity."""
    with pytest.raises(TypeError, match="cannot carry an identity"):
        guard.bind(target, AGENT)


def test_a_closed_guard_refuses_everything(
    policy_file: Path, plain: OpenAI, provider: LoopbackProvider
) -> None:
    """After close a model call and a tool call fail before dispatch, and nothing is sent."""
    ran: list[str] = []
    with closing(Guard.from_file(policy_file)) as guard:
        guard.wrap(plain)

        @guard.tool
        def lookup_order(order: str) -> str:
            ran.append(order)
            return order

    with guard.identity(AGENT, on_behalf_of=ALICE):
        with pytest.raises(GuardFailure) as of_model:
            chat(plain)
        with pytest.raises(GuardFailure) as of_tool:
            lookup_order(ORDER)
    for failure in (of_model.value, of_tool.value):
        assert (failure.part, failure.dispatched) == ("audit", False)
    assert provider.journal == ()
    assert ran == []


def test_closing_twice_is_closing_once(policy_file: Path) -> None:
    """A guard that is closed again, or left as a block after close, does nothing more."""
    with Guard.from_file(policy_file) as guard:
        guard.close()
    guard.close()


# --- two guards ----------------------------------------------------------------------------


@pytest.fixture
def other_guard(policy_file: Path) -> Iterator[Guard]:
    """A second guard in this process, of the same policy with a store of its own."""
    folder = policy_file.parent / "other"
    folder.mkdir()
    path = folder / "agentguard.toml"
    path.write_text(policy_file.read_text(encoding="utf-8"), encoding="utf-8")
    with Guard.from_file(path) as guard:
        yield guard


@pytest.fixture
def autonomous(policy_file: Path) -> Iterator[Guard]:
    """A guard whose policy lets agent:support chat for nobody."""
    rule = '[[rule]]\nid = "alone"\nwho = ["agent:support"]\nprovider = ["loopback"]\n'
    with policy_file.open("a", encoding="utf-8") as file:
        file.write(f'{rule}model = ["*"]\nthen = "allow"\n')
    with Guard.from_file(policy_file) as guard:
        yield guard


def test_two_guards_share_no_identity(guard: Guard, other_guard: Guard) -> None:
    """A block of one guard is nobody's identity at the other guard."""
    look_up = other_guard.tool(lookup_order)
    with guard.identity(AGENT, on_behalf_of=ALICE), pytest.raises(IdentityRequired):
        look_up(ORDER)


def test_two_guards_share_no_session(
    guard: Guard, other_guard: Guard, provider: LoopbackProvider
) -> None:
    """A placeholder of one guard's session means nothing in the same session of the other."""
    with (
        OpenAI(base_url=provider.base_url, api_key="none") as first,
        OpenAI(base_url=provider.base_url, api_key="none") as second,
        guard.identity(AGENT, on_behalf_of=ALICE, session="s"),
        other_guard.identity(AGENT, on_behalf_of=ALICE, session="s"),
    ):
        assert chat(guard.wrap(first), CUSTOMER) == CUSTOMER
        placeholder = json.loads(provider.journal[0].body)["messages"][0]["content"]
        assert placeholder != CUSTOMER
        provider.script([Answer(content=placeholder)] * 2)
        assert chat(first) == CUSTOMER
        assert chat(other_guard.wrap(second)) == placeholder
