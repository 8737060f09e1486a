# make demo   shows the main job in a temporary repository
# make test   installs what the tests need and passes them all
.PHONY: build demo test check bench tools

build:
	go build -o bin/redis-gitops ./cmd/redis-gitops

demo: build
	@sh scripts/demo.sh bin/redis-gitops

# Redis and Sentinel are there for tests of dumps; git for tests of patches and of three-way merges.
tools:
	@sh scripts/install-tools.sh redis-server redis-sentinel git

check:
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "run gofmt -w on these files"; exit 1; }
	go vet ./...

# internal/helmcheck and internal/sarifcheck are modules of their own: real Helm, the API server's validation and the
# schema of SARIF stay out of the tool.
test: tools check
	go test ./...
	cd internal/helmcheck && go vet ./... && go test ./...
	cd internal/sarifcheck && go vet ./... && go test ./...

bench:
	go test -run "^$$" -bench . -benchmem ./cue ./repo
	go test -run "^$$" -bench Generate ./cmd/redis-gitops
