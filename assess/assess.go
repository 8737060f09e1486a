// Package assess says what each Redis of a repository survives, by its manifests alone: which loss costs writes, data or service, by which
// field, and what would improve it. What an operator does about a loss is data (cue.Survival); nothing asks a cluster.
package assess

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/diff"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/instance"
)

// Verdict is an answer in a word.
type Verdict string

// The verdicts. Partly is an outage or a condition that the files do not decide; the answer says which.
const (
	Yes     Verdict = "yes"
	Partly  Verdict = "partly"
	No      Verdict = "no"
	Unknown Verdict = "unknown"
)

// Question is a loss, or what is known about the data. Losses are answered with a verdict, the others with a text alone.
type Question struct {
	Name  string // for --fail-on
	Title string
	Loss  bool
}

// Questions are all, in the order of the table.
func Questions() []Question {
	return []Question{
		{"pod", "loss of a pod", true}, {"node", "loss of a node", true}, {"zone", "loss of a zone", true}, {"drain", "node drain", true},
		{"restart", "restart of all pods", true}, {"deletion", "deletion from Git", true}, {"memory", "memory full", true},
		{"operator", "loss of the operator", true}, {"image", "bad image", true}, {"writes", "writes lost", false}, {"backup", "restored from", false},
	}
}

// Answer is one line of the table.
type Answer struct {
	Question string    `json:"question"`
	Verdict  Verdict   `json:"verdict,omitempty"`
	Text     string    `json:"text"`
	Field    string    `json:"field,omitempty"` // that decides it; "" is none of this resource
	At       diff.Span `json:"-"`
	Improve  string    `json:"improve,omitempty"` // the change that would improve it, or the command that makes it
}

// Table is what is known of one Redis.
type Table struct {
	Kind        string   `json:"kind"`
	Namespace   string   `json:"namespace"`
	Name        string   `json:"name"`
	Operator    string   `json:"operator"`
	Application string   `json:"application"`
	Assessed    bool     `json:"assessed"` // else what the operator does is not known, and all answers are Unknown
	Answers     []Answer `json:"answers"`
}

// String returns Kind namespace/name.
func (t *Table) String() string {
	if t.Namespace == "" {
		return t.Kind + " " + t.Name
	}
	return t.Kind + " " + t.Namespace + "/" + t.Name
}

// Located is a table as JSON has it: with the file, line and column of each field that decides.
type Located struct {
	*Table
	Answers []LocatedAnswer `json:"answers"`
}

// LocatedAnswer is an answer of Located. File is "" where no field of a file decides.
type LocatedAnswer struct {
	Answer
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
}

// Locate returns tables as JSON has them; none is an empty list.
func Locate(tables []*Table) []Located {
	out := []Located{}
	for _, t := range tables {
		l := Located{Table: t}
		for _, a := range t.Answers {
			l.Answers = append(l.Answers, LocatedAnswer{a, a.At.File, a.At.Line, a.At.Column})
		}
		out = append(out, l)
	}
	return out
}

// Of assesses each Redis of a side. Those of operators without facts are among them, with no answer but Unknown.
func Of(side *diff.Side, operators []*cue.Operator) ([]*Table, error) {
	states, instances, err := diff.States(side, operators)
	if err != nil {
		return nil, err
	}
	byKey := map[string]*redis{}
	var all []*redis
	sentinels := map[string][]*diff.State{}
	for _, s := range states {
		if s.Facts.Survival == nil {
			continue
		}
		place := s.Operator.Name + "\x00" + s.Resource.Namespace + "\x00"
		key := place + s.Name
		if _, is := s.Any(s.Facts.Survival.Sentinel); is {
			if path := s.Facts.Survival.Watches; path != "" {
				key = place + instance.Text(s.Value(path))
			}
			sentinels[key] = append(sentinels[key], s)
			continue
		}
		if s.Facts.Survival.Watches != "" { // sentinels that watch nothing
			continue
		}
		r := byKey[key]
		if r == nil {
			r = &redis{State: s, survival: s.Facts.Survival, side: side}
			byKey[key], all = r, append(all, r)
		}
		n, field := s.Number(s.Facts.Replicas)
		r.replicas, r.replicasField = r.replicas+max(n, 0), cmp.Or(r.replicasField, field)
	}
	for _, in := range instances {
		if r := find(all, in); r != nil {
			r.instance = in
		}
	}
	var out []*Table
	for _, r := range all {
		r.read(sentinels[r.Operator.Name+"\x00"+r.Resource.Namespace+"\x00"+r.Name])
		out = append(out, r.table())
	}
	for _, in := range instances {
		if find(all, in) == nil {
			out = append(out, unassessed(in))
		}
	}
	slices.SortFunc(out, func(a, b *Table) int { return strings.Compare(a.String(), b.String()) })
	return out, nil
}

