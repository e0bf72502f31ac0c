# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""As which symbols does the model of letters read a token?

28 of them: the letters in one case, a digit, and a break, which stands for everything else and
for the hump of a compound name. The training script and the measure both read tokens through here.
"""

import re

SYMBOLS = 28
DIGIT, BREAK = 26, 27
STEPS_PER_BIT = 16

_HUMP = re.compile(rb"(?=[A-Z][a-z])")
_BREAK = bytes((BREAK,))
_BREAKS = (2 * _BREAK, _BREAK)


def _symbol(byte: int) -> int:
    if byte in b"0123456789":
        return DIGIT
    return (byte | 0x20) - ord("a") if bytes((byte,)).isalpha() else BREAK


_FOLD = bytes(map(_symbol, range(256)))


def folded(token: bytes) -> bytes:
    """Return the symbols of a token, one a byte, behind two breaks and before one."""
    return _BREAK + (b" " + _HUMP.sub(b" ", token) + b" ").translate(_FOLD).replace(*_BREAKS)
