# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does each framework that the guard knows have an integration that can be called?"""

import inspect
from importlib import import_module
from typing import Any

import pytest

from agentguard import Guard
from agentguard.guard.frameworks import _INTEGRATIONS, guarded_by_framework, is_of_a_framework
from agentguard.tools import Wrapping


def nothing(target: Any) -> Any:
    """Guard nothing."""
    raise TypeError(type(target).__name__)


@pytest.fixture
def wrapping(guard: Guard) -> Wrapping:
    """Return one use of ``guard.wrap``."""
    return Wrapping(enforcer=guard.enforcer, carried=None, server=None, wrap_client=nothing)


@pytest.mark.parametrize("module", _INTEGRATIONS.values())
def test_each_integration_guards_what_it_is_given(module: str) -> None:
    """The module that a framework leads to is there, and takes an object and a wrapping."""
    guarded = import_module(module).guarded
    assert list(inspect.signature(guarded).parameters) == ["target", "wrapping"]


@pytest.mark.parametrize("root", _INTEGRATIONS)
def test_an_unknown_part_of_a_framework_is_refused(root: str, wrapping: Wrapping) -> None:
    """What comes from a framework and is no part that its integration knows is not guarded."""
    stranger = type("Stranger", (), {"__module__": f"{root}.strangers"})()
    assert is_of_a_framework(stranger)
    with pytest.raises(TypeError, match="Stranger"):
        guarded_by_framework(stranger, wrapping)


def test_what_is_of_no_framework_is_refused(wrapping: Wrapping) -> None:
    """An object of the program's own is left to others, and the table has no answer for it."""
    assert not is_of_a_framework(wrapping)
    with pytest.raises(TypeError, match="Wrapping"):
        guarded_by_framework(wrapping, wrapping)
