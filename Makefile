# make demo   shows the main job in a temporary repository
# make test   installs what the tests need and passes them; where a test tries the same on hundreds of inputs, on a part of them
# make test-all   the same on all inputs, and make e2e and integration
# make web    builds the page of wasm/web into wasm/web/dist; make build-web puts it into the tool
# make check  what a change is held to besides its tests: gofmt, go vet, staticcheck, Biome
# make vulnerabilities, make release, make image   see below
.PHONY: test-all engines vulnerabilities release e2e e2e-up web build-web test-web test-wasm bench-wasm sizes bench-lint build demo test integration integration-rdb check vet staticcheck biome bench tools clients s3 image

# The last version that builds with the Go version of go.mod. It runs outside of the module, which does not need it.
staticcheck_version = v0.7.0
govulncheck_version = v1.9.0
biome_version = 2.6.8
cyclonedx_version = v1.10.0
versitygw_version = v1.8.0

# One way to compile, so that what one target has compiled serves the others, as the programs of test/e2e.
export CGO_ENABLED = 0
export GOFLAGS := $(strip $(filter-out -trimpath,$(GOFLAGS)) -trimpath)

build:
	go build -o bin/redis-gitops ./cmd/redis-gitops

# The page: the Go programs for the browser, then everything around them. The first one has the rules compiled to WebAssembly; the
# full one has OPA, for repositories with rules of their own. Packing takes a minute, and is done once for a program.
programs = .cache/wasm
# Inlining everywhere makes the program larger by a fifth. In these packages, which most of the time is spent in, it costs 4 %, and
# spares 38 % of the time of a plan.
inlined = runtime internal/runtime/... internal/abi internal/bytealg internal/byteorder internal/stringslite internal/sync internal/filepathlite \
	math/bits unicode/... strings bytes strconv sort slices maps sync/... hash/... path bufio regexp/... reflect encoding/json go.yaml.in/yaml/v3
gcflags = -gcflags=all=-l $(inlined:%=-gcflags=%=)
in_browser = GOOS=js GOARCH=wasm go build -modfile=.cache/wasm/trim.mod -mod=mod -trimpath -ldflags="-s -w" $(gcflags)
trimmed = -modfile=.cache/wasm/trim.mod -mod=mod -tags compiled -overlay=.cache/wasm/overlay.json
quality = 11

web:
	@sh scripts/install-tools.sh nodejs npm
	@mkdir -p .cache/wasm
	go run ./internal/wasmtrim .cache/wasm
	go run ./internal/rulec .cache/wasm
	$(in_browser) -tags compiled -overlay=.cache/wasm/overlay.json -o $(programs)/core.wasm ./wasm/worker
	$(in_browser) -o $(programs)/full.wasm ./wasm/worker
	cd wasm/web && npm ci --no-audit --no-fund && npx tsc --noEmit && npx vite build
	node wasm/web/scripts/pack.mjs $(programs) "$$(go env GOROOT)/lib/wasm/wasm_exec.js" $(quality)

build-web: web
	go build -tags webpage -o bin/redis-gitops ./cmd/redis-gitops

