package render

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
	"github.com/redis-gitops/redis-gitops/repo"
)

// maxKustomizations is how many kustomizations one may be made of.
const maxKustomizations = 200

// kustomizeRoot is where a repository is in the file system that kustomize sees.
const kustomizeRoot = "/repository"

func renderKustomization(ctx context.Context, r *repo.Repo, t Target, opts Options, result *Result) error {
	l := &loader{repo: r, result: result}
	if err := l.unreadable(t.Dir); err != nil {
		return err
	}
	k := &kustomizeRun{loader: l, fs: filesys.MakeFsInMemory(), dirs: map[string]bool{}, objects: map[string][]*repo.Document{},
		sources: map[string][]byte{}, budget: maxChartFiles, restricted: restricted(t.Deployment)}
	if !k.visit(ctx, t.Dir, true) {
		return nil
	}
	for _, layer := range k.layers {
		if err := k.write(layer); err != nil {
			return err
		}
	}
	resources, err := k.build(ctx, t.Dir, opts.Timeout)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		l.add(k.explain(t.Dir, err))
		return nil
	}
	for _, each := range resources {
		k.add(each, t.Dir)
	}
	return nil
}

// restricted reports whether a kustomization may only read files of its own directory, as with kustomize's own default, which Argo CD keeps.
// Flux sets no restriction (fluxcd/pkg e2cfd1a2 kustomize/kustomize_generator.go:698), and of what nothing is known to deploy it may be the
// deployer.
func restricted(d *repo.Deployment) bool {
	return d != nil && (d.Kind == "Application" || d.Kind == "ApplicationSet")
}

// kustomizationFile returns the file of a folder's kustomization, or "".
func kustomizationFile(r *repo.Repo, dir string) string {
	for _, base := range []string{"kustomization.yaml", "kustomization.yml", "Kustomization"} {
		if info, err := r.Fs().Stat(path.Join(dir, base)); err == nil && info.Mode().IsRegular() {
			return path.Join(dir, base)
		}
	}
	return ""
}

// fail notes a problem of a kustomization, which leaves something out.
func (k *kustomizeRun) fail(at finding.Position, format string, args ...any) {
	k.left = true
	k.loader.add(finding.Errorf(at, "", format, args...).WithCode(CodeFails))
}

func (k *kustomizeRun) notice(at finding.Position, format string, args ...any) {
	k.left = true
	k.loader.result.Notices = append(k.loader.result.Notices, finding.Errorf(at, "", format, args...))
}

// visit reads a folder's kustomization and what it uses. What cannot be used is noted and taken out, so that the rest is
// rendered.
func (k *kustomizeRun) visit(ctx context.Context, dir string, top bool) bool {
	if _, visited := k.dirs[dir]; visited {
		return true
	}
	k.dirs[dir] = true
	defer func() { k.dirs[dir] = false }()
	file := kustomizationFile(k.loader.repo, dir)
	if len(k.dirs) > maxKustomizations || ctx.Err() != nil {
		k.fail(finding.Position{File: file}, "more than %d kustomizations are used; use fewer", maxKustomizations)
		return false
	}
	if file == "" {
		k.fail(finding.Position{File: dir}, "has no kustomization.yaml")
		return false
	}
	docs, ok := k.documents(file)
	if !ok || len(docs) == 0 {
		return false
	}
	root := resolve(docs[0].Node)
	if root.Kind != yaml.MappingNode {
		k.fail(docs[0].At(root), "a kustomization must be a mapping; found %s", nodeKind(root))
		return false
	}
	kept := *root
	kept.Content = nil
	ly := &layer{file: file, doc: &repo.Document{File: file, Node: root}}
	v := &visited{kustomizeRun: k, ctx: ctx, dir: dir, file: file}
	for _, i := range patchesLast(root) {
		key, value := root.Content[i], root.Content[i+1]
		if top && key.Value == "buildMetadata" {
			continue
		}
		if value = v.field(key.Value, value); value != nil && !v.moved.take(key.Value, value) {
			kept.Content = append(kept.Content, key, value)
		}
	}
	v.moved.give(&kept)
	if top {
		extend(&kept, "buildMetadata", false, text("originAnnotations"))
	}
	ly.doc = &repo.Document{File: file, Node: &kept}
	ly.patches = v.patches
	k.layers = append(k.layers, ly)
	return true
}

