package scaffold

import (
	"context"
	"fmt"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/instance"
	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
	"github.com/redis-gitops/redis-gitops/repo"
)

// release is the release of a chart that is not in the repository, whose place a generated Redis takes. Its record is one that nobody
// wrote: no file or edit belongs to it.
type release struct {
	*instance.Instance
	reads instance.Reader
	facts *cue.Moved
	auth  Auth // of the new Redis
	keeps bool // the new Redis uses the Secret of the old one
	hosts *releaseHosts
	paths map[string]bool // of values that were carried over, or looked at
}

// findRelease returns the release of a name whose chart says how it is migrated, nil if there is none. unknown is the error of several, and of
// a chart that does not say it.
func findRelease(ctx context.Context, r *repo.Repo, config *cue.Config, name string) (in *instance.Instance, unknown error) {
	all, err := instance.Open(ctx, r, config)
	if err != nil {
		return nil, err
	}
	found, err := all.Named(ctx, name)
	if err != nil {
		return nil, context.Cause(ctx) // an unknown name
	}
	found = slices.DeleteFunc(found, func(in *instance.Instance) bool { return in.Name != name || in.Release == nil })
	switch {
	case len(found) == 0:
		return nil, nil
	case len(found) > 1:
		var places []string
		for _, in := range found {
			places = append(places, in.Where)
		}
		return nil, finding.Errorf(finding.Position{}, "", "%d releases are called %q (%s); give all but one a fullnameOverride first", len(found), name, strings.Join(places, ", ")).About(CodeRequest, "name")
	}
	operator, err := cue.OperatorNamed(found[0].Operator)
	if err != nil {
		return nil, err
	}
	if len(operator.MovedOf(cue.KindOfCharts)) == 0 {
		return nil, finding.Errorf(finding.Position{}, "", "%s: releases of this chart cannot be migrated; generate another Redis, and copy the data with redis-gitops import", found[0].Where).About(CodeRequest, "name")
	}
	return found[0], nil
}

// ofRelease makes a migration that of a release.
func (m *migration) ofRelease(r *repo.Repo, config *cue.Config, app *repo.App, in *instance.Instance) error {
	if err := m.openRelease(r, config, app, in); err != nil {
		return err
	}
	if err := m.chooseTarget(); err != nil {
		return err
	}
	return m.choose()
}

// openRelease settles what is known before the target.
func (m *migration) openRelease(r *repo.Repo, config *cue.Config, app *repo.App, in *instance.Instance) error {
	chart, err := chartName(app)
	if err != nil {
		return err
	}
	if m.operator, err = cue.OperatorNamed(in.Operator); err != nil {
		return err
	}
	m.release = &release{Instance: in, reads: in.Reader(), paths: map[string]bool{}}
	for _, facts := range m.operator.MovedOf(cue.KindOfCharts) {
		if m.release.facts == nil && slices.Contains(facts.APIVersions, in.APIVersion) && m.release.reads.Holds(facts.If) {
			m.release.facts = &facts
		}
	}
	if m.release.facts == nil {
		return finding.Errorf(finding.Position{}, "", "%s: a release of this chart cannot be migrated: %s", in.Where, in.APIVersion).About(CodeRequest, "name")
	}
	m.placeholders = Placeholders{"application": chart, "suffix": "", "name": cue.DefaultType, "camelName": cue.DefaultType}
	m.rec = &record{Version: 1, Application: app.Name, Folder: "resources", Type: cue.DefaultType, Operator: in.Operator, Name: in.Name, Placeholders: m.placeholders}
	m.resource = resource{repo: r, config: config, app: app, chart: chart, name: in.Name, placeholders: m.placeholders, redis: true, operator: m.operator,
		req: ResourceRequest{App: app.Name, Type: cue.DefaultType, Namespace: m.asked.Namespace}}
	m.anywhere = true
	if m.dir, err = manifestDir(r, app); err != nil {
		return err
	}
	if err := m.findNamespace(); err != nil {
		return err
	}
	if m.namespace == "" && !m.local { // an application that nothing deploys yet goes where the old Redis is
		m.namespace, m.asked.Namespace, m.req.Namespace = in.Namespace, in.Namespace, in.Namespace
	}
	m.placeholders["namespace"] = m.namespace
	if m.namespace == "" && !m.local {
		m.placeholders["namespace"] = "default"
	}
	m.was = cue.Names{Resource: in.Name}
	if in.Write != nil {
		m.was.MasterService = in.Write.Service
	}
	if in.Sentinel != nil {
		m.was.SentinelService, m.was.MasterName = in.Sentinel.Service, in.Sentinel.Master
		if in.Sentinel.Auth != nil {
			m.was.SentinelKey = in.Sentinel.Auth.Key
		}
	}
	return nil
}

