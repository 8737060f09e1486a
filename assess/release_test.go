package assess

import (
	"strings"
	"testing"
)

// TestReleases assesses charts that the repository only names, each in its modes, by their values.
func TestReleases(t *testing.T) {
	t.Parallel()
	release := func(repository, chart, values string) string {
		return "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: shop}\nspec:\n  destination: {namespace: web}\n  source:\n    repoURL: " + repository + "\n    chart: " + chart +
			"\n    targetRevision: 20.1.0\n    helm:\n      valuesObject: {fullnameOverride: shop" + values + "}\n"
	}
	const bitnami, cloudpirates, valkey, ha = "registry-1.docker.io/bitnamicharts", "registry-1.docker.io/cloudpirates", "https://valkey.io/valkey-helm/", "https://dandydeveloper.github.io/charts"
	for _, tt := range []struct{ name, manifests, want, texts string }{
		{
			"Bitnami, by default", release(bitnami, "redis", ""),
			"pod=partly node=partly zone=no drain=partly restart=yes deletion=partly memory=no operator=yes image=yes",
			"nothing promotes a replica; the volumes stay; without automated prune",
		},
		{
			"Bitnami, standalone with snapshots", release(bitnami, "redis", ", architecture: standalone, commonConfiguration: \"save 60 1\", master: {resources: {limits: {memory: 1Gi}}}"),
			"pod=partly node=partly zone=no drain=partly restart=partly deletion=partly memory=no operator=yes image=no", "save 60 1",
		},
		{
			"Bitnami, with sentinels", release(bitnami, "redis", ", sentinel: {enabled: true}, replica: {podAntiAffinityPreset: hard, configuration: \"maxmemory 100mb\"}"),
			"pod=yes node=yes zone=no drain=yes restart=yes deletion=partly memory=partly operator=yes image=yes", "one of 2 replicas takes over, promoted by the sentinels",
		},
		{
			"Bitnami's Valkey, with two sentinels", release(bitnami, "valkey", ", sentinel: {enabled: true}, replica: {replicaCount: 2, pdb: {create: false}, persistence: {enabled: false}}"),
			"pod=yes node=no zone=no drain=partly restart=no deletion=no memory=no operator=yes image=yes", "without one of 2 sentinels there is no majority",
		},
		{
			"CloudPirates, with sentinels", release(cloudpirates, "redis", ", architecture: replication, sentinel: {enabled: true}, pdb: {enabled: true}, extraConfig: \"maxmemory 1gb\\nmaxmemory-policy allkeys-lru\\nappendonly yes\""),
			"pod=yes node=partly zone=no drain=yes restart=yes deletion=partly memory=partly operator=yes image=yes", "keys are evicted (allkeys-lru)",
		},
		{
			"CloudPirates, by default", release(cloudpirates, "redis", ""),
			"pod=partly node=partly zone=no drain=partly restart=partly deletion=partly memory=no operator=yes image=no", "the volumes stay",
		},
		{
			"valkey-helm, by default", release(valkey, "valkey", ""),
			"pod=no node=no zone=no drain=no restart=no deletion=no memory=no operator=yes image=no", "give it a volume: dataStorage.enabled: true",
		},
		{
			"valkey-helm, with replicas", release(valkey, "valkey", ", replica: {enabled: true, persistence: {size: 1Gi}}"),
			"pod=partly node=partly zone=no drain=partly restart=partly deletion=partly memory=no operator=yes image=yes", "nothing promotes a replica",
		},
		{
			"redis-ha", release(ha, "redis-ha", ", podDisruptionBudget: {maxUnavailable: 1}, redis: {config: {maxmemory: 100mb}}"),
			"pod=yes node=yes zone=no drain=yes restart=partly deletion=partly memory=partly operator=yes image=yes", "up to 5 s (min-replicas-max-lag); keys with a TTL are evicted (volatile-lru); save 900 1",
		},
		{
			"a cluster", release(bitnami, "redis-cluster", ""),
			"pod=unknown node=unknown zone=unknown drain=unknown restart=unknown deletion=unknown memory=unknown operator=unknown image=unknown", "not known for bitnami",
		},
	} {
		tables := assessed(t, tt.manifests)
		if len(tables) != 1 || tables[0].String() != "Chart web/shop" {
			t.Errorf("%s: %v", tt.name, tables)
			continue
		}
		var verdicts []string
		all := ""
		for i, q := range Questions() {
			a := tables[0].Answers[i]
			if q.Loss {
				verdicts = append(verdicts, q.Name+"="+string(a.Verdict))
			}
			all += a.Text + "; " + a.Improve + "\n"
		}
		if got := strings.Join(verdicts, " "); got != tt.want {
			t.Errorf("%s:\ngot  %s\nwant %s\n%s", tt.name, got, tt.want, all)
		}
		for want := range strings.SplitSeq(tt.texts, "; ") {
			if !strings.Contains(all, want) {
				t.Errorf("%s: no %q in\n%s", tt.name, want, all)
			}
		}
	}
}
