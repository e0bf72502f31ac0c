# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How do two versions of a policy differ, in what they decide?

Rules are boxes over arguments. For every identity, person, environment, assurance and tool that
rules tell apart, the boxes of one version are taken from those of the other; what is left over is
where they differ, and a call in it is the witness. The way of the work:

``versions``         which rules are about whom, and where the versions are written differently
``leaves``           what a constraint is made of, and what follows from what
``languages``        which kinds of text expressions tell apart; ``patterns`` writes them
``representatives``  which values stand for all values
``sides``            which kinds of values one argument has
``boxes``            whether a box holds something that others do not
``changes``          what kinds of differences there are, and whether a call shows one
``tool_calls``, ``model_calls``  what a box is about
``tables``           what differs outside of the rules; ``reach`` knows what that touches
``whole``            all of it

Paths are taken to lead where they seem to, a session has used nothing up, and extra deciders,
grants and classes in the content are not asked: all of these only tighten.
"""

from agentguard.review.difference.changes import Change, Kind
from agentguard.review.difference.tables import Direction, TableChange
from agentguard.review.difference.whole import Difference, difference

__all__ = ["Change", "Difference", "Direction", "Kind", "TableChange", "difference"]
