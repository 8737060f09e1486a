package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/redis-gitops/redis-gitops/test/e2e/harness"
)

// A configuration is of a Redis called shop.
type configuration struct {
	name       string
	manifest   string   // of a repository without a chart
	generate   []string // else the flags of generate, for the operator statefulset
	redisPods  int
	failover   bool     // a RedisFailover
	kinds      []string // else the resources of OpsTree called shop
	selector   string   // of the pods of Redis
	watchers   string   // of the sentinels
	masterName string
	host       string   // of the master
	limit      int      // of the memory, in KiB
	may        []string // questions that depend on when the operator looks: the answer is for the wrong moment, and it may be a better one
}

const (
	spreadOut = `{ podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: kubernetes.io/hostname, labelSelector: { matchLabels: { app.kubernetes.io/name: shop, app.kubernetes.io/component: COMPONENT } } }] } }`
	byZones   = `[{ maxSkew: 1, topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: DoNotSchedule, labelSelector: { matchLabels: { app.kubernetes.io/name: shop, app.kubernetes.io/component: COMPONENT } } }]`
	pvc       = "persistentVolumeClaim: { metadata: { name: data }, spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Gi } } } } }"
	limits    = "resources: { requests: { memory: 48Mi, cpu: 10m }, limits: { memory: 48Mi } }"
)

func redisFailover(name string, redisPods, sentinels int, config, redis, sentinel string) configuration {
	put := func(text, component string) string { return strings.ReplaceAll(text, "COMPONENT", component) }
	return configuration{
		name: name, redisPods: redisPods, failover: true, masterName: "mymaster", host: "rfrm-shop", limit: 48 << 10,
		selector: harness.Labels("shop", "redis"), watchers: harness.Labels("shop", "sentinel"),
		manifest: fmt.Sprintf(`apiVersion: databases.spotahome.com/v1
kind: RedisFailover
metadata: { name: shop, namespace: NAMESPACE }
spec:
  redis:
    image: "redis:7.0.15-alpine"
    replicas: %d
    customConfig: [%s]
    %s
%s
  sentinel:
    image: "redis:7.0.15-alpine"
    replicas: %d
    customConfig: ["down-after-milliseconds 2000", "failover-timeout 3000"]
%s`, redisPods, config, limits, put(redis, "redis"), sentinels, put(sentinel, "sentinel")),
	}
}

func workload(name, kind, dir, volume, claims string) configuration {
	return configuration{
		name: name, redisPods: 1, selector: "app=shop", host: "shop", limit: 48 << 10,
		manifest: fmt.Sprintf(`apiVersion: v1
kind: Service
metadata: { name: shop, namespace: NAMESPACE }
spec: { selector: { app: shop }, ports: [{ port: 6379 }] }
---
apiVersion: apps/v1
kind: %s
metadata: { name: shop, namespace: NAMESPACE, labels: { app: shop } }
spec:
  selector: { matchLabels: { app: shop } }
  template:
    metadata: { labels: { app: shop } }
    spec:
      containers:
        - name: redis
          image: "redis:7.0.15-alpine"
          command: [redis-server, --protected-mode, "no", --dir, %s]
          ports: [{ containerPort: 6379 }]
          readinessProbe: { exec: { command: [redis-cli, ping] } }
          %s
%s`, kind, dir, limits, volume) + claims,
	}
}

func templated(name string, args ...string) configuration {
	return configuration{
		name: name, generate: args, redisPods: 3, selector: "redis-gitops.io/redis=shop-redis", watchers: "redis-gitops.io/sentinel=shop-redis-sentinel",
		masterName: "shop-redis", host: "shop-redis-master", limit: 64 << 10,
	}
}

