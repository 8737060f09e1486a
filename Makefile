# make demo   shows the main job in a temporary repository
# make test   installs what the tests need and passes them all
# make check  what a change is held to besides its tests: gofmt, go vet, staticcheck
.PHONY: bench-lint build demo test integration check vet staticcheck bench tools clients

# The last version that builds with the Go version of go.mod. It runs outside of the module, which does not need it.
staticcheck_version = v0.7.0

build:
	go build -o bin/redis-gitops ./cmd/redis-gitops

demo: build
	@sh scripts/demo.sh bin/redis-gitops

# Redis and Sentinel are there for tests of dumps; git for tests of patches and of three-way merges.
tools:
	@sh scripts/install-tools.sh redis-server redis-sentinel git

vet:
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "run gofmt -w on these files"; exit 1; }
	go vet ./...

staticcheck:
	go run honnef.co/go/tools/cmd/staticcheck@$(staticcheck_version) ./...
	for module in internal/*/go.mod; do (cd $$(dirname $$module) && go run honnef.co/go/tools/cmd/staticcheck@$(staticcheck_version) ./...) || exit 1; done

check: vet staticcheck

# The libraries whose code `url` prints; tests of one that is missing are skipped.
clients:
	apt-get install -y redis-server redis-sentinel python3-redis ruby-redis ruby-sidekiq
	cd internal/clientcheck && npm install --no-save --no-audit --no-fund ioredis@5.4.1

# internal/helmcheck and internal/sarifcheck are modules of their own: real Helm, the API server's validation and the
# schema of SARIF stay out of the tool.
test: tools vet
	go test ./...
	cd internal/helmcheck && go vet ./... && go test ./...
	cd internal/sarifcheck && go vet ./... && go test ./...
	cd internal/clientcheck && go vet ./... && go test ./...
	@if sh scripts/install-tools.sh pre-commit curl; then $(MAKE) integration; else echo "pre-commit is not to be had here: make integration is left out"; fi

# The hooks with the real pre-commit, and the scripts of action.yml and of the GitLab component, on a clone of the last commit.
integration:
	go vet -tags integration ./internal/citest
	go test -tags integration -count=1 -timeout 40m ./internal/citest

bench:
	go test -run "^$$" -bench . -benchmem ./cue ./repo
	go test -run "^$$" -bench "Generate|URL" ./cmd/redis-gitops

# Peers are built from the module proxy into .cache; those that do not build are left out of the table.
bench-lint: build
	@mkdir -p .cache/peers
	@for m in github.com/yannh/kubeconform/cmd/kubeconform@v0.7.0 github.com/zegl/kube-score/cmd/kube-score@v1.20.0 github.com/open-policy-agent/conftest@v0.68.2; do \
		GOBIN=$(CURDIR)/.cache/peers go install $$m || echo "left out: $$m does not build here"; done
	go run ./internal/benchlint -tool bin/redis-gitops -peers .cache/peers 1 100 1000 5000

# import next to what the server itself can do: about 20 minutes, 12 GB of memory and 4 GB of disk. Nothing else should run.
# BENCH_ROUNDS=1 BENCH_LARGE_KEYS=0 is the short form.
bench-import:
	go test -tags bench -count=1 -timeout 3h -run TestImport -v ./internal/importbench
