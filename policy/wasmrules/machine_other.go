//go:build !js

package wasmrules

import "errors"

// machine runs in a browser, or in Node.js, alone.
type machine struct{}

func newMachine([]byte) (*machine, error) {
	return nil, errors.New("policy: rules compiled to WebAssembly only run in a browser; use package opa")
}

func (*machine) setData([]byte) error { return nil }

func (*machine) eval(string, []byte) ([]byte, error) { return nil, nil }
