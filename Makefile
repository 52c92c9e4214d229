# bankportal from a fresh clone: Python 3.11 or newer and make are enough. `make help` lists what there is.

.DEFAULT_GOAL := help
.PHONY: help run demo test check bench compliance reset format messages pins venv venv-dev

# Which Python makes the environment: PYTHON=..., else the newest suitable one that is found.
PYTHON ?=
# More for the program behind a target: make test ARGS="tests/ledger -k overdraft"
ARGS ?=

PY = .venv/bin/python

help: ## This list
	@printf 'make <target>, with WEB_PORT=8000 TPP_PORT=8100 CLEARING_PORT=8200 PG_PORT=54329 DATABASE_URL= CELERY_BROKER_URL= PYTHON= as needed\n\n'
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' Makefile | while IFS='|' read -r name text; do printf '%-10s %s\n' "$$name" "$$text"; done

run: venv ## Start the bank and the demo TPP, print addresses and log-ins, stay up; Ctrl-C stops it all
	@exec $(PY) -m deploy.local.run $(ARGS)

demo: venv ## Start the bank and play both stories over HTTP, every step printed; ends 0 when all held
	@exec $(PY) -m deploy.local.demo $(ARGS)

test: venv-dev ## The whole suite on a real PostgreSQL (the embedded one, or DATABASE_URL)
	@exec $(PY) -m deploy.local.tests $(ARGS)

check: venv-dev ## Lint, types, imports between apps, migrations, production settings, translations
	@exec $(PY) -m deploy.local.checks $(ARGS)

bench: venv-dev ## Speed and memory as ratios to the limits measured in the same run
	@exec $(PY) -m benchmarks $(ARGS)

compliance: venv-dev ## Write docs/compliance/matrix.md anew: which demand is shown by which tests
	@exec $(PY) -m tests.compliance.matrix $(ARGS)

reset: venv ## Throw the sandbox's data away; the next start begins afresh
	@exec $(PY) -m deploy.local.reset $(ARGS)

format: venv-dev ## Rewrite the code in the house's format
	@$(PY) -m ruff check --fix --quiet . ; exec $(PY) -m ruff format .

messages: venv-dev ## Collect and compile the translations (needs GNU gettext)
	@exec $(PY) -m deploy.local.messages

pins: venv-dev ## Rewrite the second part of requirements*.txt from the first
	@exec $(PY) -m deploy.local.pins

venv:
	@PYTHON='$(PYTHON)' sh deploy/local/with-python.sh deploy/local/bootstrap.py

venv-dev:
	@PYTHON='$(PYTHON)' sh deploy/local/with-python.sh deploy/local/bootstrap.py --dev