// visited is a kustomization whose fields are taken over.
type visited struct {
	*kustomizeRun
	ctx       context.Context
	dir, file string
	patches   []*patch
	moved     deprecated
}

// field returns what kustomize gets of a field: what it can have of it, or nil for nothing.
func (k *visited) field(key string, v *yaml.Node) *yaml.Node {
	at := func(n *yaml.Node) finding.Position {
		return finding.Position{File: k.file, Line: n.Line, Column: n.Column}
	}
	switch key {
	case "resources", "bases", "components":
		return k.keep(v, func(n *yaml.Node) bool { return k.uses(k.ctx, k.dir, k.file, n, key) })
	case "crds", "configurations":
		return k.keep(v, func(n *yaml.Node) bool { return k.copy(k.dir, n.Value, at(n), true) })
	case "generators", "transformers", "validators":
		return k.keep(v, func(n *yaml.Node) bool { return k.plugin(k.ctx, k.dir, k.file, n, key) })
	case "patches", "patchesJson6902", "patchesStrategicMerge":
		return k.keep(v, func(n *yaml.Node) bool {
			p, ok := k.patch(k.dir, k.file, n)
			k.patches = append(k.patches, p...)
			if ok && key == "patchesStrategicMerge" {
				for _, each := range p {
					k.moved.merges = append(k.moved.merges, inline(each.doc))
				}
			}
			return ok
		})
	case "vars":
		k.notice(at(v), "vars are not supported; use replacements instead")
		return nil
	case "replacements":
		return k.keep(v, func(n *yaml.Node) bool {
			_, p := find(n, "path")
			return p == nil || k.copy(k.dir, p.Value, at(p), true)
		})
	case "configMapGenerator", "secretGenerator":
		return k.keep(v, func(n *yaml.Node) bool { return k.generates(k.dir, k.file, n) })
	case "helmCharts", "helmChartInflationGenerator":
		for _, n := range v.Content {
			_, name := find(n, "name")
			k.notice(at(n), "chart %s is not rendered, because that requires fetching it and running Helm", quoted(name))
		}
		return nil
	case "helmGlobals":
		return nil
	case "openapi":
		if _, p := find(v, "path"); p != nil { // kustomize would keep it for all that come after
			k.notice(at(v), "the schema %q is not used; patches replace lists of unknown kinds instead of merging them", p.Value)
			return nil
		}
	}
	return v
}

// patchesLast returns the places of a kustomization's fields: those of patches last, when it is known what is there to patch.
func patchesLast(root *yaml.Node) []int {
	var first, last []int
	for i := 0; i+1 < len(root.Content); i += 2 {
		if strings.HasPrefix(root.Content[i].Value, "patches") {
			last = append(last, i)
		} else {
			first = append(first, i)
		}
	}
	return append(first, last...)
}

// deprecated moves the contents of old fields to new ones, as kustomize does itself: it complains of them on standard error,
// which is not ours to write to.
type deprecated struct {
	bases, images, merges, operations []*yaml.Node
	labels                            *yaml.Node
}

// take reports whether a field is an old one.
func (d *deprecated) take(field string, v *yaml.Node) bool {
	switch field {
	case "bases":
		d.bases = v.Content
	case "imageTags":
		d.images = v.Content
	case "commonLabels":
		d.labels = v
	case "patchesStrategicMerge":
	case "patchesJson6902":
		d.operations = v.Content
	default:
		return false
	}
	return true
}