// find returns what is known of an instance, nil for none.
func find(all []*redis, in *instance.Instance) *redis {
	i := slices.IndexFunc(all, func(r *redis) bool {
		return r.Operator.Name == in.Operator && r.Resource.Namespace == in.Namespace && r.Name == in.Name
	})
	if i < 0 {
		return nil
	}
	return all[i]
}

func unassessed(in *instance.Instance) *Table {
	t := &Table{Kind: in.Kind, Namespace: in.Namespace, Name: in.Name, Operator: in.Operator, Application: in.Application}
	for _, q := range Questions() {
		t.Answers = append(t.Answers, Answer{Question: q.Name, Verdict: Unknown, Text: "not known for " + in.Operator})
	}
	return t
}

// redis is what the answers follow from.
type redis struct {
	*diff.State
	survival *cue.Survival
	side     *diff.Side
	instance *instance.Instance // nil where none is found

	replicas       int
	replicasField  string
	sentinels      int // 0 without any, or where others watch it
	sentinelsField string
	watchers       *diff.State // the resource of its own that runs its sentinels; nil for none
	by             string      // who promotes a replica
	steps          bool        // the operator does where sentinels have no majority
	kept           string      // the condition by which the data survives a pod; "" for none
	aof            bool
	aofField       string
	save           string // "" for no snapshots
	saveField      string
}

// redisSave are the snapshots of Redis without a directive (redis 7.2.5 src/config.c, initConfigValues).
const redisSave = "3600 1 300 100 60 10000"

func (r *redis) read(sentinels []*diff.State) {
	for _, s := range sentinels {
		if s.Facts.Survival.Watches != "" {
			r.watchers = s
		}
	}
	for _, f := range r.survival.Failover {
		if r.All(f.If) && (!f.Watched || r.watchers != nil) {
			r.by = f.By
			break
		}
	}
	_, r.steps = r.Any(r.survival.Steps)
	if r.Facts.Sentinels != "" {
		n, field := r.Number(r.Facts.Sentinels)
		r.sentinels, r.sentinelsField = max(n, 0), field
	}
	for _, s := range sentinels {
		n, _ := s.Number(s.Facts.Replicas)
		r.sentinels += max(n, 0)
	}
	if r.watchers != nil {
		r.sentinelsField = "" // of another file
	}
	if r.Facts.Sentinels == "" && r.sentinels == 0 && r.instance != nil && r.instance.Sentinel != nil {
		r.sentinels = len(r.instance.Sentinel.Hosts) // those of resources that are no Redis, or of another Redis
	}
	r.kept, _ = r.Any(r.Facts.Kept)
	if value, field := r.Directive("appendonly"); value != "" {
		r.aof, r.aofField = value == "yes", field
	} else {
		r.aof, r.aofField = r.aofOfImage()
	}
	// customConfig is set in a running server, and a server that starts reads its command: it has to name the append-only file.
	if r.aof && r.Facts.Command != "" && r.aofField != r.Facts.Command {
		if words, _ := r.Value(r.Facts.Command).([]any); !slices.ContainsFunc(words, func(w any) bool { return strings.Contains(instance.Text(w), "appendonly") }) {
			r.aof = false
		}
	}
	if !r.aof && r.Facts.Command != "" {
		words, _ := r.Value(r.Facts.Command).([]any)
		for i, w := range words {
			if instance.Text(w) == "--appendonly" && i+1 < len(words) && instance.Text(words[i+1]) == "yes" {
				r.aof, r.aofField = true, r.Facts.Command
			}
		}
	}
	r.save = cmp.Or(r.survival.Save, redisSave)
	if value, field := r.Directive("save"); value != "" {
		r.save, r.saveField = strings.Trim(value, `"'`), field
	}
}

