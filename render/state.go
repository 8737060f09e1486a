package render

import (
	"context"
	"sync"
	"text/template"
	"text/template/parse"
	"time"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/repo"
)

// chart is a chart or subchart.
type chart struct {
	name      string // with its alias
	dir       string // in the repository
	parent    *chart
	deps      []*chart
	meta      metadata
	values    map[string]any
	own       []ValueFile // where values are set, weakest first
	imports   []imported
	templates []string // below dir
	files     []string
	archives  []string // .tgz in charts/
	absent    bool     // a chart that it depends on is not in the repository
	schema    string   // the file; "" for none

	scope map[string]any // .Values, once all value files are known
	data  map[string]any // what its templates see
}

// chartRun is a chart that is being rendered, and then what the origins of its resources are looked up in.
type chartRun struct {
	engine  *engine // nil when all is rendered
	root    *chart
	given   []ValueFile // values over those of the chart, weakest first
	sources []*source
	failed  map[string]bool // files of templates that did not run to their end, and of those that they include
	unrun   bool            // some templates were not even tried
}

// loader reads a chart's files and notes what is wrong.
type loader struct {
	repo   *repo.Repo
	result *Result
	parsed *Parsed
	broken bool
}

// add notes a problem of a template, once however many of them include what is broken.
func (l *loader) add(p *finding.Problem) {
	for _, known := range l.result.Problems {
		if known.Same(p) {
			return
		}
	}
	l.result.Problems = append(l.result.Problems, p)
}

// renderedFile is what the templates of a file gave.
type renderedFile struct {
	run    *chartRun
	source *source
	text   []byte
	marks  []mark
	saved  []int32

	once   sync.Once
	starts []int // offsets of the lines, once they are asked for
}

// kustomizeRun is a kustomization that is being rendered, and then what origins are looked up in. Kustomize is given
// copies of the files that it needs, in memory, without what it would have to fetch or run; they passed repo's limits,
// without which it hangs or overflows the stack.
type kustomizeRun struct {
	loader     *loader
	fs         filesys.FileSystem
	dirs       map[string]bool             // that were visited; true while they are
	objects    map[string][]*repo.Document // of each file of manifests
	sources    map[string][]byte
	layers     []*layer // of the kustomizations, those that are used before those that use them
	left       bool     // something was left out, so that patches may miss their target
	restricted bool     // it may not read files outside its directory
	budget     int64
}

// layer is what one kustomization changes.
type layer struct {
	file    string
	doc     *repo.Document
	patches []*patch
}

// patch is a patch of a kustomization with its place: in a file, or inline.
type patch struct {
	at      finding.Position // of the entry
	file    string
	doc     *yaml.Node // a strategic merge patch; nil for one of operations
	ops     *yaml.Node // the operations of a JSON patch
	literal bool       // the nodes are in their place
	target  *yaml.Node // the selector; nil takes kind and name of the patch
}

// engine runs templates. Its functions are made once and then used for one target after the other, because making them
// costs as much as rendering a small chart does.
type engine struct {
	functions template.FuncMap
	known     map[string]any // the functions' names, for the parser, with those that text/template has itself

	// Of the target that is being rendered.
	ctx      context.Context
	deadline time.Time
	parsed   *Parsed           // nil keeps nothing
	taken    []*parsedTemplate // of parsed
	set      *template.Template
	used     template.FuncMap // that the set has been given
	sources  []*source
	pieces   []piece
	texts    map[*byte]int32 // the first byte of a text in a template, to the number of its piece
	ticks    int
	written  int // bytes that were written, those of include and tpl too
	made     int // bytes that functions made
	calls    int
	tpls     int
	levels   map[uintptr]int32 // how deep mappings are nested in others
	loops    int32             // ranges of all sources
	lenient  bool              // a template that is not defined gives nothing
}

// errStopped ends a template that takes too long or makes too much.
type errStopped string

const errTooLong = errStopped("stopped: rendering takes too long")

const maxNesting = 500 // lists and mappings inside each other

const maxParts = 1_000_000 // parts of a list or mapping that a template puts together

const maxMade = 64 << 20 // bytes of all texts that functions make

// maxOutput is the largest output of a target, in bytes.
const maxOutput = 16 << 20

const maxCount = 100_000 // parts of a list or text that one function call may make

// facts is what can be known of a file of templates without running it: which values each line reads.
type facts struct {
	reads  []valueRead // in the order of the file
	shown  []shownRead // by line, then in the order of reading
	busy   []int       // lines where something other than text is, sorted
	fails  []decision  // actions that call fail, in the order of reading
	ranges map[*parse.RangeNode]int32
	loop   []reference // what each range goes over
}

// maxChartFiles is how much of a chart's files templates may see, in bytes.
const maxChartFiles = 32 << 20

// Options describes how to render. The zero value is what Argo CD and Flux do on a cluster without extensions.
type Options struct {
	KubeVersion string        // .Capabilities.KubeVersion; "" is defaultKubeVersion
	APIVersions []string      // that the cluster has besides those of Kubernetes, such as monitoring.coreos.com/v1
	Timeout     time.Duration // for one target; 0 is maxTime
	Parsed      *Parsed       // what is parsed of the charts of one repository; nil keeps nothing
}

// mark reports that what is written from an offset on is from a piece.
type mark struct {
	offset int32 // in the text
	rounds int32 // where they are in output.saved, or -1
	piece  piece
}

// piece is a text of a template, or something that is about to happen: text/template writes a text as the very bytes of
// the parse tree, so that a first byte says where it comes from, without a call of a function.
type piece struct {
	source int32
	offset int32 // in the source
	kind   pieceKind
	ran    bool  // it was reached
	loop   int32 // of a range
}

const (
	textPiece   pieceKind = iota
	actionPiece           // what is written next is the output of an action
	loopPiece             // a range begins
	roundPiece            // the next element of a range
	guardPiece            // nothing but a chance to stop
)

// candidate is a value that may have been passed on.
type candidate struct {
	path  []string
	plain bool // the action gives it as it is
}
