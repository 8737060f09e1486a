package scaffold

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/instance"
	"github.com/redis-gitops/redis-gitops/repo"
	"github.com/redis-gitops/redis-gitops/repo/yamledit"
)

// removeRelease takes what installs the release out of the repository. Its volumes stay, unless its values say otherwise.
func (m *migration) removeRelease() error {
	kept, gone := m.release.claims()
	if len(gone) > 0 && !m.asked.Force {
		return finding.Errorf(m.release.position("metadata.name"), "", "the volumes of %s would be removed with it: PersistentVolumeClaims %s", m.rec.Name, strings.Join(gone, ", ")).
			Flags("; take a dump first, and use --force to remove them")
	}
	var err error
	switch m.release.installer() {
	case "Application", "HelmRelease":
		err = m.removeDocument()
	case "":
		err = m.removeDependency()
	default:
		err = m.byHand("it comes from an " + m.release.installer())
	}
	if err != nil {
		return err
	}
	if !m.asked.Force {
		left, err := m.left()
		if err != nil {
			return err
		}
		(&target{found: left}).report(m.plan)
		if len(m.plan.Conflicts) > 0 {
			return nil
		}
	}
	if len(kept) > 0 {
		m.plan.Notes = append(m.plan.Notes, fmt.Sprintf("the volumes of %s stay, with the data until the switch: PersistentVolumeClaims %s; delete them when nobody needs that data", m.rec.Name, strings.Join(kept, ", ")))
	}
	if auth := m.release.Auth; auth != nil && auth.Secret == m.release.Name {
		m.plan.Notes = append(m.plan.Notes, fmt.Sprintf("the Secret %q goes with the release; nothing may need it any more", auth.Secret))
	}
	return nil
}

// installer is the kind of the resource that installs the release, "" for a chart or kustomization.
func (l *release) installer() string { return instance.Text(l.reads.At("metadata.installer")) }

// byHand refuses to remove what the files say in a way that cannot be taken apart.
func (m *migration) byHand(why string) error {
	return finding.Errorf(m.release.position("metadata.name"), "", "the release %s cannot be removed by a plan: %s; remove it manually, then stage 5 is done", m.rec.Name, why)
}

// claims returns the PersistentVolumeClaims that stay, and those that go with the release.
func (l *release) claims() (kept, gone []string) {
	done := map[string]bool{}
	for _, c := range l.facts.Claims {
		if done[c.Of] || !l.reads.Holds(c.If) {
			continue
		}
		done[c.Of] = true
		if !l.reads.Holds(c.Kept) {
			continue
		}
		n := 1
		if c.Count != "" {
			n, _ = strconv.Atoi(l.reads.Expand(c.Count)) // of no number there are none
		}
		into := &kept
		if slices.ContainsFunc(c.Removed, l.reads.Holds) {
			into = &gone
		}
		for i := range min(n, maxClaims) {
			*into = append(*into, l.reads.Expand(strings.ReplaceAll(c.Name, "{i}", strconv.Itoa(i))))
		}
	}
	return kept, gone
}

// maxClaims bounds the names that are listed.
const maxClaims = 20

// removeDocument removes the Application or HelmRelease: its file, or its part of the file.
func (m *migration) removeDocument() error {
	l := m.release
	file := l.file()
	src, err := readIfThere(m.repo, file)
	if err != nil {
		return err
	}
	docs, err := m.repo.Documents(file)
	if err != nil || src == nil {
		return m.byHand("a template makes the " + l.installer())
	}
	docs = slices.DeleteFunc(docs, func(d *repo.Document) bool { return d.Node == nil })
	i := slices.IndexFunc(docs, func(d *repo.Document) bool {
		return d.Kind() == l.installer() && slices.ContainsFunc(m.repo.Charts(d), func(c repo.Release) bool {
			return c.ReleaseName == instance.Text(l.reads.At("metadata.release")) && c.Chart == instance.Text(l.reads.At("metadata.chart"))
		})
	})
	if i < 0 {
		return m.byHand("its " + l.installer() + " was not found")
	}
	doc := docs[i]
	if more := otherSources(doc); more != "" {
		return m.byHand("its Application installs " + more + " too")
	}
	m.noteDeployer(doc)
	if ref := doc.Get("spec", "chart", "spec", "sourceRef", "name"); ref != nil {
		m.plan.Next = append(m.plan.Next, fmt.Sprintf("remove the HelmRepository %q if no other HelmRelease uses it", ref.Value))
	}
	if len(docs) > 1 {
		out, ok := cutDocument(src, doc)
		if !ok {
			return m.byHand("its document cannot be told from others in the file")
		}
		m.plan.write(file, src, out)
		return nil
	}
	m.plan.remove(file, src)
	return m.unlist(file)
}

// otherSources names a source of an Application beside the chart; a source with a ref only is where its values are.
func otherSources(doc *repo.Document) string {
	list := doc.Get("spec", "sources")
	if list == nil {
		return ""
	}
	charts := 0
	for _, s := range list.Content {
		switch {
		case repo.Lookup(s, "chart") != nil:
			if charts++; charts > 1 {
				return "another chart"
			}
		case repo.Lookup(s, "path") != nil || repo.Lookup(s, "ref") == nil:
			return "another source"
		}
	}
	return ""
}

