package redact

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// Collect reads what is secret in several files that belong together: charts with their values, kustomizations with the files
// that they make Secrets of. read gives the text of a file; scan is [Scan], or something that remembers what it gave.
func Collect(names []string, read func(string) ([]byte, bool), scan func(name string) *File) []*File {
	files := make([]*File, 0, len(names))
	for _, name := range names {
		if f := scan(name); f != nil {
			files = append(files, f)
		}
	}
	return Link(files, read)
}

// Link follows what files say about each other: values that templates put into something secret, and files that are secret as a
// whole. It gives the files, those anew that it has found more in.
func Link(files []*File, read func(string) ([]byte, bool)) []*File {
	return LinkWhere(files, read, func(name string, chains []string) bool {
		text, ok := read(name)
		return ok && Mentions(text, chains)
	})
}

// LinkWhere is [Link] with a function that reports what [Mentions] does of a file, which it may remember.
func LinkWhere(files []*File, read func(string) ([]byte, bool), mentions func(name string, chains []string) bool) []*File {
	chains := map[string][]string{} // by the chart's directory
	defines := map[string]map[string][]string{}
	includes := map[string][]string{}
	var refs []string
	for _, f := range files {
		refs = append(refs, f.Refs...)
		if len(f.Chains) == 0 && len(f.Includes) == 0 && len(f.Defines) == 0 {
			continue
		}
		dir := chartOf(f.Name)
		chains[dir] = append(chains[dir], f.Chains...)
		includes[dir] = append(includes[dir], f.Includes...)
		for name, reads := range f.Defines {
			if defines[dir] == nil {
				defines[dir] = map[string][]string{}
			}
			defines[dir][name] = append(defines[dir][name], reads...)
		}
	}
	for dir, names := range includes {
		for _, name := range names {
			chains[dir] = append(chains[dir], defines[dir][name]...)
		}
	}
	var all []string
	for dir, list := range chains {
		list = slices.DeleteFunc(list, told)
		slices.Sort(list)
		chains[dir] = slices.Compact(list)
		all = append(all, chains[dir]...)
	}
	slices.SortFunc(all, func(a, b string) int { // by the last key, of which mentions then tries each once
		return cmp.Or(cmp.Compare(a[strings.LastIndexByte(a, '.')+1:], b[strings.LastIndexByte(b, '.')+1:]), cmp.Compare(a, b))
	})
	all = slices.Compact(all)
	secretFiles := map[string]bool{}
	for _, name := range refs {
		secretFiles[name] = true
	}
	there := map[string]bool{}
	for i, f := range files {
		there[f.Name] = true
		var more []string
		switch {
		case secretFiles[f.Name]:
			if text, ok := read(f.Name); ok {
				files[i] = merged(f, scanSecret(f.Name, text))
			}
			continue
		case isTemplate(f.Name) || !yamlFile(f.Name) || len(all) == 0:
			continue
		case len(chains[chartOf(f.Name)]) > 0:
			more = chains[chartOf(f.Name)]
		default:
			more = all // values of an Application or HelmRelease
		}
		if !mentions(f.Name, more) {
			continue
		}
		if text, ok := read(f.Name); ok {
			files[i] = Scan(f.Name, text, more...)
		}
	}
	for name := range secretFiles {
		if there[name] {
			continue
		}
		if text, ok := read(name); ok {
			files = append(files, scanSecret(name, text))
		}
	}
	return files
}

// told reports whether a path of values is known to be secret by its own words, or names something.
func told(chain string) bool {
	last := chain[strings.LastIndexByte(chain, '.')+1:]
	_, strong := isSecretKey(last)
	return strong || naming[last] || last == "enabled" || chain == ""
}

// Mentions reports whether a text has the last key of one of the paths.
func Mentions(text []byte, chains []string) bool {
	tried := ""
	return slices.ContainsFunc(chains, func(c string) bool {
		last := c[strings.LastIndexByte(c, '.')+1:]
		if last == tried {
			return false
		}
		tried = last
		return bytes.Contains(text, []byte(last))
	})
}

func merged(a, b *File) *File {
	b.Values = append(b.Values, a.Values...)
	for line, spans := range a.spans {
		b.spans[line] = append(b.spans[line], spans...)
	}
	return b
}

// chartOf returns the directory of the chart that a template or file of values belongs to.
func chartOf(name string) string {
	if i := strings.Index(name, "/templates/"); i >= 0 {
		return name[:i]
	}
	if strings.HasPrefix(name, "templates/") {
		return "."
	}
	return path.Dir(name)
}

func isTemplate(name string) bool {
	return strings.Contains("/"+name, "/templates/")
}

// Data returns the secret values of a Secret that was rendered, as plain data: those of data and stringData, and what data decodes to.
func Data(object map[string]any) []string {
	var out []string
	var each func(v any)
	each = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, inner := range v {
				each(inner)
			}
		case []any:
			for _, inner := range v {
				each(inner)
			}
		case string:
			out = append(out, v)
			if decoded, err := base64.StdEncoding.DecodeString(v); err == nil && utf8.Valid(decoded) {
				out = append(out, string(decoded))
			}
		}
	}
	each(object["data"])
	each(object["stringData"])
	return out
}

// Holds reports whether messages can quote a file, so that it has to be scanned. Files of a secretGenerator come on top.
func Holds(name string) bool {
	switch path.Ext(name) {
	case ".yaml", ".yml", ".tpl", ".json", ".env", ".conf", ".properties":
		return true
	}
	return false
}
