# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A private key is hidden with its body."""

import base64
import random
from collections.abc import Callable

import pytest

from agentguard.classification import Classifier

MATERIAL = base64.b64encode(random.Random(1).randbytes(1200)).decode()  # noqa: S311 - a fixed text
LINES = [MATERIAL[place : place + 64] for place in range(0, len(MATERIAL), 64)]
KINDS = ("RSA ", "EC ", "DSA ", "OPENSSH ", "ENCRYPTED ", "")


def covered(engine: Classifier, text: str) -> str:
    """What is covered by private keys, joined."""
    return "".join(
        text[one.start : one.end]
        for one in engine.findings(text)
        if one.data_class == "private_key"
    )


def pem(kind: str, line_break: str = "\n", *, end: bool = True) -> str:
    """A key that is none, in the form of RFC 7468."""
    head, foot = f"-----BEGIN {kind}PRIVATE KEY-----", f"-----END {kind}PRIVATE KEY-----"
    return line_break.join((head, *LINES, foot) if end else (head, *LINES))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\\n", "\\r\\n", " ", "\n    ", "\n> "])
def test_a_key_is_covered_from_its_first_to_its_last_line(
    engine: Classifier, kind: str, line_break: str
) -> None:
    """Header, body and end line are covered, whatever stands between the lines."""
    key = pem(kind, line_break)
    assert covered(engine, f"before\n{key}\nafter") == key


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\\n", " ", "\n    ", '",\n"'])
def test_a_key_without_its_end_line_is_covered(
    engine: Classifier, kind: str, line_break: str
) -> None:
    """No line of the body is left when the end line is missing."""
    text = f"before\n{pem(kind, line_break, end=False)}\n\nand this is prose again"
    hidden = covered(engine, text)
    assert all(line in hidden for line in LINES)
    assert "prose again" not in hidden


def test_headers_inside_a_key_are_covered(engine: Classifier) -> None:
    """The header fields of an encrypted key do not end it."""
    fields = ["Proc-Type: 4,ENCRYPTED", "DEK-Info: AES-128-CBC,0123456789ABCDEF", ""]
    text = "\n".join(("-----BEGIN RSA PRIVATE KEY-----", *fields, *LINES))
    assert covered(engine, text) == text


def test_pgp_and_putty_keys_are_covered(engine: Classifier) -> None:
    """Armoured PGP keys and PuTTY files are covered to their last line."""
    pgp = "\n".join(
        (
            "-----BEGIN PGP PRIVATE KEY BLOCK-----",
            "",
            *LINES,
            "=abcd",
            "-----END PGP PRIVATE KEY BLOCK-----",
        )
    )
    putty = "\n".join(
        (
            "PuTTY-User-Key-File-3: ssh-ed25519",
            "Encryption: none",
            "Comment: me",
            "Public-Lines: 2",
            *LINES[:2],
            f"Private-Lines: {len(LINES)}",
            *LINES,
        )
    )
    closed = f"{putty}\nPrivate-MAC: {'ab' * 32}"
    assert covered(engine, f"{pgp}\nbye") == pgp
    assert covered(engine, f"{closed}\nbye") == closed
    assert all(line in covered(engine, putty) for line in LINES)


def test_two_keys_are_covered_and_what_stands_between_is_not(engine: Classifier) -> None:
    """One key's end line does not serve another."""
    text = f"{pem('RSA ')}\n\nthe text between them\n\n{pem('EC ')}"
    assert "between" not in covered(engine, text)
    assert covered(engine, text) == pem("RSA ") + pem("EC ")


def der(head: str) -> str:
    """The encoding of a key that is none, without its header lines."""
    return "\n".join((head + LINES[0][len(head) :], *LINES[1:]))


HEADERLESS = (
    "MIIEowIBAAKCAQEA",
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcw",
)


@pytest.mark.parametrize("head", HEADERLESS)
@pytest.mark.parametrize("line_break", ["\n", "\\n", "\r\n"])
def test_a_key_without_header_lines_is_covered(
    engine: Classifier, head: str, line_break: str
) -> None:
    """How the encoding begins tells a key whose header lines are missing, and all its lines go."""
    key = der(head).replace("\n", line_break)
    hidden = covered(engine, f"the key:\n\n{key}\n\nand this is prose again")
    assert all(line in hidden for line in key.split(line_break))
    assert "prose" not in hidden


@pytest.mark.parametrize(
    "key",
    [
        "MHcCAQEEI" + MATERIAL[:150],
        "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg" + MATERIAL[:130],
        "MC4CAQAwBQYDK2VwBCIEI" + MATERIAL[:43],
        "AGE-SECRET-KEY-1" + "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L" + "QPZRY9X8GF2TVDW0S3JN54KHCE",
        base64.b64encode(pem("EC ").encode()).decode(),
    ],
)
def test_short_and_encoded_keys_are_covered(engine: Classifier, key: str) -> None:
    """Keys of elliptic curves, of age, and blocks that are base64 once more are covered whole."""
    assert covered(engine, f'key: "{key}" end') == key


def test_a_public_key_or_certificate_is_no_private_key(engine: Classifier) -> None:
    """What begins as a public key or a certificate does is left alone."""
    public = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA" + MATERIAL[:300]
    certificate = base64.b64encode(b"-----BEGIN CERTIFICATE-----\n" + MATERIAL.encode()).decode()
    assert covered(engine, public) == covered(engine, certificate) == ""


@pytest.mark.parametrize(
    "line",
    [
        "-----BEGIN PRIVATE KEY-----",
        "PuTTY-User-Key-File-2: x\n",
        "MIIEowIBAAKCAQEA" + LINES[0] + "\n",
        "MHcCAQEEI" + LINES[0] + LINES[1] + "\n",
        base64.b64encode(b"-----BEGIN PRIVATE KEY-----" + b"x" * 24).decode() + "\n",
    ],
)
def test_many_headers_are_not_read_more_often_than_their_length(
    bytes_read: Callable[[str], int], line: str
) -> None:
    """Four times as many headers are not read more than about four times as often."""
    assert bytes_read(line * 8000) < bytes_read(line * 2000) * 6