// freeSuffix returns the first suffix with which the names of the new Redis are none of the old one, nor of another resource.
func (m *migration) freeSuffix() string {
	suffix := ""
	for range maxSuffixes {
		names, _ := m.target.Names(cue.Request{Chart: m.chart, Suffix: suffix}) // of the right length or not
		taken := m.rec.Type+suffix == m.rec.Name || slices.ContainsFunc(m.records[m.app.Name], func(rec *record) bool { return rec.Name == m.rec.Type+suffix })
		for _, name := range []string{names.Resource, names.MasterService, names.SentinelService} {
			taken = taken || name == m.release.Name || slices.ContainsFunc(m.release.Services, func(s instance.Service) bool { return s.Name == name })
		}
		if !taken {
			return suffix
		}
		suffix = nextSuffix(suffix)
	}
	return suffix
}

// maxSuffixes bounds the search for a suffix.
const maxSuffixes = 100

// chooseFromRelease settles values, names and the password of the new Redis.
func (m *migration) chooseFromRelease() error {
	if err := m.refuses(nil); err != nil {
		return err
	}
	values := map[string]any{}
	var err error
	if m.next == nil {
		if err = m.carryRelease(); err == nil {
			err = m.chooseAuth()
		}
	} else if values, err = m.valuesOf(m.next); err == nil {
		secret, _ := values["auth"].(string)
		m.release.auth = Auth{Method: Existing, Secret: secret}
		if secret == "" {
			m.release.auth = Auth{Method: NoAuth}
		}
		m.release.keeps = secret != "" && m.release.Auth != nil && secret == m.release.Auth.Secret
	}
	if err != nil {
		return err
	}
	of := cue.Request{Chart: m.chart, Namespace: m.placeholders["namespace"]}
	if m.release.auth.Method != NoAuth {
		if of.Secret = m.release.auth.Secret; of.Secret == "" {
			of.Secret = m.chart + m.suffix + "-redis-auth"
		}
	}
	if err := m.names(of, values); err != nil {
		return err
	}
	m.to = of.Secret
	m.release.hosts = m.newReleaseHosts()
	return nil
}

// chooseAuth settles the Secret of the new Redis: that of the old one where it has the right key, else one with the same password.
func (m *migration) chooseAuth() error {
	had, asked := m.release.Auth, m.asked.Auth
	switch {
	case had == nil && asked.Method == Default:
		m.release.auth = Auth{Method: NoAuth}
	case had != nil && asked.Method == NoAuth:
		return finding.Errorf(finding.Position{}, "", "clients of %s authenticate, which a Redis without a password refuses", m.rec.Name).Flags("; use another --auth").About(CodeRequest, "auth")
	case had != nil && asked.Method == Default:
		m.release.auth = Auth{Method: Existing}
		own := had.Secret == m.release.Name
		if had.Key == passwordKey && !own && m.release.Namespace == m.placeholders["namespace"] && repo.CheckName("Secret name", had.Secret) == nil {
			m.release.auth.Secret, m.release.keeps = had.Secret, true
		}
	default:
		m.release.auth = asked
	}
	return nil
}

// password describes what to do about it before stage 1 is applied. It is never printed.
func (l *release) password(s *resource) (next, notes []string) {
	switch {
	case l.Auth == nil || s.secret == "":
		return nil, nil
	case l.keeps:
		return []string{fmt.Sprintf("make sure that the Secret %q stays: both use it", s.secret)}, nil
	}
	if i := slices.IndexFunc(l.facts.Passwords, func(at string) bool { return instance.Present(l.reads.At(at)) }); i >= 0 {
		notes = append(notes, fmt.Sprintf("%s: the password is in Git in plain text, and stays in its history; replace it with redis-gitops rotate after the migration", l.position(l.facts.Passwords[i])))
	} else if l.Auth.Secret == l.Name {
		notes = append(notes, fmt.Sprintf("the chart generates the password, which is in the Secret %q under the key %q and nowhere else; Argo CD generates another one whenever it renders the chart without reading the cluster", l.Auth.Secret, l.Auth.Key))
	}
	if s.req.Auth.Method == Existing {
		next = append(next, fmt.Sprintf("create the Secret %q with the key \"password\" in namespace %q, with the password that the Secret %q of namespace %q has under the key %q", s.secret, s.placeholders["namespace"], l.Auth.Secret, l.Namespace, l.Auth.Key))
	}
	return next, notes
}

