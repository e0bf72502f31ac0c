# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Where is the signature of a policy file, and must there be one?

INVARIANT: where keys are trusted, a policy without a good signature is not loaded
(tests/attacks/test_signed_policies.py).
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from agentguard.errors import ConfigError, Problem
from agentguard.policy import NotSigned, Policy, signer_of
from agentguard.signing import raw_key

TRUSTED_VARIABLE = "AGENTGUARD_TRUSTED_KEYS"
SUFFIX = ".sig"


def signature_path(path: Path) -> Path:
    """Return where the signature of a policy file lies: beside it, with ``.sig`` behind."""
    return path.with_name(path.name + SUFFIX)


def trusted_keys(given: Iterable[str] | None, env: Mapping[str, str]) -> frozenset[str] | None:
    """Return the keys that count, None where no signature is asked for.

    Args:
        given: the keys that the program names; they count instead of those of the environment.
        env: the environment.

    Raises:
        ConfigError: none is named where some are to be, or one is no public key.
    """
    if given is None:
        written = env.get(TRUSTED_VARIABLE)
        if written is None:
            return None
        given = re.split(r"[\s,]+", written.strip())
    keys = frozenset(given)
    if not keys or any(raw_key(key) is None for key in keys):
        raise ConfigError(
            f"trusted keys must be public keys, 'ed25519:...'; {TRUSTED_VARIABLE} holds them"
            " separated by commas where the program names none"
        )
    return keys


def require_signature(path: Path, policy: Policy, trusted: frozenset[str]) -> str:
    """Return the trusted key with which the policy of a file was signed.

    Raises:
        ConfigError: there is no good signature.
    """
    place = signature_path(path)
    try:
        return signer_of(place.read_text(encoding="utf-8"), policy.name, policy.digest, trusted)
    except NotSigned as refused:
        problem = str(refused)
    except FileNotFoundError:
        problem = "there is no signature"
    except (OSError, UnicodeDecodeError):
        problem = "the signature cannot be read"
    message = f"{problem}; review the policy and sign it with 'agentguard policy sign'"
    raise ConfigError([Problem(file=str(place), key="", line=None, message=message)])