func configurations() []configuration {
	mounted := "          volumeMounts: [{ name: data, mountPath: /data }]\n"
	claims := "  serviceName: shop\n  volumeClaimTemplates: [{ metadata: { name: data }, spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Gi } } } }]\n"
	aof := `    command: [redis-server, /redis/redis.conf, --appendonly, "yes"]` + "\n"
	apart := "    affinity: " + spreadOut + "\n    topologySpreadConstraints: " + byZones + "\n"
	return []configuration{
		redisFailover("RedisFailover, 3 pods, no volume", 3, 3, "", "", ""),
		redisFailover("RedisFailover, 3 pods, volume", 3, 3, `"maxmemory 24mb"`, "    storage: { "+pvc+"\n", ""),
		redisFailover("RedisFailover, 3 pods apart, kept volume, append-only file", 3, 3, `"maxmemory 24mb", "min-replicas-to-write 1"`, "    storage: { keepAfterDeletion: true, "+pvc+"\n"+aof+apart, apart),
		redisFailover("RedisFailover, cache of 2 pods apart, 3 sentinels", 2, 3, `"maxmemory 24mb", "maxmemory-policy allkeys-lru"`, "    affinity: "+spreadOut+"\n", ""),
		redisFailover("RedisFailover, 3 pods, kept volume, 2 sentinels", 3, 2, "", "    storage: { keepAfterDeletion: true, "+pvc+"\n", ""),
		redisFailover("RedisFailover, 1 pod, kept volume", 1, 3, `"maxmemory 24mb"`, "    storage: { keepAfterDeletion: true, "+pvc+"\n", ""),
		redisFailover("RedisFailover, 1 pod, no volume, no budget", 1, 3, "", "    disablePodDisruptionBudget: true\n", ""),
		templated("statefulset, profile queue", "--profile", "queue"),
		templated("statefulset, profile cache, 3 pods", "--profile", "cache", "--set", "replicas=3"),
		workload("StatefulSet, 1 pod, volume", "StatefulSet", "/data", mounted, claims),
		workload("Deployment, 1 pod, no volume", "Deployment", "/tmp", "", ""),
	}
}

// A played loss.
type played struct{ verdict, detail string }

// trial is a configuration with what assess says and what happens.
type trial struct {
	*store
	mu        sync.Mutex
	predicted map[string]string
	outcomes  map[string]played
	broken    bool // a phase of it has failed
}

func (tr *trial) found(question, verdict, format string, args ...any) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.outcomes[question] = played{verdict, fmt.Sprintf(format, args...)}
	tr.Logf("%s: %s: %s predicted, %s: %s", tr.name, question, tr.predicted[question], verdict, tr.outcomes[question].detail)
}

// prepare writes a repository, reads what assess says and applies it.
func (tr *trial) prepare() {
	tr.Helper()
	if tr.generate != nil {
		tr.dir = tr.bench.withoutOperator(tr.generate...)
	} else {
		tr.dir = tr.TempDir()
		tr.git(tr.dir, "init", "-q", ".")
		tr.manifest = strings.ReplaceAll(tr.manifest, "NAMESPACE", tr.namespace)
		tr.must(os.MkdirAll(filepath.Join(tr.dir, "applications", "shop"), 0o755))
		tr.must(os.WriteFile(filepath.Join(tr.dir, "applications", "shop", "kustomization.yaml"), []byte("resources: [redis.yaml]\n"), 0o644))
		tr.must(os.WriteFile(filepath.Join(tr.dir, "applications", "shop", "redis.yaml"), []byte(tr.manifest), 0o644))
		operator := "operator:\n  name: spotahome\n  version: 1.3.0\n"
		if tr.kinds != nil {
			operator = "operator:\n  name: opstree\n  version: 0.26.0\n"
			tr.startOpsTree()
		}
		tr.must(os.WriteFile(filepath.Join(tr.dir, ".redis-gitops.yaml"), []byte(operator), 0o644))
		tr.apply(tr.manifest)
	}
	var report struct {
		Instances []struct {
			Answers []struct{ Question, Verdict string }
		}
	}
	tr.must(json.Unmarshal([]byte(tr.ok(tr.tool(tr.dir, "assess", "--output", "json")).stdout), &report))
	if len(report.Instances) != 1 {
		tr.Fatalf("assess finds %d instances", len(report.Instances))
	}
	for _, a := range report.Instances[0].Answers {
		tr.predicted[a.Question] = a.Verdict
	}
}

