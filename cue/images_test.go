package cue

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"cuelang.org/go/cue"
)

// maxImagesAge is how old the facts about images may be: security releases come every two or three months.
const maxImagesAge = 120 * 24 * time.Hour

// TestImages keeps what is derived from images.cue current. UPDATE=1 writes it; run it twice then.
func TestImages(t *testing.T) {
	t.Parallel()
	facts := images(t)
	src, err := json.MarshalIndent(facts, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string][]byte{"images/images.json": append(src, '\n'), "../policy/lib/known.rego": knownRego(t, facts)} {
		isCurrent(t, file, want)
	}
	embedded, err := KnownImages()
	if err != nil {
		t.Fatal(err)
	}
	if embedded.Date != facts.Date || len(embedded.Repositories) != len(facts.Repositories) {
		t.Errorf("images.json is of %s with %d repositories, images.cue of %s with %d", embedded.Date, len(embedded.Repositories), facts.Date, len(facts.Repositories))
	}
}

// isCurrent compares a file that is derived from CUE. UPDATE=1 writes it.
func isCurrent(t *testing.T, file string, want []byte) {
	t.Helper()
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not current; run UPDATE=1 go test ./cue", file)
	}
}

// images evaluates images.cue against its schema.
func images(t *testing.T) *Images {
	t.Helper()
	v, err := compileFrom(os.ReadFile, "images/schema.cue", "images/images.cue")
	if err == nil {
		err = v.Validate(cue.Concrete(true))
	}
	if err != nil {
		t.Fatal(err)
	}
	src, err := v.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	facts := &Images{}
	decoder := json.NewDecoder(bytes.NewReader(src))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(facts); err != nil {
		t.Fatal(err)
	}
	return facts
}

// TestImagesAge fails when the facts about images are due for another look at their sources.
func TestImagesAge(t *testing.T) {
	t.Parallel()
	facts, err := KnownImages()
	if err != nil {
		t.Fatal(err)
	}
	if err := current(facts.Date, time.Now()); err != nil {
		t.Error(err)
	}
	for _, test := range []struct{ date, today, want string }{
		{"2026-11-28", "2027-03-28", ""},
		{"2026-11-28", "2027-03-29", "121 days old"},
		{"2026-11-28", "2026-11-26", "is in the future"},
		{"2026-11", "2026-11-28", "cannot parse"},
	} {
		today, err := time.Parse(time.DateOnly, test.today)
		if err != nil {
			t.Fatal(err)
		}
		if err := current(test.date, today); (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("facts of %s on %s: %v, want %q", test.date, test.today, err, test.want)
		}
	}
}

func current(date string, now time.Time) error {
	day, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return err
	}
	age := now.Sub(day)
	switch {
	case age < -24*time.Hour:
		return fmt.Errorf("the date %s is in the future; write the day on which the sources were read", date)
	case age >= maxImagesAge+24*time.Hour:
		return fmt.Errorf("cue/images/images.cue is %d days old; compare it with its sources and set its date", int(age.Hours()/24))
	}
	return nil
}

// TestImagesAgree checks the facts against each other: newest releases have all fixes, dates are in order, and operators agree.
func TestImagesAgree(t *testing.T) {
	t.Parallel()
	facts := images(t)
	for engine, lines := range facts.Lines {
		for i, line := range lines {
			if i > 0 && slices.Compare(numbersOf(lines[i-1].Line), numbersOf(line.Line)) >= 0 {
				t.Errorf("%s: line %s comes after %s", engine, line.Line, lines[i-1].Line)
			}
			if next := lines[i+1:]; ended(facts, line) && !slices.ContainsFunc(next, func(l ImageLine) bool { return l.Newest != nil && !ended(facts, l) }) {
				t.Errorf("%s: no later line replaces %s, which has ended", engine, line.Line)
			}
			if line.Newest != nil && !strings.HasPrefix(line.Newest.Version, line.Line+".") {
				t.Errorf("%s: %s is not a release of %s", engine, line.Newest.Version, line.Line)
			}
		}
	}
	for _, v := range facts.Vulnerabilities {
		for engine, versions := range v.Fixed {
			for _, version := range versions {
				line := facts.Line(engine, lineOf(version))
				switch {
				case line == nil || line.Newest == nil:
					t.Errorf("%s: fixed in %s %s, which is of no known line", v.name(), engine, version)
				case slices.Compare(numbersOf(line.Newest.Version), numbersOf(version)) < 0 && line.End == nil:
					t.Errorf("%s: fixed in %s %s, but the newest release is %s", v.name(), engine, version, line.Newest.Version)
				}
			}
		}
	}
	for engine, version := range facts.Default {
		if line := facts.Line(engine, lineOf(version)); line == nil || line.Newest == nil || line.Newest.Version != version {
			t.Errorf("the default of %s is %s, which is not the newest release of its line", engine, version)
		}
	}
	for name, d := range facts.Defaults {
		if _, err := OperatorNamed(name); err != nil {
			t.Error(err)
		}
		if _, known := facts.Find(d.Image); !known {
			t.Errorf("%s: the default image %s is unknown", name, d.Image)
		}
	}
}

