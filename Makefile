# Bare `make` prints the targets. Every target makes or refreshes .venv first; that is quick when nothing changed.
SHELL := /bin/sh
.DEFAULT_GOAL := help
PYTHON := .venv/bin/python
# sam runs the layer's Makefile, which asks pip: the environment's own python3 comes first.
SAM := PATH="$(CURDIR)/.venv/bin:$$PATH" SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=$${AWS_DEFAULT_REGION:-us-east-1} $(PYTHON) -m samcli

.PHONY: help setup run test browser valgrind policies screenshots soak bench check lint format build deploy cost lock key forget restore

help: ## Print the targets
	@grep -hE '^[a-z]+:.*## ' Makefile | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 16

setup:
	@local/setup.sh

run: setup ## Start the local stack, make one picture, go on serving (ONCE=1: stop after the picture)
	@exec $(PYTHON) -m local $(if $(ONCE),--once)

# Three at a time: the tests of local stacks wait a good deal, and the machine is used meanwhile.
test: setup browser valgrind ## Run every test, the linters' included (ARGS="tests/unit -k money")
	@$(PYTHON) -m pytest $(or $(ARGS),--numprocesses 3 --dist loadscope --no-loadscope-reorder)

browser:
	@tests/browser/setup.sh

valgrind:
	@tests/bench/setup.sh

soak: setup ## 500 generations while the vendors misbehave, held against their books; then the API fuzzed (ARGS=, FUZZ=)
	@$(PYTHON) -m tests.integration.soak $(ARGS)
	@$(PYTHON) -m tests.integration.api_fuzz $(FUZZ)

policies: setup ## Take each right from each function's role in turn, and see it missed (ARGS="--role SubmitFunctionRole")
	@$(PYTHON) -m tests.integration.mutate_policies $(ARGS)

screenshots: setup browser ## Photograph the console, for the README (tests/browser/screenshots)
	@$(PYTHON) -m tests.browser.screenshots

bench: setup browser valgrind ## Measure, and print the figures beside their targets (build/bench.json, bench.svg; ARGS=)
	@$(PYTHON) -m tests.bench $(ARGS)

check: setup ## Check formatting, style, types, the template and the workflows
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m mypy
	@$(SAM) validate --lint
	@.venv/bin/cfn-lint --include-checks I --include-experimental --non-zero-exit-code informational template.yaml
	@tests/checkov/check.sh
	@$(PYTHON) -m pytest --quiet --no-header tests/unit/test_*_definition.py tests/unit/test_*_run.py

lint: check build ## The same as check, and sam build

format: setup ## Format the code and mend what can be mended
	@$(PYTHON) -m ruff format .
	@$(PYTHON) -m ruff check --fix .

build: setup ## Build the deployable packages into .aws-sam/build, for `sam deploy`
	@$(SAM) build

deploy: build ## Deploy to AWS: make deploy STAGE=dev or prod; the first time it asks (ARGS=: more for `sam deploy`)
	@$(PYTHON) -m local.to_aws --stage "$(or $(STAGE),dev)" $(ARGS)

cost: setup ## Print what AWS charges for 1,000 images, part by part with the formula, by the template's settings
	@$(PYTHON) -m tests.bench.cost

UV_COMPILE := $(PYTHON) -m uv pip compile --quiet --upgrade --no-header --no-annotate --no-emit-index-url

lock: setup ## Resolve the lock file and the layer's requirements anew from pyproject.toml, and Checkov's
	@$(PYTHON) -m pip install --quiet uv==0.13.8
	@$(UV_COMPILE) pyproject.toml --universal --python-version 3.11 --group local --group dev --output-file requirements.lock
	@$(UV_COMPILE) pyproject.toml --python-version 3.13 --python-platform aarch64-manylinux2014 \
		--constraint requirements.lock --output-file layers/easel/requirements.txt
	@$(UV_COMPILE) pyproject.toml --python-version 3.13 --python-platform aarch64-manylinux2014 --group mcp \
		--constraint requirements.lock --output-file layers/mcp/requirements.all
	@grep -vxFf layers/easel/requirements.txt layers/mcp/requirements.all >layers/mcp/requirements.txt
	@rm layers/mcp/requirements.all
	@echo checkov | $(UV_COMPILE) - --universal --python-version 3.11 --output-file tests/checkov/requirements.txt

key: setup ## Make an API key: make key TENANT=name (STACK=name: on that one on AWS; ADMIN=1: may administer)
	@$(PYTHON) -m local.keys --tenant "$(TENANT)" $(if $(STACK),--stack "$(STACK)") $(if $(ADMIN),--admin)

forget: setup ## Count what is a tenant's: make forget TENANT=name (STACK=name: on AWS; SURE=1: delete it, for good)
	@$(PYTHON) -m local.forget --tenant "$(TENANT)" $(if $(STACK),--stack "$(STACK)") $(if $(SURE),--sure)

restore: setup ## Count what a table FROM= has that the stack's lacks (STACK=name: on AWS; KEYS=1: keys, too; SURE=1: put it back)
	@$(PYTHON) -m local.restore --from "$(FROM)" $(if $(STACK),--stack "$(STACK)") $(if $(KEYS),--keys) $(if $(SURE),--sure)