// takeover is by which clients can write again while pods stay lost: of the Service, of Sentinel, or of neither. What was written before has
// to be there.
func (tr *trial) takeover(lost []v1.Pod) (by, detail string) {
	tr.Helper()
	limit := 25 * time.Second
	if tr.redisPods == 1 || len(lost) > tr.redisPods {
		limit = 3 * time.Second // no server is left
	}
	for _, way := range []string{"the Service", "Sentinel"} {
		address := tr.byService
		if way == "Sentinel" {
			address = tr.watched
		}
		if took, ok := tr.resumes(address, limit); ok {
			at, err := address()
			tr.must(err)
			if data, err := tr.data(at); data != "all" {
				return "", fmt.Sprintf("writes by %s, data: %s%s", way, data, suffix(err))
			}
			return way, fmt.Sprintf("writes by %s after %s", way, took.Round(100*time.Millisecond))
		}
		limit = 3 * time.Second
	}
	return "", "no writes"
}

func suffix(err error) string {
	if err == nil {
		return ""
	}
	return ", " + err.Error()
}

// recovery is what is there once lost pods run elsewhere.
func (tr *trial) recovery(lost []v1.Pod) (data, detail string) {
	tr.Helper()
	tr.forget(lost)
	took, ok := tr.resumes(tr.byService, 200*time.Second)
	if !ok {
		return "none", "no writes once they run again"
	}
	data, err := tr.data(tr.primary())
	return data, fmt.Sprintf("writes %s after they run elsewhere, data: %s%s", took.Round(time.Second), data, suffix(err))
}

