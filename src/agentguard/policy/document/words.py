# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which words have a meaning of their own in a policy file?"""

ANYBODY = "user:*"
GROUP = "group:"
EVERY_CLASS = "*"
SECRET = "secret"  # noqa: S105 - the name of a family of classes
TEXT_FAMILIES = frozenset({SECRET, "pii", "organisation"})
MEDIA = "media"
ANSWER = "answer"
# Classes of this family that are looked for in some of what is said only.
DATA_LINK = "data_link"
INSTRUCTIONS = "instructions"
ECHOED_INSTRUCTIONS = "echoed_instructions"
FAMILIES = TEXT_FAMILIES | {MEDIA, ANSWER}
DEFAULT_OPERATIONS = ("chat",)
SURFACES = frozenset({"openai", "anthropic"})
