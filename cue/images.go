package cue

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
)

// Known images and the releases in them are data: images/images.cue has the facts with their sources, images/schema.cue their
// meaning. The tests derive images.json, and policy/lib/known.rego for rules, so that nothing evaluates CUE for them.

//go:embed images/images.json
var imagesJSON []byte

// Images are known images and the releases in them, as of Date.
type Images struct {
	Date            string                  `json:"date"`    // as 2026-11-28: the day of the last comparison with the sources
	Default         map[string]string       `json:"default"` // the version of new instances by engine
	Lines           map[string][]ImageLine  `json:"lines"`   // by engine, oldest first
	Vulnerabilities []Vulnerability         `json:"vulnerabilities"`
	Repositories    []ImageRepository       `json:"repositories"`
	Defaults        map[string]ImageDefault `json:"defaults"` // by the name of an operator
}

// Sourced is where a fact was read, and when.
type Sourced struct {
	Source   string `json:"source"`
	Read     string `json:"read"`               // a day or a month
	Inferred string `json:"inferred,omitempty"` // what the source does not state
}

// ImageLine is a release line, such as 7.4.
type ImageLine struct {
	Line    string   `json:"line"`
	License string   `json:"license"`          // SPDX identifiers where there are any, with OR for a choice
	First   string   `json:"first,omitempty"`  // the day or month of its first release
	Newest  *Release `json:"newest,omitempty"` // nil if no release is known
	End     *Release `json:"end,omitempty"`    // only with Date: its last day of support; nil if none is announced
	RDB     *RDB     `json:"rdb,omitempty"`    // nil if its dumps are unknown
	Note    string   `json:"note,omitempty"`
	Sourced
}

// Release is a version or an event of a line.
type Release struct {
	Version string `json:"version,omitempty"`
	Date    string `json:"date"`
	Sourced
}

// RDB describes the dumps that a line writes and reads. Source: rdbSaveRio and rdbLoadRioWithLoadingCtx in rdb.c.
type RDB struct {
	Magic  string            `json:"magic"`          // REDIS or VALKEY
	Writes int               `json:"writes"`         // the version behind the magic string
	Reads  map[string][2]int `json:"reads"`          // first and last version by magic string
	Note   string            `json:"note,omitempty"` // what the version does not show
	Sourced
}

// Vulnerability is a flaw and the first releases without it, by engine: one for each line that had it.
type Vulnerability struct {
	ID       string              `json:"id,omitempty"` // "" where nobody has assigned one
	Severity string              `json:"severity"`     // critical, high or medium
	What     string              `json:"what"`
	Fixed    map[string][]string `json:"fixed"`
	Sourced
}

// ImageRepository is where images come from.
type ImageRepository struct {
	Name   string   `json:"name"`             // with its registry; with /* at the end all repositories of the owner
	Engine string   `json:"engine,omitempty"` // "" for repositories of several programs
	Prefix string   `json:"prefix,omitempty"` // of versions in tags
	Moving []string `json:"moving,omitempty"` // tags without a version that change
	Gone   string   `json:"gone,omitempty"`   // the day on which its images were removed, except the tags Kept
	Kept   []string `json:"kept,omitempty"`
	Frozen string   `json:"frozen,omitempty"` // the day of its last update
	Note   string   `json:"note,omitempty"`
	Sourced
}

// ImageDefault is what an operator runs where a resource names no image.
type ImageDefault struct {
	Image    string `json:"image"`
	Year     string `json:"year"`             // of its release
	Valkey   string `json:"valkey,omitempty"` // for resources that run Valkey
	Exporter *struct {
		Image string `json:"image"`
		Year  string `json:"year"`
	} `json:"exporter,omitempty"` // nil if unknown
	Sourced
}

// known is not filled in at the start, so that a program that never asks for images leaves the facts out.
var known struct {
	once   sync.Once
	images Images
	err    error
}

