# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How do the issuers of a policy come to work?

The only module of the package that knows all of it. Where the policy has no issuer, no library
for tokens is imported.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from agentguard.errors import ConfigError
from agentguard.issuers.claims import Declared
from agentguard.issuers.verifying import Issuer, Issuers
from agentguard.policy import IdentitySpec, IssuerSpec

if TYPE_CHECKING:
    from agentguard.issuers.keys import KeySet
    from agentguard.issuers.sources import KeySource


def open_issuers(
    specs: Iterable[IssuerSpec],
    identities: Iterable[IdentitySpec],
    folder: Path,
    now: Callable[[], datetime],
) -> Issuers:
    """Return those whose tokens count; nothing is fetched before the first token.

    Args:
        specs: the issuers of the policy.
        identities: the identities of the policy.
        folder: what the files of keys are relative to.
        now: the time of day.

    Raises:
        ConfigError: a library that an issuer needs is not installed.
    """
    return Issuers(
        [Issuer(spec=spec, keys=_source(spec, folder, now)) for spec in specs],
        Declared(identities),
        now,
    )


def _source(spec: IssuerSpec, folder: Path, now: Callable[[], datetime]) -> "KeySource":
    extra = "tokens" if spec.keys_url or spec.keys_file else "spiffe"
    try:
        from agentguard.issuers.keys import read_keys
        from agentguard.issuers.sources import FetchedKeys, FileKeys

        if spec.keys_file is not None:
            return FileKeys(folder / spec.keys_file, partial(read_keys, kind=spec.kind))
        return FetchedKeys(_fetching(spec), spec.keys_max_age, now)
    except ImportError:
        problem = f"issuer {spec.name!r} needs pip install 'agentguard[{extra}]'"
    raise ConfigError(problem)


def _fetching(spec: IssuerSpec) -> "Callable[[], KeySet]":
    if spec.keys_url is None:
        from agentguard.issuers.workload import fetch_bundle

        return partial(fetch_bundle, spec.issuer)
    from agentguard.issuers.fetching import fetch
    from agentguard.issuers.keys import read_keys

    return partial(_read_from, spec.keys_url, fetch, partial(read_keys, kind=spec.kind))


def _read_from(
    url: str, fetch: Callable[[str], bytes], read: "Callable[[bytes], KeySet]"
) -> "KeySet":
    return read(fetch(url))
