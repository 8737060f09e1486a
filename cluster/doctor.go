package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/redis-gitops/redis-gitops/diag"
	"github.com/redis-gitops/redis-gitops/instance"
	"github.com/redis-gitops/redis-gitops/rdb"
)

// Bounds of what is no problem yet.
const (
	memoryNear   = 90       // percent of maxmemory
	memoryLimit  = 85       // percent of the limit of the container
	diskNear     = 80       // percent of the volume
	diskFull     = 95       // percent of the volume
	lagBehind    = 10 << 20 // bytes of replication
	shutdownWait = 31       // seconds that the shutdown script of Spotahome's operator and its forks waits before it saves
)

// A Report is what [Cluster.Doctor] saw.
type Report struct {
	*State
	Problems []*Problem
	Notes    []string // what could not be looked at
}

// Doctor makes all checks of a running Redis. What is wrong with it is in the report; the error is that it could not be
// looked at.
func (c *Cluster) Doctor(ctx context.Context, r *Redis) (*Report, error) {
	s, err := c.State(ctx, r)
	if err != nil {
		return nil, err
	}
	report := &Report{State: s}
	workloads := c.workloads(ctx, report)
	var p problems
	p.reconciled(s, workloads)
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
			p.warn(checkService, "svc/master-selector-no-role", "no Service leads to the master: clients must ask the sentinels; add one that selects it")
		}
	case s.Write == nil:
		p.error(checkService, "svc/master-selector-no-role", "no Service leads to the master, and there are no sentinels to ask; add one that selects it")
	}
	p.login(s)
	if s.Auth == nil && slices.ContainsFunc(s.Servers, func(server *Server) bool { return !locked(server) }) {
		p.warn(checkLogin, "auth/missing", "it has no password: every pod of the cluster can read and write it")
	}
	p.roles(s)
	p.labels(s)
	p.replication(s)
	p.sentinels(s)
	p.strangers(s)
	p.config(s)
	p.memory(s)
	p.saving(s)
	p.grace(s)
	p.pods(s)
	p.disks(c.disks(ctx, report))
	slices.SortStableFunc(p, func(a, b *Problem) int { return int(a.Severity) - int(b.Severity) })
	report.Problems = p
	return report, context.Cause(ctx)
}

// workloads gives the StatefulSets, ReplicaSets' Deployments and so on that own the pods, by kind/name.
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
				report.Notes = append(report.Notes, err.Error())
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
		p.error(checkReconcile, "ha/operator-missing", "%s asks for %d Redises, and the number of pods is %d; look at the log of the operator", s, want, have)
	}
	conditions, _ := at(s.Object, "status", "conditions").([]any)
	for _, condition := range conditions {
		if kind := text(at(condition, "type")); (kind == "Ready" || kind == "Available") && text(at(condition, "status")) == "False" {
			p.error(checkReconcile, "", "the operator says it is not %s: %s", strings.ToLower(kind), text(at(condition, "message")))
		}
	}
	image := text(at(s.Object, "spec", "redis", "image"))
	for _, name := range slices.Sorted(maps.Keys(workloads)) {
		w := workloads[name]
		if len(w) == 0 {
			continue
		}
		if made, asked := number(at(w, "status", "observedGeneration")), number(at(w, "metadata", "generation")); made < asked {
			p.error(checkReconcile, "", "StatefulSet %s was changed, and its controller has not seen it yet", name)
		}
		template := &Pod{Object: map[string]any{"spec": at(w, "spec", "template", "spec")}}
		template.place(s.port(), "redis")
		if have := text(at(template.container(), "image")); image != "" && have != image {
			p.error(checkReconcile, "", "%s asks for image %s, and StatefulSet %s has %s; look at the log of the operator", s, image, name, have)
		}
		revision := text(at(w, "status", "updateRevision"))
		var old []string
		for _, pod := range s.Redis.Pods {
			if have := text(at(pod.Object, "metadata", "labels", "controller-revision-hash")); revision != "" && have != "" && have != revision && owned(pod, name) {
				old = append(old, pod.Name)
			}
		}
		if len(old) > 0 {
			p.warn(checkReconcile, "", "%s %s from before the last change of StatefulSet %s; the operator replaces one after the other", strings.Join(old, ", "), are(len(old)), name)
		}
	}
	if s.Sentinel != nil {
		if want, have := number(at(s.Object, "spec", "sentinel", "replicas")), len(s.Watchers); want > 0 && have > 0 && want != have {
			p.error(checkReconcile, "", "%s asks for %d sentinels, and the number of pods is %d", s, want, have)
		}
	}
}

