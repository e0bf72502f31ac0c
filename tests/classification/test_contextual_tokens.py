# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A token is judged by what it looks like and by what stands before it."""

import base64
import hashlib
import random
import string
import uuid

import pytest

from agentguard.classification.contextual import ContextualDetector
from agentguard.vocabulary import Profile

DETECTOR = ContextualDetector()
PARANOID = ContextualDetector(Profile.PARANOID)
RNG = random.Random(7)  # noqa: S311 - the same tokens every time
TOKEN = "".join(RNG.choice(string.ascii_letters + string.digits) for _ in range(32))
SHA1 = hashlib.sha1(b"x", usedforsecurity=False).hexdigest()
SHA512 = base64.b64encode(hashlib.sha512(b"x").digest()).decode()
UUID = str(uuid.UUID(int=RNG.getrandbits(128)))
BLOB = base64.b64encode(RNG.randbytes(600)).decode()
WRAPPED = "\n".join(BLOB[start : start + 64] for start in range(0, len(BLOB), 64))


def found(text: str, detector: ContextualDetector = DETECTOR) -> list[str]:
    """Return what is found in a text."""
    return [text[spot.start : spot.end] for spot in detector.detect(text)]


@pytest.mark.parametrize("prefix", ["", "acme_", "ak_live_", "pat-eu1-"])
@pytest.mark.parametrize("frame", ['call("{}")', "it was {} then", "value={} x", "a `{}` b"])
def test_a_drawn_token_is_found_without_a_name(prefix: str, frame: str) -> None:
    """A token of an unknown provider is found whole, with its prefix."""
    assert prefix + TOKEN in found(frame.format(prefix + TOKEN))


@pytest.mark.parametrize(
    "text",
    [
        f"commit {SHA1}\nAuthor: A. Person",
        f"see {SHA1} for more",
        f'"integrity": "sha512-{SHA512}"',
        f"resolved sha512-{SHA512}",
        f"golang.org/x/crypto v0.17.0 h1:{SHA512[:43]}=",
        f"mypkg/__init__.py,sha256={SHA512[:43]},1234",
        f"request {UUID} took 12 ms",
        f"trace_id={SHA1[:32]} span_id={SHA1[:16]}",
        f'{{"id": "{TOKEN}"}}',
        f"-----BEGIN CERTIFICATE-----\n{WRAPPED}\n-----END CERTIFICATE-----",
        f"data:image/png;base64,{BLOB}",
        f"https://cdn.example.org/assets/{TOKEN}/logo.png",
        "node_modules/@babel/core-7.2.3/lib/transformation/index.js",
        "AbstractSingletonProxyFactoryBean2 extends HttpServletRequestWrapper3",
        "2024-01-15T12:33:00Z 2024-01-15T12:33:01Z 1.2.3-rc.4+build.5",
        TOKEN,
        "1.3-.3 4h3.1v2.6h-3.3V27H131V10.2h-2.7V7.8h2.7v-3zm8.6 3h3v2.7",
        f"<hash_1000{SHA1[:32]}>",
        "xn--80bbb0dvbd.xn--q1bdg, xn--80bbb0dvbe9.xn--q1bdg",
        "SYMBOLS = '23456789abcdefghkmnpqrstuvwxyzACDEFGHJKLMNPQRSTUVWXYZ'",
        "Unpacking .../07-libfoo12_2%3a2.6.1-4~deb12u2_amd64.deb ...",
        f'initial-key 257 3 8 "AwEAA{WRAPPED[5:56]}\n    {BLOB[:56]}"',
        '["secret_stream_init", "crypto_secret_stream_xchacha20poly1305_keygen"]',
    ],
)
def test_what_is_drawn_and_no_secret_is_left_alone(text: str) -> None:
    """Digests, identifiers, addresses, certificates and images are no secrets."""
    assert found(text) == []


@pytest.mark.parametrize("token", [SHA1, UUID, SHA1[:32]])
@pytest.mark.parametrize(
    "frame", ["my secret key, as agreed: '{}'", "acme token {}", "acme-token-{}"]
)
def test_a_name_nearby_makes_a_digest_a_secret(token: str, frame: str) -> None:
    """What would be an identifier elsewhere is a secret behind a word that promises one."""
    assert any(token in spot for spot in found(frame.format(token)))


def test_a_whole_text_is_a_secret_in_the_loudest_profile_alone() -> None:
    """A member of a document that is one token is an identifier, unless its name says otherwise."""
    assert found(TOKEN) == []
    assert found(TOKEN, PARANOID) == [TOKEN]
