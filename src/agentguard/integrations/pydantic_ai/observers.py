# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which traces of pydantic-ai would hold prompts and results as they were before they were hidden?

The framework's own instrumentation records content unless it is told not to. For what is guarded
it is told so; where it was set up by hand within a run, the run is refused, or warned about, as
``[coverage]`` of the policy says. Hooks and handlers of events are code of the program, which sees
what the program sees; they are not looked at.

INVARIANT: a guarded run that is not refused leaves no prompt in a span unless the policy names
the instrumentation (tests/attacks/frameworks/test_pydantic_ai_observed.py).
"""

import copy
from typing import Any

from pydantic_ai import RunContext
from pydantic_ai.capabilities import Instrumentation
from pydantic_ai.models.instrumented import InstrumentationSettings

from agentguard.enforcement import Enforcer
from agentguard.tools import full_name, knows_observer, objection_to_observer


def without_content(
    settings: InstrumentationSettings, enforcer: Enforcer
) -> InstrumentationSettings:
    """Return settings of the instrumentation under which no content is recorded.

    What the policy names in ``known_observers`` is left as it is.
    """
    if not settings.include_content or knows_observer(enforcer, full_name(type(settings))):
        return settings
    kept = copy.copy(settings)
    kept.include_content = False
    kept.include_binary_content = False
    return kept


def check_tracing(ctx: RunContext[Any], enforcer: Enforcer) -> None:
    """Refuse a run of which content would be recorded.

    Raises:
        UnguardedPath: content would be recorded, and the policy does not let it be.
    """
    if not ctx.trace_include_content:
        return
    if knows_observer(enforcer, full_name(InstrumentationSettings)):
        return
    error = objection_to_observer(
        enforcer, full_name(Instrumentation), instead="set include_content=False on it"
    )
    if error is not None:
        raise error
