package inspect

import (
	_ "embed"
	"html/template"
	"io"
	"strconv"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb"
)

//go:embed page.html
var pageText string

// WriteHTML writes a page that stands on its own: it loads nothing and runs no script. Keys and other text of the dump are
// escaped.
func (info *Info) WriteHTML(w io.Writer, file string) error {
	page, err := template.New("page").Funcs(template.FuncMap{
		"bytes": rdb.FormatBytes, "group": group, "percent": percent, "share": share, "plain": plain, "typeName": typeName,
		"time": func(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.DateTime) },
	}).Parse(pageText)
	if err != nil {
		return err
	}
	return page.Execute(w, struct {
		*Info
		File       string
		FileBytes  uint64
		Facts      []fact
		Notes      []string
		Kinds      []slice
		Histograms []histogram
		Names      []string // of the prefixes
	}{info, file, uint64(info.Size), info.facts(file), info.observations(), info.kinds(), info.histograms(), info.prefixNames()})
}

// slice is a part of the bar of types.
type slice struct {
	Kind         string
	Memory, Keys uint64
	X, Width     string // percent
}

// kinds sums up the types without their encodings, the largest first.
func (info *Info) kinds() []slice {
	var list []slice
	at := map[string]int{}
	for _, x := range info.Types {
		i, ok := at[x.Type]
		if !ok {
			i = len(list)
			at[x.Type] = i
			list = append(list, slice{Kind: x.Type})
		}
		list[i].Memory += x.Memory
		list[i].Keys += x.Keys
	}
	var before uint64
	for i := range list {
		list[i].X, list[i].Width = share(before, info.Total.Memory), share(list[i].Memory, info.Total.Memory)
		before += list[i].Memory
	}
	return list
}

func (info *Info) prefixNames() []string {
	names := make([]string, len(info.Prefixes))
	for i, p := range info.Prefixes {
		names[i] = info.prefixName(p)
	}
	return names
}

// share is the part in percent, for an attribute.
func share(part, whole uint64) string {
	if whole == 0 {
		return "0%"
	}
	return strconv.FormatFloat(float64(part)*100/float64(whole), 'f', 2, 64) + "%"
}