// position is where a value of the release is, or the release where it is not set.
func (l *release) position(at string) finding.Position {
	key, node := l.Release.Find(strings.Split(at, ".")...)
	if node == nil {
		_, node = l.Release.Find("metadata", "name")
	}
	if key != nil && node.Kind != yaml.ScalarNode {
		node = key
	}
	p := l.Release.Origin(node).Source
	p.Column = max(p.Column, 1)
	return p
}

// value returns the first alternative that the release has.
func (l *release) value(alternatives []cue.MigratedValue) (value any, at string) {
	for _, v := range alternatives {
		if v.Path != "" {
			l.paths[v.Path] = true
		}
		if !l.reads.Holds(v.If) {
			continue
		}
		if n, ok := v.Value.(float64); ok { // as JSON has it
			return int64(n), ""
		}
		if v.Path == "" {
			return v.Value, ""
		}
		value := l.reads.At(v.Path)
		if m, ok := value.(map[string]any); value == nil || value == "" || ok && len(m) == 0 {
			continue
		}
		if n := count(value); v.Plus > 0 && n > 0 {
			value = n + v.Plus
		}
		return value, v.Path
	}
	return nil, ""
}

// plainQuantity matches a size in units of 1024, which the values of a generated Redis have.
var plainQuantity = map[string]*lazyregexp.Regexp{"memory": lazyregexp.New(`^[0-9]+(\.[0-9]+)?[MG]i$`), "disk": lazyregexp.New(`^([0-9]+(\.[0-9]+)?[MGT]i)?$`)}

// carryRelease takes over what the new Redis has too, and decides how the data gets there.
func (m *migration) carryRelease() error {
	example, known, err := m.knownValues()
	if err != nil {
		return err
	}
	engine := m.target.Migrates().Engines[m.engine]
	m.carryFacts(known, engine)
	old := m.oldImage()
	if image := m.sameLine(old, fmt.Sprint(example["image"]), engine["image"]); image != "" && m.without("image", known) == "" {
		m.set["image"] = cue.LayerValue{Value: image, At: m.release.position(m.release.facts.Image)}
	}
	if err := m.chooseWay(old, m.overrule(example)); err != nil {
		return err
	}
	for _, r := range m.release.facts.Imports {
		if m.release.reads.Holds(r.If) {
			m.way, m.reason = Import, r.Reason
		}
	}
	return nil
}

// carryFacts sets the values of the new Redis that the old one has by its facts, and lists the rest.
func (m *migration) carryFacts(known []string, engine map[string]string) {
	m.set, m.lost = map[string]cue.LayerValue{}, nil
	for _, key := range sortedKeys(m.release.facts.Values) {
		value, at := m.release.value(m.release.facts.Values[key])
		if _, asked := m.asked.Set[key]; value == nil || asked || engine[key] != "" {
			continue
		}
		reason := m.without(key, known)
		if text, ok := value.(string); ok && reason == "" && plainQuantity[key] != nil && !plainQuantity[key].MatchString(text) {
			reason = "it is not a quantity in Mi or Gi"
		}
		switch {
		case reason == "":
			m.set[key] = cue.LayerValue{Value: layered(value), At: m.release.position(at)}
		case at != "":
			m.loseAt(at, reason)
		}
	}
	m.directives(known)
	m.loseRest()
}

func (m *migration) loseAt(at, reason string) {
	m.lost = append(m.lost, Lost{Where: m.release.position(at).String(), Field: strings.TrimPrefix(at, "spec."), Reason: reason})
}

// oldImage returns the image of the old Redis; where its values name none, by the version of the chart.
func (m *migration) oldImage() string {
	l := m.release
	repository := instance.Text(l.reads.At(l.facts.Image + ".repository"))
	if repository == "" {
		repository = l.facts.Engine
	}
	tag := instance.Text(l.reads.At(l.facts.Image + ".tag"))
	if images, err := cue.KnownImages(); err == nil {
		if found, ok := images.Find(repository + ":" + tag); ok && found.Line != nil {
			return repository + ":" + tag
		}
	}
	if line := lineOfChart(l.facts.Lines, instance.Text(l.reads.At("metadata.version"))); line != "" && tag == "" {
		return repository + ":" + line
	}
	if tag == "" {
		return repository
	}
	return repository + ":" + tag
}

