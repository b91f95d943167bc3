.DEFAULT_GOAL := help
.PHONY: help run test fuzz generate lint vulncheck bench build lambda clean

bin = bin

# What "piinguin version" tells. git is asked here and not by go build (-buildvcs), which fails
# where git refuses the folder or is not there; then the build says "unknown".
version = $(shell git describe --tags --always --dirty 2>/dev/null)
commit = $(shell git describe --always --dirty --abbrev=40 --exclude='*' 2>/dev/null)
cli = github.com/piinguin/piinguin/cmd/internal/cli
stamp = -X $(cli).version=$(version) -X $(cli).commit=$(commit)

help: ## Show this
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

run: ## Start a server to try out: SQLite, 127.0.0.1:8080, four known tokens
	@echo 'run: compiling; the first time go downloads the modules and it takes a minute or two'
	go run ./cmd/piinguin serve --dev

test: ## Run every test; says first what it downloads and installs
	@.ci/test

fuzz: ## Search with every fuzz target; FUZZTIME (30s) is for each
	@.ci/fuzz

generate: ## Generate rpc/'s Go code from its .proto files again
	.ci/generate

lint: ## Run the linters and the other checks that are not tests
	.ci/lint

vulncheck: ## Look for known vulnerabilities; needs https://vuln.go.dev
	@.ci/vulncheck

bench: build ## Measure and write docs/benchmarks.md, 10 minutes; BENCH='-rows SQLite' measures some rows and prints
	.ci/dynamodb-local go run ./internal/bench $(or $(BENCH),-out docs/benchmarks.md)

build: ## Build static binaries into bin/
	CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '$(stamp)' -o $(bin)/ ./cmd/...

# provided.al2023 starts the file bootstrap. lambda.norpc leaves out what only go1.x needs.
lambda: ## Build the relay for Lambda (provided.al2023) into bin/: a zip for arm64 and one for amd64
	@for arch in arm64 amd64; do \
		CGO_ENABLED=0 GOOS=linux GOARCH=$$arch go build -trimpath -buildvcs=false -tags lambda.norpc -ldflags '-s -w $(stamp)' \
			-o $(bin)/lambda-$$arch/bootstrap ./cmd/piinguin-relay && \
		go tool build-lambda-zip -o $(bin)/piinguin-relay-$$arch.zip $(bin)/lambda-$$arch/bootstrap || exit; \
	done

clean: ## Remove bin/ and .cache/, where everything that was downloaded is
	rm -rf bin .cache
