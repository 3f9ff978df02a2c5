# The targets; `make help` lists them. `make run` is all it takes to have a
# gateway, `make test` all it takes to check it.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run build web test bench lint models clean

CONFIG  ?= configs/sidetone.yaml
PKG     ?= ./...
BENCH   ?= .
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMIT  ?= $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
WEIGHTS     := \.(onnx|wasm|gguf|safetensors|ckpt|pt|so|dylib|dll|exe|tgz|deb)$$

# What the browser gets, and what it is made of.
WIDGET      := web/dist/widget.js
WIDGET_FROM := web/package-lock.json web/build.mjs $(shell find web/src web/demo -type f)

# Packages whose tests place calls in real time: one at a time has the machine.
PACED       := /(call|cmd/sidetone|internal/app|internal/scenario|internal/sim|telephony/webrtc|web(/webtest)?)$$

# Tests are vetted by then, and nobody debugs their binaries, half of whose linking
# is for debuggers. The tests beside the widget's sources are run by those of web.
TESTED      := -count=1 -vet=off -ldflags='-s -w'

# Of libopus only the codec is wanted, not its reader of files.
export GOFLAGS := $(strip $(GOFLAGS) -tags=nolibopusfile)
export CGO_ENABLED := 1

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## install what is missing, fetch the models, build, and start the gateway
	@scripts/install.sh run
	@scripts/models.sh
	@$(MAKE) --no-print-directory build
	@exec bin/sidetone serve --config $(CONFIG)

build: web ## build bin/sidetone
	go build -trimpath -ldflags '-X main.version=$(VERSION) -X main.commit=$(COMMIT)' -o bin/sidetone ./cmd/sidetone

web: $(WIDGET) ## build the widget and the demo page

$(WIDGET): $(WIDGET_FROM)
	@cd web && npm ci --silent --ignore-scripts --no-audit --no-fund && npm run --silent build && touch dist/widget.js

test: ## install what is missing, fetch the models, vet, and run all tests
	@scripts/install.sh test
	@scripts/models.sh
	@$(MAKE) --no-print-directory web
	go vet ./...
	go test $$(go list ./... | grep -vE '$(PACED)') $(TESTED) -timeout 20m
	go test $$(go list ./... | grep -E '$(PACED)') $(TESTED) -p 1 -timeout 40m

bench: ## run the benchmarks of PKG whose names match BENCH, and print their figures
	@scripts/install.sh test
	@scripts/models.sh
	@$(MAKE) --no-print-directory web
	@echo "$$(nproc) cores, load $$(cut -d' ' -f1-3 /proc/loadavg)"
	go test $(PKG) -p 1 -run '^$$' -bench '$(BENCH)' -timeout 60m | grep -v -e '^PASS$$' -e 'no test files' -e '^ok '

lint: ## check format, vet, modules and staticcheck, and that git holds no weights
	@unformatted=$$(gofmt -l .); [ -z "$$unformatted" ] || { echo "not gofmt'ed:"; echo "$$unformatted"; exit 1; }
	@for s in scripts/*.sh .ci/run; do bash -n "$$s"; done
	@! git ls-files 2>/dev/null | grep -E '$(WEIGHTS)' || { echo "weights and binaries do not belong in git"; exit 1; }
	go vet ./...
	go mod verify
	@if GOBIN=$(CURDIR)/bin/tools go install $(STATICCHECK) 2>/dev/null; \
	then echo staticcheck ./...; bin/tools/staticcheck ./...; \
	else echo "staticcheck cannot be fetched here and is left out"; fi

models: ## fetch and check the models of built-in speech
	@scripts/models.sh

clean: ## remove what was built; models and data stay
	rm -rf bin web/node_modules
	find web/dist -type f ! -name .gitkeep -delete