func (d *deprecated) give(root *yaml.Node) {
	extend(root, "resources", false, d.bases...)
	extend(root, "images", false, d.images...)
	extend(root, "patches", true, d.merges...)
	if d.labels != nil {
		extend(root, "labels", false, mappingOf("pairs", d.labels, "includeSelectors", &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: "true"}))
	}
	// These come behind the fields that set names and namespaces, which patches do not.
	var transformers []*yaml.Node
	for i, op := range d.operations {
		config := mappingOf("apiVersion", text("builtin"), "kind", text("PatchTransformer"), "metadata", mappingOf("name", text(fmt.Sprint("operations", i))))
		config.Content = append(config.Content, op.Content...)
		transformers = append(transformers, inlineText(config))
	}
	extend(root, "transformers", true, transformers...)
}

// extend puts entries into a list, which is made if need be.
func extend(root *yaml.Node, field string, front bool, entries ...*yaml.Node) {
	if len(entries) == 0 {
		return
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		if root.Content[i].Value == field && root.Content[i+1].Kind == yaml.SequenceNode {
			list := *root.Content[i+1]
			if front {
				list.Content = append(entries, list.Content...)
			} else {
				list.Content = append(slices.Clip(list.Content), entries...)
			}
			root.Content[i+1] = &list
			return
		}
	}
	root.Content = append(root.Content, text(field), &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Content: entries})
}

func text(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s} }

// mappingOf makes a mapping of keys and nodes.
func mappingOf(pairs ...any) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	for i := 0; i+1 < len(pairs); i += 2 {
		n.Content = append(n.Content, text(pairs[i].(string)), pairs[i+1].(*yaml.Node))
	}
	return n
}

func inlineText(n *yaml.Node) *yaml.Node {
	b, err := yaml.Marshal(n)
	if err != nil {
		return text("")
	}
	return text(string(b))
}

// inline makes an entry of patches of a patch.
func inline(n *yaml.Node) *yaml.Node { return mappingOf("patch", inlineText(n)) }

func quoted(n *yaml.Node) string {
	if n == nil {
		return "without a name"
	}
	return fmt.Sprintf("%q", n.Value)
}

// keep returns a list with the entries that can be used.
func (k *kustomizeRun) keep(list *yaml.Node, use func(*yaml.Node) bool) *yaml.Node {
	if list.Kind != yaml.SequenceNode {
		return list // kustomize says what is wrong
	}
	kept := *list
	kept.Content = nil
	for _, n := range list.Content {
		if use(n) {
			kept.Content = append(kept.Content, n)
		}
	}
	return &kept
}

// documents reads a YAML file that kustomize is to have; false when it is broken, which is noted.
func (k *kustomizeRun) documents(file string) ([]*repo.Document, bool) {
	if docs, ok := k.objects[file]; ok {
		return docs, true
	}
	src, err := k.loader.repo.ReadFile(file)
	if err == nil {
		k.loader.result.Files = append(k.loader.result.Files, file)
		var docs []*repo.Document
		if docs, err = repo.ParseDocuments(file, src); err == nil {
			k.objects[file], k.sources[file] = docs, src
			return docs, true
		}
	}
	for _, p := range finding.All(err) {
		k.loader.add(p)
	}
	return nil, false
}

// remote reports whether an entry would have to be fetched, as kustomize's api/internal/git does.
func remote(name string) bool {
	return strings.Contains(name, "://") || strings.HasPrefix(name, "git@") || strings.HasPrefix(name, "git::") || strings.Contains(name, "?ref=") ||
		strings.Contains(name, ".git/") || strings.HasSuffix(name, ".git") || remoteHost.MatchString(name)
}

var remoteHost = lazyregexp.New(`^(?i:[a-z0-9][a-z0-9-]*\.)+(?i:com|org|net|io|dev)[:/]`)

// within returns the path in the repository of an entry, and says whether it stays in it.
func within(dir, name string) (string, bool) {
	if path.IsAbs(name) {
		return "", false
	}
	p := path.Join(dir, name)
	return p, p != ".." && !strings.HasPrefix(p, "../")
}

