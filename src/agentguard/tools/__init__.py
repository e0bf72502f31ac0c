# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How is a tool guarded, whatever it comes from?

What the integrations of functions and of frameworks share; what is special about one stands in its
integration.

asking     what may an MCP server be asked beside its tools?
conceded   what is let pass that cannot be held in full?
declared   is the tool the one that the policy speaks of?
described  a tool of which a name, a text and a schema are known, as frameworks have them
ending     how does a tool end?
known      which living tools pass a guard?
media      which parts of a result are no text, and may they pass?
pausing    what does a framework keep of a call that waits for people?
pinning    which tools of a server may be used, by what it says of them today?
refusing   how is a call written down that is refused before there is anything to decide?
servers    whose tool does a name of the policy stand for?
telling    which refusals is a model told of?
wrapping   what an integration is given to guard an object with
"""

from agentguard.tools.asking import ASKED, RESERVED, asked_description
from agentguard.tools.conceded import (
    full_name,
    knows_observer,
    note_observer,
    note_partial,
    objection_to_observer,
    observers_of,
    partial_of,
    require_partial,
)
from agentguard.tools.declared import check_declared, check_impact, check_time
from agentguard.tools.described import DescribedTool, Description, arguments_of
from agentguard.tools.ending import made_of_checked
from agentguard.tools.known import (
    Known,
    ask_about,
    guarded_tools,
    known_as,
    note_guarded,
    require_hooks,
)
from agentguard.tools.media import WITHHELD, media_class, media_passes
from agentguard.tools.pausing import kept_of_pause
from agentguard.tools.pinning import ServedTools, content_of
from agentguard.tools.refusing import refuse, refuse_async
from agentguard.tools.servers import clash, is_anothers, note_server
from agentguard.tools.telling import told_to_model
from agentguard.tools.wrapping import HasEnforcer, Wrapping, WrapsClients

__all__ = [
    "ASKED",
    "RESERVED",
    "WITHHELD",
    "DescribedTool",
    "Description",
    "HasEnforcer",
    "Known",
    "ServedTools",
    "Wrapping",
    "WrapsClients",
    "arguments_of",
    "ask_about",
    "asked_description",
    "check_declared",
    "check_impact",
    "check_time",
    "clash",
    "content_of",
    "full_name",
    "guarded_tools",
    "is_anothers",
    "kept_of_pause",
    "known_as",
    "knows_observer",
    "made_of_checked",
    "media_class",
    "media_passes",
    "note_guarded",
    "note_observer",
    "note_partial",
    "note_server",
    "objection_to_observer",
    "observers_of",
    "partial_of",
    "refuse",
    "refuse_async",
    "require_hooks",
    "require_partial",
    "told_to_model",
]