# In a real browser: every journey, and what a hostile repository may not do. Pictures are in wasm/web/shots. Before that, the two
# programs answer as the native one does.
test-web: web
	go test -vet=off $(short) -count=1 -run TestParity ./wasm -programs ../$(programs)
	go build -o .cache/test/redis-gitops ./cmd/redis-gitops
	cd wasm/web && SHORT=$(short) TOOL=$(CURDIR)/.cache/test/redis-gitops node --test --test-concurrency=2 test/*.test.mjs

# The library's tests as the browser runs them, and all examples of rules on the compiled ones. The environment is empty, since Go passes all of it to the program in one small page.
in_node = env -i HOME="$$HOME" PATH="$$(go env GOROOT)/lib/wasm:$$PATH" GOPROXY="$$(go env GOPROXY)" GOOS=js GOARCH=wasm go test $(trimmed) $(gcflags)

test-wasm:
	@sh scripts/install-tools.sh nodejs
	go run ./internal/wasmtrim .cache/wasm
	go run ./internal/rulec .cache/wasm
	$(in_node) -short ./wasm ./finding
	$(in_node) -run 'TestRules|TestFixes|TestCleanExample' ./lint

# Sizes and times against the budget of docs/adr/0004-page.md; fails when a size is more than 5 % over.
bench-wasm: web build
	node wasm/web/test/bench.mjs

# The sizes alone, which are the same everywhere. With quality=5 gzip stands for brotli, whose best packing takes minutes.
sizes: web
	SIZES=1 node wasm/web/test/bench.mjs

demo: build
	@sh scripts/demo.sh bin/redis-gitops

# Redis and Sentinel are there for tests of dumps; git for tests of patches and of three-way merges; promtool and HAProxy for what addons write.
tools:
	@sh scripts/install-tools.sh redis-server redis-sentinel git
	@PATH="$$PATH:/usr/sbin" sh scripts/install-tools.sh prometheus haproxy || echo "promtool or HAProxy is not to be had here: tests with them are skipped"

# The browser's program has files of its own.
in_core = GOOS=js GOARCH=wasm
core = ./policy/... ./lint/... ./wasm ./wasm/worker

vet:
	@files=$$(find . \( -name .cache -o -name node_modules \) -prune -o -name '*.go' -print | xargs gofmt -l) && test -z "$$files" || { echo "$$files"; echo "run gofmt -w on these files"; exit 1; }
	go vet ./...
	$(in_core) go vet -tags compiled $(core)

staticcheck:
	go run honnef.co/go/tools/cmd/staticcheck@$(staticcheck_version) ./...
	tool=$$(mktemp -d) && GOBIN=$$tool go install honnef.co/go/tools/cmd/staticcheck@$(staticcheck_version) && $(in_core) $$tool/staticcheck -tags compiled $(core); code=$$?; rm -rf $$tool; exit $$code
	cd test/e2e && go run honnef.co/go/tools/cmd/staticcheck@$(staticcheck_version) . ./harness/... ./operator ./podrunner ./spawn
	for module in internal/*/go.mod; do (cd $$(dirname $$module) && go run honnef.co/go/tools/cmd/staticcheck@$(staticcheck_version) ./...) || exit 1; done

# Format and lint of the page's TypeScript and of its tests.
biome:
	cd wasm/web && npx --yes @biomejs/biome@$(biome_version) check .

check: vet staticcheck biome

# Known vulnerabilities in what is called. It asks vuln.go.dev, so it is not part of make check and make test.
vulnerabilities:
	go run golang.org/x/vuln/cmd/govulncheck@$(govulncheck_version) ./...

# The archives of a release, reproducible, with their checksums and an SBOM, into dist: make release VERSION=v0.1.0
release: web
	sh scripts/release.sh "$(VERSION)" "go run github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@$(cyclonedx_version)"

# The image that Jobs run, for amd64 and arm64, as an OCI archive in dist: make image VERSION=0.1.0. skopeo, crane and ctr can push it.
image:
	cd internal/imagebuild && go run . -version "$(patsubst v%,%,$(or $(VERSION),0.1.0-dev))" -output $(CURDIR)/dist/redis-gitops-$(patsubst v%,%,$(or $(VERSION),0.1.0-dev)).oci.tar

# The libraries whose code `url` prints; tests of one that is missing are skipped.
clients:
	@sh scripts/install-tools.sh redis-server redis-sentinel python3-redis ruby-redis ruby-sidekiq nodejs npm
	@test -d internal/clientcheck/node_modules/ioredis || (cd internal/clientcheck && npm install --no-save --no-audit --no-fund ioredis@5.4.1)

# internal/celcheck, internal/helmcheck and internal/sarifcheck are modules of their own: the API server's CEL and validation, real Helm
# and the schema of SARIF stay out of the tool. internal/cli waits for servers and processes most of its time, so a third package runs
# beside it.
short = -short
test: tools vet
	@$(MAKE) s3 || echo "no S3 server can be built here: tests of backups in a bucket are skipped"
	go test -vet=off $(short) -p 3 -timeout 40m ./internal/cli ./lint ./rdb/importer ./wasm ./...
	cd internal/helmcheck && go vet ./... && go test -vet=off ./...
	cd internal/celcheck && go vet ./... && go test -vet=off $(short) ./...
	cd internal/sarifcheck && go vet ./... && go test -vet=off ./...
	cd internal/imagebuild && go vet ./... && go test -vet=off ./...
	@$(MAKE) clients || echo "some client libraries are not to be had here: tests of them are skipped"
	cd internal/clientcheck && go vet ./... && go test -vet=off ./...
	@$(MAKE) integration-rdb
	@if sh scripts/install-tools.sh chromium nodejs npm; then $(MAKE) test-wasm test-web sizes quality=5; else echo "Chromium and Node are not to be had here: make test-web is left out"; fi

