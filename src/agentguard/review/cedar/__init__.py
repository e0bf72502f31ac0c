# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a policy say in Cedar, and what is Cedar asked?

    exporting   a policy as Cedar's policies, schema and entities
    asking      a call as requests to Cedar
    stated, selecting, conditions, claims   a rule, and each thing that it says
    views, places   how values are seen, and by which names
    schema, entities, syntax   what Cedar is told about names and types

Cedar itself is not run here.
"""

from agentguard.review.cedar.asking import Question, questions_about
from agentguard.review.cedar.exporting import CedarPolicy, export_to_cedar

__all__ = ["CedarPolicy", "Question", "export_to_cedar", "questions_about"]
