package redact

import (
	"slices"
	"unique"
)

// Kept is a [File] in which nothing is secret, as it can be written down: the names in it are of keys and objects.
type Kept struct {
	Chains, Includes, Refs, Names []string            `json:",omitempty"`
	Defines                       map[string][]string `json:",omitempty"`
}

// Keep returns the file as it can be written down; not ok if something in it is secret.
func (f *File) Keep() (kept Kept, ok bool) {
	return Kept{f.Chains, f.Includes, f.Refs, f.names, f.Defines}, f.Empty()
}

// Quiet reports whether nothing was found in the file.
func (k Kept) Quiet() bool {
	return len(k.Chains)+len(k.Includes)+len(k.Refs)+len(k.Names)+len(k.Defines) == 0
}

// File returns the file that [File.Keep] gave.
func (k Kept) File(name string) *File {
	return &File{Name: name, Chains: k.Chains, Includes: k.Includes, Refs: k.Refs, Defines: k.Defines, names: slices.Clip(k.Names), spans: map[int][]Span{}}
}

// release keeps the text of the file from living as long as what was found in it. Names are the same in many files.
func (f *File) release() {
	release := func(list []string) {
		for i, s := range list {
			list[i] = unique.Make(s).Value()
		}
	}
	for _, list := range [][]string{f.Values, f.Chains, f.Includes, f.Refs, f.names} {
		release(list)
	}
	defines := f.Defines
	f.Defines = nil
	for name, list := range defines {
		release(list)
		if f.Defines == nil {
			f.Defines = make(map[string][]string, len(defines))
		}
		f.Defines[unique.Make(name).Value()] = list
	}
	f.names = slices.Clip(f.names)
}
