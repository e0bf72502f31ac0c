# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is every client object of the process found, and told apart by who guards it?"""

import gc
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from anthropic import Anthropic, AnthropicBedrock
from openai import AsyncOpenAI, AzureOpenAI, OpenAI

from agentguard import Guard
from agentguard.clients.living import Standing, class_name, living
from agentguard.config import starter
from agentguard.integrations.anthropic import SURFACE as ANTHROPIC
from agentguard.integrations.openai import SURFACE
from agentguard.signing import new_key

KEY = "canary-key-4711"


class Derived(OpenAI):
    """A program's own client."""


def found(guard: Guard) -> Counter[tuple[Standing, str]]:
    """Count the clients of OpenAI's SDK."""
    return living(SURFACE, guard._parts.enforcer)


@pytest.fixture
def before(guard: Guard) -> Counter[tuple[Standing, str]]:
    """The clients that other tests left alive."""
    gc.collect()
    return found(guard)


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Guard]:
    """A second guard in the process."""
    folder = tmp_path / "other"
    folder.mkdir()
    (folder / "agentguard.toml").write_text(starter(new_key()[1]))
    with Guard.from_file(folder / "agentguard.toml") as made:
        yield made


def test_clients_are_told_apart(
    guard: Guard, other: Guard, before: Counter[tuple[Standing, str]]
) -> None:
    """Clients of this guard, of another, of none, and ones made past a guard, each count apart."""
    ours = guard.wrap(OpenAI(api_key=KEY))
    copies = [ours.with_options(timeout=1), guard.bind(ours, "agent:support")]
    theirs = other.wrap(AsyncOpenAI(api_key=KEY))
    free = AzureOpenAI(api_key=KEY, azure_endpoint="https://a.example", api_version="v")
    past = type(ours).__new__(type(ours))
    after = found(guard) - before
    assert after == {
        (Standing.GUARDED, "OpenAI"): 3,
        (Standing.ELSEWHERE, "AsyncOpenAI"): 1,
        (Standing.UNGUARDED, "AzureOpenAI"): 1,
        (Standing.REFUSING, "OpenAI"): 1,
    }
    del copies, theirs, free, past


def test_a_client_of_a_class_that_is_no_surface_is_found(
    guard: Guard, before: Counter[tuple[Standing, str]]
) -> None:
    """A derived class, and a class of the SDK that the guard does not take, count as unguarded."""
    derived = Derived(api_key=KEY)
    bedrock = AnthropicBedrock(aws_region="eu-west-1", aws_access_key="a", aws_secret_key="b")
    assert found(guard) - before == {(Standing.UNGUARDED, "OpenAI"): 1}
    of_anthropic = living(ANTHROPIC, guard._parts.enforcer)
    assert of_anthropic[Standing.UNGUARDED, "AnthropicBedrock"] == 1
    del derived, bedrock


def test_a_client_that_is_given_its_old_class_back_is_found(
    guard: Guard, before: Counter[tuple[Standing, str]]
) -> None:
    """A guarded client whose class was swapped back counts as unguarded."""
    client = guard.wrap(OpenAI(api_key=KEY))
    client.__class__ = OpenAI
    assert found(guard) - before == {(Standing.UNGUARDED, "OpenAI"): 1}


def test_the_module_level_client_is_found(
    guard: Guard, before: Counter[tuple[Standing, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client behind the functions of the module itself counts as unguarded until wrapped."""
    monkeypatch.setattr(openai, "api_key", KEY)
    monkeypatch.setattr(openai, "_client", None)
    assert openai.chat.completions is not None
    assert found(guard) - before == {(Standing.UNGUARDED, "OpenAI"): 1}
    guard.wrap(openai._client)
    assert found(guard) - before == {(Standing.GUARDED, "OpenAI"): 1}


def test_what_is_only_garbage_is_not_reported(
    guard: Guard, before: Counter[tuple[Standing, str]]
) -> None:
    """A client that nobody holds any more is not found, though it refers to itself."""
    gone = OpenAI(api_key=KEY)
    assert gone.chat.completions is not None
    del gone
    assert found(guard) - before == {}


def test_guarded_clients_are_counted_though_they_are_frozen(tmp_path: Path) -> None:
    """After gc.freeze guarded clients still count, and coverage says that others may be hidden."""
    code = """
import gc, sys
from openai import OpenAI
from agentguard import Guard
with Guard.from_file(sys.argv[1]) as guard:
    client = guard.wrap(OpenAI(api_key="x"))
    free = OpenAI(api_key="x")
    gc.freeze()
    clients = guard.coverage().surfaces[0].clients
    print(clients.guarded, clients.unguarded, guard.coverage().hidden_objects > 0)
    gc.unfreeze()
    clients = guard.coverage().surfaces[0].clients
    print(clients.guarded, clients.unguarded, guard.coverage().hidden_objects)
"""
    (tmp_path / "p.toml").write_text(starter(new_key()[1]))
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "p.toml")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [
        "{'OpenAI': 1} {} True",
        "{'OpenAI': 1} {'OpenAI': 1} 0",
    ]


def test_looking_disturbs_no_other_thread(guard: Guard) -> None:
    """A tuple that another thread is making is not held, which would be an error there."""
    kinds = (OpenAI, AsyncOpenAI, AzureOpenAI) * 20
    done = threading.Event()
    broken: list[BaseException] = []

    def make_tuples() -> None:
        try:
            while not done.is_set():
                assert tuple(kind for kind in kinds) == kinds
        except (AssertionError, SystemError) as error:
            broken.append(error)

    def give_way(*_: object) -> None:
        time.sleep(0)

    # What is called at a collection lets other threads go on, as finalizers do.
    interval, threshold = sys.getswitchinterval(), gc.get_threshold()
    makers = [threading.Thread(target=make_tuples) for _ in range(3)]
    sys.setswitchinterval(1e-5)
    gc.set_threshold(50)
    gc.callbacks.append(give_way)
    try:
        for maker in makers:
            maker.start()
        for _ in range(5):
            found(guard)
    finally:
        done.set()
        gc.callbacks.remove(give_way)
        gc.set_threshold(*threshold)
        sys.setswitchinterval(interval)
        for maker in makers:
            maker.join()
    assert broken == []


def test_an_object_that_lies_about_its_class_is_left_alone(guard: Guard) -> None:
    """Looking for clients runs no code of any object: not even to ask for its class."""

    class Liar:
        kind: type

        def __getattribute__(self, name: str) -> Any:
            raise AssertionError(name)

    liar = Liar()
    object.__setattr__(liar, "kind", OpenAI)
    found(guard)
    del liar


@pytest.mark.parametrize(
    ("kind", "name"),
    [(Derived, "OpenAI"), (Anthropic, None), (object, None), (openai.Stream, None)],
)
def test_a_class_is_named_as_its_sdk_names_it(kind: type, name: str | None) -> None:
    """A client class has the SDK's own public name, and no other class has one."""
    assert class_name(kind, "openai") == name
