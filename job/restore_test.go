package job

import (
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/instance"
)

// cronJob is one whose containers are given as YAML.
func cronJob(t *testing.T, name, namespace, pod string) instance.Document {
	t.Helper()
	d := instance.Document{Namespace: namespace, Where: "templates/" + name + ".yaml:1"}
	var spec map[string]any
	if err := yaml.Unmarshal([]byte(pod), &spec); err != nil {
		t.Fatal(err)
	}
	d.Object = object{"kind": "CronJob", "metadata": object{"name": name}, "spec": object{"jobTemplate": object{"spec": object{"template": object{"metadata": object{"labels": object{"app": name}}, "spec": spec}}}}}
	return d
}

const creates = `
imagePullSecrets: [{name: registry}]
containers:
- {name: mesh, image: mesh:1}
- {name: backup, image: "tool:1", command: [/usr/bin/redis-gitops], args: [backup, create, "redis://x:6379", /backups/shop, "--username=$(REDIS_USERNAME)"], volumeMounts: [{name: backups, mountPath: /backups}]}
volumes: [{name: backups, persistentVolumeClaim: {claimName: dumps}}]
`

const drills = `
containers: [{name: drill, command: [redis-gitops, restore, "--identity-file=/keys/age.txt"], volumeMounts: [{name: keys, mountPath: /keys}]}]
volumes: [{name: keys, secret: {secretName: shop-age}}]
`

// TestRestore: the pods are those of the backup, but for the command, and what the CronJob is read from stays as it is.
func TestRestore(t *testing.T) {
	in := shop()
	in.Backups = []instance.Document{cronJob(t, "shop-backup", "production", creates), cronJob(t, "shop-backup", "staging", creates)}
	in.Drills = []instance.Document{cronJob(t, "shop-restore-drill", "production", drills)}
	before, err := yaml.Marshal(in.Backups)
	if err != nil {
		t.Fatal(err)
	}
	b, err := BackupOf(in)
	if err != nil {
		t.Fatal(err)
	}
	identity, err := b.Identity()
	if want := (Place{Secret: "shop-age", Key: "age.txt"}); err != nil || identity != want {
		t.Errorf("identity %+v, %v", identity, err)
	}
	j := &Job{Command: "restore", Redis: in, Backup: b, Image: b.Image, Store: "/backups/$$x", Options: []string{"--username=$(REDIS_USERNAME)"}, Flags: []string{"--at=$(X)"}, Identity: identity}
	text, err := j.YAML()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"name: shop-restore", "namespace: production", "app: shop-backup", "- name: registry", "backoffLimit: 0", "restartPolicy: Never", "image: tool:1", "image: mesh:1", "claimName: dumps", "secretName: shop-age",
		"- restore\n            - redis+sentinel://rfs-shop.production.svc:26379/mymaster\n            - /backups/$$x\n            - --username=$(REDIS_USERNAME)\n            - --identity-file=/identity/age.txt\n            - --at=$$(X)\n",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(string(text), "args:") || strings.Index(string(text), "name: restore\n") > strings.Index(string(text), "name: mesh") {
		t.Errorf("the restore is not the first container, or has the arguments of the backup:\n%s", text)
	}
	if after, err := yaml.Marshal(in.Backups); err != nil || string(after) != string(before) {
		t.Errorf("the CronJob has changed: %v\n%s", err, after)
	}
}

func TestBackupOf(t *testing.T) {
	one := cronJob(t, "shop-backup", "production", creates)
	for _, tt := range []struct {
		backups []instance.Document
		want    string
	}{
		{nil, `Redis "shop" has no backup in the repository; run ` + "`redis-gitops generate addon APP shop backup`" + `, or pass STORE`},
		{[]instance.Document{one, cronJob(t, "other", "production", creates)},
			`Redis "shop" has 2 backups, the CronJobs "shop-backup" (templates/shop-backup.yaml:1), "other" (templates/other.yaml:1); remove the label redis-gitops.io/backup from all but one, or pass STORE`},
		{[]instance.Document{cronJob(t, "shop-backup", "production", "containers: [{command: [redis-cli, --rdb, x]}]")},
			`the CronJob "shop-backup" (templates/shop-backup.yaml:1) does not run "redis-gitops backup create", so its store is not known; pass STORE`},
		{[]instance.Document{cronJob(t, "shop-backup", "production", "{}")}, `the CronJob "shop-backup" (templates/shop-backup.yaml:1) does not run "redis-gitops backup create", so its store is not known; pass STORE`},
		{[]instance.Document{cronJob(t, "shop-backup", "elsewhere", creates)}, ""},
	} {
		in := shop()
		in.Backups = tt.backups
		b, err := BackupOf(in)
		if tt.want == "" && (err != nil || b.Namespace != "elsewhere") || tt.want != "" && (err == nil || err.Error() != tt.want) {
			t.Errorf("got  %v\nwant %s", err, tt.want)
		}
	}
	in := shop()
	in.Backups = []instance.Document{one}
	b, err := BackupOf(in)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Identity(); err == nil || !strings.Contains(err.Error(), "--identity-file secret://NAME/KEY") {
		t.Errorf("%v", err)
	}
}
