package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Variables with what is not of this project: a run goes without what is not named. README.md says what they hold.
const (
	imagesVariable     = "E2E_IMAGES"
	opsTreeVariable    = "E2E_OPSTREE_OPERATOR"
	opsTreeCRDVariable = "E2E_OPSTREE_CRD"
	opsTreeGroup       = "redis.redis.opstreelabs.in"
)

// definitions are the CRDs of this run: ours, or those of the operators that it is given.
func definitions() (string, error) {
	out := []string{redisFailoverCRD}
	if file := os.Getenv("E2E_CRD"); file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		out[0] = string(text)
	}
	real := os.Getenv(opsTreeCRDVariable)
	for _, text := range strings.Split(otherCRDs, "\n---\n") {
		if real == "" || !strings.Contains(text, "group: "+opsTreeGroup+"\n") {
			out = append(out, text)
		}
	}
	if real != "" {
		files, err := filepath.Glob(filepath.Join(real, opsTreeGroup+"_*.yaml"))
		if err == nil && len(files) == 0 {
			err = fmt.Errorf("%s: no CRD of OpsTree in %s", opsTreeCRDVariable, real)
		}
		if err != nil {
			return "", err
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				return "", err
			}
			out = append(out, string(text))
		}
	}
	return strings.Join(out, "\n---\n"), nil
}

// kinds are the resources that definitions defines.
func kinds() []schema.GroupVersionResource {
	out := append([]schema.GroupVersionResource{RedisFailovers}, Others...)
	if os.Getenv(opsTreeCRDVariable) != "" {
		out = append(out, schema.GroupVersionResource{Group: opsTreeGroup, Version: "v1beta2", Resource: "redis"})
	}
	return out
}

// OpsTreeMissing says why the operator of OpsTree cannot run; "" if it can.
func OpsTreeMissing() string {
	for _, v := range []string{opsTreeVariable, opsTreeCRDVariable, imagesVariable} {
		if os.Getenv(v) == "" {
			return v + " is not set: see \"With a real operator\" in test/e2e/README.md"
		}
	}
	return ""
}

// Program is a real operator beside that of all tests.
type Program struct{ p *process }

// StartOpsTree starts the operator of OpsTree for one namespace, with feature gates as its flag has them.
func (c *Cluster) StartOpsTree(namespace, gates string) (*Program, error) {
	p, err := startProcess(c.Dir, "opstree-"+namespace, "env",
		"KUBECONFIG="+c.Kubeconfig(), "WATCH_NAMESPACE="+namespace, "ENABLE_WEBHOOKS=false", "INIT_CONTAINER_IMAGE=quay.io/opstree/redis-operator:e2e",
		os.Getenv(opsTreeVariable), "manager", "--feature-gates="+gates, "--metrics-bind-address=0", "--health-probe-bind-address=0", "--zap-log-level=debug",
		"--kube-client-qps=200", "--max-concurrent-reconciles=16") // for what many claims need at the same time
	return &Program{p}, err
}

// Stop ends the operator.
func (p *Program) Stop() { p.p.stop(10 * time.Second) }

// Alive is an error with the end of the log when the operator has ended.
func (p *Program) Alive() error { return p.p.alive() }

// Log is all that the operator wrote.
func (p *Program) Log() (string, error) {
	text, err := os.ReadFile(p.p.log)
	return string(text), err
}

// Ended waits for the end of the operator by itself.
func (p *Program) Ended(ctx context.Context) error {
	select {
	case <-p.p.done:
		return nil
	case <-time.After(limit):
		return errors.New("the operator runs on")
	case <-ctx.Done():
		return ctx.Err()
	}
}

// imageFlags are those of podrunner.
func imageFlags() []string {
	if dir := os.Getenv(imagesVariable); dir != "" {
		return []string{"-images", dir}
	}
	return nil
}

// install makes the API server know the resources of operators.
func (c *Cluster) install(ctx context.Context) error {
	text, err := definitions()
	if err != nil {
		return err
	}
	if err := c.Apply(ctx, "", text); err != nil {
		return err
	}
	for _, r := range kinds() {
		if err := c.known(ctx, r); err != nil {
			return err
		}
	}
	return nil
}