// noteDeployer reports what becomes of the release when its document is gone.
func (m *migration) noteDeployer(doc *repo.Document) {
	const finalizer = "resources-finalizer.argocd.argoproj.io"
	if doc.Kind() != "Application" {
		return
	}
	if list := doc.Get("metadata", "finalizers"); list != nil {
		for _, n := range list.Content {
			if strings.HasPrefix(n.Value, finalizer) {
				return
			}
		}
	}
	m.plan.Next = append(m.plan.Next, fmt.Sprintf("the Application %q has no finalizer %q: Argo CD removes it and leaves its resources in the cluster; delete those of the release, or add the finalizer before the merge", doc.Name(), finalizer))
}

// cutDocument removes a document and the line that separates it from the one before it, or after it if it is the first.
func cutDocument(src []byte, doc *repo.Document) ([]byte, bool) {
	lines := strings.SplitAfter(string(src), "\n")
	line := doc.At(doc.Node).Line - 1
	if line < 0 || line >= len(lines) {
		return nil, false
	}
	separates := func(i int) bool { return strings.HasPrefix(lines[i], "---") }
	from, to := line, line+1
	for from > 0 && !separates(from-1) {
		from--
	}
	for to < len(lines) && !separates(to) {
		to++
	}
	switch {
	case from > 0 && to < len(lines) && strings.TrimSpace(strings.TrimRight(lines[from-1], "\r\n")) == "---":
		from--
	case from > 0 && to == len(lines):
		from--
	case to < len(lines):
		to++
	}
	out := []byte(strings.Join(lines[:from], "") + strings.Join(lines[to:], ""))
	before, err := repo.ParseDocuments(doc.File, src)
	after, errAfter := repo.ParseDocuments(doc.File, out)
	return out, err == nil && errAfter == nil && len(after) == len(before)-1
}

// unlist takes a file out of the kustomizations in its directory and above.
func (m *migration) unlist(file string) error {
	for dir := path.Dir(file); ; dir = path.Dir(dir) {
		for _, name := range kustomizationNames {
			at := path.Join(dir, name)
			old, src, err := m.plan.current(m.repo, at)
			if err != nil {
				return err
			}
			resources, _ := lookup(at, src, "resources")
			for i, item := range asList(resources) {
				entry, ok := item.(string)
				if !ok || path.Join(dir, entry) != file {
					continue
				}
				out, _, err := removeListed(src, []string{"resources"}, i, len(asList(resources)))
				if err != nil {
					return finding.Errorf(finding.Position{File: at}, "resources", "%s cannot be taken out: %v; remove it manually", entry, err)
				}
				m.plan.write(at, old, out)
				break
			}
		}
		if dir == "." {
			return nil
		}
	}
}

// removeListed removes an item of a list, and the list with its last item.
func removeListed(src []byte, list []string, i, n int) ([]byte, yamledit.Edit, error) {
	if n == 1 {
		return yamledit.RemoveEntry(src, list)
	}
	return yamledit.RemoveItem(src, list, i)
}

// removeDependency removes the entry of Chart.yaml and its values, or that of a kustomization.
func (m *migration) removeDependency() error {
	l := m.release
	at := l.position("metadata.name")
	old, src, err := m.plan.current(m.repo, at.File)
	if err != nil {
		return err
	}
	list := "helmCharts"
	if path.Base(at.File) == "Chart.yaml" {
		list = "dependencies"
	}
	items, _ := lookup(at.File, src, list)
	i, alias := m.listedAt(at, list)
	if i < 0 {
		return m.byHand("its entry in " + at.File + " was not found")
	}
	out, _, err := removeListed(src, []string{list}, i, len(asList(items)))
	if err != nil {
		return m.byHand(fmt.Sprintf("its entry in %s: %v", at.File, err))
	}
	m.plan.write(at.File, old, out)
	if list == "helmCharts" {
		return nil
	}
	dir := path.Dir(at.File)
	file := path.Join(dir, "values.yaml")
	if old, src, err = m.plan.current(m.repo, file); err != nil {
		return err
	}
	if values, _ := lookup(file, src, alias); values != nil {
		if out, _, err = yamledit.RemoveEntry(src, []string{alias}); err != nil {
			return m.byHand(fmt.Sprintf("its values in %s: %v", file, err))
		}
		m.plan.write(file, old, out)
	}
	if lock, err := readIfThere(m.repo, path.Join(dir, "Chart.lock")); err == nil && lock != nil {
		m.plan.Next = append(m.plan.Next, "run `helm dependency update "+dir+"`: Chart.lock still has the chart")
	}
	return nil
}

// listedAt returns the index of the entry at a line of a list, and the name by which a chart knows it.
func (m *migration) listedAt(at finding.Position, list string) (index int, alias string) {
	docs, err := m.repo.Documents(at.File)
	if err != nil || len(docs) == 0 || docs[0].Get(list) == nil {
		return -1, ""
	}
	index = -1
	for i, item := range docs[0].Get(list).Content {
		name := repo.Lookup(item, "name")
		if name == nil || docs[0].At(name) != at {
			continue
		}
		if index, alias = i, name.Value; repo.Lookup(item, "alias") != nil {
			alias = repo.Lookup(item, "alias").Value
		}
	}
	return index, alias
}