// uses takes an entry of resources, components or bases in.
func (k *kustomizeRun) uses(ctx context.Context, dir, file string, n *yaml.Node, field string) bool {
	at := finding.Position{File: file, Line: n.Line, Column: n.Column}
	if n.Kind != yaml.ScalarNode {
		k.fail(at, "%s must list files and directories; found %s", field, nodeKind(n))
		return false
	}
	name := n.Value
	p, ok := within(dir, name)
	info, err := fs.FileInfo(nil), error(fs.ErrNotExist)
	if ok {
		info, err = k.loader.repo.Fs().Stat(p)
	}
	switch {
	case err == nil && info.IsDir():
		if p == dir || dir == "." || strings.HasPrefix(dir, p+"/") {
			k.fail(at, "%q contains this kustomization, which would include itself; use another directory", name)
			return false
		}
		if k.dirs[p] {
			k.fail(at, "%q includes this kustomization in turn; remove one of them", name)
			return false
		}
		return k.visit(ctx, p, false)
	case err == nil:
		if k.restricted && p != path.Join(dir, path.Base(p)) && !strings.HasPrefix(p, dir+"/") && dir != "." {
			k.fail(at, "%q is outside the directory of the kustomization, which Argo CD does not allow; move it, add a kustomization for it, or set kustomize.buildOptions of Argo CD to --load-restrictor LoadRestrictionsNone", name)
			return false
		}
		return k.manifest(p)
	case remote(name):
		k.notice(at, "%q is not fetched, so its resources are not linted", name)
		return false
	case !ok:
		k.fail(at, "%q is outside the repository; use a file or directory in it", name)
		return false
	}
	k.fail(at, "%q does not exist; create it or remove it from %s", name, field)
	return false
}

// manifest takes in a file of manifests.
func (k *kustomizeRun) manifest(file string) bool {
	if _, ok := k.documents(file); !ok {
		return false
	}
	return k.put(file, k.sources[file])
}

func (k *kustomizeRun) put(file string, src []byte) bool {
	return k.fs.WriteFile(path.Join(kustomizeRoot, file), src) == nil
}

// copy takes in any other file.
func (k *kustomizeRun) copy(dir, name string, at finding.Position, isYAML bool) bool {
	if remote(name) {
		k.notice(at, "%q is not fetched", name)
		return false
	}
	p, ok := within(dir, name)
	if !ok {
		k.fail(at, "%q is outside the repository; use a file in it", name)
		return false
	}
	if isYAML {
		if _, err := k.loader.repo.Fs().Stat(p); err == nil {
			return k.manifest(p)
		}
	}
	src, err := k.loader.read(p, &k.budget)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		k.fail(at, "%q does not exist; create it or remove it", name)
		return false
	case err != nil:
		for _, problem := range finding.All(err) {
			k.loader.add(problem.WithCode(CodeFails))
		}
		return false
	}
	k.loader.result.Files = append(k.loader.result.Files, p)
	return k.put(p, src)
}

// generates takes in the files of a generator.
func (k *kustomizeRun) generates(dir, file string, n *yaml.Node) bool {
	ok := true
	if _, list := find(n, "literals"); list != nil {
		for _, e := range list.Content { // kustomize would quote all of them
			if key, _, found := strings.Cut(e.Value, "="); !found || key == "" {
				k.fail(finding.Position{File: file, Line: e.Line, Column: e.Column}, "a literal is not KEY=VALUE; add its key")
				ok = false
			}
		}
	}
	for _, field := range []string{"files", "envs", "env"} {
		_, list := find(n, field)
		if list == nil {
			continue
		}
		entries := list.Content
		if list.Kind == yaml.ScalarNode {
			entries = []*yaml.Node{list}
		}
		for _, e := range entries {
			name := e.Value
			if _, after, found := strings.Cut(name, "="); found && field == "files" {
				name = after
			}
			ok = k.copy(dir, name, finding.Position{File: file, Line: e.Line, Column: e.Column}, false) && ok
		}
	}
	return ok
}

