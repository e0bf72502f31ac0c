# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does this configuration file say, and can it be used?

Reads the file once and returns settings, or an error that tells every problem with file, key and
line. It builds nothing from the settings.

INVARIANT: no error holds a value of a class, neither in its text nor in its context
(tests/config/test_load.py).
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TYPE_CHECKING

from agentguard.classification import BUILT_IN_CLASSES, Detector, OwnClass
from agentguard.classification.engine import Rule
from agentguard.config.positions import Positions
from agentguard.config.report import Report
from agentguard.config.settings import (
    Deployment,
    FactsSettings,
    LedgerSettings,
    Remark,
    Settings,
    Severity,
    VaultSettings,
)
from agentguard.config.signatures import require_signature, trusted_keys
from agentguard.config.toml_files import parsed
from agentguard.errors import ConfigError, Problem
from agentguard.policy import (
    Flaw,
    Policy,
    PolicyDocument,
    compile_policy,
    doubts_about,
    flaws_of,
    unused_doubts,
)
from agentguard.redaction import is_protocol_word
from agentguard.vocabulary import KnownValue

if TYPE_CHECKING:
    from agentguard.config.reading import Reading

DEFAULT_STORE = "agentguard.db"
# The tables that say where things are.
_PLACES = ("deployment", "ledger")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Examined:
    """A file with everything that is wrong with it."""

    problems: tuple[Problem, ...]
    report: Report | None = None
    document: PolicyDocument | None = None
    own: tuple[OwnClass, ...] = ()
    known: tuple[KnownValue, ...] = ()
    store: str = DEFAULT_STORE
    vault: VaultSettings | None = None
    facts: FactsSettings | None = None
    ledger: LedgerSettings | None = None
    offers: tuple[EntryPoint, ...] = ()
    rules: tuple[Rule, ...] = ()


def load(
    path: str | os.PathLike[str],
    env: Mapping[str, str] | None = None,
    *,
    trusted: Iterable[str] | None = None,
) -> Settings:
    """Read a configuration file.

    Args:
        path: the file.
        env: the environment that values are read from, by default this process's.
        trusted: the public keys of those who may sign the policy; those in the environment's
            ``AGENTGUARD_TRUSTED_KEYS`` if None, and if there are none either, nobody need sign.

    Raises:
        ConfigError: the file cannot be used; it lists a syntax error, or else every problem. Or
            keys are trusted, and none of them signed the policy.
    """
    keys = trusted_keys(trusted, os.environ if env is None else env)
    examined = _examine(Path(path), os.environ if env is None else env)
    document = _sound(examined)
    place = Path(path).absolute()
    policy = compile_policy(document, is_checked=True)
    signed_by = None if keys is None else require_signature(place, policy, keys)
    detectors = _detectors(examined)
    return Settings(
        policy=policy,
        own=examined.own,
        known=examined.known,
        detectors=detectors,
        named=frozenset(each.name for each in document.class_sources),
        deployment=Deployment(store=place.parent / examined.store),
        path=place,
        vault=examined.vault,
        rules=examined.rules,
        names_model=_names_model(document, place.parent),
        issuers=document.issuers,
        signed_by=signed_by,
        facts=examined.facts,
        ledger=examined.ledger,
    )


def load_policy(path: str | os.PathLike[str]) -> tuple[Policy, Deployment]:
    """Read the policy of a configuration file without the values of its classes.

    For approvers and auditors, whose machines do not hold what the agents' machines hold. No
    guard can be made from it.

    Raises:
        ConfigError: the file cannot be used; it lists a syntax error, or else every problem.
    """
    examined = _examine(Path(path), None)
    document = _sound(examined)
    store = Path(path).absolute().parent / examined.store
    return compile_policy(document, is_checked=True), Deployment(store=store)


def load_document(path: str | os.PathLike[str]) -> PolicyDocument:
    """Read what the policy of a configuration file says, without the values of its classes.

    Raises:
        ConfigError: the file cannot be used; it lists a syntax error, or else every problem.
    """
    examined = _examine(Path(path), None)
    return _sound(examined)


def load_vault(
    path: str | os.PathLike[str], env: Mapping[str, str] | None = None
) -> tuple[VaultSettings | None, Deployment]:
    """Read how the vault of a configuration file is kept, with its keys and nothing else.

    For operators, whose machines do not hold the values of classes.

    Args:
        path: the file.
        env: the environment that keys are read from, by default this process's.

    Raises:
        ConfigError: the file cannot be used; it lists a syntax error, or else every problem.
    """
    examined = _examine(Path(path), None, os.environ if env is None else env)
    _sound(examined)
    return examined.vault, Deployment(store=Path(path).absolute().parent / examined.store)


