# Everything a person types. Each target sets up what it needs by itself; a second call finds it done.
SHELL := /bin/sh
PYTHON ?= python3
RUN := .venv/bin/python

# SOURCE reaches the demo through the environment, where no other user of the machine can read it.
export SOURCE
.NOTPARALLEL:
.DEFAULT_GOAL := help
.PHONY: help demo smoke test lint format console openapi bench-edge bench-server soak eval-detector eval-far-people \
	eval-health eval-tracker eval-behaviours setup-demo setup-test setup-bench clean

help: ## Say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup-demo setup-test setup-bench: setup-%:
	@command -v $(PYTHON) >/dev/null || { echo "set-up: $(PYTHON) is not here; Python 3.11 or newer is needed." >&2; exit 1; }
	@$(PYTHON) -m scripts.setup $*

demo: setup-demo ## Start server, simulated cameras and edge worker; SOURCE=rtsp://... or a video file: your own camera
	@exec $(RUN) -m demo

smoke: setup-demo ## The demo without a person: from camera to audit log, checked; ends within 150 s
	@exec $(RUN) -m demo.smoke

test: setup-test lint ## Every check and every test
	@$(RUN) -m scripts.npm run check
	@$(RUN) -m pytest -n 2 -q

lint: setup-test ## Style, types and the floors of the architecture
	@$(RUN) -m ruff check
	@$(RUN) -m ruff format --check
	@$(RUN) -m mypy
	@.venv/bin/lint-imports

format: setup-test ## Let ruff rewrite what it can
	@$(RUN) -m ruff check --fix
	@$(RUN) -m ruff format

console: setup-demo ## Build the console into server/static

openapi: setup-test ## Write the server's OpenAPI and the console's typed client
	@$(RUN) -m server.cli openapi > console/openapi.json.new && mv console/openapi.json.new console/openapi.json
	@$(RUN) -m scripts.npm run generate

# DATA: another folder than the test data, which KENTONGAN_TEST_DATA names (by default ../shared/data).
FROM_DATA = $(if $(DATA),"$(DATA)")

eval-detector: setup-test ## AP50 and CPU time of detectors on labelled sets; DATA=DIR ARGS='--model NAME ...'
	@$(RUN) -m bench.eval_detector $(FROM_DATA) $(ARGS)

eval-far-people: setup-test ## What tiled inference for far people gains and costs on MOT sets; DATA=DIR
	@$(RUN) -m bench.eval_far_people $(FROM_DATA) $(ARGS)

eval-health: setup-test ## How soon camera faults are found, and false alarms, on altered clips; DATA=DIR ARGS='--only PART'
	@$(RUN) -m bench.eval_health $(FROM_DATA) $(ARGS)

eval-behaviours: setup-test ## Every behaviour beside the naive rule, with intervals; ARGS='--quick --only PART ...'
	@$(RUN) -m bench.eval_behaviours $(ARGS)

eval-tracker: setup-bench ## HOTA, IDF1 and identity switches of the tracker and its peers on MOT sets; DATA=DIR
	@$(RUN) -m bench.eval_tracker $(FROM_DATA) $(ARGS)

bench-edge: setup-test ## What the edge worker costs beside its peers, on the demo's footage; ARGS='--rounds N'
	@$(RUN) -m bench.bench_edge $(ARGS)

bench-server: setup-test ## How many events a second the server accepts, durably; ARGS='--seconds N --connections N'
	@$(RUN) -m bench.bench_server_ingest $(ARGS)

soak: setup-test ## Half an hour of four cameras with injected faults: does the worker leak? ARGS='--minutes N --cameras N'
	@$(RUN) -m bench.soak $(ARGS)

clean: ## Remove everything that the set-up made in this checkout
	rm -rf .venv .setup console/node_modules server/static .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
