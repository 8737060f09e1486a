//go:build webpage

// Package web holds the built page. Only a build with the tag webpage has it, since it must be built first: make web.
package web

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// Page returns the built page; nil when this build has none.
func Page() fs.FS {
	page, err := fs.Sub(dist, "dist")
	if err != nil {
		return nil
	}
	return page
}
