//go:build !webpage

// Package web holds the built page. Only a build with the tag webpage has it, since it must be built first: make web.
package web

import "io/fs"

// Page gives the built page; nil when this build has none.
func Page() fs.FS { return nil }