// plugin takes in an entry of generators, transformers or validators: those that kustomize has itself, no programs.
func (k *kustomizeRun) plugin(ctx context.Context, dir, file string, n *yaml.Node, field string) bool {
	at := finding.Position{File: file, Line: n.Line, Column: n.Column}
	var docs []*repo.Document
	if strings.Contains(n.Value, "\n") {
		var err error
		if docs, err = repo.ParseDocuments(file, []byte(n.Value)); err != nil {
			k.fail(at, "an entry of %s is not valid YAML", field)
			return false
		}
	} else {
		p, ok := within(dir, n.Value)
		info, err := fs.FileInfo(nil), error(fs.ErrNotExist)
		if ok {
			info, err = k.loader.repo.Fs().Stat(p)
		}
		switch {
		case err == nil && info.IsDir():
			k.notice(at, "%s in a directory are not run", field)
			return false
		case err != nil || remote(n.Value):
			return k.uses(ctx, dir, file, n, field)
		}
		if !k.manifest(p) {
			return false
		}
		docs = k.objects[p]
	}
	for _, doc := range docs {
		_, function := find(doc.Node, "metadata", "annotations", "config.kubernetes.io/function")
		if doc.APIVersion() != "builtin" || doc.Kind() == "HelmChartInflationGenerator" || function != nil {
			k.notice(at, "%s %q is a program and is not run, so its changes are not linted", strings.TrimSuffix(field, "s"), doc.Kind())
			return false
		}
	}
	return true
}

// patch reads a patch: a file, or inline as text.
func (k *kustomizeRun) patch(dir, file string, n *yaml.Node) ([]*patch, bool) {
	at := finding.Position{File: file, Line: n.Line, Column: n.Column}
	inside, from := n, (*yaml.Node)(nil)
	var target *yaml.Node
	if n.Kind == yaml.MappingNode {
		_, inside = find(n, "patch")
		_, from = find(n, "path")
		_, target = find(n, "target")
	} else if !strings.Contains(n.Value, "\n") {
		inside, from = nil, n
	}
	var docs []*repo.Document
	in, literal := file, true
	switch {
	case from != nil && from.Value != "":
		in, _ = within(dir, from.Value)
		if !k.copy(dir, from.Value, finding.Position{File: file, Line: from.Line, Column: from.Column}, true) {
			return nil, false
		}
		docs = k.objects[in]
	case inside != nil:
		src := inside.Value
		if literal = inside.Style&yaml.LiteralStyle != 0; literal {
			src = strings.Repeat("\n", inside.Line) + src
		}
		var err error
		if docs, err = repo.ParseDocuments(file, []byte(src)); err != nil {
			for _, p := range finding.All(err) {
				if !literal {
					p.Line, p.Column = inside.Line, inside.Column
				}
				k.loader.add(p)
			}
			return nil, false
		}
		indent := literalIndent(k.sources[file], inside)
		for _, doc := range docs {
			doc.Node = moved(doc.Node, func(line, column *int) {
				if literal {
					*column += indent
				} else {
					*line, *column = inside.Line, inside.Column
				}
			})
		}
	default:
		k.fail(at, "a patch requires path or patch")
		return nil, false
	}
	var patches []*patch
	for _, doc := range docs {
		p := &patch{at: at, file: in, literal: literal, target: target}
		node := resolve(doc.Node)
		if node.Kind == yaml.SequenceNode {
			p.ops = node
		} else {
			p.doc = node
			if target == nil && k.left && !k.hasTarget(node) {
				return nil, false // its target is what was left out
			}
		}
		patches = append(patches, p)
	}
	return patches, true
}

