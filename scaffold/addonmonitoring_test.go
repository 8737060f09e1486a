package scaffold

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/afero"
	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/cue"
)

// monitored returns the documents of the addon monitoring of a Redis that has everything.
func monitored(t *testing.T, set map[string]cue.LayerValue) []map[string]any {
	t.Helper()
	r, c := addonShop(t, "statefulset")
	backup := "apiVersion: batch/v1\nkind: CronJob\nmetadata:\n  name: shop-redis-backup\n  labels: { redis-gitops.io/backup: shop-redis }\n"
	if err := afero.WriteFile(r.Fs(), "applications/shop/templates/backup.yaml", []byte(backup), 0o644); err != nil {
		t.Fatal(err)
	}
	apply(t, r)(PlanAddon(t.Context(), r, c, AddonRequest{App: "shop", Redis: "redis", Kind: "monitoring", Set: set}))
	return documentsOf(addonText(t, r, "redis-monitoring"))
}

// documentsOf parses what a template renders to.
func documentsOf(text string) (documents []map[string]any) {
	for d := yaml.NewDecoder(strings.NewReader(text)); ; {
		var document map[string]any
		if d.Decode(&document) != nil {
			return documents
		}
		if document != nil {
			documents = append(documents, document)
		}
	}
}

func ofKind(documents []map[string]any, kind string) (found []map[string]any) {
	for _, d := range documents {
		if d["kind"] == kind {
			found = append(found, d)
		}
	}
	return found
}

// The labels that Prometheus adds to what it scrapes.
const (
	atRedis    = `job="shop-redis", namespace="default", pod="a", instance="a:9121"`
	atOther    = `job="shop-redis", namespace="default", pod="b", instance="b:9121"`
	atSentinel = `job="shop-redis-sentinel", namespace="default"`
)

// alertCases have, for each alert, series with which it fires in time, and series with which it does not.
var alertCases = map[string]struct{ fires, quiet []string }{
	"RedisMasterCount": {
		[]string{`redis_instance_info{` + atRedis + `, role="master"} 1x120`, `redis_instance_info{` + atOther + `, role="master"} 1x120`},
		[]string{`redis_instance_info{` + atRedis + `, role="master"} 1x120`, `redis_instance_info{` + atOther + `, role="slave"} 1x120`},
	},
	"RedisDown": {
		[]string{`up{` + atRedis + `} 1x120`, `redis_up{` + atRedis + `} 0x120`},
		[]string{`up{` + atRedis + `} 1x120`, `redis_up{` + atRedis + `} 1x120`, `redis_up{job="other"} 0x120`},
	},
	"RedisReplicationBroken": {
		[]string{`redis_master_link_up{` + atOther + `} 0x120`},
		[]string{`redis_master_link_up{` + atOther + `} 1 0 1x120`},
	},
	"RedisReplicasMissing": {
		[]string{`redis_connected_slaves{` + atRedis + `} 1x120`, `redis_connected_slaves{` + atOther + `} 0x120`},
		[]string{`redis_connected_slaves{` + atRedis + `} 2x120`, `redis_connected_slaves{` + atOther + `} 0x120`},
	},
	"RedisReplicationLag": {
		[]string{`redis_connected_slave_lag_seconds{` + atRedis + `, slave_ip="b"} 11x120`},
		[]string{`redis_connected_slave_lag_seconds{` + atRedis + `, slave_ip="b"} 10x120`},
	},
	"RedisMemoryHigh": {
		[]string{`redis_memory_used_bytes{` + atRedis + `} 91x120`, `redis_memory_max_bytes{` + atRedis + `} 100x120`},
		[]string{
			`redis_memory_used_bytes{` + atRedis + `} 90x120`, `redis_memory_max_bytes{` + atRedis + `} 100x120`,
			`redis_memory_used_bytes{` + atOther + `} 91x120`, `redis_memory_max_bytes{` + atOther + `} 0x120`, // no limit
		},
	},
	"RedisWritesRejected": {
		[]string{`redis_errors_total{` + atRedis + `, err="OOM"} 0+1x120`},
		[]string{`redis_errors_total{` + atRedis + `, err="OOM"} 7x120`, `redis_errors_total{` + atRedis + `, err="WRONGTYPE"} 0+1x120`},
	},
	"RedisEvictions": {
		[]string{`redis_evicted_keys_total{` + atRedis + `} 0+1x120`, `redis_instance_info{` + atRedis + `, maxmemory_policy="volatile-lru"} 1x120`},
		[]string{`redis_evicted_keys_total{` + atRedis + `} 0+1x120`, `redis_instance_info{` + atRedis + `, maxmemory_policy="allkeys-lru"} 1x120`},
	},
	"RedisPersistenceFailing": {
		[]string{`redis_rdb_last_bgsave_status{` + atRedis + `} 1x120`, `redis_aof_last_write_status{` + atRedis + `} 0x120`},
		[]string{`redis_rdb_last_bgsave_status{` + atRedis + `} 1x120`, `redis_aof_last_write_status{` + atRedis + `} 1x120`, `redis_aof_last_bgrewrite_status{` + atRedis + `} 1x120`},
	},
	"RedisBackupTooOld": {
		[]string{`kube_cronjob_status_last_successful_time{cronjob="shop-redis-backup", namespace="default"} -100000x120`}, // 28 hours ago
		[]string{`kube_cronjob_status_last_successful_time{cronjob="shop-redis-backup", namespace="default"} 0x120`},
	},
	"RedisSentinelQuorum": {
		[]string{`up{` + atSentinel + `, pod="x"} 1x120`, `up{` + atSentinel + `, pod="y"} 0x120`, `up{` + atSentinel + `, pod="z"} 0x120`},
		[]string{
			`up{` + atSentinel + `, pod="x"} 1x120`, `up{` + atSentinel + `, pod="y"} 1x120`, `up{` + atSentinel + `, pod="z"} 0x120`,
			`redis_sentinel_master_ckquorum_status{` + atSentinel + `, pod="x"} 1x120`,
		},
	},
}

