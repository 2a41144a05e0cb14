# Everything a fresh machine needs is installed on the way: Python 3.11-3.13 with pip is enough.
# `make` alone lists the targets.

PYTHON ?= python3
UV_VERSION := 0.13.9

# uv lives beside the environment, not in it, so that syncing cannot remove it. Nothing outside
# this folder changes; index, proxy and certificates are those the machine has set for pip and uv.
uv := .uv/$(UV_VERSION)/bin/uv
bin := .venv/bin
ready := .venv/.ready
export UV_PYTHON_DOWNLOADS := never
export UV_SYSTEM_CERTS := true
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## List the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

.PHONY: demo
demo: $(ready) ## Phone 24 simulated people over real SIP and RTP, then report (out/demo/)
	$(bin)/voicebot demo $(ARGS)

.PHONY: test
test: lint peers ## Linters, types, import rules, then all tests; ARGS go to pytest
	$(bin)/pytest $(ARGS)

.PHONY: lint
lint: $(ready) ## ruff, mypy --strict and the import rules
	$(bin)/ruff check
	$(bin)/ruff format --check
	$(bin)/mypy
	$(bin)/lint-imports --no-logo

.PHONY: format
format: $(ready) ## Let ruff mend what it can
	$(bin)/ruff check --fix
	$(bin)/ruff format

.PHONY: install
install: $(ready) ## Only create the environment

.PHONY: lock
lock: $(uv) ## Resolve requirements.lock anew from pyproject.toml; ARGS=--upgrade for newer versions
	$(uv) pip compile --quiet --universal --generate-hashes --no-emit-index-url --group dev \
	    --custom-compile-command "make lock" $(ARGS) pyproject.toml --output-file requirements.lock
	$(uv) pip compile --quiet --universal --generate-hashes --no-emit-index-url --group pipecat \
	    --custom-compile-command "make lock" $(ARGS) --output-file requirements-pipecat.lock

.PHONY: pipecat
pipecat: .venv-pipecat/.ready ## Install Pipecat beside us, to be measured in the same run (voicebot bench)

.venv-pipecat/.ready: requirements-pipecat.lock $(uv)
	@echo "==> Installing the packages of requirements-pipecat.lock into .venv-pipecat"
	@test -x .venv-pipecat/bin/python || $(uv) venv --quiet --clear --python "$(PYTHON)" .venv-pipecat
	$(uv) pip sync --quiet --python .venv-pipecat/bin/python --require-hashes requirements-pipecat.lock
	@touch $@

.PHONY: clean
clean: ## Remove the environment, caches and results; weights stay in ~/.cache/voicebot
	rm -rf .venv .venv-pipecat .uv out .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(ready): requirements.lock pyproject.toml $(uv)
	@echo "==> Installing the packages of requirements.lock into .venv"
	@test -x $(bin)/python || $(uv) venv --quiet --clear --python "$(PYTHON)" .venv
	$(uv) pip sync --quiet --python $(bin)/python --require-hashes requirements.lock
	$(uv) pip install --quiet --python $(bin)/python --no-deps --editable .
	@touch $@

$(uv):
	@echo "==> Fetching uv $(UV_VERSION) into .uv"
	@"$(PYTHON)" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	    || { echo "$(PYTHON) is not Python 3.11-3.13: name one, e.g. make PYTHON=python3.11 demo" >&2; exit 2; }
	@"$(PYTHON)" -m pip --version >/dev/null \
	    || { echo "$(PYTHON) has no pip: install it, on Debian with: apt-get install python3-pip" >&2; exit 2; }
	@rm -rf .uv
	@"$(PYTHON)" -m pip install --quiet --no-deps --root-user-action ignore --target .uv/$(UV_VERSION) uv==$(UV_VERSION)

# The far ends of the SIP tests are sipp and Debian's own baresip; tcpdump looks at the wire, netem spoils it.
peers := sipp:sip-tester baresip:baresip-core tcpdump:tcpdump tc:iproute2 openssl:openssl

.PHONY: peers
peers: ## Install the far ends that the SIP tests phone (Debian, as root or by sudo)
	@missing=; export PATH="$$PATH:/usr/sbin:/sbin"; \
	for peer in $(peers); do \
	    command -v "$${peer%%:*}" >/dev/null || missing="$$missing $${peer##*:}"; \
	done; \
	[ -z "$$missing" ] || { \
	    echo "==> Installing Debian's$$missing (the tests phone them)"; \
	    as_root=; [ "$$(id -u)" = 0 ] || as_root="sudo -n"; \
	    export DEBIAN_FRONTEND=noninteractive; \
	    $$as_root apt-get update -qq \
	        && $$as_root apt-get install -qq -y --no-install-recommends $$missing </dev/null >/dev/null; \
	    } || { echo "Missing:$$missing. Install them, on Debian with: apt-get install$$missing" >&2; exit 2; }
