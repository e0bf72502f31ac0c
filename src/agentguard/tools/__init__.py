# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How is a tool guarded, whatever it comes from?

What the integrations of functions and of frameworks share; what is special about one stands in its
integration.

conceded   what is let pass that cannot be held in full?
declared   is the tool the one that the policy speaks of?
known      which living tools pass a guard?
described  a tool of which a name, a text and a schema are known, as frameworks have them
pinning    which tools of a server may be used, by what it says of them today?
telling    which refusals is a model told of?
wrapping   what an integration is given to guard an object with
"""

from agentguard.tools.conceded import note_observer, note_partial, observers_of, partial_of
from agentguard.tools.declared import check_declared, check_impact, check_time
from agentguard.tools.described import DescribedTool, Description, arguments_of
from agentguard.tools.known import (
    Known,
    ask_about,
    guarded_tools,
    known_as,
    note_guarded,
    require_hooks,
)
from agentguard.tools.pinning import ServedTools, content_of
from agentguard.tools.telling import told_to_model
from agentguard.tools.wrapping import HasEnforcer, Wrapping

__all__ = [
    "DescribedTool",
    "Description",
    "HasEnforcer",
    "Known",
    "ServedTools",
    "Wrapping",
    "arguments_of",
    "ask_about",
    "check_declared",
    "check_impact",
    "check_time",
    "content_of",
    "guarded_tools",
    "known_as",
    "note_guarded",
    "note_observer",
    "note_partial",
    "observers_of",
    "partial_of",
    "require_hooks",
    "told_to_model",
]