func names(pods []v1.Pod) string {
	var out []string
	for _, p := range pods {
		out = append(out, p.Name)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// aftermath is what the loss of some pods did.
type aftermath struct {
	takes          string // who can write meanwhile
	data           string
	first, restart string
}

// lose loses pods, the master among them, for good; then they run elsewhere.
func (tr *trial) lose(pods []v1.Pod) aftermath {
	tr.Helper()
	tr.mark()
	if master := tr.settle(); !slices.ContainsFunc(pods, func(p v1.Pod) bool { return p.Name == master.Name }) {
		tr.Fatalf("%s is the master, and not among %s", master.Name, names(pods))
	}
	tr.Logf("%s: loses %s", tr.name, names(pods))
	tr.kill(pods)
	var r aftermath
	r.takes, r.first = tr.takeover(pods)
	r.data, r.restart = tr.recovery(pods)
	tr.settle()
	return r
}

// ways are those of clients that can write, the best last.
var ways = map[string]int{"": 0, "Sentinel": 1, "the Service": 2}

// losses are those of a pod, a node and a zone, and of all pods.
func (tr *trial) losses() {
	done := map[int]aftermath{} // by the number of pods: which of the replicas or sentinels is lost with the master is the same
	lose := func(pods []v1.Pod) aftermath {
		r, ok := done[len(pods)]
		if !ok {
			r = tr.lose(pods)
			done[len(pods)] = r
		}
		return r
	}
	tr.pod()
	for _, place := range [][2]string{{"node", "kubernetes.io/hostname"}, {"zone", "topology.kubernetes.io/zone"}} {
		packed := lose(tr.beside(tr.lowest(), place[1], false))
		room := lose(tr.beside(tr.lowest(), place[1], true))
		worst, best := packed, room
		if ways[room.takes] < ways[packed.takes] {
			worst, best = room, packed
		}
		switch {
		case worst.takes == "the Service":
			tr.found(place[0], "yes", "%s", worst.first)
		case worst.takes != "":
			tr.found(place[0], "partly", "%s", worst.first)
		case best.takes != "":
			tr.found(place[0], "partly", "%s; as few nodes as allowed: %s; %s", best.first, worst.first, worst.restart)
		case place[0] == "node" && packed.data != "none": // volumes do not leave their zone
			tr.found(place[0], "partly", "%s; %s", packed.first, packed.restart)
		default:
			tr.found(place[0], "no", "%s; %s", packed.first, packed.restart)
		}
	}
	master := tr.settle()
	all := []v1.Pod{*master}
	for _, p := range append(tr.list(tr.selector), tr.list(tr.watchers)...) {
		if p.Name != master.Name {
			all = append(all, p)
		}
	}
	r := lose(all)
	tr.found("restart", map[string]string{"all": "yes", "snapshot": "partly", "none": "no"}[r.data], "%s", r.restart)
}

// pod deletes the pod of the master without a grace period; another one is made at once.
func (tr *trial) pod() {
	tr.mark()
	master := tr.settle()
	stop := tr.watch()
	tr.forget([]v1.Pod{*master})
	time.Sleep(time.Second)
	tr.resumes(tr.byService, 200*time.Second)
	tr.verdict("pod", stop, master.Name)
}

// verdict is by how many servers answered meanwhile, by the data that is left, and by the acknowledged writes that are. Where the pod of the
// master was lost, and no sentinels watch, another one has to be it: the time until that pod runs again is its own on a real node.
func (tr *trial) verdict(question string, stop func() (time.Duration, int, []string), lost string) {
	tr.Helper()
	gap, least, written := stop()
	data, err := tr.data(tr.primary())
	now := tr.settle()
	missing := tr.missing(written)
	verdict := "yes"
	switch {
	case data == "none":
		verdict = "no"
	case data != "all", least == 0, gap > 25*time.Second, missing > 20: // longer than a failover; of a second
		verdict = "partly"
	case now.Name == lost && tr.watchers == "":
		verdict = "partly"
	}
	tr.found(question, verdict, "longest time without a write %s, fewest servers %d, master %s, data: %s, %d of %d writes lost%s",
		gap.Round(100*time.Millisecond), least, now.Name, data, missing, len(written), suffix(err))
}

func (tr *trial) drain() {
	tr.mark()
	pods := tr.beside(tr.settle(), "kubernetes.io/hostname", false)
	stop := tr.watch()
	held := tr.evict(pods, time.Duration(tr.redisPods*tr.redisPods)*40*time.Second)
	if len(held) == 0 {
		tr.resumes(tr.byService, 200*time.Second)
	}
	if len(held) > 0 {
		stop()
		tr.found("drain", "no", "held: %s", strings.Join(held, " "))
		tr.settle()
		return
	}
	if why := tr.split(); why != "" {
		stop()
		tr.found("drain", "no", "%s", why)
		tr.settle()
		return
	}
	tr.verdict("drain", stop, "")
}

// alone loses the master while no operator runs.
func (tr *trial) alone(master *v1.Pod) {
	tr.kill([]v1.Pod{*master})
	if tr.redisPods > 1 {
		_, service := tr.resumes(tr.byService, 20*time.Second)
		_, sentinel := tr.resumes(tr.watched, 20*time.Second)
		tr.found("operator", map[bool]string{true: "yes", false: map[bool]string{true: "partly", false: "no"}[sentinel]}[service], "after the loss of the master, writes by the Service: %t, by Sentinel: %t", service, sentinel)
		tr.forget([]v1.Pod{*master})
		return
	}
	tr.forget([]v1.Pod{*master})
	_, ok := tr.resumes(tr.byService, 40*time.Second)
	tr.found("operator", map[bool]string{true: "yes", false: "no"}[ok], "writes after the pod has restarted: %t", ok)
}

// fill writes until the memory is full.
func (tr *trial) fill() {
	if tr.generate == nil && strings.Contains(tr.manifest, "maxmemory 24mb") {
		tr.until("the operator has set maxmemory", func() error { // which it does after each restart of a pod
			tr.nudge()
			for _, p := range tr.list(tr.selector) {
				if answer, err := tr.ask(tr.server(p), "CONFIG", "GET", "maxmemory"); err != nil || !strings.Contains(fmt.Sprint(answer), "25165824") {
					return fmt.Errorf("%s: %v %w", p.Name, answer, err)
				}
			}
			return nil
		})
	}
	tr.mark()
	stop := tr.limited(tr.limit)
	refused, value := false, strings.Repeat("x", 256<<10)
	for i, began := 0, time.Now(); i < 400 && time.Since(began) < 40*time.Second && !refused; i++ {
		_, err := tr.ask(tr.primary(), "SET", fmt.Sprintf("fill:%d", i), value)
		refused = err != nil && strings.HasPrefix(err.Error(), "OOM")
		if err != nil {
			time.Sleep(200 * time.Millisecond)
		}
	}
	data, err := tr.data(tr.primary())
	kills := stop()
	detail := fmt.Sprintf("killed %d times, writes refused: %t, data: %s%s", kills, refused, data, suffix(err))
	tr.found("memory", map[bool]string{true: "no", false: "partly"}[kills > 0], "%s", detail)
	began, helped := time.Now(), false
	tr.until("the memory is free again", func() error {
		tr.nudge()
		_, err := tr.ask(tr.primary(), "FLUSHALL")
		if err != nil && !helped && time.Since(began) > time.Minute {
			tr.Logf("%s: nobody makes a pod the master again after so many restarts: all are deleted", tr.name)
			helped = true
			tr.forget(tr.list(tr.selector))
		}
		return err
	})
	tr.settle()
}

// breakImage deploys an image that does not start.
func (tr *trial) breakImage() {
	tr.mark()
	master := tr.settle()
	stop := tr.watch()
	if tr.generate != nil {
		tr.edit(tr.dir, "image: redis:7.4.11-alpine", "image: BAD/redis:7.4.11")
		tr.render(tr.dir)
	} else {
		tr.apply(strings.NewReplacer(opsTreeRedis, `"BAD/redis:7.0.15"`).Replace(strings.Replace(tr.manifest, `"redis:7.0.15-alpine"`, `"BAD/redis:7.0.15"`, 1)))
	}
	for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(time.Second) {
		tr.nudge()
	}
	err := tr.writes(tr.primary())
	gap, least, _ := stop()
	verdict := "no"
	if err == nil && gap < 30*time.Second {
		verdict = "yes"
	}
	// A StatefulSet of several pods begins with the highest number: what the loss of a replica and of the master does is the one answer.
	if first := master.Name == fmt.Sprintf("shop-%d", tr.redisPods-1); tr.kinds != nil && tr.redisPods > 1 && first == (verdict == "no") {
		verdict = "partly"
	}
	tr.found("image", verdict, "the master was "+master.Name+", longest time without a write in a minute %s, fewest servers %d%s", gap.Round(100*time.Millisecond), least, suffix(err))
}

// remove deletes the resource, as a prune does, and makes it again.
func (tr *trial) remove() {
	tr.Helper()
	options := metav1.DeleteOptions{}
	if tr.failover {
		tr.must(cluster.Dynamic.Resource(harness.RedisFailovers).Namespace(tr.namespace).Delete(tr.ctx, "shop", options))
	}
	apps := cluster.Client.AppsV1()
	for _, kind := range tr.kinds {
		tr.must(cluster.Dynamic.Resource(ofOpsTree(kind)).Namespace(tr.namespace).Delete(tr.ctx, "shop", options))
	}
	background := metav1.DeletePropagationBackground
	options.PropagationPolicy = &background
	if !tr.operated() {
		tr.must(errors.Join(
			apps.StatefulSets(tr.namespace).DeleteCollection(tr.ctx, options, metav1.ListOptions{}),
			apps.Deployments(tr.namespace).DeleteCollection(tr.ctx, options, metav1.ListOptions{})))
	}
	tr.until("no pod is left", func() error {
		left, err := cluster.Client.CoreV1().Pods(tr.namespace).List(tr.ctx, metav1.ListOptions{})
		if err == nil && len(left.Items) > 0 {
			err = fmt.Errorf("%d pods", len(left.Items))
		}
		return err
	})
	time.Sleep(3 * time.Second) // the garbage collector
	list, err := cluster.Client.CoreV1().PersistentVolumeClaims(tr.namespace).List(tr.ctx, metav1.ListOptions{})
	tr.must(err)
	left := len(slices.DeleteFunc(list.Items, func(c v1.PersistentVolumeClaim) bool { return c.DeletionTimestamp != nil }))
	if tr.generate != nil {
		tr.edit(tr.dir, "BAD/redis:7.4.11", "redis:7.4.11-alpine")
		tr.render(tr.dir)
	} else {
		tr.apply(tr.manifest)
	}
	_, ok := tr.resumes(tr.byService, 200*time.Second)
	data, err := tr.data(tr.primary())
	tr.found("deletion", map[bool]string{true: "partly", false: "no"}[left > 0], "%d volumes stay; created again: writes %t, data: %s%s", left, ok, data, suffix(err))
}

// TestAssess does to eleven configurations, and to five of OpsTree where its operator is given, what assess speaks of, and compares the outcome with what it says.
func TestAssess(t *testing.T) {
	only := os.Getenv("E2E_ASSESS")
	if only == "" {
		t.Skip("takes twenty minutes: E2E_ASSESS=. plays all configurations, another regular expression those whose names it matches")
	}
	var trials []*trial
	all := configurations()
	if why := harness.OpsTreeMissing(); why == "" {
		all = append(all, opsTreeConfigurations()...)
	} else {
		t.Log("without the configurations of OpsTree: " + why)
	}
	for batch := range slices.Chunk(slices.DeleteFunc(all, func(c configuration) bool { return !regexp.MustCompile(only).MatchString(c.name) }), 6) {
		var now []*trial
		for _, c := range batch {
			now = append(now, &trial{store: &store{bench: newBenchAlone(t), configuration: c}, predicted: map[string]string{}, outcomes: map[string]played{}})
		}
		trials = append(trials, now...)
		each := func(name string, do func(*trial)) {
			t.Run(name, func(t *testing.T) {
				for _, tr := range now {
					t.Run(tr.name, func(t *testing.T) {
						t.Parallel()
						if tr.broken {
							t.Skip("it has failed before")
						}
						tr.T = t
						t.Cleanup(func() { tr.broken = t.Failed() })
						do(tr)
					})
				}
			})
		}
		masters := map[*trial]*v1.Pod{}
		for _, tr := range now {
			tr.prepare() // its folder is that of the whole test
		}
		each("losses", func(tr *trial) { tr.losses(); tr.drain() })
		for _, tr := range now {
			tr.T = t
			if tr.operated() && !tr.broken {
				tr.mark()
				masters[tr] = tr.settle()
			}
		}
		cluster.StopOperator()
		for _, tr := range now {
			tr.stopOpsTree()
		}
		each("operator", func(tr *trial) {
			if master := masters[tr]; master != nil {
				tr.alone(master)
			}
		})
		if err := cluster.StartOperator(); err != nil {
			t.Fatal(err)
		}
		for _, tr := range now {
			tr.startOpsTree()
		}
		each("changes", func(tr *trial) { tr.settle(); tr.fill(); tr.breakImage(); tr.remove() })
		for _, tr := range now {
			tr.T = t
			tr.stopOpsTree()
		}
	}
	t.Log(table(trials))
	for _, tr := range trials {
		for question, o := range tr.outcomes {
			lucky := slices.Contains(tr.may, question) && (o.verdict == "yes" || o.verdict == "partly" && tr.predicted[question] == "no")
			if o.verdict != tr.predicted[question] && !lucky {
				t.Errorf("%s: %s: assess says %s, and it is %s: %s", tr.name, question, tr.predicted[question], o.verdict, o.detail)
			}
		}
	}
}

// losses that are played, in the order of the table.
var playedLosses = []string{"pod", "node", "zone", "drain", "restart", "operator", "memory", "image", "deletion"}

// table is that of docs/assess.md: what assess says, and what happened where that is something else.
func table(trials []*trial) string {
	var b strings.Builder
	b.WriteString("\n| | " + strings.Join(playedLosses, " | ") + " |\n|---" + strings.Repeat("|---", len(playedLosses)) + "|\n")
	for _, tr := range trials {
		b.WriteString("| " + tr.name)
		for _, q := range playedLosses {
			cell := tr.predicted[q]
			switch o, ok := tr.outcomes[q]; {
			case !ok:
				cell += " (not played)"
			case o.verdict != cell:
				cell += " → " + o.verdict
			}
			b.WriteString(" | " + cell)
		}
		b.WriteString(" |\n")
	}
	for _, tr := range trials {
		for _, q := range playedLosses {
			if o, ok := tr.outcomes[q]; ok {
				fmt.Fprintf(&b, "%s: %s: %s: %s\n", tr.name, q, o.verdict, o.detail)
			}
		}
	}
	return b.String()
}
