package render

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/repo"
	"github.com/redis-gitops/redis-gitops/repo/rootfs"
)

// BenchmarkRender renders applications as Reclaim the Stack's users have them: a chart with the template of its generator
// for a Redis, and the values that this reads. The linter's aim leaves 0.8 ms of CPU for one.
func BenchmarkRender(b *testing.B) {
	generator, err := os.ReadFile("../../shared/corpus/reclaim-the-stack+get-started/generators/resources/redis.yaml")
	if err != nil {
		b.Skip("the corpus is not here")
	}
	const apps = 20
	dir := b.TempDir()
	write := func(name, text string) {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	template := strings.NewReplacer("%{application}", "shop", "%{camelName}", "redis", "%{suffix}", "").Replace(string(generator))
	for i := range apps {
		app := fmt.Sprintf("applications/app%d/", i)
		write(app+"Chart.yaml", fmt.Sprintf("apiVersion: v2\nname: app%d\nversion: 1.0.0\n", i))
		write(app+"values.yaml", "resources:\n  redis:\n    sentinels: 3\n    replicas: 2\n    memory: 100Mi # must use Gi or Mi format\n    cpu: 250m\n    disk: 500Mi\nenv:\n"+
			"  - { name: REDIS_URL, value: \"redis://shop-redis-master.default.svc:6379\" }\n  - { name: SENTINEL_URL, value: \"redis-sentinel://rfs-shop:26379/mymaster\" }\n")
		write(app+"templates/redis.yaml", template)
	}
	fsys, err := rootfs.Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	defer fsys.Close()
	r, err := repo.Open(fsys, repo.Options{})
	if err != nil {
		b.Fatal(err)
	}
	targets, _, err := Targets(r)
	if err != nil || len(targets) != apps {
		b.Fatalf("%d targets, %v", len(targets), err)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		result, err := Render(context.Background(), r, targets[i%apps], Options{})
		if err != nil || len(result.Resources) != 2 || len(result.Problems) > 0 {
			b.Fatalf("%v, %v", result, err)
		}
	}
}
