package cue

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// A structure is what the checks of plain data need of a CUE value, without CUE: compiling the schema of a
// RedisFailover takes 8 ms, checking one with it another, and a context keeps what it has seen. It is derived from CUE
// (derive.go), embedded, and held against CUE by tests; CUE stays the source of truth.
type structure []*shape

// A shape is a schema of one value. Others are referred to by their number, 0 being the shape that takes everything.
type shape struct {
	Kind     kinds          `json:"kind"`
	Fields   map[string]int `json:"fields,omitempty"`
	Required []string       `json:"required,omitempty"`
	Optional bool           `json:"optional,omitempty"` // the fields have no defaults: a resource, not a configuration
	Each     *int           `json:"each,omitempty"`     // of a list, or of the keys that are no fields
	Open     bool           `json:"open,omitempty"`     // takes any further key
	Fits     *condition     `json:"fits,omitempty"`     // of a scalar
	Default  any            `json:"default,omitempty"`
	Enum     []string       `json:"enum,omitempty"`    // for messages
	Problem  string         `json:"problem,omitempty"` // the words of @problem
}

// kinds are the kinds of a value.
type kinds uint8

const (
	isNull kinds = 1 << iota
	isBool
	isInt
	isFloat
	isString
	isList
	isStruct
	isAny = isNull | isBool | isInt | isFloat | isString | isList | isStruct
)

var kindNames = []string{"null", "bool", "int", "float", "string", "list", "struct"}

