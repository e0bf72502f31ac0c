# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How long is a duration, as people write it?"""

import re
from datetime import timedelta

EXPECTED = "must be a duration such as '30s', '10m', '4h' or '2d'"

_DURATION = re.compile(r"([0-9]{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def duration(text: str) -> timedelta | None:
    """Return the duration that a text such as ``10m`` means, None when it means none."""
    found = _DURATION.fullmatch(text)
    return None if found is None else timedelta(**{_UNITS[found[2]]: int(found[1])})
