package cluster

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/instance"
	"github.com/redis-gitops/redis-gitops/rdb"
)

// Bounds of what is no problem yet.
const (
	memoryNear  = 90       // percent of maxmemory
	memoryLimit = 85       // percent of the limit of the container
	diskNear    = 80       // percent of the volume
	diskFull    = 95       // percent of the volume
	lagBehind   = 10 << 20 // bytes of replication
	leastGrace  = 2        // seconds between SIGTERM and SIGKILL at least
)

// A Report is what [Cluster.Doctor] saw.
type Report struct {
	*State
	Problems []*Problem // sorted: the grave ones first, and below each what follows from it
	Notes    []string   // what could not be checked
	Blocked  error      // why the servers could not be asked; the rest is what Kubernetes knows
	Operator *Operator  // nil for a Redis without one
}

// Doctor makes all checks of a running Redis. What is wrong with it is in the report; the error is that it could not be
// looked at.
func (c *Cluster) Doctor(ctx context.Context, r *Redis) (*Report, error) {
	var operator *Operator
	var group sync.WaitGroup
	group.Go(func() { operator = c.operatorOf(ctx, r) })
	s, err := c.askAll(ctx, r)
	group.Wait()
	if err != nil {
		return nil, err
	}
	report := &Report{State: s, Operator: operator}
	if report.Blocked = c.blocked(ctx, s); report.Blocked != nil {
		var lost *Unreachable
		if errors.As(report.Blocked, &lost) {
			return nil, report.Blocked
		}
	}
	workloads := c.workloads(ctx, report)
	var p problems
	changed, _ := lastChange(slices.Concat(slices.Collect(maps.Values(workloads)), slices.Collect(maps.Values(r.Services)), podObjects(r.Pods))...)
	if operator != nil && operator.Unseen != nil {
		report.skip("whether the operator is running", operator.Unseen)
	}
	c.surroundings(ctx, report, &p)
	var volumes []disk
	if report.Blocked == nil {
		volumes = c.disks(ctx, report)
	}
	p.judge(report, workloads, changed, volumes)
	report.Problems = ordered(p)
	c.evidence(ctx, report)
	return report, context.Cause(ctx)
}

// judge makes the checks of what was seen; it asks nobody.
func (p *problems) judge(report *Report, workloads map[string]map[string]any, changed time.Time, volumes []disk) {
	s := report.State
	p.operator(s, report.Operator, changed)
	p.reconciled(s, workloads)
	p.endpoints(s)
	if report.Blocked == nil {
		p.asked(s)
		p.disks(volumes)
	}
	p.grace(s)
	p.pods(s)
	p.podsUp(report.reachable(), slices.Concat(s.Redis.Pods, s.Watchers))
	p.starting(s)
}

// reachable returns the servers, unless nobody could be asked.
func (r *Report) reachable() []*Server {
	if r.Blocked != nil {
		return nil
	}
	return r.Servers
}

// skip notes what could not be checked, each reason once.
func (r *Report) skip(what string, err error) {
	if note := fmt.Sprintf("%s: %v", what, joined(err)[0]); err != nil && !slices.Contains(r.Notes, note) {
		r.Notes = append(r.Notes, note)
	}
}

func podObjects(pods []*Pod) (objects []map[string]any) {
	for _, p := range pods {
		objects = append(objects, p.Object)
	}
	return objects
}

// endpoints checks the Services and what they lead to.
func (p *problems) endpoints(s *State) {
	for _, service := range []*instance.Endpoint{s.Write, s.Read} {
		if service != nil && (service != s.Read || len(s.Servers) > 1) {
			role := instance.Write
			if service == s.Read {
				role = instance.Read
			}
			p.service(s, service.Service, role)
		}
	}
	switch {
	case s.Sentinel != nil:
		p.service(s, s.Sentinel.Service, instance.Sentinels)
		if s.Write == nil {
			p.warn(serviceNone, "svc/master-selector-no-role", "no Service selects the master, so clients must use Sentinel; add one")
		}
	case s.Write == nil && !s.bootstrapping():
		p.error(serviceNone, "svc/master-selector-no-role", "no Service selects the master, and there are no sentinels; add one")
	}
}