func (k kinds) MarshalText() ([]byte, error) {
	var names []string
	for i, name := range kindNames {
		if k&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	if k == isAny {
		names = []string{"any"}
	}
	return []byte(strings.Join(names, "|")), nil
}

func (k *kinds) UnmarshalText(text []byte) error {
	*k = 0
	for name := range strings.SplitSeq(string(text), "|") {
		i := slices.Index(kindNames, name)
		switch {
		case name == "any":
			*k = isAny
		case i < 0:
			return fmt.Errorf("unknown kind %q", name)
		default:
			*k |= 1 << i
		}
	}
	return nil
}

// A condition is what a scalar must fit; only one of its parts is set.
type condition struct {
	Or    []*condition `json:"or,omitempty"`
	And   []*condition `json:"and,omitempty"`
	Kind  kinds        `json:"kind,omitempty"`
	Is    any          `json:"is,omitempty"` // a text, a truth value or, as json.Number, a number
	Match string       `json:"match,omitempty"`
	Not   *string      `json:"not,omitempty"`
	Op    string       `json:"op,omitempty"` // ">=", ">", "<=" or "<" Than
	Than  json.Number  `json:"than,omitempty"`
	Date  string       `json:"date,omitempty"` // a layout of package time

	once sync.Once
	re   *regexp.Regexp
}

// fits reports whether a string, bool, int, int64, uint64 or float64 fits.
func (c *condition) fits(data any) bool {
	text, isText := data.(string)
	switch {
	case c.Or != nil:
		return slices.ContainsFunc(c.Or, func(part *condition) bool { return part.fits(data) })
	case c.And != nil:
		return !slices.ContainsFunc(c.And, func(part *condition) bool { return !part.fits(data) })
	case c.Kind != 0:
		return kindOf(data)&c.Kind != 0
	case c.Is != nil:
		if number, ok := c.Is.(json.Number); ok {
			return kindOf(data) == kindOfNumber(number) && compare(data, number) == 0
		}
		return data == c.Is
	case c.Match != "":
		// Most schemas are never asked about most of their fields.
		c.once.Do(func() { c.re = regexp.MustCompile(c.Match) })
		return isText && c.re.MatchString(text)
	case c.Not != nil:
		return isText && text != *c.Not
	case c.Date != "":
		_, err := time.Parse(c.Date, text)
		return isText && err == nil
	case kindOf(data)&(isInt|isFloat) == 0:
		return false
	}
	order := compare(data, c.Than)
	return c.Op[0] == '>' && order > 0 || c.Op[0] == '<' && order < 0 || len(c.Op) == 2 && order == 0
}

func kindOf(data any) kinds {
	switch data.(type) {
	case nil:
		return isNull
	case bool:
		return isBool
	case int, int64, uint64:
		return isInt
	case float64:
		return isFloat
	case string:
		return isString
	case []any:
		return isList
	case map[string]any:
		return isStruct
	}
	return 0
}

func kindOfNumber(n json.Number) kinds {
	if strings.ContainsAny(string(n), ".eE") {
		return isFloat
	}
	return isInt
}

// compare compares a number with a bound, whole numbers exactly.
func compare(data any, bound json.Number) int {
	var whole int64
	var float float64
	isWhole := true
	switch data := data.(type) {
	case int:
		whole = int64(data)
	case int64:
		whole = data
	case uint64:
		if _, err := bound.Int64(); err == nil && data > math.MaxInt64 {
			return 1
		}
		isWhole, whole, float = data <= math.MaxInt64, int64(min(data, math.MaxInt64)), float64(data)
	case float64:
		isWhole, float = false, data
	}
	if limit, err := bound.Int64(); err == nil && isWhole {
		switch {
		case whole < limit:
			return -1
		case whole > limit:
			return 1
		}
		return 0
	}
	if isWhole {
		float = float64(whole)
	}
	limit, _ := bound.Float64()
	switch {
	case float < limit:
		return -1
	case float > limit:
		return 1
	}
	return 0
}

// derived is an operator's structure.json, or the configuration's: what is needed of the CUE files at each start.
type derived struct {
	Operator      *Operator                 `json:"operator,omitempty"`
	Misplaced     kinded[misplaced]         `json:"misplaced,omitempty"`
	Recognise     Recognition               `json:"recognise,omitzero"`
	Charts        []RedisChart              `json:"charts,omitempty"`
	Instances     kinded[Scheme]            `json:"instances,omitempty"`
	PodSpecs      kinded[PodSpec]           `json:"podSpecs,omitempty"`
	References    kinded[Reference]         `json:"references,omitempty"`
	Traits        Traits                    `json:"traits,omitzero"`
	Migrates      Migrates                  `json:"migrates,omitzero"`
	Moves         kinded[Moved]             `json:"moves,omitempty"`
	Status        Status                    `json:"status,omitzero"`
	Template      []templateDifference      `json:"template,omitempty"`
	WithoutAddons map[string]string         `json:"withoutAddons,omitempty"`
	AddonNotes    map[string]string         `json:"addonNotes,omitempty"`
	Made          kinded[Object]            `json:"made,omitempty"` // by version, for a Redis of the name anyName
	Config        int                       `json:"config,omitempty"`
	Values        int                       `json:"values,omitempty"`
	Of            map[string]typed          `json:"of,omitempty"`        // by resource type, redis excepted
	Resources     map[string]map[string]int `json:"resources,omitempty"` // by version, then "apiVersion kind"
	Shapes        structure                 `json:"shapes,omitempty"`    // of the configuration; those of an operator are in a file of their own

	fields []fields // that are derived for rules alone

	load func() structure // the shapes of an operator: few runs check resources of more than one
}

// shapes returns the structure, which is read when it is first asked for.
func (d *derived) shapes() structure {
	if d.load == nil {
		return d.Shapes
	}
	return d.load()
}

// typed is what another resource type than redis has for itself, as the fields of [Operator] and derived of the same names.
type typed struct {
	ValuesKey       string            `json:"valuesKey,omitempty"`
	Values          int               `json:"values"`
	Without         map[string]string `json:"without,omitempty"`
	WithoutProfiles map[string]string `json:"withoutProfiles,omitempty"`
	WithoutEngines  map[string]string `json:"withoutEngines,omitempty"`

	Engines map[string]map[string]string `json:"engines,omitempty"`
}

// misplaced is a key that people write where there is no such field.
type misplaced struct {
	Key  string `json:"key"`  // the end of a path, such as storage.size
	Hint string `json:"hint"` // what to do
}

// deriveds are the structures that were read, by file. They are shared, and nobody changes them.
var deriveds sync.Map

func readDerived(name string) (*derived, error) {
	if kept, ok := deriveds.Load(name); ok {
		return kept.(*derived), nil
	}
	d, err := decodeDerived(name)
	if err == nil {
		deriveds.Store(name, d)
	}
	return d, err
}

func decodeDerived(name string) (*derived, error) {
	src, err := files.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("embedded structure: %w; run UPDATE=1 go test ./cue -run TestStructure", err)
	}
	var d derived
	if err := decodeNumbers(src, &d); err != nil {
		return nil, fmt.Errorf("embedded structure %s: %w", name, err)
	}
	if d.Operator != nil {
		d.load = sync.OnceValue(func() (all structure) {
			name := path.Dir(name) + "/shapes.json"
			src, err := files.ReadFile(name)
			if err == nil {
				err = decodeNumbers(src, &all)
			}
			if err != nil {
				panic(fmt.Errorf("embedded structure %s: %w", name, err)) // TestStructure reads each
			}
			return all
		})
	}
	return &d, nil
}

// decodeNumbers decodes numbers as json.Number.
func decodeNumbers(src []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(src))
	decoder.UseNumber()
	return decoder.Decode(into)
}
