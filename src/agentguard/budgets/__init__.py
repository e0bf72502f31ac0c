# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a call use up, and is it going round in circles?

``estimates`` says what a model call can use at most, before it is made, ``usage`` what it did use,
as its answer says, ``windows`` when a budget begins anew, ``stopping`` what a stop is about, and
``loops`` when calls lead nowhere.
How much there is of a budget is compared where it is kept.
"""

from agentguard.budgets.estimates import Price, input_bound, output_bound
from agentguard.budgets.loops import Circle, Loop, Rounds
from agentguard.budgets.stopping import stop_for
from agentguard.budgets.usage import NOT_KNOWN, Usage, joined, usage_of
from agentguard.budgets.windows import window_of

__all__ = [
    "NOT_KNOWN",
    "Circle",
    "Loop",
    "Price",
    "Rounds",
    "Usage",
    "input_bound",
    "joined",
    "output_bound",
    "stop_for",
    "usage_of",
    "window_of",
]
