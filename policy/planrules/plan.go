package planrules

import (
	_ "embed" // of the plan
	"encoding/binary"
	"errors"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/redis-gitops/redis-gitops/policy"
)

// The plan. It is not compressed, which would take a third of the time of reading it, and its texts are parts of it. TestPlan holds it
// against the rules: to do so at each start would take as long as to read it.
//
//go:embed plan.bin
var file string

// plan is all rules, planned by OPA. It may be used by several goroutines.
type plan struct {
	rules     []*policy.Rule
	constants []any
	builtins  []builtin
	watchers  []watcher // of these
	typesOnly []bool    // these only read the types of their arguments
	walk      int32     // which of these is walk
	member    int32     // and internal.member_2
	functions []function
	byName    map[string]int32
	patterns  sync.Map // *pattern by text
	sites     atomic.Uint32
}

// function is one of the plan.
type function struct {
	name     string // its path, with slashes
	params   []int32
	locals   int
	memoized bool // it only has input and data, so that its value is the same for these
	input    bool // it, or what it calls, reads input
	code     string
	decoded  atomic.Pointer[[][]instr]
}

// embedded is the plan of this program.
var embedded = sync.OnceValues(func() (*plan, error) { return readPlan(file) })

var errBroken = errors.New("policy: the plan of the rules is broken")

// reader reads what the plan consists of. After an error it gives zeros.
type reader struct {
	rest   string
	broken bool
}

func (r *reader) uint() int {
	n := r.uvarint()
	if n > 1<<31 {
		r.fail()
		return 0
	}
	return int(n)
}

// uvarint reads what [binary.AppendUvarint] writes.
func (r *reader) uvarint() uint64 {
	var n uint64
	for i := 0; i < len(r.rest) && i < binary.MaxVarintLen64; i++ {
		b := r.rest[i]
		n |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			r.rest = r.rest[i+1:]
			return n
		}
	}
	r.fail()
	return 0
}

// int reads what [binary.AppendVarint] writes.
func (r *reader) int() int64 {
	n := r.uvarint()
	return int64(n>>1) ^ -int64(n&1)
}

func (r *reader) fail() { r.rest, r.broken = "", true }

// count reads a number of things that take a byte at least.
func (r *reader) count() int {
	n := r.uint()
	if n > len(r.rest) {
		r.fail()
		return 0
	}
	return n
}

func (r *reader) text() string {
	n := r.count()
	out := r.rest[:n]
	r.rest = r.rest[n:]
	return out
}