// chartRange matches a version of a chart, or a range that stays within its first or second number.
var chartRange = lazyregexp.New(`^([~^]?)v?([0-9]+)(?:\.([0-9]+|[xX*]))?(?:\.([0-9]+|[xX*]))?$`)

// lineOfChart returns the line that a version of a chart has, "" if the versions of a range have several.
func lineOfChart(lines map[string]string, version string) string {
	m := chartRange.FindStringSubmatch(version)
	if m == nil {
		return ""
	}
	low, high := []string{m[2]}, []string{m[2]}
	open := m[1] == "^"
	for i, part := range m[3:] {
		exact := part != "" && !strings.ContainsAny(part, "xX*")
		if exact {
			low = append(low, part)
		} else {
			low = append(low, "0")
		}
		if open = open || !exact || m[1] == "~" && i == 1; open {
			part = "9999"
		}
		high = append(high, part)
	}
	if first := instance.Since(lines, strings.Join(low, ".")); first == instance.Since(lines, strings.Join(high, ".")) {
		return first
	}
	return ""
}

// sameLine returns the newest image of the release line of the old one, where the new Redis runs the same engine; "" if it is unknown or too
// old for the scripts of the new one.
func (m *migration) sameLine(old, example, engine string) string {
	images, err := cue.KnownImages()
	if err != nil {
		return ""
	}
	like := engine
	if like == "" {
		like = example
		if m.release.facts.Engine != "redis" {
			like = m.target.Migrates().Engines[m.release.facts.Engine]["image"]
		}
	}
	from, _ := images.Find(old)
	to, _ := images.Find(like)
	if from.Line == nil || from.Line.Newest == nil || from.Engine != to.Engine || !instance.AtLeast(from.Line.Line, "7") {
		return like
	}
	_, variant, _ := strings.Cut(to.Tag, "-")
	return repositoryOf(like) + ":" + strings.TrimSuffix(from.Line.Newest.Version+"-"+variant, "-")
}

// linesOf returns the lines of a text, or of a list of them.
func linesOf(config any) (lines []string) {
	list, ok := config.([]any)
	if !ok {
		return strings.Split(instance.Text(config), "\n")
	}
	for _, item := range list {
		lines = append(lines, instance.Text(item))
	}
	return lines
}

// directives carries those over that a value of the new Redis sets.
func (m *migration) directives(known []string) {
	l := m.release
	for _, at := range l.facts.Config {
		l.paths[at] = true
		_, node := l.Release.Find(strings.Split(at, ".")...)
		for i, line := range linesOf(l.reads.At(at)) {
			name, argument, _ := strings.Cut(strings.TrimSpace(line), " ")
			name = strings.ToLower(name)
			if name == "" || strings.HasPrefix(name, "#") {
				continue
			}
			var where finding.Position
			if _, item := l.Release.Find(append(strings.Split(at, "."), strconv.Itoa(i))...); item != nil {
				where = l.position(at + "." + strconv.Itoa(i))
			} else if where = l.Release.LineOrigin(node, i).Source; where.Line == 0 {
				where = l.position(at)
			}
			key := l.facts.Directives[name]
			value, reason := m.directive(key, strings.Trim(strings.TrimSpace(argument), `"'`))
			switch _, asked := m.asked.Set[key]; {
			case asked:
			case key == "":
				m.lost = append(m.lost, Lost{Where: where.String(), Field: name, Reason: "no value of the new Redis sets it; add it to the new manifest"})
			case m.without(key, known) != "":
				m.lost = append(m.lost, Lost{Where: where.String(), Field: name, Reason: m.without(key, known)})
			case reason != "":
				m.lost = append(m.lost, Lost{Where: where.String(), Field: name, Reason: reason})
			case value == nil:
			default:
				m.set[key] = cue.LayerValue{Value: value, At: where}
			}
		}
	}
}