// aofOfImage reports whether the image starts Redis with the append-only file, and the field that makes it.
func (r *redis) aofOfImage() (bool, string) {
	of := r.survival.AOF
	condition, ok := r.Any(of.If)
	if repository, _ := instance.Image(instance.Text(r.Value(r.Facts.Image))); !ok || !strings.HasSuffix(repository, of.Image) {
		return false, ""
	}
	if name := instance.Text(r.Value(of.Config)); name != "" {
		for _, other := range r.side.Resources {
			if instance.Text(other.Object["kind"]) != "ConfigMap" || namespaceOf(other) != r.Resource.Namespace || instance.Text(cue.At(other.Object, "metadata", "name")) != name {
				continue
			}
			for line := range strings.Lines(instance.Text(cue.At(other.Object, "data", of.Key))) {
				if words := strings.Fields(line); len(words) == 2 && strings.EqualFold(words[0], "appendonly") {
					return words[1] == "yes", of.Config
				}
			}
		}
	}
	return true, fieldOf(condition)
}

func (r *redis) table() *Table {
	t := &Table{
		Kind: r.Resource.Kind, Namespace: r.Resource.Namespace, Name: r.Name, Operator: r.Operator.Name, Application: r.Application(), Assessed: true,
	}
	for _, a := range []Answer{r.pod(), r.node(), r.zone(), r.drain(), r.restart(), r.deletion(), r.memory(), r.operator(), r.image(), r.writes(), r.backup()} {
		if a.Field != "" {
			a.At = r.At(a.Field)
		}
		a.Question = Questions()[len(t.Answers)].Name
		t.Answers = append(t.Answers, a)
	}
	return t
}

// set is the change of a field: the command that makes it where a value of generate sets the field, else the field and value.
func (r *redis) set(field, value string) string {
	if field == "" {
		return ""
	}
	if path := r.At(field).Value; len(path) == 3 && path[0] == "resources" {
		if suffix, ok := strings.CutPrefix(path[1], "redis"); ok {
			command := "redis-gitops generate resource " + r.Application() + " redis"
			if suffix != "" {
				command += " -S " + kebab(suffix)
			}
			return command + " --set " + path[2] + "=" + value + " --force"
		}
	}
	return "set " + field + " to " + value
}