func are(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

func owned(pod *Pod, name string) bool {
	list, _ := at(pod.Object, "metadata", "ownerReferences").([]any)
	return slices.ContainsFunc(list, func(o any) bool { return text(at(o, "name")) == name })
}

// container gives the one with the server.
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
	if !s.RoleLabels() || s.Cluster {
		return
	}
	for _, server := range s.Servers {
		switch {
		case server.Err != nil || server.Pod.Label == server.Role:
		case server.Pod.Label == "":
			p.warn(checkLabels, "", "pod %s has no label of its role, and is a %s; Services that select a role leave it out", server.Pod.Name, server.Role)
		default:
			p.error(checkLabels, "", "pod %s has the label of a %s, and is a %s: Services lead to the wrong pod; the operator corrects it within a minute, unless it sees several masters", server.Pod.Name, server.Pod.Label, server.Role)
		}
	}
}

// replication checks whom the replicas follow and how far they are.
func (p *problems) replication(s *State) {
	bootstrap := at(s.Object, "spec", "bootstrapNode") != nil
	for _, server := range s.Servers {
		if server.Role != replica {
			continue
		}
		m := s.ByAddr(server.Master)
		host, _, _ := net.SplitHostPort(server.Master)
		switch {
		case m == nil && bootstrap:
			p.warn(checkSync, "data/bootstrap-left-on", "pod %s follows %s by spec.bootstrapNode: it takes no writes; remove bootstrapNode when all data is there", server.Pod.Name, server.Master)
		case m == nil && host == "127.0.0.1":
			p.error(checkSync, "", "pod %s follows itself: it waits for the operator to tell it the master", server.Pod.Name)
		case m == nil:
			p.error(checkForeign, "ha/clusters-can-join", "pod %s is a replica of %s, which is no pod of %s: its data is that of another Redis; give each Redis a password of its own", server.Pod.Name, server.Master, s)
		case m.Role == replica && m.Err == nil:
			p.error(checkSync, "", "pod %s is a replica of pod %s, which is a replica itself", server.Pod.Name, m.Pod.Name)
		}
		if m == nil {
			continue
		}
		if lag, known := s.Lag(server); server.Info["master_link_status"] != "up" {
			doing := "the link is down for " + server.Info["master_link_down_since_seconds"] + " s"
			if server.Info["master_sync_in_progress"] == "1" {
				doing = "it is loading a full copy"
			}
			p.error(checkSync, "", "pod %s is not in sync with its master: %s", server.Pod.Name, doing)
		} else if known && lag > lagBehind {
			p.warn(checkSync, "", "pod %s is %s behind its master", server.Pod.Name, rdb.FormatBytes(uint64(lag)))
		}
	}
	for _, m := range s.Masters() {
		for i := range m.int("connected_slaves") {
			fields := commaFields(m.Info["slave"+strconv.FormatInt(i, 10)])
			ip := fields["ip"]
			if ip == "" || slices.ContainsFunc(s.Redis.Pods, func(pod *Pod) bool { return pod.at(net.JoinHostPort(ip, strconv.Itoa(pod.Port)), pod.Port) }) {
				continue
			}
			p.error(checkCopied, "ha/clusters-can-join", "%s:%s replicates from pod %s and is no pod of %s: a replica of another Redis, or somebody who copies its data", ip, fields["port"], m.Pod.Name, s)
		}
	}
	if m := s.Masters(); s.Replicas > 1 && len(m) == 1 && m[0].int("connected_slaves") == 0 {
		p.error(checkSync, "", "no replica is connected to the master: nothing takes over when pod %s is lost", m[0].Pod.Name)
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
	// stranger tells of what a sentinel knows and this Redis has not: once, and as a memory where it is gone.
	stranger := func(known map[string]string, ours func(addr string) bool, gone, there string) {
		addr := net.JoinHostPort(known["ip"], known["port"])
		switch {
		case told[addr] || ours(addr):
			return
		case strings.Contains(known["flags"], "down"), strings.Contains(known["flags"], "disconnected"):
			p.warn(checkSentinel, "", gone, addr, s.Sentinel.Master)
		default:
			p.error(checkForeign, "ha/clusters-can-join", there, addr, s)
		}
		told[addr] = true
	}
	for _, sentinel := range s.Sentinels {
		if sentinel.Err != nil {
			continue
		}
		for _, other := range sentinel.Sentinels {
			stranger(other, func(addr string) bool {
				return slices.ContainsFunc(s.Watchers, func(pod *Pod) bool { return pod.at(addr, pod.Port) })
			}, "the sentinels remember one at %s that is gone, which counts for the majority; SENTINEL RESET %s on each forgets it",
				"a sentinel at %s votes with those of %s and is no pod of it: the sentinels of two Redises have joined; give each Redis a password of its own")
		}
		for _, known := range sentinel.Replicas {
			stranger(known, func(addr string) bool { return s.ByAddr(addr) != nil },
				"the sentinels remember a replica at %s that is gone; SENTINEL RESET %s on each forgets it",
				"the sentinels count %s as a replica, which is no pod of %s: they make the pod of another Redis follow this one; give each Redis a password of its own")
		}
		for _, name := range sentinel.Others {
			p.warn(checkForeign, "", "sentinel %s watches %q as well", sentinel.Pod.Name, name)
		}
	}
}

// config checks that customConfig is what the servers and sentinels run with.
func (p *problems) config(s *State) {
	for _, server := range s.Servers {
		if server.Err == nil && len(server.Config) > 0 {
			for _, line := range unlike(customConfig(at(s.Object, "spec", "redis", "customConfig")), server.Config) {
				p.error(checkConfig, "config/bad-value", "pod %s does not run with customConfig %q but with %q; look at the log of the operator, or restart the pod", server.Pod.Name, line.want, line.have)
			}
		}
	}
	for _, sentinel := range s.Sentinels {
		if sentinel.Err == nil {
			for _, line := range unlike(customConfig(at(s.Object, "spec", "sentinel", "customConfig")), sentinel.Fields) {
				p.error(checkConfig, "config/bad-value", "sentinel %s does not run with customConfig %q but with %q; look at the log of the operator", sentinel.Pod.Name, line.want, line.have)
			}
		}
	}
}

// customConfig reads the lines of a list, or the keys of a mapping as Alauda has it. Of lines with one name the last one
// counts, but for those that add up.
func customConfig(data any) map[string]string {
	settings := map[string]string{}
	set := func(name, value string) {
		name, value = strings.ToLower(name), strings.Trim(strings.TrimSpace(value), `"'`)
		if old := settings[name]; name == "save" && old != "" && value != "" {
			value = old + " " + value
		}
		settings[name] = value
	}
	switch data := data.(type) {
	case []any:
		for _, line := range data {
			if name, value, ok := strings.Cut(strings.TrimSpace(text(line)), " "); ok {
				set(name, value)
			}
		}
	case map[string]any:
		for name, value := range data {
			set(name, text(value))
		}
	}
	return settings
}

type setting struct{ want, have string }

// unlike gives the settings that the server has another value of. Those that it does not tell are left out.
func unlike(want, have map[string]string) []setting {
	var all []setting
	for _, name := range slices.Sorted(maps.Keys(want)) {
		switch is, ok := have[name]; {
		case !ok, name == "client-output-buffer-limit", name == "rename-command", strings.HasPrefix(name, "user"):
		case strings.Contains(name, "pass") || strings.Contains(name, "auth"): // never shown
		case normal(is) != normal(want[name]):
			all = append(all, setting{name + " " + want[name], name + " " + is})
		}
	}
	return all
}

// normal gives a value as CONFIG GET has it: 100mb as bytes, one blank, lower case.
func normal(value string) string {
	value = strings.ToLower(strings.Join(strings.Fields(strings.Trim(value, `"'`)), " "))
	digits := strings.TrimRight(value, "kmgb")
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return value
	}
	// memtoull in Redis' util.c
	factor, ok := map[string]int64{"": 1, "b": 1, "k": 1000, "kb": 1 << 10, "m": 1e6, "mb": 1 << 20, "g": 1e9, "gb": 1 << 30}[value[len(digits):]]
	if !ok {
		return value
	}
	return strconv.FormatInt(n*factor, 10)
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
				then = "writes fail then (noeviction)"
			}
			p.warn(checkMemory, "", "pod %s uses %s of maxmemory, %s of %s; %s", server.Pod.Name, percent(used, limit), rdb.FormatBytes(uint64(used)), rdb.FormatBytes(uint64(limit)), then)
		}
		container, err := resource.ParseQuantity(text(at(server.Pod.container(), "resources", "limits", "memory")))
		if err != nil || container.Value() <= 0 {
			continue
		}
		most := container.Value()
		if rss := server.int("used_memory_rss"); rss*100 >= most*memoryLimit {
			p.warn(checkMemory, "mem/headroom", "pod %s uses %s of its memory limit, %s of %s; Kubernetes kills it at the limit", server.Pod.Name, percent(rss, most), rdb.FormatBytes(uint64(rss)), rdb.FormatBytes(uint64(most)))
		}
		switch {
		case limit == 0:
			p.warn(checkMemory, "mem/limit-without-maxmemory", "pod %s has a memory limit of %s and no maxmemory: it is killed when the data grows; set maxmemory in customConfig", server.Pod.Name, rdb.FormatBytes(uint64(most)))
		case limit >= most:
			p.warn(checkMemory, "mem/maxmemory-at-limit", "pod %s has maxmemory %s at a memory limit of %s, which leaves no room for forks and buffers", server.Pod.Name, rdb.FormatBytes(uint64(limit)), rdb.FormatBytes(uint64(most)))
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
				p.error(checkSaving, "data/pvc-too-small", "the last %s of pod %s failed; is its disk full? It may refuse writes until one works (MISCONF)", what, server.Pod.Name)
			}
		}
	}
}

