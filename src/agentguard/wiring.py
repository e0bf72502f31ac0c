# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does a configuration become a working guard?

The only module that knows every part. It gives the core its clock and its randomness, and
decides nothing.
"""

import importlib.util
import secrets
import threading
import uuid
import weakref
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version

from opentelemetry.trace import TracerProvider

from agentguard.classification import Classifier, build_classifier
from agentguard.classification.engine import Engine
from agentguard.classification.names import NAME_CLASSES, Names
from agentguard.config import FactsSettings, LedgerSettings, Settings, VaultSettings
from agentguard.enforcement import Backing, Consulted, Enforcer
from agentguard.errors import ConfigError, Problem
from agentguard.identity import Declaration, Declarations, Identities
from agentguard.issuers import Issuers, open_issuers
from agentguard.named_entities import ModelMissing, load_spacy
from agentguard.pipeline import Core
from agentguard.policy import Glob, Path, Policy, is_glob, key_of
from agentguard.redaction import PlacedClasses
from agentguard.stores import (
    DefinitionStore,
    FactsKeeper,
    Journal,
    KeyRing,
    LazyLedger,
    LedgerStore,
    Rates,
    SqliteLedger,
    SqliteStore,
    SqliteVaultStore,
    Stops,
    StoreFailure,
    VaultKeeper,
    VaultKey,
    VaultStore,
)
from agentguard.telemetry import Telemetry

# How long an approved execution may take before its outcome counts as unknown.
LEASE = timedelta(minutes=15)

# Seconds that a guard must live for before the fast engine is compiled.
ACCELERATED_AFTER = 2.0


@dataclass(slots=True)
class Parts:
    """What a guard is made of, and what it must close; ``issuers`` changes with the policy."""

    enforcer: Enforcer
    identities: Identities
    journal: Journal
    store: SqliteStore
    keeper: VaultKeeper | None
    ledger: LazyLedger | None
    stops: Stops
    issuers: Issuers

    def close(self) -> str | None:
        """Write what is left and close everything; return what could not be written, if any."""
        problem = None
        try:
            self.enforcer.close()
            self.journal.close()
        except StoreFailure as failure:
            problem = str(failure)
        finally:
            self.store.close()
            if self.keeper is not None:
                self.keeper.close()
            if self.ledger is not None:
                self.ledger.close()
            self.stops.close()
        return problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Policed:
    """What is made from the policy alone, and is exchanged with it."""

    core: Core
    deciders: tuple[Consulted, ...]
    declarations: Declarations
    issuers: Issuers

    def come_into_force(self, parts: Parts) -> None:
        """Exchange it in a guard; a call that has begun ends under what it began with."""
        parts.identities.declarations = self.declarations
        parts.issuers = self.issuers
        parts.enforcer.adopt(self.core, self.deciders)


def now() -> datetime:
    """Return the time of day, UTC."""
    return datetime.now(UTC)


def new_id() -> str:
    """Return an id that nobody can guess or meet again."""
    return uuid.uuid4().hex


def classifier_of(settings: Settings) -> Classifier:
    """Build what finds sensitive data, as a configuration says.

    Raises:
        ConfigError: the model of language cannot be loaded.
        ValueError: a class of the organisation has a pattern or a value that cannot be used.
    """
    return build_classifier(
        own=settings.own,
        known=settings.known,
        detectors=settings.detectors,
        profile=settings.policy.detection.profile,
        named=settings.named,
        rules=settings.rules,
        readers=names_of(settings),
    )


def names_of(settings: Settings) -> tuple[Names, ...]:
    """Return what finds names, as a configuration says.

    Raises:
        ConfigError: the model of language cannot be loaded.
    """
    if settings.names_model is None:
        return ()
    try:
        entities = load_spacy(settings.names_model)
    except ModelMissing as missing:
        told = str(missing)
    else:
        return (Names(entities, settings.named & NAME_CLASSES),)
    place, key = str(settings.path), "detection.names_model"
    raise ConfigError([Problem(file=place, key=key, line=None, message=told)])


def accelerate_later(classifier: Classifier) -> None:
    """Give a classifier its fast engine in the background, where the library for it is there.

    A process that is short, or drops its guard soon, does not pay for it.
    """
    if importlib.util.find_spec("hyperscan") is None or classifier.engine is not Engine.DEFAULT:
        return
    alive = weakref.ref(classifier)

    def accelerate() -> None:
        kept = alive()
        if kept is not None:
            kept.accelerate()

    timer = threading.Timer(ACCELERATED_AFTER, accelerate)
    timer.daemon = True
    timer.start()


def placed_by(policy: Policy) -> PlacedClasses:
    """Return what a policy says of names and paths; the most exact name counts."""
    names = sorted(
        ((key, source.name) for source in policy.class_sources for key in source.keys),
        key=lambda named: (is_glob(named[0]), -len(named[0]), named[0]),
    )
    return PlacedClasses(
        names=((Glob(key).matches, name) for key, name in names),
        paths=((path, source.name) for source in policy.class_sources for path in source.paths),
    )


def declarations_of(policy: Policy) -> Declarations:
    """Return what a policy declares of identities."""
    return Declarations(
        identities={
            each.id: Declaration(environments=each.environments, claims=each.claims, keys=each.keys)
            for each in policy.declared.values()
        },
        environments=policy.environments,
        issuers=frozenset(each.name for each in policy.document.issuers),
    )


def require_environment(settings: Settings, environment: str | None) -> None:
    """Refuse a policy that does not list the environment that a guard is made for.

    Raises:
        ConfigError: it does not list it.
    """
    if environment is None or environment in settings.policy.environments:
        return
    known = ", ".join(map(repr, sorted(settings.policy.environments))) or "none"
    told = f"the guard is made for an environment that the policy does not list; it has {known}"
    place = str(settings.path)
    raise ConfigError([Problem(file=place, key="environments", line=None, message=told)])


def policed(settings: Settings, environment: str | None) -> Policed:
    """Make what is exchanged with the policy.

    Raises:
        ConfigError: the model of language, a library for tokens or an extra decider cannot be
            loaded, or the policy has no such environment.
        ValueError: a class of the organisation has a pattern or a value that cannot be used.
    """
    require_environment(settings, environment)
    policy = settings.policy
    issuers = open_issuers(settings.issuers, policy.declared.values(), settings.path.parent, now)
    deciders = deciders_of(settings)
    classifier = classifier_of(settings)
    accelerate_later(classifier)
    core = Core(
        policy=policy,
        classifier=classifier,
        now=now,
        random=secrets.token_bytes,
        lease=LEASE,
        placed=placed_by(policy),
        keeps_facts=settings.facts is not None,
    )
    return Policed(
        core=core, deciders=deciders, declarations=declarations_of(policy), issuers=issuers
    )


def assemble(
    settings: Settings,
    *,
    tracer_provider: TracerProvider | None = None,
    environment: str | None = None,
) -> Parts:
    """Build the parts of a guard.

    Raises:
        ConfigError: the model of language, a library for tokens or an extra decider cannot be
            loaded, or the policy has no such environment.
        ValueError: a class of the organisation has a pattern or a value that cannot be used.
        StoreFailure: the store cannot be opened for writing.
    """
    made = policed(settings, environment)
    identities = Identities(
        new_id,
        None if settings.vault is None else settings.vault.tenant,
        environment=environment,
        declarations=made.declarations,
        now=now,
    )
    store = SqliteStore(settings.deployment.store)
    keeper = None if settings.vault is None else vault_keeper(settings.vault)
    ledger, stops = lazy_ledger(settings), stops_of(settings)
    journal = Journal(store, now)
    telemetry = Telemetry(
        policy_name=settings.policy.name,
        policy_version=settings.policy.digest,
        version=version("agentguard"),
        provider=tracer_provider,
    )
    backing = Backing(
        journal=journal,
        approvals=store,
        telemetry=telemetry,
        keeper=keeper,
        deciders=made.deciders,
        facts=None if settings.facts is None else facts_keeper(settings.facts),
        ledger=ledger,
        rates=rates_counter(settings),
        stops=stops,
        definitions=DefinitionStore(store.path),
    )
    enforcer = Enforcer(core=made.core, identities=identities, backing=backing, new_call_id=new_id)
    return Parts(
        enforcer=enforcer,
        identities=identities,
        journal=journal,
        store=store,
        keeper=keeper,
        ledger=ledger,
        stops=stops,
        issuers=made.issuers,
    )


def deciders_of(settings: Settings) -> tuple[Consulted, ...]:
    """Load the extra deciders that a policy names.

    Raises:
        ConfigError: one cannot be loaded, or cannot use its options.
    """
    specs = settings.policy.document.deciders
    if not specs:
        return ()
    from agentguard.config.deciders import made_deciders, offered_deciders

    problems: list[Problem] = []

    def tell(path: Path, message: str) -> None:
        place = str(settings.path)
        problems.append(Problem(file=place, key=key_of(path), line=None, message=message))

    made = made_deciders(offered_deciders(specs, tell), settings.path.parent, tell)
    if problems:
        raise ConfigError(problems)
    return tuple(
        Consulted(name=spec.name, decider=made[spec.name], within=spec.within) for spec in specs
    )


def facts_keeper(facts: FactsSettings) -> FactsKeeper:
    """Return what seals the facts of decisions, and opens them again."""
    return FactsKeeper(
        VaultKey(facts.key), tuple(map(VaultKey, facts.old_keys)), facts.expire_after
    )


def vault_keeper(vault: VaultSettings) -> VaultKeeper:
    """Open what keeps the values of sessions beyond the process.

    Raises:
        StoreFailure: it cannot be opened, or holds values whose key is not here.
    """
    return VaultKeeper(
        _vault_store(vault),
        KeyRing(VaultKey(vault.key), tuple(map(VaultKey, vault.old_keys))),
        scope=vault.scope,
        expire_after=vault.expire_after,
        now=now,
    )


def lazy_ledger(settings: Settings) -> LazyLedger | None:
    """Return the ledger; it is open already where the policy has budgets.

    Raises:
        StoreFailure: it must be open, and cannot be opened.
    """
    kept = settings.ledger
    if kept is None:
        return None
    ledger = LazyLedger(lambda: open_ledger(kept))
    if settings.policy.document.budgets:
        ledger.opened()
    return ledger


def stops_of(settings: Settings) -> Stops:
    """Return what reads the stop, from a ledger that is open: one that goes away stops everything.

    It has a ledger for itself, so that no call that waits for a budget holds it up.

    Raises:
        StoreFailure: it cannot be opened.
    """
    kept = settings.ledger
    if kept is None:
        raise StoreFailure("nothing says where the ledger is")
    ledger = LazyLedger(lambda: open_ledger(kept))
    ledger.opened()
    return Stops(ledger)


def rates_counter(settings: Settings) -> Rates | None:
    """Return what counts rates; it is known to be able to where the policy has any.

    Raises:
        StoreFailure: it is needed, and a library is missing.
    """
    if settings.ledger is None:
        return None
    rates = Rates(settings.ledger.rates)
    if settings.policy.document.rates:
        rates.get_ready()
    return rates


def open_ledger(kept: LedgerSettings) -> LedgerStore:
    """Open the ledger.

    Raises:
        StoreFailure: it cannot be opened.
    """
    if kept.file is not None:
        return SqliteLedger(kept.file)
    try:
        from agentguard.stores.ledger_postgres import PostgresLedger
    except ImportError:
        problem = "store = 'postgres' needs psycopg: pip install 'agentguard[postgres]'"
    else:
        return PostgresLedger(kept.address or "")
    raise StoreFailure(problem)


def _vault_store(vault: VaultSettings) -> VaultStore:
    if vault.file is not None:
        return SqliteVaultStore(vault.file)
    try:
        from agentguard.stores.vault_postgres import PostgresVaultStore
    except ImportError:
        problem = "store = 'postgres' needs psycopg: pip install 'agentguard[postgres]'"
    else:
        return PostgresVaultStore(vault.address or "")
    raise StoreFailure(problem)