var (
	imageInText = regexp.MustCompile(`[a-z0-9][a-z0-9./_-]*:v?[0-9]+\.[0-9]+\.[0-9]+[0-9A-Za-z._-]*`)
	exampleText = regexp.MustCompile(`(?:for example|such as) ([a-z0-9./_-]*:[0-9][0-9A-Za-z.-]*[0-9A-Za-z])`)
)

// TestDefaultImage keeps the images of templates, values, examples and the operator's facts together with the facts about images.
func TestDefaultImage(t *testing.T) {
	t.Parallel()
	facts, err := KnownImages()
	if err != nil {
		t.Fatal(err)
	}
	current := func(where, image string) int {
		known, _ := facts.Find(image)
		want, ours := facts.Default[known.Engine]
		if ours && known.Version != want {
			t.Errorf("%s has the image %s, want %s %s", where, image, known.Engine, want)
		}
		if ours {
			return 1
		}
		return 0
	}
	for _, name := range operatorNames() {
		o, err := OperatorNamed(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, typ := range o.Types {
			found := 0
			for _, image := range imageInText.FindAllString(string(o.Template(typ)), -1) {
				found += current("the template of "+name, image)
			}
			if found == 0 && o.Without["image"] == "" {
				t.Errorf("the template of %s has no image of Redis or Valkey", name)
			}
			of := o.Of(typ)
			for engine := range of.Engines {
				layer, err := of.Engine(engine)
				if err != nil {
					t.Fatal(err)
				}
				values, err := of.Resolve("", []Layer{layer}, nil)
				if err != nil {
					t.Fatal(err)
				}
				for _, v := range values {
					if known, _ := facts.Find(fmt.Sprint(v.Value)); v.Key == "image" && known.Engine != engine {
						t.Errorf("engine %s of %s has the image %v", engine, name, v.Value)
					}
					if v.Key == "image" {
						current("engine "+engine+" of "+name, fmt.Sprint(v.Value))
					}
				}
			}
		}
		src, err := files.ReadFile("operator/" + name + "/operator.cue")
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range exampleText.FindAllStringSubmatch(string(src), -1) {
			current("an example in operator.cue of "+name, m[1])
		}
	}
	src, err := files.ReadFile("config.cue")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, m := range exampleText.FindAllStringSubmatch(string(src), -1) {
		found += current("an example in config.cue", m[1])
	}
	if found != 2 {
		t.Errorf("config.cue has %d examples of images, want 2", found)
	}
	defaults, err := operator(t).Defaults()
	if err != nil {
		t.Fatal(err)
	}
	redis := defaults["redis"].(map[string]any)
	if known := facts.Defaults["spotahome"]; redis["image"] != known.Image || redis["exporterImage"] != known.Exporter.Image {
		t.Errorf("operatorDefaults has %v and %v, images.cue %s and %s", redis["image"], redis["exporterImage"], known.Image, known.Exporter.Image)
	}
}

func TestFindImage(t *testing.T) {
	t.Parallel()
	facts, err := KnownImages()
	if err != nil {
		t.Fatal(err)
	}
	for image, want := range map[string]string{
		"redis":                                "docker.io/library/redis redis  -",
		"redis:7.4.11-alpine":                  "docker.io/library/redis redis 7.4.11 7.4",
		"redis:7-alpine":                       "docker.io/library/redis redis  -",
		"redis:7.4-alpine":                     "docker.io/library/redis redis  7.4",
		"redis:7.4.1@sha256:abcd":              "docker.io/library/redis redis 7.4.1 7.4",
		"docker.io/redis:8.2.9":                "docker.io/library/redis redis 8.2.9 8.2",
		"index.docker.io/library/redis:8.10.1": "docker.io/library/redis redis 8.10.1 8.10",
		"quay.io/opstree/redis:v7.2.16":        "quay.io/opstree/redis redis 7.2.16 7.2",
		"valkey/valkey:8.1":                    "docker.io/valkey/valkey valkey  8.1",
		"localhost/redis:7.2.5":                "localhost/redis redis 7.2.5 7.2",
		"host:5000/team/valkey:9.0.6-trixie":   "host:5000/team/valkey valkey 9.0.6 9.0",
		"bitnami/redis:7.2.5-debian-12-r0":     "docker.io/bitnami/redis redis 7.2.5 7.2",
		"redis/redis-stack:7.4.0-v7":           "docker.io/redis/redis-stack redis-stack 7.4.0-v7 7.4",
		"oliver006/redis_exporter:v1.87.0":     "docker.io/oliver006/redis_exporter redis_exporter 1.87.0 1",
		"redis:99.1.1":                         "docker.io/library/redis redis 99.1.1 -",
		"busybox:1.36.1":                       "unknown",
		"two words":                            "unknown",
	} {
		got := "unknown"
		if k, ok := facts.Find(image); ok {
			line := "-"
			if k.Line != nil {
				line = k.Line.Line
			}
			got = fmt.Sprintf("%s %s %s %s", k.Repository, k.Engine, k.Version, line)
		}
		if got != want {
			t.Errorf("%s is %s, want %s", image, got, want)
		}
	}
}

func TestLoads(t *testing.T) {
	t.Parallel()
	facts, err := KnownImages()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		server, dump string
		want         Loading
	}{
		{"redis:7.4.11", "redis:7.2.16", LoadsFully},
		{"redis:7.4.11", "redis:7.4.1", LoadsFully},
		{"redis:7.2.16", "redis:7.4.11", LoadsNot},
		{"redis:6.2.24", "redis:7.0.15", LoadsNot},
		{"redis:6.2.24", "eqalpha/keydb:6.3.4", LoadsFully},
		{"eqalpha/keydb:6.3.4", "redis:7.2.16", LoadsNot},
		{"valkey/valkey:8.1.10", "redis:7.2.16", LoadsFully},
		{"valkey/valkey:8.1.10", "redis:7.4.11", LoadsNot},
		{"valkey/valkey:9.1.2", "redis:7.4.11", LoadsNot},
		{"valkey/valkey:9.1.2", "valkey/valkey:8.1.10", LoadsFully},
		{"valkey/valkey:8.1.10", "valkey/valkey:9.0.6", LoadsNot},
		{"redis:8.10.1", "valkey/valkey:9.0.6", LoadsNot},
		{"redis:8.10.1", "valkey/valkey:8.1.10", LoadsFully},
		{"redis:8.10.1", "redis:8.2.9", LoadsFully},
		{"redis:7.4.11", "redis:8.2.9", LoadsPartly},
		{"redis:7.4.11", "redis/redis-stack:7.4.0-v7", LoadsPartly},
		{"redis:8.2.9", "redis/redis-stack:7.4.0-v7", LoadsFully},
		{"redis:7.4.11", "docker.dragonflydb.io/dragonflydb/dragonfly:v1.30.0", LoadsUnknown},
		{"redis:latest", "redis:7.4.11", LoadsUnknown},
	} {
		format := func(image string) *RDB {
			k, ok := facts.Find(image)
			if !ok {
				t.Fatalf("%s is unknown", image)
			}
			if k.Line == nil {
				return nil
			}
			return k.Line.RDB
		}
		if got := format(test.server).Loads(format(test.dump)); got != test.want {
			t.Errorf("%s and a dump of %s: %s, want %s", test.server, test.dump, got, test.want)
		}
	}
}

