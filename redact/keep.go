package redact

import "slices"

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
