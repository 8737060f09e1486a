package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/cue"
)

// imagesPage lists the known images, with the date and source of each fact.
func imagesPage() (string, error) {
	images, err := cue.KnownImages()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, generatedFrom, "cue/images/images.cue")
	fmt.Fprintf(&b, "# Images\n\nThe images and releases that redis-gitops knows, as of %s. It looks nothing up when it runs, so it does not know younger\n"+
		"releases and vulnerabilities. No release of redis-gitops has facts older than 120 days.\n\n"+
		"The rules [op/image-vulnerable](rules/op/image-vulnerable.md), [op/image-end-of-life](rules/op/image-end-of-life.md),\n"+
		"[op/image-floating](rules/op/image-floating.md), [op/image-registry-gone](rules/op/image-registry-gone.md) and\n"+
		"[op/image-license](rules/op/image-license.md) use these facts, and `generate` the default image. An image in another registry counts by its name,\n"+
		"such as `registry.example.com/mirror/redis:7.4.11`.\n\n## Releases\n\n"+
		"A server loads dumps (RDB) of the versions it reads and refuses all others; MODULES marks dumps that may have types of modules,\nwhich other servers refuse.\n\n"+
		"| line | newest | license | support ends | writes RDB | reads RDB | |\n|---|---|---|---|---|---|---|\n", images.Date)
	var sources []string
	for _, engine := range slices.Sorted(maps.Keys(images.Lines)) {
		for _, l := range images.Lines[engine] {
			writes, reads := formats(l.RDB)
			fmt.Fprintf(&b, "| %s %s | %s | %s | %s | %s | %s | %s |\n", engine, l.Line, release(l.Newest), strings.ReplaceAll(l.License, " OR ", " or "), release(l.End), writes, reads, l.Note)
			sources = append(sources, lineSources(engine+" "+l.Line, l))
		}
	}
	b.WriteString("\n## Defaults\n\n| what | image |\n|---|---|\n")
	for _, engine := range slices.Sorted(maps.Keys(images.Default)) {
		fmt.Fprintf(&b, "| new instances with %s | %s |\n", engine, images.Default[engine])
	}
	for _, name := range slices.Sorted(maps.Keys(images.Defaults)) {
		d := images.Defaults[name]
		fmt.Fprintf(&b, "| [%s](operators.md#%s), if a resource sets none | %s of %s |\n", name, name, code(d.Image), d.Year)
		sources = append(sources, "- "+name+": "+cite(d.Sourced))
	}
	b.WriteString("\n## Repositories\n\n| repository | releases | moving tags | state | source |\n|---|---|---|---|---|\n")
	for _, r := range images.Repositories {
		moving := strings.Join(r.Moving, ", ")
		if r.Engine != "" && r.Gone == "" {
			moving += "; all without a patch, such as 7 and 7.4-alpine"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", code(r.Name), r.Engine, strings.TrimPrefix(moving, "; "), served(r), cite(r.Sourced))
	}
	b.WriteString("\n## Vulnerabilities\n\nThe first releases without each.\n\n| id | severity | | fixed in | source |\n|---|---|---|---|---|\n")
	for _, v := range images.Vulnerabilities {
		var fixed []string
		for _, engine := range slices.Sorted(maps.Keys(v.Fixed)) {
			fixed = append(fixed, engine+" "+strings.Join(v.Fixed[engine], ", "))
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", cmp.Or(v.ID, "none"), v.Severity, v.What, strings.Join(fixed, "; "), cite(v.Sourced))
	}
	b.WriteString("\n## Sources of releases and defaults\n\nThe date in parentheses is the day or month on which the source was read.\n\n" + strings.Join(sources, "\n") + "\n")
	return b.String(), nil
}

func release(r *cue.Release) string {
	switch {
	case r == nil:
		return ""
	case r.Version == "":
		return r.Date
	}
	return r.Version + " (" + r.Date + ")"
}

// formats returns the dumps that a line writes and reads.
func formats(r *cue.RDB) (writes, reads string) {
	if r == nil {
		return "", ""
	}
	writes = fmt.Sprintf("%s %d", r.Magic, r.Writes)
	if r.Note != "" {
		writes += " MODULES"
	}
	var ranges []string
	for _, magic := range slices.Sorted(maps.Keys(r.Reads)) {
		v := r.Reads[magic]
		if v[0] == v[1] {
			ranges = append(ranges, fmt.Sprintf("%s %d", magic, v[0]))
		} else {
			ranges = append(ranges, fmt.Sprintf("%s %d–%d", magic, v[0], v[1]))
		}
	}
	return writes, strings.Join(ranges, ", ")
}

func served(r cue.ImageRepository) string {
	var state string
	switch {
	case r.Gone != "" && len(r.Kept) > 0:
		state = "removed on " + r.Gone + ", except " + strings.Join(r.Kept, ", ")
	case r.Gone != "":
		state = "removed on " + r.Gone
	case r.Frozen != "":
		state = "no updates since " + r.Frozen
	}
	if state != "" && r.Note != "" {
		state += "; "
	}
	return state + r.Note
}

func lineSources(name string, l cue.ImageLine) string {
	parts := []string{"- " + name + ": " + cite(l.Sourced)}
	if l.Newest != nil {
		parts = append(parts, "newest: "+cite(l.Newest.Sourced))
	}
	if l.End != nil {
		parts = append(parts, "end: "+cite(l.End.Sourced))
	}
	if l.RDB != nil {
		parts = append(parts, "RDB: "+cite(l.RDB.Sourced))
	}
	return strings.Join(parts, "; ")
}

func cite(s cue.Sourced) string {
	text := s.Source + " (" + s.Read + ")"
	if s.Inferred != "" {
		text += "; inferred: " + s.Inferred
	}
	return text
}