// hasTarget reports whether a manifest that is there is what a patch is for.
func (k *kustomizeRun) hasTarget(patch *yaml.Node) bool {
	_, kind := find(patch, "kind")
	_, name := find(patch, "metadata", "name")
	if kind == nil || name == nil {
		return true
	}
	for _, docs := range k.objects {
		for _, doc := range docs {
			if doc.Kind() == kind.Value && doc.Name() != "" && doc.Node != patch && strings.Contains(name.Value, doc.Name()) && isObject(doc) {
				return true
			}
		}
	}
	return false
}

func isObject(doc *repo.Document) bool {
	return doc.APIVersion() != "" && doc.Kind() != "Kustomization"
}

// literalIndent returns the columns before the text of a literal block.
func literalIndent(src []byte, n *yaml.Node) int {
	for i, line := range strings.Split(n.Value, "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		if at := strings.Index(lineOf(src, n.Line+1+i), strings.TrimRight(line, " \r")); at >= 0 {
			return at
		}
	}
	return 0
}

// moved returns a copy of a node with other places.
func moved(n *yaml.Node, move func(line, column *int)) *yaml.Node {
	copied := *n
	copied.Content = nil
	move(&copied.Line, &copied.Column)
	for _, c := range n.Content {
		copied.Content = append(copied.Content, moved(c, move))
	}
	return &copied
}

// write writes the kustomization without what was taken out, for kustomize.
func (k *kustomizeRun) write(l *layer) error {
	text, err := yaml.Marshal(l.doc.Node)
	if err != nil {
		return finding.Errorf(finding.Position{File: l.file}, "", "cannot be re-encoded: %s", err)
	}
	k.put(l.file, text)
	return nil
}

// build runs kustomize. It cannot be stopped, so it is left behind when the time is over. Only its own time counts, not the wait
// for others, which is long where many processes share a machine.
func (k *kustomizeRun) build(ctx context.Context, dir string, timeout time.Duration) ([]*resource.Resource, error) {
	if timeout <= 0 {
		timeout = maxTime
	}
	turn, err := kustomizing.begin(ctx, timeout)
	if err != nil {
		return nil, err
	}
	type outcome struct {
		resources []*resource.Resource
		err       error
	}
	done := make(chan outcome, 1)
	go func() {
		defer turn.end()
		defer func() {
			if r := recover(); r != nil {
				done <- outcome{err: fmt.Errorf("kustomize failed: %v", r)}
			}
		}()
		options := krusty.MakeDefaultOptions()
		if !k.restricted {
			options.LoadRestrictions = types.LoadRestrictionsNone
		}
		m, err := krusty.MakeKustomizer(options).Run(k.fs, path.Join(kustomizeRoot, dir))
		if err != nil {
			done <- outcome{err: err}
			return
		}
		done <- outcome{resources: m.Resources()}
	}()
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case o := <-done:
		return o.resources, o.err
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-timer.C:
		turn.leave()
		return nil, errTooLong
	}
}

// namespaceOf returns the namespace that a manifest has before it is patched.
func (k *kustomizeRun) namespaceOf(kind, name string) string {
	for _, file := range slices.Sorted(maps.Keys(k.objects)) {
		for _, doc := range k.objects[file] {
			if doc.Kind() == kind && doc.Name() == name && doc.Namespace() != "" && isObject(doc) {
				return doc.Namespace()
			}
		}
	}
	return ""
}

// pointer is a Go structure in a message, with addresses that differ at each run.
var pointer = lazyregexp.New(` ?&\{(?:[^{}]|\{[^{}]*\})*0x[0-9a-f]+(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}`)

var patchTarget = lazyregexp.New(`(?:no matches for Id |unique target for patch )(\S+?)\.\S*?/([^.\s;]+)`)

// recursed is how kustomize introduces an error of a kustomization that another one uses.
var recursed = lazyregexp.New(`recursed (?:accumulation of|merging from) path '([^']*)': `)

