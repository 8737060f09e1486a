package planrules

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/bundle"
	"github.com/open-policy-agent/opa/v1/compile"
	"github.com/open-policy-agent/opa/v1/ir"

	"github.com/redis-gitops/redis-gitops/policy"
	"github.com/redis-gitops/redis-gitops/policy/opa"
)

// planned returns the plan that OPA makes of modules, with their entry points.
func planned(modules []policy.Module, entries []string) (*ir.Policy, error) {
	b := &bundle.Bundle{Data: map[string]any{}}
	for _, m := range modules {
		parsed, err := ast.ParseModuleWithOpts(m.File, m.Source, ast.ParserOptions{RegoVersion: ast.RegoV1})
		if err != nil {
			return nil, err
		}
		b.Modules = append(b.Modules, bundle.ModuleFile{URL: m.File, Path: m.File, Raw: []byte(m.Source), Parsed: parsed})
	}
	c := compile.New().WithTarget(compile.TargetPlan).WithBundle(b).WithEntrypoints(entries...).WithPruneUnused(true).
		WithCapabilities(opa.Capabilities()).WithRegoVersion(ast.RegoV1)
	if err := c.Build(context.Background()); err != nil {
		return nil, err
	}
	plans := c.Bundle().PlanModules
	if len(plans) != 1 {
		return nil, fmt.Errorf("OPA made %d plans of the rules and not one", len(plans))
	}
	p := &ir.Policy{}
	return p, json.Unmarshal(plans[0].Raw, p)
}

// allRules returns the modules of all rules and of their library, each rule an entry point, and their METADATA.
func allRules() (modules []policy.Module, entries []string, metadata []byte, err error) {
	rules, err := policy.Rules()
	if err != nil {
		return nil, nil, nil, err
	}
	library, err := policy.Library()
	if err != nil {
		return nil, nil, nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(library)) {
		modules = append(modules, policy.Module{File: "lib/" + name + ".rego", Source: library[name]})
	}
	for _, r := range rules {
		if r.Scope == policy.ScopeNative {
			continue
		}
		src, err := policy.Source(r.File)
		if err != nil {
			return nil, nil, nil, err
		}
		modules = append(modules, policy.Module{File: r.File, Source: src})
		entries = append(entries, policy.Package+"/"+r.Name+"/deny")
	}
	return modules, entries, appendData(nil, reflect.ValueOf(rules)), nil
}

// appendData writes what [reader.data] reads.
func appendData(b []byte, v reflect.Value) []byte {
	switch v.Kind() {
	case reflect.String:
		return appendText(b, v.String())
	case reflect.Bool:
		if v.Bool() {
			return append(b, 1)
		}
		return append(b, 0)
	case reflect.Pointer:
		return appendData(b, v.Elem())
	case reflect.Slice:
		if v.IsNil() {
			return append(b, 0)
		}
		b = binary.AppendUvarint(b, uint64(v.Len())+1)
		for i := range v.Len() {
			b = appendData(b, v.Index(i))
		}
		return b
	case reflect.Struct:
		for i := range v.NumField() {
			b = appendData(b, v.Field(i))
		}
		return b
	}
	panic(fmt.Sprintf("no METADATA has %s", v.Type()))
}

// noMetadata is that of no rules.
var noMetadata = []byte{0}

// makePlan makes the plan.
func makePlan(modules []policy.Module, entries []string, metadata []byte) ([]byte, error) {
	p, err := planned(modules, entries)
	if err != nil {
		return nil, err
	}
	t := &translator{static: p.Static, constants: map[string]int32{}, builtins: map[string]int32{}, functions: map[string]int32{}}
	for i, f := range p.Funcs.Funcs {
		t.functions[f.Name] = int32(i)
	}
	for _, f := range p.Funcs.Funcs {
		fn, err := t.function(f)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		t.translated = append(t.translated, fn)
	}
	t.inline()
	t.keepCalled()
	t.findInputs()
	t.keepUsed()
	return t.file(metadata), nil
}