// asked checks what servers and sentinels say.
func (p *problems) asked(s *State) {
	p.login(s)
	if s.Auth == nil && slices.ContainsFunc(s.Servers, func(server *Server) bool { return !locked(server) }) {
		p.warn(authMissing, "auth/missing", "it has no password: every pod of the cluster can read and write it; set one with spec.auth.secretPath")
	}
	p.renamed(s)
	p.roles(s)
	p.labels(s)
	p.replication(s)
	p.sentinels(s)
	p.strangers(s)
	p.config(s)
	p.memory(s)
	p.saving(s)
}

// workloads returns the StatefulSets, ReplicaSets' Deployments and so on that own the pods, by kind/name.
func (c *Cluster) workloads(ctx context.Context, report *Report) map[string]map[string]any {
	owners := map[string]map[string]any{}
	for _, pod := range report.Redis.Pods {
		list, _ := at(pod.Object, "metadata", "ownerReferences").([]any)
		for _, o := range list {
			name := text(at(o, "name"))
			if text(at(o, "kind")) != statefulSetKind.Kind || owners[name] != nil {
				continue
			}
			ctx, cancel := c.bounded(ctx)
			object, err := c.api.Get(ctx, statefulSetKind, pod.Namespace, name)
			cancel()
			if err != nil {
				report.skip("StatefulSet "+name, err)
				object = map[string]any{}
			}
			owners[name] = object
		}
	}
	return owners
}

// reconciled checks that the operator has made what the resource asks for.
func (p *problems) reconciled(s *State, workloads map[string]map[string]any) {
	if want, have := s.Replicas, len(s.Redis.Pods); want > 0 && have > 0 && have != want {
		p.error(podCount, "ha/operator-missing", "%s asks for %s, but there %s; see the log of the operator", s, plural(want, "replica"), verb(have, "is 1 pod", fmt.Sprintf("are %d pods", have)))
	}
	conditions, _ := at(s.Object, "status", "conditions").([]any)
	for _, condition := range conditions {
		if kind := text(at(condition, "type")); (kind == "Ready" || kind == "Available") && text(at(condition, "status")) == "False" {
			p.error(conditionFalse, "", "the operator reports that it is not %s: %s", strings.ToLower(kind), cmp.Or(text(at(condition, "message")), text(at(condition, "reason"))))
		}
	}
	image := text(at(s.Object, "spec", "redis", "image"))
	for _, name := range slices.Sorted(maps.Keys(workloads)) {
		w := workloads[name]
		if len(w) == 0 {
			continue
		}
		if made, asked := number(at(w, "status", "observedGeneration")), number(at(w, "metadata", "generation")); made < asked {
			p.error(generationOld, "", "StatefulSet %s was changed, and its controller has not observed the change yet", name)
		}
		template := &Pod{Object: map[string]any{"spec": at(w, "spec", "template", "spec")}}
		template.place(s.port(), "redis")
		if have := text(at(template.container(), "image")); image != "" && have != image {
			p.error(imageOld, "", "%s asks for image %s, but StatefulSet %s has %s; see the log of the operator", s, image, name, have)
		}
		revision := text(at(w, "status", "updateRevision"))
		var old []string
		for _, pod := range s.Redis.Pods {
			if have := text(at(pod.Object, "metadata", "labels", "controller-revision-hash")); revision != "" && have != "" && have != revision && owned(pod, name) {
				old = append(old, pod.Name)
			}
		}
		if len(old) > 0 {
			p.warn(podsOld, "", "%s %s older than the last change of StatefulSet %s; the operator replaces them one by one, while all replicas are in sync", strings.Join(old, ", "), verb(len(old), "is", "are"), name).about(old...)
		}
	}
	if s.Sentinel != nil {
		if want, have := number(at(s.Object, "spec", "sentinel", "replicas")), len(s.Watchers); want > 0 && have > 0 && want != have {
			p.error(sentinelCount, "", "%s asks for %s, but there %s", s, plural(want, "sentinel"), verb(have, "is 1 pod", fmt.Sprintf("are %d pods", have)))
		}
	}
}

func owned(pod *Pod, name string) bool {
	list, _ := at(pod.Object, "metadata", "ownerReferences").([]any)
	return slices.ContainsFunc(list, func(o any) bool { return text(at(o, "name")) == name })
}

// container returns the one with the server.
func (p *Pod) container() any {
	for _, c := range p.containers() {
		if text(at(c, "name")) == p.Container {
			return c
		}
	}
	return nil
}

