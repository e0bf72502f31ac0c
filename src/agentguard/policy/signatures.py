# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Did somebody who may do so sign exactly this policy?

A signature is a DSSE envelope (https://github.com/secure-systems-lab/dsse) over the policy's name
and digest, with Ed25519 keys. What is no part of the digest is not signed: where this deployment
lies, and the content of files of values. Whose keys count is said by whoever starts the guard,
never by the policy.

INVARIANT: an envelope counts for one name and one digest, and only with a key that is trusted
(tests/attacks/test_signed_policies.py).
"""

import base64
import binascii
import json
from collections.abc import Collection, Mapping
from datetime import datetime

from agentguard.canonical import canonical_bytes, instant
from agentguard.signing import public_key, signed, statement, verifies

PAYLOAD_TYPE = "application/vnd.agentguard.policy+json"
VERSION = 1


class NotSigned(ValueError):
    """A policy is not signed by anybody who is trusted; the message says what is wrong."""


def signature_envelope(
    name: str, digest: str, at: datetime, private_key: bytes, passphrase: bytes | None = None
) -> str:
    """Return the signature of a policy as JSON text.

    Args:
        name: the policy's name.
        digest: the policy's digest.
        at: when it is signed.
        private_key: the signer's key, PEM.
        passphrase: of the key.

    Raises:
        ValueError: the key cannot be read.
    """
    body = canonical_bytes({"v": VERSION, "name": name, "digest": digest, "at": instant(at)})
    envelope = {
        "payloadType": PAYLOAD_TYPE,
        "payload": base64.b64encode(body).decode("ascii"),
        "signatures": [
            {
                "keyid": public_key(private_key, passphrase),
                "sig": signed(statement(PAYLOAD_TYPE, body), private_key, passphrase),
            }
        ],
    }
    return json.dumps(envelope, indent=2) + "\n"


def signer_of(text: str, name: str, digest: str, trusted: Collection[str]) -> str:
    """Return the trusted key with which a policy was signed.

    Args:
        text: the envelope.
        name: the policy's name.
        digest: the policy's digest.
        trusted: the public keys that count.

    Raises:
        NotSigned: the envelope is about another policy, or no trusted key signed it.
    """
    body, signatures = _opened(text)
    for key in sorted(trusted):
        if any(verifies(statement(PAYLOAD_TYPE, body), each, key) for each in signatures):
            _refuse_another(body, name, digest)
            return key
    raise NotSigned("it is signed by none of the trusted keys")


def _opened(text: str) -> tuple[bytes, tuple[str, ...]]:
    """Return the payload of an envelope and its signatures."""
    try:
        envelope = json.loads(text)
        if envelope["payloadType"] != PAYLOAD_TYPE:
            raise NotSigned("the signature is one of something else than a policy")
        body = base64.b64decode(envelope["payload"], validate=True)
        signatures = tuple(str(each["sig"]) for each in envelope["signatures"])
    except (ValueError, TypeError, KeyError, RecursionError, binascii.Error) as error:
        told = error if isinstance(error, NotSigned) else None
    else:
        return body, signatures
    raise told or NotSigned("the signature cannot be read")


def _refuse_another(body: bytes, name: str, digest: str) -> None:
    """Refuse a signature that a trusted key made for another policy."""
    said = json.loads(body)
    if not isinstance(said, Mapping) or said.get("v") != VERSION:
        raise NotSigned("the signature is of a version that is not known")
    if said.get("name") != name:
        raise NotSigned("the signature is for a policy of another name")
    if said.get("digest") != digest:
        raise NotSigned("the policy was changed since it was signed")
