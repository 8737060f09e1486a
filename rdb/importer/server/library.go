package server

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// FunctionRow is the type of a row that counts libraries of functions.
const FunctionRow = "function"

// A Library is what the first line of a library of functions says, such as "#!lua name=mylib", and its code.
type Library struct{ Engine, Name, code string }

// ParseLibrary reads the first line of the code of a library.
func ParseLibrary(code string) Library {
	line, _, _ := strings.Cut(code, "\n")
	l := Library{code: code}
	words := strings.Fields(strings.TrimPrefix(line, "#!"))
	if len(words) > 0 && strings.HasPrefix(line, "#!") {
		l.Engine = words[0]
	}
	for _, w := range words {
		if name, ok := strings.CutPrefix(w, "name="); ok {
			l.Name = name
		}
	}
	return l
}

// Libraries returns the names of a server's libraries, each with its functions.
func Libraries(ctx context.Context, conn *redis.Conn) (map[string][]string, error) {
	ctx, cancel := context.WithTimeout(ctx, ReplyTimeout)
	defer cancel()
	list, err := conn.List(ctx, "FUNCTION", "LIST")
	if err != nil {
		return nil, err
	}
	return LibrariesOf(list), nil
}

// LibrariesOf reads the reply of FUNCTION LIST.
func LibrariesOf(list []any) map[string][]string {
	have := map[string][]string{}
	for _, item := range list {
		fields, _ := item.([]any)
		name, functions := "", []string{}
		for i := 0; i+1 < len(fields); i += 2 {
			switch fields[i] {
			case "library_name":
				name, _ = fields[i+1].(string)
			case "functions":
				of, _ := fields[i+1].([]any)
				for _, f := range of {
					pairs, _ := f.([]any)
					for j := 0; j+1 < len(pairs); j += 2 {
						if text, ok := pairs[j+1].(string); ok && pairs[j] == "name" {
							functions = append(functions, text)
						}
					}
				}
			}
		}
		have[name] = functions
	}
	return have
}

var registers = regexp.MustCompile(`register_function\s*[({][^)}]*?["']([A-Za-z0-9_]+)["']`)

// Conflicts reports which libraries of the dump the target cannot take beside its own: one of the same name, or another that
// registers a function of the same name (redis src/functions.c, libraryJoin).
func Conflicts(dump []Library, have map[string][]string, replace bool) (errs []error) {
	for _, l := range dump {
		if _, ok := have[l.Name]; ok && l.Name != "" {
			if !replace {
				errs = append(errs, fmt.Errorf("the target already has a function library %q; use --replace, run FUNCTION DELETE %s there, or exclude functions with --type", l.Name, l.Name))
			}
			continue
		}
		for _, m := range registers.FindAllStringSubmatch(l.code, -1) {
			for name, functions := range have {
				if slices.Contains(functions, m[1]) {
					errs = append(errs, fmt.Errorf("the function library %q registers %q, which already exists in library %q of the target; run FUNCTION DELETE %s there, or exclude functions with --type", l.Name, m[1], name, name))
				}
			}
		}
	}
	return errs
}