// labels checks that labels of roles say what the servers say.
func (p *problems) labels(s *State) {
	if !s.roleLabels() || s.Cluster {
		return
	}
	for _, server := range s.Servers {
		switch {
		case server.Err != nil || server.Pod.Label == server.Role:
		case server.Pod.Label == "":
			p.warn(labelMissing, "", "pod %s is a %s and has no role label, so Services that select a role skip it", server.Pod.Name, server.Role).about(server.Pod.Name)
		default:
			p.error(labelWrong, "", "pod %s is labeled as %s but is a %s, so Services point to the wrong pod; the operator corrects this within a minute", server.Pod.Name, server.Pod.Label, server.Role)
		}
	}
}

// replication checks whom the replicas follow and how far they are.
func (p *problems) replication(s *State) {
	if s.bootstrapping() {
		p.bootstrap(s)
	} else {
		p.followers(s)
	}
	for _, m := range s.Masters() {
		for i := range m.int("connected_slaves") {
			fields := commaFields(m.Info["slave"+strconv.FormatInt(i, 10)])
			ip := fields["ip"]
			if ip == "" || slices.ContainsFunc(s.Redis.Pods, func(pod *Pod) bool { return pod.at(net.JoinHostPort(ip, strconv.Itoa(pod.Port)), pod.Port) }) {
				continue
			}
			p.error(copied, "ha/clusters-can-join", "%s:%s replicates from pod %s and is not a pod of %s: it is a replica of another Redis, or someone copies the data", ip, fields["port"], m.Pod.Name, s)
		}
	}
	if m := s.Masters(); s.Replicas > 1 && len(m) == 1 && m[0].int("connected_slaves") == 0 {
		p.error(noReplicas, "", "no replica is connected to the master: data is unavailable if pod %s is lost", m[0].Pod.Name)
	}
}

// followers checks the replicas of a master that is a pod.
func (p *problems) followers(s *State) {
	var waits []string
	for _, server := range s.Servers {
		if server.Role != replica {
			continue
		}
		m := s.byAddr(server.Master)
		switch {
		case waiting(server):
			waits = append(waits, server.Pod.Name)
		case m == nil && server.Info["master_link_status"] == "up":
			p.error(foreignMaster, "ha/clusters-can-join", "pod %s is a replica of %s, which is not a pod of %s: its data is that of another Redis; give each Redis its own password", server.Pod.Name, server.Master, s).about(server.Pod.Name)
		case m == nil:
			p.error(goneMaster, "", "pod %s follows %s, which is not a pod of %s and does not answer it; the operator or the sentinels point it to the master", server.Pod.Name, server.Master, s).about(server.Pod.Name)
		case m.Role == replica && m.Err == nil:
			p.error(chained, "", "pod %s is a replica of pod %s, which is a replica itself; the operator corrects this in its next round", server.Pod.Name, m.Pod.Name).about(server.Pod.Name)
		}
		if m == nil || waiting(server) {
			continue
		}
		if lag, known := s.Lag(server); server.Info["master_link_status"] != "up" {
			p.error(linkDown, "", "pod %s is not in sync with its master: %s", server.Pod.Name, linkState(server)).about(server.Pod.Name)
		} else if known && lag > lagBehind {
			p.warn(lagging, "", "pod %s is %s behind its master", server.Pod.Name, rdb.FormatBytes(uint64(lag))).about(server.Pod.Name)
		}
	}
	if len(waits) > 0 {
		p.error(waitsForMaster, "", "%s %s for the operator to name a master (%s 127.0.0.1 until then)", strings.Join(waits, ", "), verb(len(waits), "waits", "wait"), verb(len(waits), "it follows", "they follow")).about(waits...)
	}
}

// linkState describes what the connection of a replica to its master does.
func linkState(server *Server) string {
	if server.Info["master_sync_in_progress"] == "1" {
		text := "it is loading a full copy"
		if total := server.int("master_sync_total_bytes"); total > 0 {
			text += fmt.Sprintf(", %s of %s", rdb.FormatBytes(uint64(max(0, server.int("master_sync_read_bytes")))), rdb.FormatBytes(uint64(total)))
		}
		return text
	}
	if down := server.int("master_link_down_since_seconds"); down > 0 {
		return fmt.Sprintf("the connection has been down for %v", time.Duration(down)*time.Second)
	}
	return "it has never been connected"
}

