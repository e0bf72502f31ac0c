# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Who else is asked whether a call may be made?

Deciders beside the policy file: each is asked what the policy would let happen, and can only make
the answer stricter. What becomes of an answer is said elsewhere.

An installed package offers a decider as an entry point of the group ``agentguard.deciders``: a
``DeciderFactory``, which gets the ``options`` of its table in the policy, frozen, and the folder
of the policy file, below which relative paths in options lie. For options that it cannot use it
raises ``ValueError``, whose text is told to the operator and so names options, never their values.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

from agentguard.canonical import Frozen
from agentguard.pipeline import Decider
from agentguard.vocabulary import CallAction, DecisionRequest, Effect, Verdict

DeciderFactory: TypeAlias = Callable[[Mapping[str, Frozen], Path], Decider]

__all__ = ["CallAction", "Decider", "DeciderFactory", "DecisionRequest", "Effect", "Verdict"]