func (r *reader) byte() byte {
	if len(r.rest) == 0 {
		r.broken = true
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

// below reads an index of what there are n of.
func (r *reader) below(n int) int {
	i := r.uint()
	if i >= n {
		r.fail()
		return 0
	}
	return i
}

func (r *reader) ints() []int32 {
	out := make([]int32, r.count())
	for i := range out {
		out[i] = int32(r.int())
	}
	return out
}

// readPlan reads a plan but for the code of its functions.
func readPlan(raw string) (*plan, error) {
	r := &reader{rest: raw}
	p := &plan{byName: map[string]int32{}, walk: -1, member: -1}
	r.data(reflect.ValueOf(&p.rules).Elem())
	p.constants = make([]any, 0, r.count())
	for range cap(p.constants) {
		p.constants = append(p.constants, r.constant(p.constants))
	}
	for range r.count() {
		name := r.text()
		call, err := builtinOf(name)
		if err != nil {
			return nil, err
		}
		switch name {
		case "walk":
			p.walk = int32(len(p.builtins))
		case "internal.member_2":
			p.member = int32(len(p.builtins))
		}
		p.builtins, p.watchers, p.typesOnly = append(p.builtins, call), append(p.watchers, watcherOf(name)), append(p.typesOnly, strings.HasPrefix(name, "is_") || name == "type_name")
	}
	p.functions = make([]function, r.count())
	for i := range p.functions {
		f := &p.functions[i]
		f.name, f.params, f.locals = r.text(), r.ints(), r.uint()
		flags := r.byte()
		f.memoized, f.input = flags&flagMemoized != 0, flags&flagInput != 0
		f.code = r.text()
		p.byName[f.name] = int32(i)
		for _, param := range f.params {
			r.broken = r.broken || param < 0 || int(param) >= f.locals
		}
		r.broken = r.broken || f.locals < 2 || f.locals > maxLocals
	}
	if r.broken || len(r.rest) > 0 {
		return nil, errBroken
	}
	return p, nil
}

// data reads what the METADATA of the rules consists of: texts, truth values, lists, and structs of these.
func (r *reader) data(into reflect.Value) {
	switch into.Kind() {
	case reflect.String:
		into.SetString(r.text())
	case reflect.Bool:
		into.SetBool(r.byte() == 1)
	case reflect.Pointer:
		into.Set(reflect.New(into.Type().Elem()))
		r.data(into.Elem())
	case reflect.Slice:
		// A list that is nil is not an empty one.
		if n := r.count(); n > 0 {
			into.Set(reflect.MakeSlice(into.Type(), n-1, n-1))
		}
		for i := range into.Len() {
			r.data(into.Index(i))
		}
	case reflect.Struct:
		for i := range into.NumField() {
			r.data(into.Field(i))
		}
	default:
		r.broken = true
	}
}

const (
	flagMemoized = 1
	flagInput    = 2
	maxLocals    = 1 << 16
)

// Tags of constants.
const (
	tagNull = iota
	tagFalse
	tagTrue
	tagInt
	tagNumber
	tagString
	tagArray
	tagObject
	tagSet
)

// constant reads one that may consist of those before it.
func (r *reader) constant(before []any) any {
	elements := func(each int) []any {
		out := make([]any, r.count()*each)
		for i := range out {
			if at := r.below(len(before)); at < len(before) {
				out[i] = before[at]
			}
		}
		return out
	}
	switch r.byte() {
	case tagNull:
		return null{}
	case tagFalse:
		return false
	case tagTrue:
		return true
	case tagInt:
		return r.int()
	case tagNumber:
		return number(r.text())
	case tagString:
		return r.text()
	case tagArray:
		return &array{elements(1)}
	case tagObject:
		o := &object{}
		list := elements(2)
		for i := 0; i < len(list); i += 2 {
			o.pairs = append(o.pairs, pair{list[i], list[i+1]})
		}
		o.sorted = true // it is written so, and never changed
		return o
	case tagSet:
		return &set{elems: elements(1), sorted: true}
	}
	r.broken = true
	return nil
}

// blocks returns the code of a function, which is read when it is first needed.
func (p *plan) blocks(f *function) ([][]instr, error) {
	if code := f.decoded.Load(); code != nil {
		return *code, nil
	}
	r := &reader{rest: f.code}
	blocks := r.blocks(p, f, 0)
	if r.broken || len(r.rest) > 0 {
		return nil, errBroken
	}
	f.decoded.Store(&blocks)
	return blocks, nil
}

// maxNested bounds how deep the blocks of a function are.
const maxNested = 500

func (r *reader) blocks(p *plan, f *function, depth int) [][]instr {
	if depth > maxNested {
		r.fail()
		return nil
	}
	blocks := make([][]instr, r.count())
	for i := range blocks {
		blocks[i] = make([]instr, r.count())
		for j := range blocks[i] {
			r.instr(p, f, &blocks[i][j], depth)
		}
	}
	return blocks
}

func (r *reader) instr(p *plan, f *function, in *instr, depth int) {
	in.op = op(r.byte())
	if in.op >= opCount {
		r.fail()
		return
	}
	shape := shapes[in.op]
	if strings.ContainsAny(shape, "fxn") {
		in.x = &extra{}
	}
	for _, field := range shape {
		switch field {
		case 'a':
			in.a = int32(r.int())
		case 'b':
			in.b = int32(r.int())
		case 'c':
			in.c = int32(r.int())
		case 'f':
			in.x.fn = int32(r.uint())
		case 'x':
			in.x.args = r.ints()
		case 'n':
			in.x.blocks = r.blocks(p, f, depth+1)
		}
	}
	r.broken = r.broken || !in.valid(p, f)
	if in.op == opDot && in.b < 0 && !r.broken && order(p.constants[^in.b]) == order("") {
		in.site = uint16(p.sites.Add(1)) | 1<<15
	}
	if in.op == opScan && !r.broken {
		in.x.filter = p.filterOf(in)
	}
}

// valid reports whether an instruction only names what there is.
func (in *instr) valid(p *plan, f *function) bool {
	operand := func(o int32) bool { return int(o) < f.locals && int(^o) < len(p.constants) }
	local := func(o int32) bool { return o >= 0 && int(o) < f.locals }
	scan := in.op == opScan
	for _, field := range shapes[in.op] {
		ok := true
		switch field {
		case 'a':
			ok = in.op == opBreak || in.op == opArray || operand(in.a)
		case 'b':
			ok = operand(in.b) || scan && in.b == noLocal
		case 'c':
			ok = local(in.c) || scan && in.c == noLocal
		case 'f':
			if in.op == opBuiltin {
				ok = int(in.x.fn) < len(p.builtins) && len(in.x.args) <= maxArgs
			} else {
				ok = int(in.x.fn) < len(p.functions) && len(in.x.args) == len(p.functions[in.x.fn].params)
			}
		case 'x':
			for _, o := range in.x.args {
				ok = ok && operand(o)
			}
		case 'n':
			ok = in.op == opBlock || len(in.x.blocks) == 1
		}
		if !ok {
			return false
		}
	}
	return in.op != opArray || in.a >= 0 && in.a < maxLocals
}