// bootstrap checks that the pods copy the Redis of spec.bootstrapNode, and how far they are.
func (p *problems) bootstrap(s *State) {
	host := text(at(s.Object, "spec", "bootstrapNode", "host"))
	port := cmp.Or(text(at(s.Object, "spec", "bootstrapNode", "port")), "6379")
	source := net.JoinHostPort(host, port)
	if own := cmp.Or(number(at(s.Object, "spec", "redis", "port")), 6379); port != strconv.Itoa(own) {
		p.error(bootstrapPort, "data/bootstrap-port-differs", "spec.bootstrapNode.port is %s and spec.redis.port %d: the operator connects to its own pods on the port of the source, so nothing is copied; make both ports the same", port, own)
	}
	var synced []string
	for _, server := range s.Servers {
		switch {
		case server.Err != nil:
		case waiting(server), server.Role != replica:
			p.error(bootstrapLink, "data/bootstrap-left-on", "pod %s does not follow %s of spec.bootstrapNode, so nothing is copied; see the log of the operator", server.Pod.Name, source).about(server.Pod.Name)
		case server.Master != source:
			p.error(bootstrapLink, "data/bootstrap-left-on", "pod %s follows %s instead of %s of spec.bootstrapNode; see the log of the operator", server.Pod.Name, server.Master, source).about(server.Pod.Name)
		case server.Info["master_link_status"] != "up":
			p.error(bootstrapLink, "data/bootstrap-left-on", "pod %s has no connection to %s of spec.bootstrapNode, and its data is incomplete: %s; check host, port, password and network policies, and keep bootstrapNode until all pods are in sync", server.Pod.Name, server.Master, linkState(server)).about(server.Pod.Name)
		default:
			synced = append(synced, fmt.Sprintf("%s (%s, offset %d)", server.Pod.Name, plural(int(server.Keys()), "key"), server.Offset()))
		}
	}
	if len(synced) > 0 && len(synced) == len(s.Servers) {
		p.warn(bootstrapOn, "data/bootstrap-left-on", "it copies %s by spec.bootstrapNode and refuses writes; all pods are in sync: %s. Stop the writers of the source, compare its offset (INFO replication), then remove bootstrapNode", source, strings.Join(synced, ", "))
	} else if len(synced) > 0 {
		p.warn(bootstrapOn, "data/bootstrap-left-on", "it copies %s by spec.bootstrapNode and refuses writes; in sync: %s; keep bootstrapNode until all pods are", source, strings.Join(synced, ", "))
	}
}

// commaFields takes a=1,b=2 apart.
func commaFields(text string) map[string]string {
	m := map[string]string{}
	for part := range strings.SplitSeq(text, ",") {
		name, value, _ := strings.Cut(part, "=")
		m[name] = value
	}
	return m
}

// strangers checks that the sentinels know each other and the pods of this Redis, and nobody else.
func (p *problems) strangers(s *State) {
	told := map[string]bool{}
	// stranger reports what a sentinel knows and this Redis does not have: once, and as outdated if it is gone.
	stranger := func(id string, known map[string]string, ours func(addr string) bool, gone, there string) {
		addr := net.JoinHostPort(known["ip"], known["port"])
		switch {
		case told[addr] || ours(addr):
			return
		case strings.Contains(known["flags"], "down"), strings.Contains(known["flags"], "disconnected"):
			p.warn(remembered, "", gone, addr, s.Sentinel.Master)
		default:
			p.error(id, "ha/clusters-can-join", there, addr, s)
		}
		told[addr] = true
	}
	for _, sentinel := range s.Sentinels {
		if sentinel.Err != nil {
			continue
		}
		for _, other := range sentinel.Sentinels {
			stranger(foreignSentinel, other, func(addr string) bool {
				return slices.ContainsFunc(s.Watchers, func(pod *Pod) bool { return pod.at(addr, pod.Port) })
			}, "the sentinels remember a sentinel at %s that is gone, and count it for the majority; the operator resets them, or use SENTINEL RESET %s on each, one by one and while the master runs",
				"a sentinel at %s votes with those of %s and is not a pod of it: the sentinels of two Redis instances have merged; give each Redis its own password")
		}
		for _, known := range sentinel.Replicas {
			stranger(foreignReplica, known, func(addr string) bool { return s.byAddr(addr) != nil },
				"the sentinels remember a replica at %s that is gone; the operator resets them, or use SENTINEL RESET %s on each, one by one and while the master runs",
				"the sentinels count %s as a replica, which is not a pod of %s: they make the pod of another Redis follow this one; give each Redis its own password")
		}
		for _, name := range sentinel.Others {
			p.warn(foreignName, "", "sentinel %s also watches %q", sentinel.Pod.Name, name)
		}
	}
}

