# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How long is a duration, as people write it?"""

import re
from datetime import timedelta

# Longer ones lead out of the calendar.
LONGEST = timedelta(days=36_500)
EXPECTED = "must be a duration such as '30s', '10m', '4h' or '2d', of 100 years at most"

_DURATION = re.compile(r"([0-9]{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def duration(text: str) -> timedelta | None:
    """Return the duration that a text such as ``10m`` means, None when it means none."""
    found = _DURATION.fullmatch(text)
    meant = None if found is None else timedelta(**{_UNITS[found[2]]: int(found[1])})
    return None if meant is None or meant > LONGEST else meant
