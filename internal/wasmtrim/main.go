// Command wasmtrim takes out of the modules that the browser's program is built of what it never uses and the linker cannot
// leave out, and writes a go.mod for that build: wasmtrim DIR, then go build -modfile=DIR/trim.mod -mod=mod.
//
// Nothing in Git is a copy: modules are copied from the module cache and cut there. Each cut is for one version, and a cut
// that does not fit is an error, so that a new version of a module is looked at first. What it saves is in
// docs/adr/0004-page.md; the parity test of package wasm shows that the answers are the same.
package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: wasmtrim DIR")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "wasmtrim:", err)
		os.Exit(1)
	}
}

// module is a module and what is cut out of it.
type module struct {
	path, version string
	remove        []string // files
	edits         []edit
	http          bool // its uses of net/http, none of which the program comes to, go to a stub
}

// edit replaces what an expression matches, which must be there once.
type edit struct{ file, match, with string }

const cut = "(?s)"

var modules = []module{
	{
		path: "cuelang.org/go", version: "v0.17.1", http: true,
		edits: []edit{
			// Our schemas import list, math, strconv, strings and time; CUE itself needs these.
			{"pkg/register.go", cut + `import \(.*\)`, `import (
	_ "cuelang.org/go/pkg/list"
	_ "cuelang.org/go/pkg/math"
	_ "cuelang.org/go/pkg/net"
	_ "cuelang.org/go/pkg/regexp"
	_ "cuelang.org/go/pkg/strconv"
	_ "cuelang.org/go/pkg/strings"
	_ "cuelang.org/go/pkg/struct"
	_ "cuelang.org/go/pkg/time"
)`},
			// @embed reads files: it brings every encoding, and our schemas have none.
			{"cue/cuecontext/cuecontext.go", `\t"cuelang.org/go/cue/inject/embed"\n`, ""},
			{"cue/cuecontext/cuecontext.go", `\tr\.AddInjection\(embed\.New\(\)\)\n`, ""},
			// Values as CUE source, which nobody asks for: Syntax and the verbs of fmt bring the exporter.
			{"cue/types.go", cut + `\to := getOptions\(opts\)\n\n\tp := export\.Profile\{.*?\n}\n`, "\treturn nil\n}\n"},
			{"cue/format.go", cut + `func formatCUE\(.*`, "func formatCUE(state fmt.State, v Value, _, _ bool) { fmt.Fprint(state, v.Path()) }\n"},
			{"cue/format.go", cut + `import \(.*?\)`, "import (\n\t\"fmt\"\n\t\"math/big\"\n)"},
			// Instances for other programs of CUE.
			{"cue/marshal.go", cut + `// root\..*`, ""},
			{"cue/marshal.go", cut + `import \(.*?\n\)`, ""},
			// A page of graphs for CUE's own developers.
			{"internal/core/adt/debug.go", `\t"html/template"\n`, ""},
			{"internal/core/adt/debug.go", cut + "\ttmpl := template\\.Must.*?\topenBrowser\\(url\\)\n", "\t_ = data\n"},
		},
	},
	{
		path: "github.com/open-policy-agent/opa", version: "v1.22.2", http: true,
		// Functions that policy/opa/capabilities.go refuses to every rule.
		remove: []string{
			"v1/topdown/http_fixup.go", "v1/topdown/http_fixup_darwin.go", "v1/topdown/graphql.go", "v1/topdown/tokens.go",
			"v1/topdown/providers.go", "v1/topdown/crypto.go", "v1/topdown/net.go", "v1/util/read_gzip_body.go", "v1/util/close.go",
		},
		edits: []edit{
			{"v1/topdown/http.go", cut + `\A.*\z`, "package topdown\n\n// CustomizeRoundTripper is of http.send.\ntype CustomizeRoundTripper func()\n"},
			// What every version since 0.17 could do, in 157 files.
			{"capabilities/capabilities.go", `//go:embed \*\.json\n`, ""},
		},
	},
	{
		path: "github.com/Masterminds/sprig/v3", version: "v3.3.0",
		remove: []string{"network.go"},
		// Passwords and certificates, in whose place render/functions.go has fixed ones.
		edits: []edit{
			{"functions.go", `\t"getHostByName": getHostByName,\n`, ""},
			{"functions.go", cut + `\t"bcrypt": .*\t"encryptAES"`, "\t\"encryptAES\""},
			{"functions.go", `\t"randBytes": .*\n`, ""},
			{"functions.go", `\t"uuidv4": .*\n`, ""},
			{"crypto.go", cut + `func bcrypt\(.*func encryptAES`, "func encryptAES"},
			{"crypto.go", cut + `import \(.*?\n\)`, `import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash/adler32"
	"io"
)`},
		},
	},
	{
		path: "github.com/bitnami-labs/sealed-secrets", version: "v0.36.0",
		remove: []string{"pkg/crypto/keys.go"}, // for the controller
		edits: []edit{
			{"pkg/crypto/crypto.go", cut + `// PublicKeyFingerprint.*?\n}\n`, ""},
			{"pkg/crypto/crypto.go", `\t"golang.org/x/crypto/ssh"\n`, ""},
		},
	},
	{path: "github.com/spf13/afero", version: "v1.15.0", remove: []string{"httpFs.go"}},
	{path: "github.com/go-openapi/swag/loading", version: "v0.27.1", http: true},
	{
		path: "k8s.io/kube-openapi", version: "v0.0.0-20260721132016-d427ff9ee9ad",
		// Conversions of another library's types, which bring all of protobuf; kustomize reads OpenAPI without them.
		remove: []string{"pkg/validation/spec/gnostic.go"},
	},
	{
		path: "sigs.k8s.io/kustomize/api", version: "v0.21.2", http: true,
		// What starts a program: Git, Helm, functions and plugins. render reports each of them before kustomize sees it.
		remove: []string{"internal/git/gitrunner.go"},
		edits: []edit{
			{"internal/git/cloner.go", cut + `func ClonerUsingGitExec\(.*?\n}\n`, "func ClonerUsingGitExec(*RepoSpec) error { return errors.New(\"no Git in the browser\") }\n"},
			{"internal/git/cloner.go", `import \(\n`, "import (\n\t\"errors\"\n\n"},
			{"internal/plugins/loader/loader.go", cut + `(\) loadPlugin\([^\n]*\n).*`, `) loadPlugin(res *resource.Resource) (resmap.Configurable, error) {
	return nil, errors.Errorf("plugin %s is not built in", res.OrgId())
}
`},
			{"internal/plugins/loader/loader.go", `\t"os"\n`, ""},
			{"internal/plugins/loader/loader.go", `\t"sigs.k8s.io/kustomize/api/internal/plugins/execplugin"\n\t"sigs.k8s.io/kustomize/api/internal/plugins/fnplugin"\n`, ""},
			{"internal/builtins/HelmChartInflationGenerator.go", cut + `\) runHelmCommand\(.*?\n}\n`, `) runHelmCommand([]string) ([]byte, error) {
	return nil, errors.Errorf("no Helm in the browser")
}
`},
			{"internal/builtins/HelmChartInflationGenerator.go", `\t"os/exec"\n`, ""},
			{"internal/builtins/HelmChartInflationGenerator.go", `\t"slices"\n`, ""},
		},
	},
}