// memory checks how near the servers are to their limits.
func (p *problems) memory(s *State) {
	for _, server := range s.Servers {
		if server.Err != nil {
			continue
		}
		used, limit := server.Used(), server.Max()
		if limit > 0 && used*100 >= limit*memoryNear {
			then := "it evicts keys (" + server.Info["maxmemory_policy"] + ")"
			if server.Info["maxmemory_policy"] == "noeviction" {
				then = "writes fail when it is full (noeviction)"
			}
			p.warn(memoryNearMax, "", "pod %s uses %s of maxmemory, %s of %s; %s", server.Pod.Name, percent(used, limit), rdb.FormatBytes(uint64(used)), rdb.FormatBytes(uint64(limit)), then)
		}
		container, err := resource.ParseQuantity(text(at(server.Pod.container(), "resources", "limits", "memory")))
		if err != nil || container.Value() <= 0 {
			continue
		}
		most := container.Value()
		if rss := server.int("used_memory_rss"); rss*100 >= most*memoryLimit {
			p.warn(memoryNearLimit, "mem/headroom", "pod %s uses %s of its memory limit, %s of %s; Kubernetes kills it at the limit", server.Pod.Name, percent(rss, most), rdb.FormatBytes(uint64(rss)), rdb.FormatBytes(uint64(most)))
		}
		switch {
		case limit == 0:
			p.warn(memoryNoMax, "mem/limit-without-maxmemory", "pod %s has a memory limit of %s and no maxmemory: it is killed when the data grows; set maxmemory in customConfig", server.Pod.Name, rdb.FormatBytes(uint64(most)))
		case limit >= most:
			p.warn(memoryMaxLimit, "mem/maxmemory-at-limit", "pod %s has maxmemory %s at a memory limit of %s, which leaves no room for forks and buffers", server.Pod.Name, rdb.FormatBytes(uint64(limit)), rdb.FormatBytes(uint64(most)))
		}
	}
}

// saving checks that what is to be on disk gets there.
func (p *problems) saving(s *State) {
	for _, server := range s.Servers {
		if server.Err != nil {
			continue
		}
		for field, what := range map[string]string{"rdb_last_bgsave_status": "snapshot", "aof_last_bgrewrite_status": "rewrite of the append-only file", "aof_last_write_status": "write to the append-only file"} {
			if status := server.Info[field]; status != "" && status != "ok" {
				p.error(savingFailed, "data/pvc-too-small", "the last %s of pod %s failed; check that its volume is not full: Redis refuses writes until one succeeds (MISCONF)", what, server.Pod.Name).about(server.Pod.Name)
			}
		}
	}
}

// grace checks that Redis can save before it is killed. When the grace period is over, kubelet still sends SIGTERM and waits 2 s
// (kubernetes 1.36.3 pkg/kubelet/kuberuntime/kuberuntime_container.go:905), and Redis saves on SIGTERM where it has save points: so
// only a save that takes longer, or one that SIGTERM does not make, is lost.
func (p *problems) grace(s *State) {
	for _, server := range s.Servers {
		grace := int64(number(at(server.Pod.Object, "spec", "terminationGracePeriodSeconds")))
		if grace == 0 || server.Err != nil || at(server.Pod.container(), "lifecycle", "preStop") == nil || claimAt(server.Pod, server.Config["dir"]) == "" {
			continue
		}
		waits := int64(0)
		if s.Sentinel != nil && text(at(s.Object, "spec", "redis", "shutdownConfigMap")) == "" {
			waits = int64(s.traits().ShutdownWait)
		}
		save := max(server.int("rdb_last_bgsave_time_sec"), 0) // a guess: what the last one took
		if grace > waits+save || server.Config["save"] != "" && save < leastGrace {
			continue
		}
		why := "Redis has no save points, so SIGTERM does not save either"
		if server.Config["save"] != "" {
			why = fmt.Sprintf("the last save took %d s, and SIGKILL follows %d s after SIGTERM", save, leastGrace)
		}
		p.warn(graceShort, "ha/grace-shorter-than-shutdown", "terminationGracePeriod is %d s, but the shutdown script of a master waits %d s before it saves, and %s; set it to %d", grace, waits, why, 90+2*save)
		return // alike for all pods
	}
}