def load_facts(
    path: str | os.PathLike[str], env: Mapping[str, str] | None = None
) -> tuple[FactsSettings | None, Deployment]:
    """Read how the facts of decisions are kept, with their keys and nothing else.

    For operators, whose machines do not hold the values of classes.

    Args:
        path: the file.
        env: the environment that keys are read from, by default this process's.

    Raises:
        ConfigError: the file cannot be used; it lists a syntax error, or else every problem.
    """
    examined = _examine(Path(path), None, facts_env=os.environ if env is None else env)
    _sound(examined)
    return examined.facts, Deployment(store=Path(path).absolute().parent / examined.store)


def load_ledger(
    path: str | os.PathLike[str], env: Mapping[str, str] | None = None
) -> tuple[LedgerSettings | None, PolicyDocument]:
    """Read where budgets are kept and which ones there are, and nothing else.

    For operators, whose machines do not hold the values of classes.

    Args:
        path: the file.
        env: the environment that addresses are read from, by default this process's.

    Raises:
        ConfigError: the file cannot be used; it lists a syntax error, or else every problem.
    """
    examined = _examine(Path(path), None, ledger_env=os.environ if env is None else env)
    document = _sound(examined)
    return examined.ledger, document


def load_places(
    path: str | os.PathLike[str], env: Mapping[str, str] | None = None
) -> tuple[LedgerSettings, Deployment]:
    """Read where the ledger and the audit log are, whatever else may be wrong with the file.

    For operators who stop agents, and cannot wait until a policy is mended.

    Args:
        path: the file.
        env: the environment that addresses are read from, by default this process's.

    Raises:
        ConfigError: the file does not say where they are.
    """
    examined = _examine(Path(path), None, ledger_env=os.environ if env is None else env)
    about = [each for each in examined.problems if each.key.split(".")[0] in _PLACES]
    if examined.ledger is None or about:
        raise ConfigError(about or examined.problems)
    return examined.ledger, Deployment(store=Path(path).absolute().parent / examined.store)


def check(
    path: str | os.PathLike[str],
    env: Mapping[str, str] | None = None,
    today: date | None = None,
) -> tuple[Remark, ...]:
    """Return everything that is wrong or doubtful about a configuration file.

    Args:
        path: the file.
        env: the environment that values are read from, by default this process's.
        today: the day on which dates are over or not, by default the current one in UTC.
    """
    examined = _examine(Path(path), os.environ if env is None else env)
    if examined.document is None or examined.report is None or examined.problems:
        return tuple(
            Remark(problem=problem, severity=Severity.ERROR) for problem in examined.problems
        )
    doubts = (
        examined.report.problem(doubt.path, doubt.message, doubt.item)
        for doubt in (
            *doubts_about(examined.document, today or datetime.now(UTC).date()),
            *unused_doubts(examined.document),
            *_narrow_names(examined.document),
        )
    )
    return tuple(
        Remark(problem=problem, severity=Severity.WARNING)
        for problem in sorted(doubts, key=lambda each: (each.line or 0, each.key))
    )


def _sound(examined: _Examined) -> PolicyDocument:
    """Return what a file says.

    Raises:
        ConfigError: it cannot be used.
    """
    if examined.document is None or examined.problems:
        raise ConfigError(examined.problems)
    return examined.document


def _detectors(examined: _Examined) -> tuple[Detector, ...]:
    """Load the detectors of other packages.

    Raises:
        ConfigError: one cannot be loaded.
    """
    from agentguard.config.detectors import loaded

    if examined.report is None or not examined.offers:
        return ()
    detectors = loaded(examined.offers, examined.report.add)
    if examined.report.problems:
        raise ConfigError(examined.report.problems)
    return detectors


def _names_model(document: PolicyDocument, folder: Path) -> str | None:
    from agentguard.config.names import place_of

    model = document.detection.names_model
    return None if model is None else place_of(model, folder)


def _narrow_names(document: PolicyDocument) -> Iterator[Flaw]:
    """Find names that do not count in a provider's request, since it has such members itself."""
    for index, source in enumerate(document.class_sources):
        for place, key in enumerate(source.keys):
            if is_protocol_word(key):
                message = (
                    f"{key!r} is a word of providers' requests: it counts in JSON texts, in"
                    " metadata and in arguments of tools only"
                )
                yield Flaw(("class", index, "keys", place), message)


