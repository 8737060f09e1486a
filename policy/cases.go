package policy

import (
	"embed"
	"path"
)

// A program that calls neither [Examples] nor [Cases], as that of the page, leaves them out.
//
//go:embed */*/testdata/*.txtar
var cases embed.FS

// Cases returns the further archives of an embedded rule's testdata by name: those with want.txt make the rule fire, those without
// make it silent.
func Cases(r *Rule) map[string]string {
	out := map[string]string{}
	dir := path.Join(r.Name, "testdata")
	entries, _ := cases.ReadDir(dir) // a rule of a repository has none
	for _, e := range entries {
		if name := e.Name(); name != "bad.txtar" && name != "good.txtar" {
			src, _ := cases.ReadFile(path.Join(dir, name))
			out[name] = string(src)
		}
	}
	return out
}