// translator makes instructions of statements of OPA.
type translator struct {
	static     *ir.Static
	values     []any            // the constants
	constants  map[string]int32 // their indexes, by how they are written
	encoded    [][]byte
	builtins   map[string]int32
	names      []string // of the built-in functions
	functions  map[string]int32
	translated []*translated
	err        error
}

// translated is a function.
type translated struct {
	name     string
	params   []int32
	locals   int
	memoized bool
	input    bool
	blocks   [][]instr
}

// constant returns the operand of a value.
func (t *translator) constant(v any) int32 {
	b := t.encode(v)
	if i, known := t.constants[string(b)]; known {
		return ^i
	}
	i := int32(len(t.values))
	t.constants[string(b)] = i
	t.values, t.encoded = append(t.values, v), append(t.encoded, b)
	return ^i
}

func (t *translator) encode(v any) []byte {
	list := func(tag byte, n int, elems []any) []byte {
		b := binary.AppendUvarint([]byte{tag}, uint64(n))
		for _, e := range elems {
			b = binary.AppendUvarint(b, uint64(^t.constant(e)))
		}
		return b
	}
	switch v := v.(type) {
	case null:
		return []byte{tagNull}
	case bool:
		if v {
			return []byte{tagTrue}
		}
		return []byte{tagFalse}
	case int64:
		return binary.AppendVarint([]byte{tagInt}, v)
	case number:
		return appendText([]byte{tagNumber}, string(v))
	case string:
		return appendText([]byte{tagString}, v)
	case *array:
		return list(tagArray, len(v.elems), v.elems)
	case *object:
		var elems []any
		for _, p := range v.inOrder() {
			elems = append(elems, p.key, p.value)
		}
		return list(tagObject, len(v.pairs), elems)
	case *set:
		return list(tagSet, len(v.elems), v.inOrder())
	}
	panic(fmt.Sprintf("%T is not a value", v))
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func (t *translator) text(i int) string { return t.static.Strings[i].Value }

func (t *translator) function(f *ir.Func) (*translated, error) {
	fn := &translated{name: strings.Join(f.Path, "/"), memoized: len(f.Params) == 2}
	for _, p := range f.Params {
		fn.params = append(fn.params, int32(p))
	}
	for _, b := range f.Blocks {
		fn.blocks = append(fn.blocks, t.block(b))
	}
	if fn.name == "g0/"+groupRule {
		result := fn.params[2] + 1
		fn.blocks = [][]instr{{{op: opBuiltin, c: result, x: &extra{fn: t.builtin(groupName), args: fn.params[2:]}}, {op: opReturn, a: result}}}
	}
	if t.err != nil {
		return nil, t.err
	}
	if err := t.optimize(fn); err != nil {
		return nil, err
	}
	renumber(fn)
	return fn, nil
}

func (t *translator) block(b *ir.Block) []instr {
	var out []instr
	for _, s := range b.Stmts {
		out = append(out, t.statement(s))
	}
	return out
}

func (t *translator) operand(o ir.Operand) int32 {
	switch v := o.Value.(type) {
	case *ir.Local:
		return int32(*v)
	case *ir.StringIndex:
		return t.constant(t.text(int(*v)))
	case *ir.Bool:
		return t.constant(bool(*v))
	}
	t.err = fmt.Errorf("operand %T is not known; add it to planner_test.go", o.Value)
	return 0
}

func (t *translator) operands(list []ir.Operand) []int32 {
	out := make([]int32, len(list))
	for i, o := range list {
		out[i] = t.operand(o)
	}
	return out
}

func (t *translator) assign(target ir.Local, v any) instr {
	return instr{op: opAssign, c: int32(target), a: t.constant(v)}
}

// statement makes an instruction of a statement. It has to know all that OPA makes of rules, so that a new kind is an error here.
func (t *translator) statement(s ir.Stmt) instr {
	switch s := s.(type) {
	case *ir.ReturnLocalStmt:
		return instr{op: opReturn, a: int32(s.Source)}
	case *ir.CallStmt:
		return t.call(s)
	case *ir.CallDynamicStmt:
		if len(s.Args) != 2 || s.Args[0] != ir.Input || s.Args[1] != ir.Data {
			t.err = fmt.Errorf("a dynamic call has other arguments than input and data")
		}
		return instr{op: opDynamic, c: int32(s.Result), x: &extra{args: t.operands(s.Path)}}
	case *ir.BlockStmt:
		x := &extra{}
		for _, b := range s.Blocks {
			x.blocks = append(x.blocks, t.block(b))
		}
		return instr{op: opBlock, x: x}
	case *ir.BreakStmt:
		return instr{op: opBreak, a: int32(s.Index)}
	case *ir.DotStmt:
		return instr{op: opDot, a: t.operand(s.Source), b: t.operand(s.Key), c: int32(s.Target)}
	case *ir.LenStmt:
		return instr{op: opLen, a: t.operand(s.Source), c: int32(s.Target)}
	case *ir.ScanStmt:
		return instr{op: opScan, a: int32(s.Source), b: int32(s.Key), c: int32(s.Value), x: &extra{blocks: [][]instr{t.block(s.Block)}}}
	case *ir.NotStmt:
		return instr{op: opNot, x: &extra{blocks: [][]instr{t.block(s.Block)}}}
	case *ir.AssignIntStmt:
		return t.assign(s.Target, s.Value)
	case *ir.AssignVarStmt:
		return instr{op: opAssign, a: t.operand(s.Source), c: int32(s.Target)}
	case *ir.AssignVarOnceStmt:
		return instr{op: opOnce, a: t.operand(s.Source), c: int32(s.Target)}
	case *ir.ResetLocalStmt:
		return instr{op: opReset, c: int32(s.Target)}
	case *ir.MakeNullStmt:
		return t.assign(s.Target, null{})
	case *ir.MakeNumberIntStmt:
		return t.assign(s.Target, s.Value)
	case *ir.MakeNumberRefStmt:
		return t.assign(s.Target, numberOf(t.text(s.Index)))
	case *ir.MakeArrayStmt:
		return instr{op: opArray, a: s.Capacity, c: int32(s.Target), x: &extra{}}
	case *ir.MakeObjectStmt:
		return instr{op: opObject, c: int32(s.Target), x: &extra{}}
	case *ir.MakeSetStmt:
		return instr{op: opSet, c: int32(s.Target), x: &extra{}}
	case *ir.WithStmt:
		if s.Local != ir.Input && s.Local != ir.Data {
			t.err = fmt.Errorf("with changes something else than input and data")
		}
		x := &extra{blocks: [][]instr{t.block(s.Block)}}
		for _, step := range s.Path {
			x.args = append(x.args, t.constant(t.text(step)))
		}
		return instr{op: opWith, a: t.operand(s.Value), c: int32(s.Local), x: x}
	}
	return t.test(s)
}

// test makes an instruction of the statements that test or change values.
func (t *translator) test(s ir.Stmt) instr {
	switch s := s.(type) {
	case *ir.EqualStmt:
		return instr{op: opEqual, a: t.operand(s.A), b: t.operand(s.B)}
	case *ir.NotEqualStmt:
		return instr{op: opNotEqual, a: t.operand(s.A), b: t.operand(s.B)}
	case *ir.IsArrayStmt:
		return instr{op: opIsArray, a: t.operand(s.Source)}
	case *ir.IsObjectStmt:
		return instr{op: opIsObject, a: t.operand(s.Source)}
	case *ir.IsSetStmt:
		return instr{op: opIsSet, a: t.operand(s.Source)}
	case *ir.IsDefinedStmt:
		return instr{op: opIsDefined, a: int32(s.Source)}
	case *ir.IsUndefinedStmt:
		return instr{op: opIsUndefined, a: int32(s.Source)}
	case *ir.ArrayAppendStmt:
		return instr{op: opAppend, a: t.operand(s.Value), c: int32(s.Array)}
	case *ir.ObjectInsertStmt:
		return instr{op: opInsert, a: t.operand(s.Key), b: t.operand(s.Value), c: int32(s.Object)}
	case *ir.ObjectInsertOnceStmt:
		return instr{op: opInsertOnce, a: t.operand(s.Key), b: t.operand(s.Value), c: int32(s.Object)}
	case *ir.SetAddStmt:
		return instr{op: opAdd, a: t.operand(s.Value), c: int32(s.Set)}
	}
	t.err = fmt.Errorf("statement %T is not known; add it to planner_test.go and to machine.go", s)
	return instr{}
}

func (t *translator) call(s *ir.CallStmt) instr {
	in := instr{op: opCall, c: int32(s.Result), x: &extra{args: t.operands(s.Args)}}
	if fn, known := t.functions[s.Func]; known {
		in.x.fn = fn
		return in
	}
	in.op, in.x.fn = opBuiltin, t.builtin(s.Func)
	return in
}

// builtin returns the number of a built-in function.
func (t *translator) builtin(name string) int32 {
	fn, known := t.builtins[name]
	if !known {
		fn = int32(len(t.names))
		t.builtins[name], t.names = fn, append(t.names, name)
	}
	return fn
}

// findInputs finds the functions that read input, or call one that does.
func (t *translator) findInputs() {
	for changed := true; changed; {
		changed = false
		for _, f := range t.translated {
			if !f.input && t.readsInput(f.blocks) {
				f.input, changed = true, true
			}
		}
	}
}

func (t *translator) readsInput(blocks [][]instr) bool {
	for _, b := range blocks {
		for i := range b {
			in := &b[i]
			switch {
			case in.op == opDynamic: // whatever it calls
				return true
			case in.op == opCall:
				if t.translated[in.x.fn].input || slices.Contains(in.x.args[2:], localInput) {
					return true
				}
			case in.reads(localInput):
				return true
			}
			if in.x != nil && t.readsInput(in.x.blocks) {
				return true
			}
		}
	}
	return false
}

// keepUsed leaves out the constants that instructions do not have any more.
func (t *translator) keepUsed() {
	old := t.values
	t.values, t.encoded, t.constants = nil, nil, map[string]int32{}
	for _, f := range t.translated {
		each(f.blocks, func(in *instr) {
			in.operands(func(o *int32) {
				if *o < 0 {
					*o = t.constant(old[^*o])
				}
			})
		})
	}
}

// file writes everything, as readPlan reads it.
func (t *translator) file(metadata []byte) []byte {
	var out []byte
	out = append(out, metadata...)
	out = binary.AppendUvarint(out, uint64(len(t.encoded)))
	out = append(out, bytes.Join(t.encoded, nil)...)
	out = binary.AppendUvarint(out, uint64(len(t.names)))
	for _, name := range t.names {
		out = appendText(out, name)
	}
	out = binary.AppendUvarint(out, uint64(len(t.translated)))
	for _, f := range t.translated {
		out = appendText(out, f.name)
		out = appendInts(out, f.params)
		out = binary.AppendUvarint(out, uint64(f.locals))
		flags := byte(0)
		if f.memoized {
			flags |= flagMemoized
		}
		if f.input {
			flags |= flagInput
		}
		out = append(out, flags)
		out = appendText(out, string(appendBlocks(nil, f.blocks)))
	}
	return out
}

func appendInts(b []byte, list []int32) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, n := range list {
		b = binary.AppendVarint(b, int64(n))
	}
	return b
}

func appendBlocks(b []byte, blocks [][]instr) []byte {
	b = binary.AppendUvarint(b, uint64(len(blocks)))
	for _, block := range blocks {
		b = binary.AppendUvarint(b, uint64(len(block)))
		for i := range block {
			in := &block[i]
			b = append(b, byte(in.op))
			for _, field := range shapes[in.op] {
				switch field {
				case 'a':
					b = binary.AppendVarint(b, int64(in.a))
				case 'b':
					b = binary.AppendVarint(b, int64(in.b))
				case 'c':
					b = binary.AppendVarint(b, int64(in.c))
				case 'f':
					b = binary.AppendUvarint(b, uint64(in.x.fn))
				case 'x':
					b = appendInts(b, in.x.args)
				case 'n':
					b = appendBlocks(b, in.x.blocks)
				}
			}
		}
	}
	return b
}