// KnownImages returns the facts about images. They are shared: do not change them.
func KnownImages() (*Images, error) {
	known.once.Do(func() {
		if err := json.Unmarshal(imagesJSON, &known.images); err != nil {
			known.err = fmt.Errorf("embedded images: %w", err)
		}
	})
	return &known.images, known.err
}

// KnownImage is what is known of an image reference.
type KnownImage struct {
	Repository string // with its registry
	Tag        string
	Engine     string     // redis, valkey, …
	Version    string     // of the tag, such as 7.4.11; "" if the tag moves or names no version
	Line       *ImageLine // nil if the tag does not name one
}

var (
	imageReference = lazyregexp.New(`^((?:[^\s@]*/)?)([^/:@\s]+)(?::([^@\s/]*))?(?:@\S+)?$`)
	imageVersion   = lazyregexp.New(`^v?([0-9]+)(?:\.([0-9]+))?(?:\.([0-9]+(?:-v[0-9]+)?))?(?:[.-]|$)`)
	dockerHub      = lazyregexp.New(`^(?:index\.|registry-1\.)?docker\.io/`)
)

// Find returns what is known of an image reference: false if its program is unknown. A copy in another registry counts by its name.
func (i *Images) Find(image string) (KnownImage, bool) {
	m := imageReference.FindStringSubmatch(image)
	if m == nil {
		return KnownImage{}, false
	}
	known := KnownImage{Repository: qualified(m[1], m[2]), Tag: m[3]}
	for _, r := range i.Repositories {
		if r.Engine == "" {
			continue
		}
		if r.Name == known.Repository {
			known.Engine = r.Engine
			break
		}
		if strings.HasSuffix(r.Name, "/"+m[2]) {
			known.Engine = r.Engine
		}
	}
	if known.Engine == "" {
		return KnownImage{}, false
	}
	v := imageVersion.FindStringSubmatch(known.Tag)
	if v == nil {
		return known, true
	}
	if v[3] != "" {
		known.Version = v[1] + "." + v[2] + "." + v[3]
	}
	known.Line = i.Line(known.Engine, v[1]+"."+v[2])
	if known.Line == nil {
		known.Line = i.Line(known.Engine, v[1])
	}
	return known, true
}

// qualified returns the name of a repository with its registry, as the Docker Hub resolves short names
// (distribution/reference, normalize.go).
func qualified(dir, name string) string {
	first, _, _ := strings.Cut(dir, "/")
	if dir != "" && !strings.ContainsAny(first, ".:") && first != "localhost" {
		dir = "docker.io/" + dir
	}
	if dir = dockerHub.ReplaceAllString(dir, "docker.io/"); dir == "" || dir == "docker.io/" {
		dir = "docker.io/library/"
	}
	return dir + name
}

// Line returns a release line of an engine, or nil.
func (i *Images) Line(engine, line string) *ImageLine {
	lines := i.Lines[engine]
	at := slices.IndexFunc(lines, func(l ImageLine) bool { return l.Line == line })
	if at < 0 {
		return nil
	}
	return &lines[at]
}

// Loading is whether a server loads the dump of another one.
type Loading string

// The answers of [RDB.Loads].
const (
	LoadsFully   Loading = "loads"
	LoadsPartly  Loading = "loads unless the dump has types of modules" // and refuses the whole dump otherwise
	LoadsNot     Loading = "refuses"                                    // "Can't handle RDB format version"
	LoadsUnknown Loading = "unknown"
)

// Loads reports whether a server of this line loads a dump that a server of another line wrote, at its default settings. Either
// may be nil, for unknown formats. Source: rdbLoadRioWithLoadingCtx in rdb.c.
func (r *RDB) Loads(dump *RDB) Loading {
	if r == nil || dump == nil {
		return LoadsUnknown
	}
	versions, known := r.Reads[dump.Magic]
	switch {
	case !known || dump.Writes < versions[0] || dump.Writes > versions[1]:
		return LoadsNot
	case dump.Note != "" && dump.Note != r.Note:
		return LoadsPartly
	}
	return LoadsFully
}
