# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is this value none of anybody's secrets, whatever stands beside it?

Knows placeholders, templates, references, expressions of programs, places and plain words.
It looks at the value alone.

INVARIANT: a comment or a word that asks scanners to look away has no effect
(tests/classification/test_contextual_detector.py).
"""

import re

_TEMPLATE = re.compile(
    rb"\$\{|\{\{|\$\(|<[A-Za-z_][^>]*>|%\(\w+\)|#\{|\{\d*\}|\{[A-Za-z_][\w.\[\]'\":!]*\}|\*{3}|\.{3}"
    rb"|\A\$[A-Za-z_{(]|\A%\w+%\Z|\A%[sdrv@]\Z|\A\[.*\]\Z|\A__\w+__\Z|\A@\w+@\Z|x{5}|X{5}"
    rb"|\xe2\x80[\xa6\xa2]|\A:[a-z]+\Z"
    rb"|\A(?:%[sdrvi](?:\\[nt]|[ :/,-]){0,4}){1,16}\Z|\A--[a-z]+-[a-z]|\A[Uu]?[Ii]nt\d{1,3}(?:Array|_t)?\Z"
    rb"|\A#[0-9A-Fa-f]{3,8}\Z|\A(?:rgb|hsl)a?\("
)
_PLACEHOLDER = re.compile(
    rb"(?i)\A(?:null|none|nil|undefined|true|false|yes|no|on|off|empty|n/?a|tbd|todo|void|self"
    rb"|this|string|str|bytes?|int|bool|object|any|optional|required|value|redacted|removed|hidden"
    rb"|masked|secret|password|passwd|pass|token|key|apikey|api[_-]key|user|username|login|admin"
    rb"|root|test|testing|foo|bar|baz|foobar|changeme|change[_-]?me|placeholder|default|example)\Z"
    rb"|your|example|placeholder|dummy|insert|replace[_-]|change[_-]?(?:me|this)|redacted|sample"
    rb"|[_-]here\b|to[_-]?do\b|fake|mock|xxx|goes[_-]here|<|>"
)
_CODE = re.compile(
    rb"\A[A-Za-z_$][\w$]*(?:\.|->|::|\[|\()|\(\)|\A[A-Za-z_]+\Z|\A[\[({&*!]|\A-|\A@(?:[A-Z]+|_)\Z|=>|\A[A-Z][A-Z0-9_]*_[A-Z0-9_]*\Z|\A[a-z]+(?:_[a-z0-9]+)+\Z"
    rb"|\A[a-z_]{1,32}(?:\+[a-z_]{1,32}){1,8}\Z"
)
_PATH = re.compile(rb"\A(?:\.{0,3}/|~/|[A-Za-z]:\\)")
_ADDRESS = re.compile(
    rb"\A(?:[a-z][a-z0-9+.-]{1,15}://|file:|data:|\.{1,2}/|xn--[a-z0-9-]{1,60}\.)"
)
_CALL = re.compile(
    rb"(?:[!\w.$]{1,40}(?:\?|&&|\|\|))?[A-Za-z_$][\w.$]*\(|\A[A-Za-z_$][\w$]*(?:\.[A-Za-z_]\w*)+\Z"
)
_LETTER_OR_DIGIT = re.compile(rb"[A-Za-z0-9\x80-\xff]")
_FILE = re.compile(
    rb"(?i)\.(?:py|js|ts|json|ya?ml|toml|xml|html?|css|md|txt|pem|crt|cer|key|pub|png|jpe?g|gif|svg"
    rb"|conf|cfg|ini|sh|go|rs|java|rb|php|cs|cpp|com|org|net|io|dev|log|lock|gz|xz|bz2|tgz|zip|jar|exe|dll|so|deb|rpm|apk|whl)\Z"
)
_ALGORITHM = re.compile(
    rb"(?i)\A(?:utf-?(?:8|16|32)(?:-?[bl]e)?|base-?(?:16|32|58|64)(?:url)?|(?:scram-)?sha-?\d+(?:[-_/]\d+)?"
    rb"|md[45]|(?:aes|hs|rs|es|ps|hmac|rsa|ec|ed|x|ecdsa|chacha|argon|pbkdf|oauth|http|v|rfc|urllib)"
    rb"[-_]?(?:sha)?-?\d+(?:[-_/.a-z0-9]+)?|latin-?\d|iso-\d+(?:-\d+)?|cp\d+|ascii|bcrypt|scrypt)\Z"
)
_HOST = re.compile(rb"[a-z0-9-]{1,20}(?:\.[a-z0-9-]{1,20}){2,}\Z")
_PATTERN = re.compile(rb"\\\\[wdsSWDb]|\(\?[:=!P]|\[\^|[\])][*+]|\.\*")
# The strokes of a drawing: numbers, and letters alone or in pairs between them.
_STROKES = re.compile(rb"-?\d[\d.,-]*(?:[AaCcHhLlMmQqSsTtVvZz]{1,2}[-.,]?\d[\d.,-]*){4,}\Z")
# How public keys begin in base64: RFC 3110, RFC 4253, RFC 5280.
_PUBLIC_KEY = re.compile(
    rb"AwEAA|AAAA(?:B3NzaC1|C3NzaC1lZDI1NTE5|E2VjZHNhLX)|MII[A-F][A-Za-z]jANBgkqhkiG9w0BAQ"
    rb"|MIGfMA0GCSqGSIb3DQEB|M(?:FkwEw|FYwEA|HYwEA)YHKoZIzj0C|MIGbMBAGByqGSM49|MCowBQYDK2V[uw]AyEA"
)
# One name of several words, the last of which is one.
_IDENTIFIER = re.compile(
    rb"[A-Za-z]{2,16}[_-](?:[A-Za-z]{1,16}[_-]){0,6}(?:(?:[A-Z]?[a-z]{0,12}[0-9]{0,4}){1,2}[_-])?[A-Za-z]{3,16}\Z"
)
# So many characters, none of them twice, are not drawn one after the other.
_SHORTEST_ALPHABET = 30
_VERSION = re.compile(rb"v?\d+\.\d+")
_WORDS = re.compile(rb"\A[A-Za-z]+(?:[ _\-.,:;!?'/]+[A-Za-z]+)*[.,:;!?]*\Z")
_NUMBER = re.compile(
    rb"\A(?:0x[0-9a-fA-F]{1,16}|[+-]?[\d.,:_/\- T]+(?:Z|ms|s|m|h|d|px|em|%|[KMG]i?B)?)\Z"
)


def is_template(value: bytes) -> bool:
    """Say whether a value is filled in later."""
    return _TEMPLATE.search(value) is not None or _PATTERN.search(value) is not None


def is_placeholder(value: bytes) -> bool:
    """Say whether a value only stands for one."""
    return (
        _PLACEHOLDER.search(value) is not None
        or _ALGORITHM.match(value) is not None
        or _LETTER_OR_DIGIT.search(value) is None
        or len(set(value)) <= 2  # noqa: PLR2004 - one letter and perhaps a sign
    )


def is_address(value: bytes) -> bool:
    """Say whether a value is the address of a resource."""
    return _ADDRESS.match(value) is not None


def is_file(value: bytes) -> bool:
    """Say whether a value is a path, or the name of a file or of a host."""
    return (
        _PATH.match(value) is not None
        or _FILE.search(value) is not None
        or _HOST.match(value) is not None
    )


def is_code(value: bytes) -> bool:
    """Say whether an unquoted value is an expression or a name of a program."""
    return _CODE.search(value) is not None


def is_call(value: bytes) -> bool:
    """Say whether an unquoted value calls a function or reads a member."""
    return _CALL.match(value) is not None


def is_words(value: bytes) -> bool:
    """Say whether a value holds letters and what parts words, and nothing else."""
    return _WORDS.match(value) is not None


def is_number(value: bytes) -> bool:
    """Say whether a value is a number, a date or a size."""
    return _NUMBER.match(value) is not None


def is_public_key(value: bytes) -> bool:
    """Say whether a value begins as public keys do, and no other ones."""
    return _PUBLIC_KEY.match(value) is not None


def is_drawing(value: bytes) -> bool:
    """Say whether a value is a part of a drawing in SVG."""
    return _STROKES.match(value) is not None


def is_alphabet(value: bytes) -> bool:
    """Say whether a value lists the characters of an alphabet."""
    return len(value) >= _SHORTEST_ALPHABET and len(set(value)) == len(value)


def is_identifier(value: bytes) -> bool:
    """Say whether a value is written as a name of several words is."""
    return _IDENTIFIER.match(value) is not None


def is_version(value: bytes) -> bool:
    """Say whether a value begins as versions and coordinates do."""
    return _VERSION.match(value) is not None
