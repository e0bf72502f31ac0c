# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Who is declared in the file, and whose tokens count?"""

from collections.abc import Mapping
from datetime import date, time, timedelta
from pathlib import Path as Folder

from agentguard.canonical import Frozen, NotCanonical, freeze
from agentguard.config.document import IdentityTable, IssuerTable, Tell
from agentguard.config.durations import EXPECTED, duration
from agentguard.policy import IdentitySpec, IssuerSpec, Path
from agentguard.vocabulary import PrincipalKind

DEFAULT_ALGORITHMS = ("ES256", "RS256", "EdDSA")

_HOUR = timedelta(hours=1)
_LEEWAY = timedelta(seconds=30)


def identity_of(table: IdentityTable, path: Path, tell: Tell) -> IdentitySpec:
    """Return the identity that a table declares."""
    return IdentitySpec(
        id=table.id or "",
        owner=table.owner,
        environments=frozenset(table.environments or ()),
        claims=frozen_table(table.claims or {}, (*path, "claims"), tell),
        keys=tuple(table.keys or ()),
        spiffe=table.spiffe,
    )


def issuer_of(name: str, table: IssuerTable, path: Path, tell: Tell) -> IssuerSpec:
    """Return the issuer that a table describes."""

    def span(key: str, text: str | None, usual: timedelta) -> timedelta:
        return span_of(text, usual, (*path, key), tell)

    return IssuerSpec(
        name=name,
        kind=table.kind,
        issuer=table.issuer or "",
        audiences=tuple(table.audience or ()),
        algorithms=DEFAULT_ALGORITHMS if table.algorithms is None else tuple(table.algorithms),
        keys_url=table.keys_url,
        keys_file=table.keys_file,
        keys_max_age=span("keys_max_age", table.keys_max_age, _HOUR),
        token_max_age=span("token_max_age", table.token_max_age, _HOUR),
        leeway=span("leeway", table.leeway, _LEEWAY),
        subject=table.subject or "sub",
        subject_kind=table.subject_kind or PrincipalKind.USER,
        actor=table.actor,
        claims=tuple(table.claims or ()),
    )


def check_key_files(issuers: tuple[IssuerSpec, ...], folder: Folder, tell: Tell) -> None:
    """Tell which files of issuers' keys are not there; what they hold is read with each token.

    Args:
        issuers: the issuers.
        folder: the folder that names of files are relative to.
        tell: takes each problem with its path.
    """
    for each in issuers:
        if each.keys_file is not None and not (folder / each.keys_file).is_file():
            tell(("issuer", each.name, "keys_file"), f"file {each.keys_file!r} does not exist")


def span_of(text: str | None, usual: timedelta, path: Path, tell: Tell) -> timedelta:
    """Return the length of time that a text says, *usual* where there is none."""
    if text is None:
        return usual
    found = duration(text)
    if found is None:
        tell(path, EXPECTED)
        return usual
    return found


def frozen_table(table: Mapping[str, object], path: Path, tell: Tell) -> Mapping[str, Frozen]:
    """Return the values of a table, frozen; what has no canonical form is told and left out."""
    frozen: dict[str, Frozen] = {}
    for key, value in table.items():
        wrong: NotCanonical | None = None
        try:
            frozen[key] = freeze(value)
        except NotCanonical as error:
            wrong = error
        if wrong is not None:
            place, leaf = _within(value, wrong.pointer)
            is_time = isinstance(leaf, date | time)
            message = "must be text: write a day or a time in quotes" if is_time else wrong.problem
            tell((*path, key, *place), message)
    return frozen


def _within(value: object, pointer: str) -> tuple[Path, object]:
    """Return the path within a value that a JSON pointer means, and what stands there."""
    path: Path = ()
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, list):
            path, value = (*path, int(name)), value[int(name)]
        elif isinstance(value, Mapping):
            path, value = (*path, name), value[name]
    return path, value
