package repo

import (
	"maps"
	"path"
	"slices"
)

// deployers are the documents that deploy applications, by the directories that they deploy: where each application has one of its own,
// to look at all of them for each would take the square of their number.
type deployers struct {
	docs    []*Document      // in the order of their files
	below   map[string][]int // by a directory that a document deploys, and by each above it
	above   map[string][]int // by a directory from which a document may deploy what is below
	unknown []int            // whose directories depend on more than the document
	flux    map[string][]int // the Kustomizations among above
}

func newDeployers(docs []*Document) *deployers {
	d := &deployers{docs: docs, below: map[string][]int{}, above: map[string][]int{}, flux: map[string][]int{}}
	for i, doc := range docs {
		switch doc.Kind() {
		case "Application":
			for _, source := range sources(doc.Get("spec")) {
				dir, known := params{}.expand(sourcePath(source))
				if !known || dir == "" {
					continue
				}
				dir, _ = repoPath(dir)
				d.add(i, dir)
				if text(Lookup(source, "directory", "recurse")) == "true" {
					d.above[dir] = append(d.above[dir], i)
				}
			}
		case "HelmRelease":
			dir, _ := repoPath(text(doc.Get("spec", "chart", "spec", "chart")))
			d.add(i, dir)
		case "Kustomization":
			dir, _ := repoPath(text(doc.Get("spec", "path")))
			d.add(i, dir)
			d.above[dir] = append(d.above[dir], i)
			d.flux[dir] = append(d.flux[dir], i)
		default:
			d.unknown = append(d.unknown, i)
		}
	}
	return d
}

// add notes that a document deploys a directory.
func (d *deployers) add(i int, dir string) {
	for up := range upwards(dir) {
		d.below[up] = append(d.below[up], i)
	}
}

// upwards yields a directory and those above it, up to the root of the repository.
func upwards(dir string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for yield(dir) && dir != "." && dir != "/" {
			dir = path.Dir(dir)
		}
	}
}

// of returns the documents that may deploy a directory, in the order of their files.
func (d *deployers) of(dir string) []*Document {
	ids := map[int]bool{}
	add := func(list []int) {
		for _, i := range list {
			ids[i] = true
		}
	}
	add(d.unknown)
	add(d.below[dir])
	for up := range upwards(dir) {
		add(d.above[up])
	}
	return d.documents(ids)
}

// kustomizations returns those of Flux whose directory is a given one or above it.
func (d *deployers) kustomizations(dir string) []*Document {
	ids := map[int]bool{}
	for up := range upwards(dir) {
		for _, i := range d.flux[up] {
			ids[i] = true
		}
	}
	return d.documents(ids)
}

func (d *deployers) documents(ids map[int]bool) []*Document {
	out := make([]*Document, 0, len(ids))
	for _, i := range slices.Sorted(maps.Keys(ids)) {
		out = append(out, d.docs[i])
	}
	return out
}
