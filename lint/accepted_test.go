//go:build linux

package lint_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/internal/redistest"
	"github.com/redis-gitops/redis-gitops/render"
	"github.com/redis-gitops/redis-gitops/scaffold"
)

// TestScaffoldedRuns: a real redis-server accepts what generate makes, as each operator gives it to the server: line by line with CONFIG SET, or
// as a file at its start. It then has the limits of the file, and rejects writes while it has too few replicas.
func TestScaffoldedRuns(t *testing.T) {
	t.Parallel()
	for _, operator := range cue.GeneratedNames() {
		if o, err := cue.OperatorNamed(operator); err != nil || o.Without["maxmemoryPercent"] != "" {
			continue // it has no configuration of the server
		}
		for _, profile := range []string{"", "cache", "queue", "store"} {
			for _, memory := range []string{"32Mi", "256Mi", "20Gi"} {
				config := generatedConfig(t, operator, profile, memory)
				server := redistest.Start(t)
				for _, line := range config {
					name, value, _ := strings.Cut(line, " ")
					if value == `""` {
						value = ""
					}
					if reply := server.Do("CONFIG", "SET", name, value); fmt.Sprint(reply) != "OK" {
						t.Errorf("%s, profile %q, %s: CONFIG SET %s: %v", operator, profile, memory, line, reply)
					}
				}
				_, err := server.Try("SET", "key", "value")
				rejects := profile == "queue" || profile == "store" || (operator == "opstree" || operator == "statefulset" || operator == "kubedb") && profile != "cache"
				if rejected := err != nil && strings.Contains(err.Error(), "NOREPLICAS"); rejected != rejects {
					t.Errorf("%s, profile %q: a write without replicas: %v", operator, profile, err)
				}
				server.Kill()
				var args []string
				for _, line := range config {
					name, value, _ := strings.Cut(line, " ")
					if args = append(args, "--"+name); value == `""` {
						args = append(args, "")
						continue
					}
					args = append(args, strings.Fields(value)...)
				}
				started := redistest.Start(t, args...)
				if got := fmt.Sprint(started.Do("CONFIG", "GET", "maxmemory")); strings.HasSuffix(got, " 0]") {
					t.Errorf("%s, profile %q, %s: %s", operator, profile, memory, got)
				}
				started.Kill()
			}
		}
	}
}

// generatedConfig returns the directives of what generate makes.
func generatedConfig(t *testing.T, operator, profile, memory string) []string {
	t.Helper()
	r, config := open(t, []txtar.File{{Name: cue.ConfigFile, Data: []byte("operator: {name: " + operator + ", namespace: redis-operator}\n")}})
	plan, err := scaffold.PlanApplication(r, scaffold.ApplicationRequest{App: "shop"})
	if err == nil {
		err = plan.Apply(r)
	}
	if err == nil {
		plan, err = scaffold.PlanResource(t.Context(), r, config, scaffold.Deps{Random: rand.Reader, Now: today}, scaffold.ResourceRequest{
			App: "shop", Profile: profile, Set: map[string]cue.LayerValue{"memory": {Value: memory}},
		})
	}
	if err == nil {
		err = plan.Apply(r)
	}
	if err != nil {
		t.Fatal(err)
	}
	targets, _, err := render.Targets(r)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, target := range targets {
		res, err := render.Render(context.Background(), r, target, render.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range res.Resources {
			var object map[string]any
			if err := found.Node.Decode(&object); err != nil {
				t.Fatal(err)
			}
			list, _ := cue.At(object, "spec", "redis", "customConfig").([]any)
			for _, line := range list {
				lines = append(lines, fmt.Sprint(line))
			}
			args, _ := cue.At(object, "spec", "template", "spec", "containers", "0", "args").([]any)
			if object["kind"] == "StatefulSet" && len(lines) == 0 { // the same for each replica
				for _, arg := range args {
					if name, ok := strings.CutPrefix(fmt.Sprint(arg), "--"); ok {
						lines = append(lines, name)
					} else {
						lines[len(lines)-1] += fmt.Sprintf(" %q", arg)
					}
				}
			}
			text, _ := cue.At(object, "spec", "configuration", "inline", "redis.conf").(string)
			if text == "" {
				text, _ = cue.At(object, "data", "redis-additional.conf").(string)
			}
			if text != "" {
				lines = append(lines, strings.Split(strings.TrimSpace(text), "\n")...)
			}
		}
	}
	lines = without(lines, "#")
	if len(lines) < 4 {
		t.Fatalf("%s: %q", operator, lines)
	}
	return lines
}

// without returns the lines that do not begin with a mark.
func without(lines []string, mark string) (out []string) {
	for _, line := range lines {
		if !strings.HasPrefix(line, mark) {
			out = append(out, line)
		}
	}
	return out
}