# A server of the S3 API for tests of backups, built from the module proxy.
s3:
	@test -x .cache/s3/versitygw || { mkdir -p .cache/s3 && GOBIN=$(CURDIR)/.cache/s3 CGO_ENABLED=0 go install github.com/versity/versitygw/cmd/versitygw@$(versitygw_version); }

# What takes more than a pull request should wait for: every input of every test, a real Kubernetes API, which is built first, and
# pre-commit.
test-all:
	@$(MAKE) test short=
	@if sh scripts/install-tools.sh etcd-server iproute2 && sh test/e2e/check.sh; then $(MAKE) e2e; else echo "a Kubernetes of one's own cannot run here: make e2e is left out"; fi
	@if sh scripts/install-tools.sh pre-commit curl; then $(MAKE) integration; else echo "pre-commit is not to be had here: make integration is left out"; fi

# The commands that ask a cluster, on a real Kubernetes API with real Redis processes: test/e2e/README.md. Kubernetes is built
# once, in 5 to 10 minutes.
e2e:
	@sh scripts/install-tools.sh redis-server redis-sentinel git etcd-server iproute2
	@sh test/e2e/check.sh
	cd test/e2e && go run ./harness/build
	cd test/e2e && go vet . ./harness/... ./operator ./podrunner ./spawn && go test -vet=off -count=1 -timeout 30m -parallel 4 . ./podrunner

# A cluster to try things in, until Ctrl-C.
e2e-up:
	@sh scripts/install-tools.sh redis-server redis-sentinel git etcd-server iproute2
	cd test/e2e && go run ./harness/up

# The hooks with the real pre-commit, and the scripts of action.yml and of the GitLab component, on a clone of the last commit.
integration:
	go vet -tags integration ./internal/citest
	go test -tags integration -count=1 -timeout 40m ./internal/citest

# import and rdb convert between real servers of several versions of Redis and Valkey. They are unpacked into .cache/servers from
# the Debian suites of this machine's mirror; those that are not to be had are named, and the others are tested.
integration-rdb:
	@mkdir -p .cache
	sh scripts/rdb-servers.sh .cache/servers
	go vet -tags integration ./internal/rdbmatrix
	go test -tags integration -count=1 -timeout 20m -v ./internal/rdbmatrix

# Exported rules under the engines themselves, which are built from the module proxy into .cache/engines: on every example of every rule
# they find what lint finds.
engines:
	@mkdir -p .cache/engines
	@for m in github.com/open-policy-agent/opa@v1.22.2 github.com/open-policy-agent/conftest@v0.68.2 github.com/open-policy-agent/gatekeeper/v3/cmd/gator@v3.23.1; do \
		name=$$(basename $${m%@*}); test -x .cache/engines/$$name || GOBIN=$(CURDIR)/.cache/engines go install $$m || exit 1; done
	go vet -tags integration ./policy/export
	ENGINES=$(CURDIR)/.cache/engines go test -tags integration -count=1 -timeout 20m -v -run "TestEngines|TestPull" ./policy/export

bench:
	go test -run "^$$" -bench . -benchmem ./cue ./repo
	go test -run "^$$" -bench "Generate|URL" ./internal/cli

# Peers are built from the module proxy into .cache; those that do not build are left out of the table.
bench-lint: build
	@mkdir -p .cache/peers
	@for m in github.com/yannh/kubeconform/cmd/kubeconform@v0.7.0 github.com/zegl/kube-score/cmd/kube-score@v1.20.0 github.com/open-policy-agent/conftest@v0.68.2; do \
		GOBIN=$(CURDIR)/.cache/peers go install $$m || echo "left out: $$m does not build here"; done
	go run ./internal/benchlint -tool bin/redis-gitops -peers .cache/peers 1 50 100 1000 5000

# import next to what the server itself can do: about 20 minutes, 12 GB of memory and 4 GB of disk. Nothing else should run.
# BENCH_ROUNDS=1 BENCH_LARGE_KEYS=0 is the short form.
bench-import:
	go test -tags bench -count=1 -timeout 3h -run TestImport -v ./internal/importbench