def _examine(
    path: Path,
    env: Mapping[str, str] | None,
    vault_env: Mapping[str, str] | None = None,
    *,
    facts_env: Mapping[str, str] | None = None,
    ledger_env: Mapping[str, str] | None = None,
) -> _Examined:
    # Deferred: the models bring pydantic, which importing agentguard must not.
    from agentguard.config.names import check_names
    from agentguard.config.reading import read
    from agentguard.config.sources import check_written

    text, tables, problem = parsed(path)
    if problem is not None:
        return _Examined(problems=(problem,))
    report = Report(str(path), Positions(text), tables)
    reading = read(tables, BUILT_IN_CLASSES, report.add)
    folder, store = path.absolute().parent, reading.store or DEFAULT_STORE
    vault, facts, ledger = _kept(
        reading,
        folder,
        report,
        vault_env=env if vault_env is None else vault_env,
        facts_env=env if facts_env is None else facts_env,
        ledger_env=env if ledger_env is None else ledger_env,
    )
    if env is None:
        check_written(reading.classes, BUILT_IN_CLASSES, report.add)
    own, known, offers = ((), (), ()) if env is None else _at_hand(reading, folder, env, report)
    document, rules = _with_files(reading, folder, report, with_rules=env is not None)
    check_names(document, reading.classes, report.add)
    report.add_flaws(flaws_of(document))
    return _Examined(
        problems=report.problems,
        report=report,
        document=document,
        own=own,
        known=known,
        store=store,
        vault=vault,
        facts=facts,
        ledger=ledger,
        offers=offers,
        rules=rules,
    )


def _kept(
    reading: "Reading",
    folder: Path,
    report: Report,
    *,
    vault_env: Mapping[str, str] | None,
    facts_env: Mapping[str, str] | None,
    ledger_env: Mapping[str, str] | None,
) -> tuple[VaultSettings | None, FactsSettings | None, LedgerSettings | None]:
    """Return how the vault, facts and the ledger are kept, as far as an environment is given."""
    from agentguard.config.facts import facts_of
    from agentguard.config.ledgers import ledger_of
    from agentguard.config.vaults import vault_of

    store = folder / (reading.store or DEFAULT_STORE)
    vault: VaultSettings | None = None
    if vault_env is not None and reading.vault is not None:
        vault = vault_of(reading.vault, folder, store, vault_env, report.add)
    facts: FactsSettings | None = None
    if facts_env is not None and reading.facts is not None:
        tenant = None if reading.vault is None else reading.vault.tenant
        facts = facts_of(reading.facts, folder, facts_env, report.add, tenant=tenant)
    ledger: LedgerSettings | None = None
    if ledger_env is not None:
        others = (store, *(() if vault is None or vault.file is None else (vault.file,)))
        ledger = ledger_of(reading.ledger, folder, others, ledger_env, report.add)
    return vault, facts, ledger


def _with_files(
    reading: "Reading", folder: Path, report: Report, *, with_rules: bool
) -> tuple[PolicyDocument, tuple[Rule, ...]]:
    """Return the document with what other files say, and the rules that were read from them."""
    from agentguard.config.rule_files import rule_files
    from agentguard.config.schema_files import with_schemas

    detection = reading.document.detection
    files, rules = rule_files(detection.rule_files, folder, report.add, with_rules=with_rules)
    document = with_schemas(reading.document, reading.schema_files, folder, report.add)
    return replace(document, detection=replace(detection, rule_files=files)), rules


def _at_hand(
    reading: "Reading", folder: Path, env: Mapping[str, str], report: Report
) -> tuple[tuple[OwnClass, ...], tuple[KnownValue, ...], tuple[EntryPoint, ...]]:
    """Return what only a machine with guards has: own classes, known values and detectors."""
    from agentguard.config.deciders import offered_deciders
    from agentguard.config.detectors import offered
    from agentguard.config.identities import check_key_files
    from agentguard.config.names import check_model
    from agentguard.config.sources import fetch

    own, known = fetch(reading.classes, BUILT_IN_CLASSES, folder, env, report.add)
    offers = offered(reading.document.detection.detectors, report.add)
    offered_deciders(reading.document.deciders, report.add)
    if reading.document.detection.names_model is not None:
        check_model(reading.document.detection.names_model, folder, report.add)
    check_key_files(reading.document.issuers, folder, report.add)
    return own, known, offers