// grace checks that Kubernetes leaves Redis the time to shut down.
func (p *problems) grace(s *State) {
	for _, server := range s.Servers {
		grace := int64(number(at(server.Pod.Object, "spec", "terminationGracePeriodSeconds")))
		if grace == 0 || at(server.Pod.container(), "lifecycle", "preStop") == nil {
			continue
		}
		waits := int64(0)
		if s.Kind == "RedisFailover" && s.Sentinel != nil && text(at(s.Object, "spec", "redis", "shutdownConfigMap")) == "" {
			waits = shutdownWait
		}
		save := max(server.int("rdb_last_bgsave_time_sec"), 0) // a guess: what the last one took
		if grace <= waits+save {
			took := ""
			if save > 0 {
				took = fmt.Sprintf(", which took %d the last time", save)
			}
			p.warn(checkGrace, "ha/grace-shorter-than-shutdown", "terminationGracePeriod is %d seconds, and the shutdown script waits %d before it saves%s: the pods are killed before that; set it to %d", grace, waits, took, 90+2*save)
			return // alike for all pods
		}
	}
}

// pods checks for what Kubernetes tells of the pods.
func (p *problems) pods(s *State) {
	for _, pod := range slices.Concat(s.Redis.Pods, s.Watchers) {
		statuses, _ := at(pod.Object, "status", "containerStatuses").([]any)
		for _, status := range statuses {
			if reason := text(at(status, "lastState", "terminated", "reason")); reason == "OOMKilled" {
				p.warn(checkMemory, "mem/headroom", "container %q of pod %s was killed for its memory at %s; %d restarts", text(at(status, "name")), pod.Name, text(at(status, "lastState", "terminated", "finishedAt")), number(at(status, "restartCount")))
			}
		}
	}
	nodes := map[string][]string{}
	for _, pod := range s.Redis.Pods {
		if node := text(at(pod.Object, "spec", "nodeName")); node != "" {
			nodes[node] = append(nodes[node], pod.Name)
		}
	}
	if len(nodes) == 1 && len(s.Redis.Pods) > 1 {
		for node := range nodes {
			p.add(diag.Info, checkPods, "ha/default-anti-affinity-lost", "all pods run on node %s, whose loss is the loss of all", node)
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
			report.Notes = append(report.Notes, err.Error())
		}
	}
	return slices.DeleteFunc(found, func(d disk) bool { return d.size == 0 })
}

// claimAt gives the claim of the volume that holds a folder of the container, or "".
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
		err = fmt.Errorf("how full the disk of pod %s is, it cannot be asked: df: %w", pod.Name, err)
	}
	if err != nil {
		return disk{}, err
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	fields := strings.Fields(lines[len(lines)-1]) // file system, size, used, free, percent, where
	if len(lines) < 2 || len(fields) < 4 {
		return disk{}, fmt.Errorf("how full the disk of pod %s is, df does not say: %.200q", pod.Name, out.String())
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
		add(checkDisk, "data/pvc-too-small", "the claim %s of pod %s is %d %% full, %s of %s; a snapshot needs as much room as the data", d.claim, d.pod.Name, share, rdb.FormatBytes(uint64(d.used)), rdb.FormatBytes(uint64(d.size)))
	}
}