// kebab is the suffix that a key in values.yaml has in camel case.
func kebab(camel string) string {
	var b strings.Builder
	for i, c := range camel {
		if unicode.IsUpper(c) && i > 0 {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}

// promotes reports whether a replica is promoted when the master and down sentinels are lost.
func (r *redis) promotes(down int) bool {
	switch r.by {
	case "sentinels":
		return r.replicas > 1 && (r.sentinels-down > r.sentinels/2 || r.steps)
	case "operator", "servers":
		return r.replicas > 1
	}
	return false
}

func (r *redis) pod() Answer {
	switch {
	case r.promotes(0):
		text := "the replica takes over"
		if r.replicas > 2 {
			text = fmt.Sprintf("one of %d replicas takes over", r.replicas-1)
		}
		by := r.by
		if by == "sentinels" && r.sentinels == 0 {
			by = "operator"
		}
		return Answer{Verdict: Yes, Text: text + ", promoted by the " + by, Field: r.replicasField}
	case r.replicas > 1 && r.by == "sentinels":
		return Answer{Verdict: No, Text: fmt.Sprintf("%d sentinels have no majority to promote a replica", r.sentinels), Field: r.sentinelsField, Improve: r.set(r.sentinelsField, "3")}
	case r.replicas > 1 && r.kept != "":
		return Answer{Verdict: Partly, Text: "nothing promotes a replica: an outage until the master runs again from its volume", Field: r.replicasField, Improve: "run sentinels"}
	case r.replicas > 1:
		return Answer{Verdict: No, Text: "nothing promotes a replica, and the master has no volume: it comes back empty, and the replicas copy that", Field: cmp.Or(r.survival.Keep, r.replicasField), Improve: "run sentinels"}
	case r.kept != "":
		return Answer{Verdict: Partly, Text: "the only pod restarts from its volume: an outage", Field: r.replicasField, Improve: r.set(r.replicasField, "3")}
	}
	return Answer{Verdict: No, Text: "the only pod has no volume: all data is lost", Field: cmp.Or(r.replicasField, r.survival.Keep), Improve: r.set(r.replicasField, "3")}
}

// spread says how far apart pods of a part are by a topology key: "required", "preferred" or "", and the field that says so.
func spread(s *diff.State, part int, node bool) (how, field string) {
	survival := s.Facts.Survival
	matches := func(key string) bool {
		if node {
			return key == "kubernetes.io/hostname"
		}
		return key == "topology.kubernetes.io/zone" || key == "failure-domain.beta.kubernetes.io/zone"
	}
	if part < len(survival.Topology) {
		list, _ := s.Value(survival.Topology[part]).([]any)
		for _, c := range list {
			if matches(instance.Text(cue.At(c, "topologyKey"))) {
				if instance.Text(cue.At(c, "whenUnsatisfiable")) == "DoNotSchedule" {
					return "required", survival.Topology[part]
				}
				how, field = "preferred", survival.Topology[part]
			}
		}
	}
	if part >= len(survival.Affinity) {
		return how, field
	}
	affinity := s.Value(survival.Affinity[part])
	if affinity == nil {
		if node && how == "" {
			return survival.Spread, survival.Affinity[part]
		}
		return how, cmp.Or(field, survival.Affinity[part])
	}
	at := survival.Affinity[part] + ".podAntiAffinity"
	required, _ := cue.At(affinity, "podAntiAffinity", "requiredDuringSchedulingIgnoredDuringExecution").([]any)
	preferred, _ := cue.At(affinity, "podAntiAffinity", "preferredDuringSchedulingIgnoredDuringExecution").([]any)
	if slices.ContainsFunc(required, func(t any) bool { return matches(instance.Text(cue.At(t, "topologyKey"))) }) {
		return "required", at
	}
	if slices.ContainsFunc(preferred, func(t any) bool { return matches(instance.Text(cue.At(t, "podAffinityTerm", "topologyKey"))) }) {
		return "preferred", at
	}
	return how, cmp.Or(field, at)
}

func (r *redis) node() Answer { return r.place("node", true) }
func (r *redis) zone() Answer { return r.place("zone", false) }

const bySentinel = "connect by Sentinel: redis-gitops sentinel-url"

// place is the answer for the loss of all pods of a node or zone.
func (r *redis) place(what string, node bool) Answer {
	a := r.placed(what, node)
	switch {
	case a.Verdict == Yes && r.waits():
		a.Verdict = Partly
		a.Text += "; clients of Sentinel follow, but those of the Service of the master may wait until the lost pod is deleted"
		a.Improve = bySentinel
	case a.Verdict == No && node && r.kept != "" && r.replicas > 1:
		a.Verdict = Partly
		a.Text += ": an outage until they run elsewhere, if their volumes can be attached there"
	}
	return a
}

// waits reports whether the operator may leave the Service of the master at a pod that is lost.
func (r *redis) waits() bool {
	_, waits := r.Any(r.survival.Waits)
	return waits
}

// placed is that answer for clients that follow the sentinels.
func (r *redis) placed(what string, node bool) Answer {
	if pod := r.pod(); pod.Verdict != Yes {
		if pod.Verdict == Partly {
			who := "the only pod"
			if r.replicas > 1 {
				who = "nothing promotes a replica: the master"
			}
			pod.Text = who + " restarts elsewhere, if its volume can be attached there: an outage"
			if !node {
				pod.Verdict, pod.Text = No, who+" waits for its zone: volumes of most clouds stay in one"
			}
		}
		return pod
	}
	if r.by == "sentinels" && !r.promotes(1) {
		return Answer{Verdict: No, Text: fmt.Sprintf("without one of %d sentinels there is no majority", r.sentinels), Field: r.sentinelsField, Improve: r.set(r.sentinelsField, "3")}
	}
	how, field := spread(r.State, 0, node)
	if r.by == "sentinels" && how != "" && len(r.survival.Affinity) > 1 {
		other, at := "", ""
		if r.watchers != nil {
			other, _ = spread(r.watchers, 0, node) // in another file
		} else {
			other, at = spread(r.State, 1, node)
		}
		if other != how {
			how, field = other, at
			if how == "required" {
				how = "preferred"
			}
		}
	}
	improve := "require a podAntiAffinity by " + map[bool]string{true: "kubernetes.io/hostname", false: "topology.kubernetes.io/zone"}[node]
	if !node {
		improve = "add topologySpreadConstraints by topology.kubernetes.io/zone"
	}
	switch how {
	case "required":
		return Answer{Verdict: Yes, Text: "the pods run in different " + what + "s", Field: field}
	case "preferred":
		return Answer{Verdict: Partly, Text: "the scheduler spreads the pods across " + what + "s if it can", Field: field, Improve: improve}
	}
	return Answer{Verdict: No, Text: "all pods may run in the same " + what, Field: field, Improve: improve}
}

func (r *redis) drain() Answer {
	budget, has := r.budget()
	switch {
	case has && r.replicas == 1:
		return Answer{Verdict: No, Text: "the PodDisruptionBudget keeps the only pod: the drain hangs", Field: r.replicasField, Improve: r.set(r.replicasField, "3")}
	case r.replicas == 1 && r.kept == "":
		return Answer{Verdict: No, Text: "the only pod is evicted, without a volume: all data is lost", Field: r.replicasField, Improve: r.set(r.replicasField, "3")}
	case r.replicas == 1:
		return Answer{Verdict: Partly, Text: "the only pod is evicted and restarts elsewhere: an outage", Field: r.replicasField, Improve: r.set(r.replicasField, "3")}
	case r.survival.Splits && r.by == "nobody" && r.replicas > 2:
		return Answer{Verdict: No, Text: "nothing promotes a replica, and pods that restart shortly after one another can stay masters side by side: repair it manually", Field: r.replicasField, Improve: "run sentinels"}
	case r.pod().Verdict != Yes:
		return r.pod()
	case r.stuckSentinels():
		return Answer{Verdict: No, Text: fmt.Sprintf("the PodDisruptionBudget of the sentinels keeps all %d of them: the drain of their nodes hangs", r.sentinels), Field: r.sentinelsField, Improve: r.set(r.sentinelsField, "3")}
	case !has:
		return Answer{Verdict: Partly, Text: "without a PodDisruptionBudget, pods of several nodes can be evicted at once", Improve: "add a PodDisruptionBudget with maxUnavailable 1"}
	}
	if r.waits() {
		return Answer{
			Verdict: Partly, Text: "a PodDisruptionBudget lets one pod go at a time, but clients of the Service of the master wait until the old one has ended; those of Sentinel follow",
			Field: budget, Improve: bySentinel,
		}
	}
	return Answer{Verdict: Yes, Text: "a PodDisruptionBudget lets one pod go at a time", Field: budget}
}

// stuckSentinels reports whether the budget of the operator lets none of the sentinels go.
func (r *redis) stuckSentinels() bool {
	_, has := r.Any(r.survival.SentinelBudget.If)
	keeps := r.survival.SentinelBudget.Keeps
	if r.replicas <= keeps {
		keeps = 1
	}
	return has && r.sentinels > 0 && r.sentinels <= keeps
}

// budget reports whether a PodDisruptionBudget of the operator or of the repository holds the pods, and the field that decides it.
func (r *redis) budget() (field string, has bool) {
	if condition, has := r.Any(r.survival.Budget); has {
		return fieldOf(condition), true
	}
	pods := []map[string]string{instance.Texts(cue.At(r.Object(), "spec", "template", "metadata", "labels"))}
	if r.instance != nil {
		for _, p := range r.instance.Parts {
			if p.Name != "sentinel" {
				pods = append(pods, p.Labels)
			}
		}
	}
	for _, other := range r.side.Resources {
		if instance.Text(other.Object["kind"]) != "PodDisruptionBudget" || namespaceOf(other) != r.Resource.Namespace {
			continue
		}
		selector := cue.At(other.Object, "spec", "selector")
		if slices.ContainsFunc(pods, func(labels map[string]string) bool { return len(labels) > 0 && instance.Selects(selector, labels) }) {
			return "", true
		}
	}
	return "", false
}

// fieldOf is the field that a condition of the facts is about: spec.a of spec.a, spec.a=b and spec.a!=b.
func fieldOf(condition string) string {
	field, _, _ := strings.Cut(strings.TrimLeft(condition, "!"), "=")
	return strings.TrimSuffix(field, "!")
}

func namespaceOf(r diff.Resource) string {
	return cmp.Or(instance.Text(cue.At(r.Object, "metadata", "namespace")), r.Namespace)
}

func (r *redis) restart() Answer {
	keep := "give it a volume: " + r.survival.Keep
	switch {
	case r.kept == "":
		return Answer{Verdict: No, Text: "no pod has a volume: all data is lost", Field: r.survival.Keep, Improve: keep}
	case r.aof:
		return Answer{Verdict: Yes, Text: "the append-only file is loaded", Field: r.aofField}
	case r.save == "":
		return Answer{Verdict: No, Text: "neither snapshots nor an append-only file: what the last shutdown saved at most", Field: r.saveField, Improve: "set appendonly yes"}
	}
	return Answer{Verdict: Partly, Text: "the last snapshot is loaded; later writes are lost (save " + r.save + ")", Field: cmp.Or(r.saveField, r.kept), Improve: "set appendonly yes, with the command that starts Redis with it"}
}

func (r *redis) deletion() Answer {
	options := instance.Text(cue.At(r.Object(), "metadata", "annotations", "argocd.argoproj.io/sync-options"))
	if strings.Contains(options, "Prune=false") {
		return Answer{Verdict: Yes, Text: "Argo CD does not prune it", Field: "metadata.annotations[argocd.argoproj.io/sync-options]"}
	}
	guard := "annotate it with argocd.argoproj.io/sync-options: Prune=false,Delete=false"
	if r.Resource.Kind == cue.KindOfCharts {
		guard = "install it without automated prune, and keep a dump (redis-gitops dump)"
	}
	if r.kept == "" {
		return Answer{Verdict: No, Text: "there is no volume: all data is lost", Field: r.survival.Keep, Improve: "give it a volume: " + r.survival.Keep}
	}
	if condition, ok := r.Any(r.Facts.Retained); ok {
		return Answer{Verdict: Partly, Text: "the volumes stay: created again under its name, it has the data of the last shutdown", Field: fieldOf(condition), Improve: guard}
	}
	field, _, _ := strings.Cut(r.survival.Retain, ":")
	return Answer{Verdict: No, Text: "the volumes are deleted with it", Field: field, Improve: "set " + r.survival.Retain + ", before it is created"}
}

func (r *redis) memory() Answer {
	limit, at := r.Directive("maxmemory")
	policy, field := r.Directive("maxmemory-policy")
	switch {
	case limit == "" || limit == "0":
		return Answer{Verdict: No, Text: "without maxmemory, the pod is killed when it reaches its limit", Field: at, Improve: "set maxmemory to three quarters of the memory limit"}
	case policy == "" || policy == "noeviction":
		return Answer{Verdict: Partly, Text: "writes fail from " + limit + " on; reads go on, and nothing is lost", Field: cmp.Or(field, at)}
	case strings.HasPrefix(policy, "volatile-"):
		return Answer{Verdict: Partly, Text: "keys with a TTL are evicted (" + policy + "); without any, writes fail", Field: field}
	}
	return Answer{Verdict: Partly, Text: "keys are evicted (" + policy + "): only for a cache", Field: field}
}

func (r *redis) operator() Answer {
	switch status := r.Operator.Status(); {
	case status.State == "none", len(r.Operator.Charts()) > 0:
		return Answer{Verdict: Yes, Text: "it has no operator"}
	case r.by == "operator":
		return Answer{Verdict: No, Text: "only the operator promotes a replica", Improve: "run sentinels"}
	case r.survival.Labels && r.promotes(0):
		return Answer{Verdict: Partly, Text: "sentinels promote a replica, but the Service of the master stays at the old one: clients must use Sentinel"}
	case r.replicas > 1 && !r.promotes(0):
		return Answer{Verdict: No, Text: "nothing promotes a replica"}
	case r.survival.Labels:
		return Answer{Verdict: No, Text: "only the operator makes a pod that restarts the master", Field: r.replicasField, Improve: r.set(r.replicasField, "3")}
	}
	return Answer{Verdict: Yes, Text: "the pods run on, but nothing repairs them"}
}

func (r *redis) image() Answer {
	field := r.Facts.Image
	switch {
	case r.replicas > 1 && r.survival.Rollout == "highest":
		return Answer{Verdict: Partly, Text: "the rollout stops at the pod with the highest number; if that is the master, writes fail until the image is right", Field: field}
	case r.replicas > 1 && r.survival.Rollout == "stops":
		return Answer{Verdict: Yes, Text: "the rollout stops at the first pod that does not start", Field: field}
	case r.Resource.Kind == "Deployment" && r.kept == "":
		return Answer{Verdict: Yes, Text: "the old pod runs until the new one is ready", Field: field}
	case r.Resource.Kind == "Deployment":
		return Answer{Verdict: Partly, Text: "the old pod runs until the new one is ready, if its volume can be attached twice", Field: field}
	}
	return Answer{Verdict: No, Text: "the only pod stops, and the new one does not start: an outage", Field: cmp.Or(field, r.replicasField), Improve: r.set(r.replicasField, "3")}
}

func (r *redis) writes() Answer {
	var parts []string
	field := ""
	if r.promotes(0) {
		min, at := r.Directive("min-replicas-to-write")
		if n := cmp.Or(min, "0"); n != "0" {
			lag, _ := r.Directive("min-replicas-max-lag")
			parts, field = append(parts, "at a failover up to "+cmp.Or(lag, "10")+" s (min-replicas-max-lag)"), at
		} else {
			parts = append(parts, "at a failover what no replica has received; without min-replicas-to-write, also all that an isolated master accepts")
		}
	}
	switch {
	case r.kept == "":
		parts, field = append(parts, "at a restart of all pods everything"), cmp.Or(field, r.survival.Keep)
	case r.aof:
		parts, field = append(parts, "at a restart of all pods 1 s (appendfsync everysec)"), cmp.Or(r.aofField, field)
	case r.save == "":
		parts, field = append(parts, "at a crash everything since the last shutdown"), cmp.Or(r.saveField, field)
	default:
		parts, field = append(parts, "at a crash what came after the last snapshot (save "+r.save+")"), cmp.Or(r.saveField, field)
	}
	return Answer{Text: strings.Join(parts, "; "), Field: field}
}

// backup is what a CronJob or Velero Schedule of the repository backs up.
func (r *redis) backup() Answer {
	for _, other := range r.side.Resources {
		kind, api := instance.Text(other.Object["kind"]), instance.Text(other.Object["apiVersion"])
		schedule := instance.Text(cue.At(other.Object, "spec", "schedule"))
		name := finding.Resource{Kind: kind, Name: instance.Text(cue.At(other.Object, "metadata", "name"))}
		switch {
		case kind == "CronJob" && namespaceOf(other) == r.Resource.Namespace && r.dumps(cue.At(other.Object, "spec", "jobTemplate")):
		case kind == "Schedule" && strings.HasPrefix(api, "velero.io/") && r.covers(cue.At(other.Object, "spec", "template")):
			name.Name += " (Velero, volumes only)"
		default:
			continue
		}
		a := Answer{Text: "the dumps of " + name.String() + ", " + age(schedule)}
		if other.At != nil {
			a.At = other.At([]string{"spec", "schedule"})
		}
		return a
	}
	return Answer{Text: "nothing: no CronJob or Velero Schedule of the repository backs it up", Improve: "run redis-gitops generate addon APP NAME backup"}
}

// dumps reports whether a pod takes dumps of this Redis.
func (r *redis) dumps(job any) bool {
	text := texts(job)
	return strings.Contains(text, r.Name) && (strings.Contains(text, "redis-gitops dump") || strings.Contains(text, "\nbackup\n\ncreate\n") || strings.Contains(text, "--rdb") || strings.Contains(text, "BGSAVE") || strings.Contains(text, "\ndump\n"))
}

// covers reports whether a Velero backup takes in the namespace of this Redis.
func (r *redis) covers(template any) bool {
	list := func(key string) []any { l, _ := cue.At(template, key).([]any); return l }
	is := func(n any) bool { return instance.Text(n) == r.Resource.Namespace || instance.Text(n) == "*" }
	included, excluded := list("includedNamespaces"), list("excludedNamespaces")
	return (len(included) == 0 || slices.ContainsFunc(included, is)) && !slices.ContainsFunc(excluded, is) && r.kept != ""
}

// texts are all strings below data, one a line.
func texts(data any) string {
	var b strings.Builder
	var walk func(any)
	walk = func(data any) {
		switch data := data.(type) {
		case map[string]any:
			for _, v := range data {
				walk(v)
			}
		case []any:
			for _, v := range data {
				walk(v)
			}
		case string:
			b.WriteString("\n" + data + "\n")
		}
	}
	walk(data)
	return b.String()
}

// age says how old the newest dump of a schedule can be.
func age(schedule string) string {
	fields := strings.Fields(schedule)
	if n, ok := map[string]string{"@hourly": "1 hour", "@daily": "1 day", "@midnight": "1 day", "@weekly": "7 days", "@monthly": "31 days"}[schedule]; ok {
		return "up to " + n + " old"
	}
	if len(fields) != 5 {
		return "as old as its schedule allows"
	}
	every := func(f string) (string, bool) { n, ok := strings.CutPrefix(f, "*/"); return n, ok }
	minutes, everyMinutes := every(fields[0])
	hours, everyHours := every(fields[1])
	switch {
	case fields[2] != "*" || fields[3] != "*":
		return "up to 31 days old, or older (" + schedule + ")"
	case fields[4] != "*":
		return "up to 7 days old (" + schedule + ")"
	case everyMinutes && fields[1] == "*":
		return "up to " + minutes + " minutes old"
	case everyHours:
		return "up to " + hours + " hours old"
	case fields[1] == "*":
		return "up to 1 hour old"
	}
	return "up to 1 day old"
}
