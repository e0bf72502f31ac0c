# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a first policy look like?

Gives the commented starter policy with an approver's public key filled in.
"""

_KEY = "{{APPROVER_KEY}}"
_APPROVER = "{{APPROVER}}"


def starter(approver_key: str, approver: str = "user:carol") -> str:
    """Return the text of the starter policy.

    Args:
        approver_key: the approver's public key, ``ed25519:`` and base64.
        approver: the person who answers approval requests.
    """
    # Deferred: only making a policy needs it, and it is slow to import.
    from importlib.resources import files

    text = files("agentguard.config").joinpath("starter.toml").read_text(encoding="utf-8")
    return text.replace(_KEY, approver_key).replace(_APPROVER, approver)