// pods checks the status of the pods in Kubernetes.
func (p *problems) pods(s *State) {
	for _, pod := range slices.Concat(s.Redis.Pods, s.Watchers) {
		p.restarts(pod)
	}
	nodes := map[string][]string{}
	for _, pod := range s.Redis.Pods {
		if node := text(at(pod.Object, "spec", "nodeName")); node != "" {
			nodes[node] = append(nodes[node], pod.Name)
		}
	}
	if len(nodes) == 1 && len(s.Redis.Pods) > 1 {
		for node := range nodes {
			p.add(finding.Info, oneNode, "ha/default-anti-affinity-lost", "all pods run on node %s: if it is lost, all are", node)
		}
	}
}

// A disk is a volume of a pod.
type disk struct {
	pod        *Pod
	claim      string
	used, size int64 // bytes
}

// disks asks the pods with a claim how full it is.
func (c *Cluster) disks(ctx context.Context, report *Report) []disk {
	found := make([]disk, len(report.Servers))
	notes := make([]error, len(report.Servers))
	each(len(found), func(i int) {
		server := report.Servers[i]
		dir := server.Config["dir"]
		if claim := claimAt(server.Pod, dir); claim != "" {
			found[i], notes[i] = c.disk(ctx, server.Pod, claim, dir)
		}
	})
	for _, err := range notes {
		if err != nil {
			report.skip("how full the volumes are", err)
		}
	}
	return slices.DeleteFunc(found, func(d disk) bool { return d.size == 0 })
}

// claimAt returns the claim of the volume that holds a folder of the container, or "".
func claimAt(p *Pod, dir string) string {
	mounts, _ := at(p.container(), "volumeMounts").([]any)
	volumes, _ := at(p.Object, "spec", "volumes").([]any)
	best, claim := -1, ""
	for _, m := range mounts {
		path := strings.TrimSuffix(text(at(m, "mountPath")), "/")
		if dir != path && !strings.HasPrefix(dir, path+"/") || len(path) < best {
			continue
		}
		best, claim = len(path), ""
		for _, v := range volumes {
			if text(at(v, "name")) == text(at(m, "name")) {
				claim = text(at(v, "persistentVolumeClaim", "claimName"))
			}
		}
	}
	return claim
}

func (c *Cluster) disk(ctx context.Context, pod *Pod, claim, dir string) (disk, error) {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	var out, failed bytes.Buffer
	err := c.api.Exec(ctx, Command{Namespace: pod.Namespace, Pod: pod.Name, Container: pod.Container, Args: []string{"df", "-Pk", dir}, Out: &out, Err: &failed})
	var forbidden *Forbidden
	if err != nil && !errors.As(err, &forbidden) {
		err = fmt.Errorf("df in pod %s: %w", pod.Name, err)
	}
	if err != nil {
		return disk{}, err
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	fields := strings.Fields(lines[len(lines)-1]) // file system, size, used, free, percent, where
	if len(lines) < 2 || len(fields) < 4 {
		return disk{}, fmt.Errorf("df in pod %s: unexpected output %.200q", pod.Name, out.String())
	}
	size, _ := strconv.ParseInt(fields[1], 10, 64)
	used, _ := strconv.ParseInt(fields[2], 10, 64)
	return disk{pod, claim, used << 10, size << 10}, nil
}

func (p *problems) disks(all []disk) {
	for _, d := range all {
		share := d.used * 100 / d.size
		add := p.warn
		if share >= diskFull {
			add = p.error
		} else if share < diskNear {
			continue
		}
		add(diskFilling, "data/pvc-too-small", "PVC %s of pod %s is %d%% full, %s of %s; a snapshot needs as much space as the data", d.claim, d.pod.Name, share, rdb.FormatBytes(uint64(d.used)), rdb.FormatBytes(uint64(d.size)))
	}
}