func run(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	list, err := command("go", "list", "-m", "-f", "{{.Path}} {{.Version}} {{.Dir}}", "all")
	if err != nil {
		return err
	}
	places := map[string][2]string{}
	for line := range strings.Lines(list) {
		if f := strings.Fields(line); len(f) == 3 {
			places[f[0]] = [2]string{f[1], f[2]}
		}
	}
	root, err := command("go", "env", "GOMOD")
	if err != nil {
		return err
	}
	root = strings.TrimSpace(root)
	mod := filepath.Join(dir, "trim.mod")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for from, to := range map[string]string{root: mod, strings.TrimSuffix(root, ".mod") + ".sum": filepath.Join(dir, "trim.sum")} {
		if err := copyFile(from, to); err != nil {
			return err
		}
	}
	stub := filepath.Join(dir, "trim", "nohttp")
	if err := os.MkdirAll(stub, 0o755); err != nil {
		return err
	}
	err = errors.Join(os.WriteFile(filepath.Join(stub, "go.mod"), []byte("module nohttp\n\ngo 1.26\n"), 0o644), os.WriteFile(filepath.Join(stub, "nohttp.go"), []byte(nohttp), 0o644))
	if err != nil {
		return err
	}
	edits := []string{"mod", "edit", "-require=nohttp@v0.0.0", "-replace=nohttp=" + stub}
	for _, m := range modules {
		place, ok := places[m.path]
		switch {
		case !ok:
			return fmt.Errorf("%s is no longer a dependency; remove it from the list", m.path)
		case place[0] != m.version:
			return fmt.Errorf("%s is %s and the cuts are for %s; see whether they still fit, then write the new version here", m.path, place[0], m.version)
		}
		to := filepath.Join(dir, "trim", strings.ReplaceAll(m.path, "/", "_"))
		if err := m.trim(place[1], to); err != nil {
			return fmt.Errorf("%s: %w", m.path, err)
		}
		edits = append(edits, "-replace="+m.path+"="+to)
	}
	_, err = command("go", append(edits, mod)...)
	return err
}