// TestAlerts: promtool accepts the rules, each alert fires when it should and is silent otherwise, and each has a runbook.
func TestAlerts(t *testing.T) {
	t.Parallel()
	rules := ofKind(monitored(t, nil), "PrometheusRule")
	if len(rules) != 1 {
		t.Fatalf("%d PrometheusRules", len(rules))
	}
	names := alertNames(t, rules[0])
	if want := slices.Sorted(maps.Keys(alertCases)); !slices.Equal(names, want) {
		t.Errorf("alerts %v, cases %v", names, want)
	}
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("no promtool: install the package prometheus")
	}
	dir := t.TempDir()
	write := func(name string, v any) string {
		src, err := yaml.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, src, 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	check := func(args ...string) {
		t.Helper()
		if out, err := exec.Command(promtool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v\n%s", args, err, out)
		}
	}
	check("check", "rules", write("rules.yaml", rules[0]["spec"]))
	var tests []map[string]any
	for _, name := range names {
		at := "12m" // longer than any alert waits but one
		if name == "RedisBackupTooOld" {
			at = "70m"
		}
		for fires, lines := range map[bool][]string{true: alertCases[name].fires, false: alertCases[name].quiet} {
			samples := []map[string]any{}
			if fires {
				samples = append(samples, map[string]any{"labels": fmt.Sprintf(`{alertname=%q}`, name), "value": 1})
			}
			var series []map[string]any
			for _, line := range lines {
				end := strings.LastIndex(line, "} ") + 1
				series = append(series, map[string]any{"series": line[:end], "values": line[end+1:]})
			}
			tests = append(tests, map[string]any{
				"name": fmt.Sprint(name, fires), "interval": "1m", "input_series": series,
				"promql_expr_test": []map[string]any{{
					"expr": fmt.Sprintf(`max by (alertname) (ALERTS{alertname=%q, alertstate="firing"})`, name), "eval_time": at, "exp_samples": samples,
				}},
			})
		}
	}
	check("test", "rules", write("tests.yaml", map[string]any{"rule_files": []string{"rules.yaml"}, "evaluation_interval": "1m", "tests": tests}))
	// The test can fail: what fires is expected to be silent.
	tests[0]["promql_expr_test"].([]map[string]any)[0]["expr"] = "vector(2)"
	if out, err := exec.Command(promtool, "test", "rules", write("tests.yaml", map[string]any{"rule_files": []string{"rules.yaml"}, "tests": tests[:1]})).CombinedOutput(); err == nil {
		t.Errorf("promtool accepts anything: %s", out)
	}
}

// alertNames returns the alerts of a PrometheusRule, whose runbooks must be there and complete.
func alertNames(t *testing.T, rule map[string]any) []string {
	t.Helper()
	var spec struct {
		Groups []struct {
			Rules []struct {
				Alert       string            `yaml:"alert"`
				Annotations map[string]string `yaml:"annotations"`
			} `yaml:"rules"`
		} `yaml:"groups"`
	}
	src, err := yaml.Marshal(rule["spec"])
	if err == nil {
		err = yaml.Unmarshal(src, &spec)
	}
	if err != nil || len(spec.Groups) != 1 {
		t.Fatal(err, len(spec.Groups))
	}
	var names, pages []string
	for _, a := range spec.Groups[0].Rules {
		names = append(names, a.Alert)
		if strings.Contains(a.Annotations["summary"], "%!") || !strings.Contains(a.Annotations["summary"], "shop-redis") || a.Annotations["description"] == "" {
			t.Errorf("%s: %v", a.Alert, a.Annotations)
		}
		page, ok := strings.CutPrefix(a.Annotations["runbook_url"], "https://github.com/redis-gitops/redis-gitops/blob/main/")
		src, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(page)))
		if !ok || err != nil {
			t.Errorf("%s: %s: %v", a.Alert, a.Annotations["runbook_url"], err)
			continue
		}
		pages = append(pages, filepath.Base(page))
		for _, part := range []string{"# " + a.Alert + "\n", "\n## What it means\n", "\n## What to check\n", "\n## What to do\n", "redis-gitops "} {
			if !strings.Contains(string(src), part) {
				t.Errorf("%s has no %q", page, part)
			}
		}
	}
	all, err := filepath.Glob("../docs/runbooks/redis-*.md")
	if err != nil || len(all) != len(pages) {
		t.Errorf("%d runbooks for %d alerts", len(all), len(pages))
	}
	slices.Sort(names)
	return names
}