// unnamed is 1 for what has no id, which comes after what has one.
func unnamed(v Vulnerability) int {
	if v.ID == "" {
		return 1
	}
	return 0
}

func (v Vulnerability) name() string { return cmp.Or(v.ID, v.What) }

func ended(facts *Images, line ImageLine) bool { return line.End != nil && line.End.Date <= facts.Date }

// lineOf returns the line of a version: 7.4 of 7.4.11.
func lineOf(version string) string {
	return strings.Join(strings.SplitN(version, ".", 3)[:2], ".")
}

const knownHead = `# Known images and releases, for lib/images.rego. The tests of package cue write this file from cue/images/images.cue, which has the
# sources. Do not edit it.
package redisgitops.lib.known

`

// knownRego is what rules need of the facts.
func knownRego(t *testing.T, facts *Images) []byte {
	b := bytes.NewBufferString(knownHead)
	write := func(name string, value any) {
		src, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(b, "%s := %s\n\n", name, src)
	}
	b.WriteString("# By engine and line: the newest release, the license, the day of its last fix if that has passed, and what replaces it then.\nlines := {\n")
	for _, engine := range slices.Sorted(maps.Keys(facts.Lines)) {
		fmt.Fprintf(b, "\t%q: {\n", engine)
		for i, line := range facts.Lines[engine] {
			entry := map[string]any{"license": line.License}
			if line.Newest != nil {
				entry["newest"] = line.Newest.Version
			}
			if ended(facts, line) {
				entry["ended"] = line.End.Date
				for _, later := range facts.Lines[engine][i+1:] {
					if later.Newest != nil && !ended(facts, later) {
						entry["next"] = later.Newest.Version
						break
					}
				}
			}
			src, err := json.Marshal(entry)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(b, "\t\t%q: %s,\n", line.Line, src)
		}
		b.WriteString("\t},\n")
	}
	b.WriteString("}\n\n# By engine and line, worst first: the patch that fixes a vulnerability, as 1000 × patch + build, its name and severity.\nfixes := {\n")
	fixes := fixesByLine(facts)
	for _, engine := range slices.Sorted(maps.Keys(fixes)) {
		fmt.Fprintf(b, "\t%q: {\n", engine)
		for _, line := range slices.Sorted(maps.Keys(fixes[engine])) {
			src, err := json.Marshal(fixes[engine][line])
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(b, "\t\t%q: %s,\n", line, src)
		}
		b.WriteString("\t},\n")
	}
	b.WriteString("}\n\n")
	repositories, owners, names := map[string]any{}, map[string]any{}, map[string]string{}
	for _, r := range facts.Repositories {
		entry := map[string]any{}
		if r.Engine != "" {
			entry["engine"] = r.Engine
			names[path.Base(r.Name)] = r.Engine
		}
		if r.Gone != "" {
			entry["gone"], entry["kept"] = r.Gone, slices.Concat([]string{}, r.Kept)
		}
		if r.Frozen != "" {
			entry["frozen"] = r.Frozen
		}
		if owner, all := strings.CutSuffix(r.Name, "/*"); all {
			owners[owner] = entry
		} else {
			repositories[r.Name] = entry
		}
	}
	moving := map[string]bool{}
	for _, r := range facts.Repositories {
		for _, tag := range r.Moving {
			moving[tag] = true
		}
	}
	write("repositories", repositories)
	write("owners", owners)
	write("engines", names)
	write("moving", slices.Sorted(maps.Keys(moving)))
	defaults := map[string]any{}
	for name, d := range facts.Defaults {
		entry := map[string]any{"image": d.Image, "year": d.Year}
		if d.Valkey != "" {
			entry["valkey"] = d.Valkey
		}
		if d.Exporter != nil {
			entry["exporter"] = map[string]string{"image": d.Exporter.Image, "year": d.Exporter.Year}
		}
		defaults[name] = entry
	}
	write("defaults", defaults)
	return append(bytes.TrimRight(b.Bytes(), "\n"), '\n')
}

func fixesByLine(facts *Images) map[string]map[string][][]any {
	rank := []string{"critical", "high", "medium"}
	out := map[string]map[string][][]any{}
	sorted := slices.Clone(facts.Vulnerabilities)
	slices.SortStableFunc(sorted, func(a, b Vulnerability) int {
		return cmp.Or(slices.Index(rank, a.Severity)-slices.Index(rank, b.Severity), unnamed(a)-unnamed(b))
	})
	for _, v := range sorted {
		for engine, versions := range v.Fixed {
			if out[engine] == nil {
				out[engine] = map[string][][]any{}
			}
			for _, version := range versions {
				n := append(numbersOf(version), 0)
				out[engine][lineOf(version)] = append(out[engine][lineOf(version)], []any{1000*n[2] + n[3], v.name(), v.Severity})
			}
		}
	}
	return out
}

// numbersOf returns the numbers of a version: 7.4.0-v7 as 7, 4, 0, 7.
func numbersOf(version string) []int {
	var out []int
	for _, part := range strings.FieldsFunc(version, func(r rune) bool { return r < '0' || r > '9' }) {
		n, _ := strconv.Atoi(part) // the schema only has digits
		out = append(out, n)
	}
	return out
}