func command(name string, args ...string) (string, error) {
	c := exec.Command(name, args...)
	c.Stderr = os.Stderr
	out, err := c.Output()
	return string(out), err
}

func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	// As it is, so that the build need not look again at what did not change.
	if old, err := os.ReadFile(to); err == nil && string(old) == string(data) {
		return nil
	}
	return os.WriteFile(to, data, 0o644)
}

var httpImport = regexp.MustCompile(`(?m)^(\s*|import )"net/http"$`)

// trim copies a module without tests and makes the cuts.
func (m *module) trim(from, to string) error {
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	err := filepath.WalkDir(from, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		switch {
		case d.IsDir() && (d.Name() == "testdata" || d.Name() == ".git"):
			return fs.SkipDir
		case d.IsDir():
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		case strings.HasSuffix(name, "_test.go"), slices.Contains(m.remove, filepath.ToSlash(rel)):
			return nil
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if m.http && strings.HasSuffix(name, ".go") {
			data = httpImport.ReplaceAll(data, []byte(`${1}http "nohttp"`))
		}
		return os.WriteFile(filepath.Join(to, rel), data, 0o644)
	})
	if err != nil {
		return err
	}
	for _, name := range m.remove {
		if _, err := os.Stat(filepath.Join(from, filepath.FromSlash(name))); err != nil {
			return fmt.Errorf("no %s to remove", name)
		}
	}
	for _, e := range m.edits {
		name := filepath.Join(to, filepath.FromSlash(e.file))
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		match := regexp.MustCompile(e.match)
		if n := len(match.FindAllIndex(data, 2)); n != 1 {
			return fmt.Errorf("%s: %q is there %d times and not once", e.file, e.match, n)
		}
		if err := os.WriteFile(name, match.ReplaceAllLiteral(data, []byte(e.with)), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// nohttp has what those modules name of net/http. Nothing of it reaches a network.
const nohttp = `// Package nohttp stands in the place of net/http.
package nohttp

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/url"
)

var errNone = errors.New("no network in the browser")

const (
	MethodGet = "GET"
	StatusOK  = 200
)

type Header map[string][]string

func (h Header) Set(key, value string) { h[key] = []string{value} }
func (h Header) Get(string) string { return "" }

type Request struct {
	URL    *url.URL
	Header Header
}

func (r *Request) SetBasicAuth(string, string) {}

type Response struct {
	StatusCode int
	Status     string
	Header     Header
	Body       io.ReadCloser
}

type RoundTripper interface {
	RoundTrip(*Request) (*Response, error)
}

type Handler interface{}

type Client struct {
	CheckRedirect func(req *Request, via []*Request) error
	Transport     RoundTripper
}

func (*Client) Do(*Request) (*Response, error) { return nil, errNone }
func (*Client) Get(string) (*Response, error)  { return nil, errNone }

type none struct{}

func (none) RoundTrip(*Request) (*Response, error) { return nil, errNone }

var (
	DefaultClient                 = &Client{}
	DefaultTransport RoundTripper = none{}
)

func Get(string) (*Response, error) { return nil, errNone }

func NewRequestWithContext(context.Context, string, string, io.Reader) (*Request, error) {
	return nil, errNone
}

func StatusText(int) string { return "" }

type File interface {
	fs.File
	io.Seeker
	Readdir(count int) ([]fs.FileInfo, error)
}

type FileSystem interface {
	Open(name string) (File, error)
}
`
