# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a first policy look like?

Gives the commented starter policy with an approver's public key filled in, and its cases.
"""

_KEY = "{{APPROVER_KEY}}"
_APPROVER = "{{APPROVER}}"


def starter(approver_key: str, approver: str = "user:carol") -> str:
    """Return the text of the starter policy.

    Args:
        approver_key: the approver's public key, ``ed25519:`` and base64.
        approver: the person who answers approval requests.
    """
    return _text("starter.toml").replace(_KEY, approver_key).replace(_APPROVER, approver)


def starter_cases() -> str:
    """Return the text of the cases beside the starter policy."""
    return _text("starter.tests.toml")


def _text(name: str) -> str:
    # Deferred: only making a policy needs it, and it is slow to import.
    from importlib.resources import files

    return files("agentguard.config").joinpath(name).read_text(encoding="utf-8")
