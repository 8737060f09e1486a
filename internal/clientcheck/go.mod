module github.com/redis-gitops/redis-gitops/internal/clientcheck

go 1.26

require (
	github.com/redis/go-redis/v9 v9.7.0
	go.yaml.in/yaml/v3 v3.0.4
)

require (
	github.com/cespare/xxhash/v2 v2.2.0 // indirect
	github.com/dgryski/go-rendezvous v0.0.0-20200823014737-9f7001d12a5f // indirect
)
