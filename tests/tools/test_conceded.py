# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is everything reported that a guard lets pass because its policy says so?"""

import gc
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from agentguard import ConfigError, Guard
from agentguard.tools import (
    full_name,
    note_observer,
    note_partial,
    objection_to_observer,
    require_partial,
)


class Model:
    """Something of a framework."""


def test_what_is_guarded_in_part_is_counted_as_long_as_it_lives(guard: Guard) -> None:
    """An object that is gone is no longer in the report."""
    held = [Model(), Model()]
    for each in held:
        note_partial(each, guard.enforcer, "app.Model")
    assert guard.coverage().partial == {"app.Model": 2}
    del each
    held.pop()
    gc.collect()
    assert guard.coverage().partial == {"app.Model": 1}
    assert "! guarded in part only: 1 app.Model" in str(guard.coverage())


def test_an_observer_is_news_once_for_each_guard(guard: Guard, policy_file: Path) -> None:
    """Two guards in one process know nothing of what the other one lets see."""
    assert note_observer(guard.enforcer, "app.Tracer")
    assert not note_observer(guard.enforcer, "app.Tracer")
    with Guard.from_file(policy_file) as other:
        assert other.coverage().observers == ()
        assert note_observer(other.enforcer, "app.Tracer")
    told = guard.coverage()
    assert told.observers == ("app.Tracer",)
    assert "! sees content before it is hidden: app.Tracer" in str(told)
    assert told.as_json()["observers"] == ["app.Tracer"]


def test_nothing_is_conceded_unless_the_policy_says_so(guard: Guard) -> None:
    """Without a word in the policy, observers and objects that are guarded in part are refused."""
    objection = objection_to_observer(guard.enforcer, "app.Tracer", instead="close its eyes")
    assert objection is not None
    assert "app.Tracer would see" in str(objection)
    assert "close its eyes, or name its class in known_observers" in str(objection.remedy)
    with pytest.raises(ConfigError, match=r'no client, or set partial = "warn"'):
        require_partial(guard.enforcer, "app.Model has no client")
    assert guard.coverage().observers == ()


def test_what_the_policy_lets_pass_is_told_once(
    guard_of: Callable[[str], Guard], caplog: pytest.LogCaptureFixture
) -> None:
    """An observer that may see is told in the log at the first time, and reported."""
    guard = guard_of('[coverage]\nobservers = "warn"\npartial = "warn"\n')
    require_partial(guard.enforcer, "app.Model has no client")
    with caplog.at_level(logging.WARNING, "agentguard"):
        for _ in range(2):
            assert objection_to_observer(guard.enforcer, "app.Tracer") is None
    assert caplog.messages == ["app.Tracer sees prompts and results as they were before hiding"]
    assert guard.coverage().observers == ("app.Tracer",)


def test_a_known_observer_is_not_told(
    guard_of: Callable[[str], Guard], caplog: pytest.LogCaptureFixture
) -> None:
    """Who is named in the policy may see, and nobody else."""
    guard = guard_of(f'[coverage]\nknown_observers = ["{full_name(Model)}"]\n')
    assert objection_to_observer(guard.enforcer, full_name(Model)) is None
    assert objection_to_observer(guard.enforcer, full_name(type(guard))) is not None
    assert not caplog.messages
    assert guard.coverage().observers == ()
