package wasmrules

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"syscall/js"
)

// machine is an instance of the compiled rules with its data, behind the interface that OPA gives such programs
// (https://www.openpolicyagent.org/docs/wasm): texts of JSON go into its memory and come out of it.
type machine struct {
	memory  js.Value
	exports js.Value
	view    js.Value // of the memory, which moves when it grows
	base    int      // what comes above is of the data and of evaluations
	data    int      // address of the parsed data
	heap    int      // what comes above is of one evaluation
	entries map[string]int
	hosted  map[int]func([]any) any

	constants map[int][]byte    // in JSON, by address
	answers   map[string][]byte // in JSON, by what was asked; nil for undefined
	aborted   string
}

// compiledProgram is compiled once by the browser, which takes longer than to make an instance of it.
var compiledProgram = sync.OnceValues(func() (module js.Value, err error) {
	program, err := compiledFile("rules.wasm")
	if err != nil {
		return js.Undefined(), err
	}
	text := js.Global().Get("Uint8Array").New(len(program))
	js.CopyBytesToJS(text, program)
	return js.Global().Get("WebAssembly").Get("Module").New(text), nil
})

const firstPages = 64 // of 64 KiB

func newMachine(data []byte) (m *machine, err error) {
	m = &machine{constants: map[int][]byte{}}
	defer caught(m, &err)
	module, err := compiledProgram()
	if err != nil {
		return nil, err
	}
	wasm := js.Global().Get("WebAssembly")
	m.memory = wasm.Get("Memory").New(map[string]any{"initial": firstPages})
	env := map[string]any{
		"memory":    m.memory,
		"opa_abort": m.function(func(args []js.Value) any { m.aborted = string(m.read(args[0].Int())); return nil }),
	}
	for i := range 5 {
		env[fmt.Sprint("opa_builtin", i)] = m.function(func(args []js.Value) any { return m.host(args[0].Int(), args[2:]) })
	}
	m.exports = wasm.Get("Instance").New(module, map[string]any{"env": env}).Get("exports")
	if m.entries, err = m.numbered("entrypoints"); err != nil {
		return nil, err
	}
	for name, n := range maps.Clone(m.entries) {
		m.entries[name[strings.LastIndex(name, "/")+1:]] = n
	}
	builtins, err := m.numbered("builtins")
	if err != nil {
		return nil, err
	}
	m.hosted = map[int]func([]any) any{}
	for name, n := range builtins {
		f, known := hosted[name]
		if !known {
			return nil, fmt.Errorf("policy: compiled rules use %s, which is missing here; add it to hosted", name)
		}
		m.hosted[n] = f
	}
	m.base = m.call("opa_heap_ptr_get")
	return m, m.setData(data)
}

// setData takes the place of the data before.
func (m *machine) setData(data []byte) (err error) {
	defer caught(m, &err)
	m.exports.Call("opa_heap_ptr_set", m.base)
	if m.data, err = m.parse(data); err != nil {
		return err
	}
	m.heap = m.call("opa_heap_ptr_get")
	return nil
}

// function lends Go code to the program, for as long as both run.
func (m *machine) function(f func(args []js.Value) any) js.Func {
	return js.FuncOf(func(_ js.Value, args []js.Value) any { return f(args) })
}

func (m *machine) call(name string, args ...any) int { return m.exports.Call(name, args...).Int() }

// numbered reads what an export says of names and their numbers.
func (m *machine) numbered(export string) (map[string]int, error) {
	var out map[string]int
	err := json.Unmarshal(m.read(m.call("opa_json_dump", m.call(export))), &out)
	return out, err
}

func (m *machine) bytes() js.Value {
	// A view is empty when the memory has grown. Asking for a number creates no object that Go would have to release.
	if m.view.IsUndefined() || m.view.Get("byteLength").Int() == 0 {
		m.view = js.Global().Get("Uint8Array").New(m.memory.Get("buffer"))
	}
	return m.view
}

// read returns the text at an address, which ends with a zero.
func (m *machine) read(at int) []byte {
	view := m.bytes()
	out := make([]byte, view.Call("indexOf", 0, at).Int()-at)
	js.CopyBytesToGo(out, view.Call("subarray", at, at+len(out)))
	return out
}

// write puts a text into memory and gives its address.
func (m *machine) write(text []byte) int {
	at := m.call("opa_malloc", len(text))
	js.CopyBytesToJS(m.bytes().Call("subarray", at, at+len(text)), text)
	return at
}

func (m *machine) parse(text []byte) (int, error) {
	at := m.write(text)
	value := m.call("opa_json_parse", at, len(text))
	if value == 0 {
		return 0, errors.New("policy: the compiled rules cannot read their data")
	}
	return value, nil
}

// eval evaluates an entry point. What it took of the memory is free again afterwards.
func (m *machine) eval(entry string, input []byte) (out []byte, err error) {
	number, known := m.entries[entry]
	if !known {
		return nil, fmt.Errorf("unknown entry point %q", entry)
	}
	defer caught(m, &err)
	m.aborted = ""
	m.exports.Call("opa_heap_ptr_set", m.heap)
	at := 0
	if input != nil {
		at = m.write(input)
	}
	result := m.call("opa_eval", 0, number, m.data, at, len(input), m.call("opa_heap_ptr_get"), 0)
	return m.read(result), nil
}

// maxAnswers bounds the answers that are kept for one machine.
const maxAnswers = 4096

// host answers a call of a function that WebAssembly does not have. Rules ask the same again and again, and answers follow from the
// arguments alone.
func (m *machine) host(number int, at []js.Value) any {
	texts := make([][]byte, len(at))
	key := []byte{byte(number)}
	for i, a := range at {
		texts[i] = m.dump(a.Int())
		key = append(append(key, texts[i]...), 0)
	}
	text, known := m.answers[string(key)]
	if !known {
		text = m.answer(number, texts)
		if m.answers == nil || len(m.answers) >= maxAnswers {
			m.answers = map[string][]byte{}
		}
		m.answers[string(key)] = text
	}
	if text == nil {
		return 0 // undefined
	}
	value, err := m.parse(text)
	if err != nil {
		return 0
	}
	return value
}

func (m *machine) answer(number int, texts [][]byte) []byte {
	args := make([]any, len(texts))
	for i, text := range texts {
		var err error
		if args[i], err = decode(text); err != nil {
			return nil
		}
	}
	answer := m.hosted[number](args)
	if answer == nil {
		return nil
	}
	text, err := plainJSON(nil, answer)
	if err != nil {
		return nil
	}
	return text
}

// dump returns a value in JSON. Those below the heap are constants of the rules, such as formats and patterns.
func (m *machine) dump(at int) []byte {
	if text, known := m.constants[at]; known {
		return text
	}
	text := m.read(m.call("opa_json_dump", at))
	if at < m.base {
		m.constants[at] = text
	}
	return text
}

// caught makes an exception of the program an error.
func caught(m *machine, err *error) {
	switch fault := recover().(type) {
	case nil:
	case js.Error:
		*err = errors.New(m.aborted)
		if m.aborted == "" {
			*err = fault
		}
	default:
		panic(fault)
	}
}