// explain adds the location to an error of kustomize: that of the patch it is about, or else of the kustomization.
func (k *kustomizeRun) explain(dir string, err error) *finding.Problem {
	message := strings.Join(strings.Fields(strings.ReplaceAll(err.Error(), kustomizeRoot+"/", "")), " ")
	message = pointer.ReplaceAllString(message, "")
	at := finding.Position{File: kustomizationFile(k.loader.repo, dir)}
	if below := recursed.FindAllStringSubmatchIndex(message, -1); below != nil { // what is wrong is wrong there
		last := below[len(below)-1]
		if file := kustomizationFile(k.loader.repo, message[last[2]:last[3]]); file != "" {
			at.File, message = file, message[last[1]:]
		}
	}
	if m := patchTarget.FindStringSubmatch(message); m != nil {
		kind, _, _ := strings.Cut(m[1], ".")
		for _, l := range k.layers {
			for _, p := range l.patches {
				_, patchKind := find(p.doc, "kind")
				_, name := find(p.doc, "metadata", "name")
				if p.doc != nil && patchKind != nil && name != nil && patchKind.Value == kind && name.Value == m[2] {
					at = finding.Position{File: p.file, Line: name.Line, Column: name.Column}
					if elsewhere := k.namespaceOf(kind, m[2]); elsewhere != "" && textAt(p.doc, "metadata", "namespace") != elsewhere {
						return finding.Errorf(at, "metadata.namespace",
							"%s %q is in namespace %q but the patch is not, so kustomize does not find its target; add \"namespace: %s\"", kind, m[2], elsewhere, elsewhere).WithCode(CodeFails)
					}
					return finding.Errorf(at, "metadata.name",
						"patch target %s %q not found; fix kind and name, or add it to resources", kind, m[2]).WithCode(CodeFails)
				}
			}
		}
	}
	for _, prefix := range []string{"accumulating resources: ", "accumulation err='", "invalid Kustomization: "} {
		message = strings.TrimPrefix(message, prefix)
	}
	return finding.Errorf(at, "", "rejected by kustomize: %s", message).WithCode(CodeFails)
}

// add makes a resource of what kustomize gave.
func (k *kustomizeRun) add(from *resource.Resource, dir string) {
	origin, _ := from.GetOrigin()
	id := from.CurId()
	if from.SetOrigin(nil) != nil {
		return
	}
	text, err := from.AsYAML()
	if err != nil {
		return
	}
	docs, err := repo.ParseDocuments("", text)
	if err != nil || len(docs) != 1 {
		for _, p := range finding.All(err) {
			k.fail(finding.Position{File: kustomizationFile(k.loader.repo, dir)}, "its output is too large: %s", p.Message)
		}
		return
	}
	kr := &kustomized{run: k, kind: id.Kind, name: id.Name}
	file := kustomizationFile(k.loader.repo, dir)
	if origin != nil && origin.Path != "" {
		file = path.Join(dir, origin.Path)
		longest := -1 // a prefix or suffix may have been added to the name
		for _, doc := range k.objects[file] {
			for _, n := range items(doc.Node) {
				_, kind := find(n, "kind")
				_, name := find(n, "metadata", "name")
				if kind != nil && name != nil && kind.Value == id.Kind && strings.Contains(id.Name, name.Value) && len(name.Value) > longest {
					kr.base, kr.file, kr.original, longest = n, file, name.Value, len(name.Value)
				}
			}
		}
	} else if origin != nil && origin.ConfiguredIn != "" {
		file = path.Join(dir, origin.ConfiguredIn)
		for _, doc := range k.objects[file] {
			for _, field := range []string{"configMapGenerator", "secretGenerator"} {
				_, list := find(doc.Node, field)
				if list == nil {
					continue
				}
				for _, n := range list.Content {
					if _, name := find(n, "name"); name != nil && strings.Contains(id.Name, name.Value) {
						kr.generator, kr.file, kr.original = n, file, name.Value
					}
				}
			}
		}
	}
	if kr.file == "" {
		kr.file = file
	}
	k.loader.result.Resources = append(k.loader.result.Resources, &Resource{Node: docs[0].Node, File: file, from: kr})
}
