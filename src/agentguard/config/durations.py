# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How long is a duration, and when is a time, as people write them?"""

import re
from datetime import UTC, datetime, timedelta

# Longer ones lead out of the calendar.
LONGEST = timedelta(days=36_500)
EXPECTED = "must be a duration such as '30s', '10m', '4h' or '2d', of 100 years at most"
EXPECTED_TIME = "must be a date or a time, such as 2026-12-31"

_DURATION = re.compile(r"([0-9]{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def duration(text: str) -> timedelta | None:
    """Return the duration that a text such as ``10m`` means, None when it means none."""
    found = _DURATION.fullmatch(text)
    meant = None if found is None else timedelta(**{_UNITS[found[2]]: int(found[1])})
    return None if meant is None or meant > LONGEST else meant


def point_in_time(text: str) -> datetime | None:
    """Return the time that a text means, of a day its beginning; None when it means none.

    It is in UTC where the text names no zone.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
