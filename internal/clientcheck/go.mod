module github.com/redis-gitops/redis-gitops/internal/clientcheck

go 1.26.0

require (
	github.com/redis-gitops/redis-gitops v0.0.0
	github.com/redis/go-redis/v9 v9.7.0
	go.yaml.in/yaml/v3 v3.0.6
)

require (
	cuelang.org/go v0.17.1 // indirect
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/cockroachdb/apd/v3 v3.2.3 // indirect
	github.com/dgryski/go-rendezvous v0.0.0-20200823014737-9f7001d12a5f // indirect
	github.com/emicklei/proto v1.14.3 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/mitchellh/go-wordwrap v1.0.1 // indirect
	github.com/pelletier/go-toml/v2 v2.3.1 // indirect
	github.com/protocolbuffers/txtpbfmt v0.0.0-20260420112717-c39628bde8b5 // indirect
	golang.org/x/net v0.60.0 // indirect
	golang.org/x/text v0.42.0 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
)

replace github.com/redis-gitops/redis-gitops => ../..
