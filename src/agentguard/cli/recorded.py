# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which decided calls are recorded?

Opens the facts that lie beside the audit log, with the key that the policy file names.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from agentguard.cli.output import CommandFailed
from agentguard.config import Deployment, FactsSettings, load_facts
from agentguard.config.durations import duration, point_in_time
from agentguard.review.facts import DecidedCall
from agentguard.stores import FactsKeeper, FactsStore
from agentguard.wiring import facts_keeper, now

WHEN = "an age such as 30d, or a day such as 2026-11-22"


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """The facts of one deployment.

    Attributes:
        deployment: where they lie.
        settings: how they are kept.
        store: reads and erases them.
        keeper: opens them.
    """

    deployment: Deployment
    settings: FactsSettings
    store: FactsStore
    keeper: FactsKeeper

    def decided(self, since: datetime | None = None) -> Iterator[DecidedCall | None]:
        """Yield the decided calls by time; None for one of which no facts are kept.

        Args:
            since: the first moment that counts; by default all that has not expired.
        """
        age = self.settings.expire_after
        alive = None if age is None else now() - age
        times = [each for each in (since, alive) if each is not None]
        for each in self.store.recorded(max(times, default=None)):
            if each.facts is None:
                yield None
            else:
                yield self.keeper.opened(each.facts, each.entry.call_id)


def open_records(config: str) -> Records:
    """Open the facts that a policy file says are kept.

    Raises:
        CommandFailed: it says of none.
        ConfigError: the file cannot be used.
        StoreFailure: there is no store.
    """
    settings, deployment = load_facts(config)
    if settings is None:
        raise CommandFailed(
            "the policy file has no [facts] table, so nothing is kept of what decisions were made"
            " on: add one with key_env or key_file"
        )
    return Records(
        deployment=deployment,
        settings=settings,
        store=FactsStore(deployment.store),
        keeper=facts_keeper(settings),
    )


def add_since(command: argparse.ArgumentParser) -> None:
    """Add ``--since``."""
    command.add_argument(
        "--since", metavar="WHEN", help=f"take calls from then on: {WHEN} (default: all)"
    )


def moment(text: str | None, option: str) -> datetime | None:
    """Return the moment that an age or a day means, None for none.

    Raises:
        CommandFailed: it means none.
    """
    if text is None:
        return None
    age: timedelta | None = duration(text)
    if age is not None:
        return now() - age
    at = point_in_time(text)
    if at is None:
        raise CommandFailed(f"{option} must be {WHEN}")
    return at


def plain_arguments(decided: DecidedCall) -> Any:
    """Return what a call was decided on, as plain JSON, or None where that was too large."""
    from agentguard.canonical import thaw
    from agentguard.vocabulary import ToolCall

    call = decided.call
    if decided.omitted:
        return None
    if isinstance(call, ToolCall):
        return {name: thaw(value) for name, value in call.resolved.items()}
    return {
        "model": call.model,
        "references": sorted(call.references),
        "hosted": [each.type for each in call.hosted_tools],
    }