// TestMetrics: the alerts and the dashboard use the metrics whose sources addon.cue names, and all of those.
func TestMetrics(t *testing.T) {
	t.Parallel()
	documents := monitored(t, nil)
	src, err := os.ReadFile("../cue/addon/monitoring/addon.cue")
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := bytes.Cut(src, []byte("\nmetrics: {\n"))
	list, _, _ = bytes.Cut(list, []byte("\n}\n"))
	known := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\t([a-z_]+): +"`).FindAllSubmatch(list, -1) {
		known[string(m[1])] = false
	}
	text, err := json.Marshal(slices.Concat(ofKind(documents, "PrometheusRule"), ofKind(documents, "ConfigMap")))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`\b(redis_[a-z_]+|kube_[a-z_]+|up)(?:\{|\\u007b)`).FindAllSubmatch(text, -1) {
		if _, ok := known[string(m[1])]; !ok {
			t.Errorf("nothing says where %s is from", m[1])
		}
		known[string(m[1])] = true
	}
	for name, used := range known {
		if !used {
			t.Errorf("%s is not used", name)
		}
	}
}

// TestDashboard reads the dashboard as Grafana does: the fields of its schema, with panels that do not overlap.
func TestDashboard(t *testing.T) {
	t.Parallel()
	maps := ofKind(monitored(t, nil), "ConfigMap")
	if len(maps) != 1 || cue.At(maps[0], "metadata", "labels", "grafana_dashboard") != "1" {
		t.Fatal(maps)
	}
	text, _ := cue.At(maps[0], "data", "shop-redis.json").(string)
	var board struct {
		UID           string   `json:"uid"`
		Title         string   `json:"title"`
		Tags          []string `json:"tags"`
		SchemaVersion int      `json:"schemaVersion"`
		Editable      bool     `json:"editable"`
		Refresh       string   `json:"refresh"`
		Time          struct{ From, To string }
		Templating    struct {
			List []struct{ Name, Label, Type, Query string }
		}
		Annotations struct{ List []any }
		Panels      []struct {
			ID          int
			Type, Title string
			Datasource  struct{ Type, UID string }
			GridPos     struct{ H, W, X, Y int }
			FieldConfig struct {
				Defaults struct {
					Unit string
					Min  int
				}
				Overrides []any
			}
			Options map[string]any
			Targets []struct{ RefID, Expr, LegendFormat string }
		}
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&board); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if len(board.UID) > 40 || board.UID == "" || board.SchemaVersion < 36 || len(board.Templating.List) != 1 || board.Templating.List[0].Type != "datasource" || len(board.Panels) < 6 {
		t.Errorf("%+v", board)
	}
	taken := map[string]bool{}
	for _, p := range board.Panels {
		at := fmt.Sprint(p.GridPos.X, "/", p.GridPos.Y)
		if taken[at] || p.GridPos.X+p.GridPos.W > 24 || p.ID == 0 || p.Title == "" || len(p.Targets) != 1 || !strings.Contains(p.Targets[0].Expr, `job="shop-redis"`) {
			t.Errorf("panel %+v", p)
		}
		taken[at] = true
	}
}

// TestMonitors: a ServiceMonitor selects the Service that comes with it, a PodMonitor the pods by the port of their exporter.
func TestMonitors(t *testing.T) {
	t.Parallel()
	pods := ofKind(monitored(t, map[string]cue.LayerValue{"labels": {Value: "release=prometheus"}}), "PodMonitor")
	if len(pods) != 2 || cue.At(pods[0], "metadata", "labels", "release") != "prometheus" || cue.At(pods[1], "spec", "selector", "matchLabels", "redis-gitops.io/sentinel") != "shop-redis-sentinel" {
		t.Errorf("%v", pods)
	}
	documents := monitored(t, map[string]cue.LayerValue{"monitor": {Value: "ServiceMonitor"}, "alerts": {Value: false}, "dashboard": {Value: false}})
	services, monitors := ofKind(documents, "Service"), ofKind(documents, "ServiceMonitor")
	if len(documents) != 4 || len(services) != 2 || len(monitors) != 2 {
		t.Fatalf("%v", documents)
	}
	for i := range services {
		if key := "redis-gitops.io/scrape"; cue.At(services[i], "metadata", "labels", key) != cue.At(monitors[i], "spec", "selector", "matchLabels", key) {
			t.Errorf("%v\n%v", services[i], monitors[i])
		}
	}
}
