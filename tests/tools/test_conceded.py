# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is everything reported that a guard lets pass because its policy says so?"""

import gc
from pathlib import Path

from agentguard import Guard
from agentguard.tools import note_observer, note_partial


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
