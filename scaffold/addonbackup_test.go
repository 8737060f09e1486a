package scaffold

import (
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/cue"
)

// TestAddonBackup: the commands of the CronJobs follow from the values, and the logins from the Redis.
func TestAddonBackup(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		redis  string
		set    map[string]any
		want   []string
		absent []string
	}{
		{"redis", nil, []string{
			"kind: PersistentVolumeClaim", "helm.sh/resource-policy: keep", "- redis+sentinel://rfs-shop.blue.svc:26379/mymaster", "- /backups/shop", "--keep-daily=14", "- --max-age=26h",
			"redis-gitops.io/backup: shop", "restartPolicy: Always",
		}, []string{"REDIS_PASSWORD", "envFrom", "--recipient", "--endpoint", "/identity"}},
		{"redis-cache", map[string]any{"bucket": "s3://backups/blue/shop", "credentialsSecret": "shop-s3", "endpoint": "https://s3.example.com", "recipient": "age1qqqq", "identity": "shop-age"}, []string{
			"- s3://backups/blue/shop", "- --endpoint=https://s3.example.com", "- --recipient=age1qqqq", "- --identity-file=/identity/identity", "secretRef:\n                    name: shop-s3", "secretName: shop-age",
			`secretKeyRef: { name: "shop-cache-redis-auth", key: "password" }`,
		}, []string{"kind: PersistentVolumeClaim", "persistentVolumeClaim:"}},
		{"redis", map[string]any{"claim": "dumps", "storage": "", "drill": false, "serviceAccount": "backups"}, []string{"claimName: dumps", "serviceAccountName: backups"}, []string{"kind: PersistentVolumeClaim", "name: shop-restore-drill"}},
	} {
		r, c := addonShop(t, "spotahome")
		req := AddonRequest{App: "shop", Redis: tt.redis, Kind: "backup", Set: map[string]cue.LayerValue{}}
		for key, value := range tt.set {
			req.Set[key] = cue.LayerValue{Value: value}
		}
		apply(t, r)(PlanAddon(t.Context(), r, c, req))
		text := addonText(t, r, tt.redis+"-backup")
		for _, want := range tt.want {
			if !strings.Contains(text, want) {
				t.Errorf("%v: no %q in\n%s", tt.set, want, text)
			}
		}
		for _, absent := range tt.absent {
			if strings.Contains(text, absent) {
				t.Errorf("%v: %q in\n%s", tt.set, absent, text)
			}
		}
	}
}

// TestAddonBackupValues refuses values that would make no backup, or one that nobody could restore.
func TestAddonBackupValues(t *testing.T) {
	t.Parallel()
	r, c := addonShop(t, "spotahome")
	for want, set := range map[string]map[string]string{
		"bucket: is empty, and so are storage and claim; set one of them":                                   {"storage": ""},
		"credentialsSecret: is empty; set the Secret with the credentials of the bucket, or serviceAccount": {"bucket": "s3://backups/shop"},
		"identity: is empty, so the drill could not decrypt the backups":                                    {"recipient": "age1qqqq"},
		`"AGE-SECRET-KEY-1QQQ" is not an age recipient; use the public key (age1…) that age-keygen prints`:  {"recipient": "AGE-SECRET-KEY-1QQQ"},
		`"gs://backups" is not a bucket with a prefix; use for example s3://backups/production/shop`:        {"bucket": "gs://backups"},
		`"redis-gitops" is not an image with a tag or a digest`:                                             {"image": "redis-gitops"},
		`"hourly" is not a schedule of five fields; use for example 15 3 * * *`:                             {"schedule": "hourly"},
		`"https://s3.example.com/x" is not a URL without a path; use for example https://s3.example.com`:    {"endpoint": "https://s3.example.com/x"},
	} {
		req := AddonRequest{App: "shop", Redis: "redis", Kind: "backup", Set: map[string]cue.LayerValue{}}
		for key, value := range set {
			req.Set[key] = cue.LayerValue{Value: value}
		}
		if _, err := PlanAddon(t.Context(), r, c, req); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", set, err)
		}
	}
}