// directive returns the value that a directive is for the new Redis.
func (m *migration) directive(key, argument string) (value any, reason string) {
	switch key {
	case "appendonly":
		return strings.EqualFold(argument, "yes"), ""
	case "minReplicasToWrite":
		n, err := strconv.ParseInt(argument, 10, 32)
		if err != nil {
			return nil, "it is not a valid number"
		}
		return n, ""
	case "maxmemoryPercent":
		memory, _ := m.set["memory"].Value.(string)
		of, ok := bytesOf(strings.TrimSuffix(memory, "i") + "b")
		most, valid := bytesOf(argument)
		if !ok || !valid || of == 0 {
			return nil, "the release has no memory in Mi or Gi that it is a part of; the new Redis uses three quarters of its memory"
		}
		if m.way == InPlace && most*100 > of*maxPercent { // the pod grows, so that Redis keeps what it has
			mebi := int64(math.Ceil(most / 0.75 / (1 << 20)))
			m.notes = append(m.notes, fmt.Sprintf("memory becomes %dMi, because maxmemory is %s, which with forks and buffers does not fit into %s", mebi, argument, memory))
			m.set["memory"] = cue.LayerValue{Value: fmt.Sprintf("%dMi", mebi), At: m.set["memory"].At}
			return nil, ""
		}
		percent := int64(math.Ceil(most * 100 / of)) // never less than before
		if percent < minPercent || percent > maxPercent {
			return nil, fmt.Sprintf("it is %d%% of the memory, which leaves too little or too much for forks and buffers; the new Redis uses three quarters", percent)
		}
		return percent, ""
	}
	return argument, ""
}

// The bounds of maxmemoryPercent.
const minPercent, maxPercent = 25, 80

// redisSize matches a size as Redis reads it (memtoull in util.c): kb is 1024, and k 1000.
var redisSize = lazyregexp.New(`(?i)^([0-9]+(?:\.[0-9]+)?)([kmg]?)(b?)$`)

func bytesOf(text string) (float64, bool) {
	found := redisSize.FindStringSubmatch(text)
	if found == nil {
		return 0, false
	}
	size, err := strconv.ParseFloat(found[1], 64)
	unit := 1000.0
	if found[3] != "" {
		unit = 1024
	}
	for range strings.Index("kmg", strings.ToLower(found[2])) + 1 {
		if found[2] != "" {
			size *= unit
		}
	}
	return size, err == nil
}

// below reports whether a path is one of some, or below one.
func belowPath(at string, paths []string) bool {
	return slices.ContainsFunc(paths, func(p string) bool { return at == p || strings.HasPrefix(at, p+".") })
}

// loseRest lists the values that nothing was said about yet.
func (m *migration) loseRest() {
	l := m.release
	var listed []string
	var walk func(n *yaml.Node, at string)
	walk = func(n *yaml.Node, at string) {
		if n.Kind == yaml.AliasNode {
			n = n.Alias
		}
		if belowPath(at, sortedKeys(l.paths)) || belowPath(at, l.facts.Unread) || belowPath(at, l.facts.Settled) {
			return
		}
		if n.Kind == yaml.MappingNode {
			for i := 0; i+1 < len(n.Content); i += 2 {
				walk(n.Content[i+1], at+"."+n.Content[i].Value)
			}
			return
		}
		if off := at[strings.LastIndexByte(at, '.')+1:]; n.Value == "" && len(n.Content) == 0 || n.Value == "false" && (off == "enabled" || off == "create") {
			return
		}
		field, reason := at, "the new Redis has no such value"
		for _, p := range sortedKeys(l.facts.Drops) {
			if belowPath(at, []string{p}) {
				field, reason = p, l.facts.Drops[p]
			}
		}
		if !slices.Contains(listed, field) {
			listed = append(listed, field)
			m.loseAt(field, reason)
		}
	}
	if _, spec := l.Release.Find("spec"); spec != nil {
		walk(spec, "spec")
	}
	if more := len(m.lost) - maxLost; more > 0 {
		m.lost = append(m.lost[:maxLost], Lost{Where: l.Where, Reason: fmt.Sprintf("%d more values; compare both", more)})
	}
}

// maxLost bounds the values that are listed.
const maxLost = 60

// refusesRelease explains what cannot be made safe.
func (m *migration) refusesRelease() error {
	for _, r := range m.release.facts.Cannot {
		if m.release.reads.Holds(r.If) {
			return finding.Errorf(m.release.position("metadata.name"), "", "%s", r.Reason)
		}
	}
	return nil
}

// file is the one that installs the release.
func (l *release) file() string { return path.Clean(l.position("metadata.name").File) }
