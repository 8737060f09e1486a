module github.com/redis-gitops/redis-gitops/internal/sarifcheck

go 1.26.0

replace github.com/redis-gitops/redis-gitops => ../..

require (
	github.com/owenrumney/go-sarif/v3 v3.3.1
	github.com/redis-gitops/redis-gitops v0.0.0-00010101000000-000000000000
	github.com/santhosh-tekuri/jsonschema/v6 v6.0.3
)

require (
	github.com/xeipuuv/gojsonpointer v0.0.0-20190905194746-02993c407bfb // indirect
	github.com/xeipuuv/gojsonreference v0.0.0-20180127040603-bd5ef7bd5415 // indirect
	github.com/xeipuuv/gojsonschema v1.2.0 // indirect
	golang.org/x/text v0.43.0 // indirect
)
