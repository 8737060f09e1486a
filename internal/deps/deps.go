//go:build deps

// Package deps pins the modules that the packages under construction use.
package deps

import (
	_ "cuelang.org/go/cue"
	_ "cuelang.org/go/cue/cuecontext"
	_ "cuelang.org/go/cue/load"
	_ "cuelang.org/go/encoding/jsonschema"
	_ "cuelang.org/go/encoding/openapi"
	_ "cuelang.org/go/encoding/yaml"
	_ "github.com/Masterminds/sprig/v3"
	_ "github.com/aymanbagabas/go-udiff"
	_ "github.com/bitnami-labs/sealed-secrets/pkg/crypto"
	_ "github.com/fatih/color"
	_ "github.com/klauspost/compress/zstd"
	_ "github.com/rogpeppe/go-internal/testscript"
	_ "github.com/rogpeppe/go-internal/txtar"
	_ "github.com/santhosh-tekuri/jsonschema/v6"
	_ "github.com/spf13/afero"
	_ "github.com/spf13/cobra"
	_ "github.com/spf13/cobra/doc"
	_ "go.yaml.in/yaml/v3"
	_ "golang.org/x/sys/unix"
	_ "golang.org/x/term"
	_ "golang.org/x/time/rate"
	_ "sigs.k8s.io/kustomize/kyaml/yaml"
)
