package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// jobs are an API in which one thing happens before each look at a Job. test/e2e has the real one.
type jobs struct {
	*objects
	happens []func()
	logs    []io.Reader // what each reading of the log gives
}

func (a *jobs) Get(ctx context.Context, k Kind, namespace, name string) (map[string]any, error) {
	if k == jobKind && len(a.happens) > 0 {
		a.happens[0]()
		a.happens = a.happens[1:]
	}
	return a.objects.Get(ctx, k, namespace, name)
}

func (a *jobs) Log(context.Context, string, string, string) (io.ReadCloser, error) {
	if len(a.logs) == 0 {
		return nil, errors.New("there is no log")
	}
	r := a.logs[0]
	a.logs = a.logs[1:]
	return io.NopCloser(r), nil
}

// jobManifest is one of a Job, with a command.
func jobManifest(t *testing.T, command string) map[string]any {
	t.Helper()
	var m map[string]any
	text := fmt.Sprintf(`
metadata: {name: shop-import, namespace: default, uid: u1}
spec:
  template:
    spec:
      containers:
      - name: import
        image: tool
        command: [%s]
        env: [{name: REDIS_PASSWORD, valueFrom: {secretKeyRef: {name: shop-auth, key: password}}}]
        resources: {limits: {memory: 512Mi}}
      volumes:
      - {name: data, persistentVolumeClaim: {claimName: dumps}}
      - {name: source, secret: {secretName: bucket, items: [{key: url, path: url}]}}
`, command)
	if err := yaml.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func newJobs(t *testing.T) (*jobs, *Cluster) {
	t.Helper()
	a := &jobs{objects: newObjects()}
	a.add(t, secretKind, "metadata: {namespace: default, name: shop-auth}\ndata: {password: eA==}")
	a.add(t, secretKind, "metadata: {namespace: default, name: bucket}\ndata: {url: eA==}")
	a.add(t, claimKind, "metadata: {namespace: default, name: dumps}\nstatus: {phase: Bound}")
	c, err := New(a, "", Options{Namespace: "default"})
	if err != nil {
		t.Fatal(err)
	}
	return a, c
}

// pod adds the pod of the Job, in a state.
func (a *jobs) pod(t *testing.T, status string) func() {
	return func() {
		a.all[podKind] = nil
		a.add(t, podKind, "metadata: {namespace: default, name: shop-import-1, labels: {controller-uid: u1}}\nstatus: "+status)
	}
}

// ends sets a condition of the Job and the state of its pod.
func (a *jobs) ends(t *testing.T, condition, status string) func() {
	return func() {
		a.pod(t, status)()
		a.all[jobKind][0]["status"] = map[string]any{"conditions": []any{map[string]any{"type": condition, "status": "True", "message": "the controller's words"}}}
	}
}

const (
	podRuns    = "{containerStatuses: [{name: import, state: {running: {}}}]}"
	podEnded   = "{containerStatuses: [{name: import, state: {terminated: {exitCode: %d, reason: %s}}}]}"
	podWaits   = "{containerStatuses: [{name: import, state: {waiting: {reason: %s, message: words}}}]}"
	podPending = "{conditions: [{type: PodScheduled, status: 'False', reason: Unschedulable, message: 0/3 nodes are available}]}"
)

func TestFollowJob(t *testing.T) {
	broken := io.MultiReader(strings.NewReader("one\ntw"), errReader{})
	for _, tt := range []struct {
		name    string
		happens func(a *jobs) []func()
		logs    []io.Reader
		want    JobEnd
		err     string
		log     string
		said    string
	}{
		{"well", func(a *jobs) []func() {
			return []func(){func() {}, a.pod(t, podPending), a.pod(t, podRuns), a.pod(t, podRuns), a.ends(t, "Complete", fmt.Sprintf(podEnded, 0, "Completed"))}
		}, []io.Reader{broken, strings.NewReader("one\ntwo\n"), strings.NewReader("one\ntwo\nthree\n")}, JobEnd{Last: "one\ntwo\nthree"}, "", "one\ntwo\nthree\n",
			"waiting for the pod of Job default/shop-import|pod shop-import-1 does not start: Unschedulable: 0/3 nodes are available|pod shop-import-1 is running"},
		{"failed", func(a *jobs) []func() {
			return []func(){a.ends(t, "Failed", fmt.Sprintf(podEnded, 1, "Error"))}
		}, []io.Reader{strings.NewReader("a\nb\n")}, JobEnd{Code: 1, Why: "exit code 1", Last: "a\nb"}, "", "a\nb\n", "pod shop-import-1 is running"},
		{"memory", func(a *jobs) []func() {
			return []func(){a.ends(t, "Failed", fmt.Sprintf(podEnded, 137, "OOMKilled"))}
		}, []io.Reader{strings.NewReader("")}, JobEnd{Code: 137, Why: `container "import" was killed for exceeding its memory, limit 512Mi`}, "", "", "pod shop-import-1 is running"},
		{"no log", func(a *jobs) []func() {
			return []func(){a.ends(t, "Failed", fmt.Sprintf(podEnded, 2, "Error"))}
		}, nil, JobEnd{Code: 2, Why: "exit code 2"}, "", "", "pod shop-import-1 is running|cannot read its log: there is no log"},
		{"no pod", func(a *jobs) []func() {
			return []func(){func() { a.ends(t, "Failed", podRuns)(); a.all[podKind] = nil }}
		}, nil, JobEnd{Code: -1, Why: "the controller's words"}, "", "", ""},
		{"image", func(a *jobs) []func() { return []func(){a.pod(t, fmt.Sprintf(podWaits, "ImagePullBackOff"))} }, nil, JobEnd{},
			"pod shop-import-1 does not start: ImagePullBackOff: words; Job default/shop-import is still running: run this command again or kubectl logs -f job/shop-import -n default to follow it, kubectl delete job shop-import -n default to stop it",
			"", "pod shop-import-1 does not start: ImagePullBackOff: words"},
		{"image name", func(a *jobs) []func() { return []func(){a.pod(t, fmt.Sprintf(podWaits, "InvalidImageName"))} }, nil, JobEnd{},
			"pod shop-import-1 does not start: InvalidImageName: words; Job", "", ""},
		{"deleted", func(a *jobs) []func() { return []func(){func() { a.all[jobKind] = nil }} }, nil, JobEnd{},
			`it was deleted: no Job "shop-import" in namespace "default"; Job`, "", ""},
		{"another", func(a *jobs) []func() {
			return []func(){func() { a.all[jobKind][0]["metadata"].(map[string]any)["uid"] = "u2" }}
		}, nil, JobEnd{}, `it was deleted`, "", ""},
		{"forbidden", func(a *jobs) []func() {
			return []func(){func() { a.refuses[podKind] = &Forbidden{Verb: "list", Resource: "pods", Namespace: "default"} }}
		}, nil, JobEnd{}, `not permitted to list pods in namespace "default"; see docs/rbac.md for the required Role; Job`, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, c := newJobs(t)
			j, err := c.StartJob(t.Context(), jobManifest(t, "import"))
			if err != nil || j.Found {
				t.Fatal(j, err)
			}
			a.happens, a.logs = tt.happens(a), tt.logs
			var log strings.Builder
			var said []string
			end, err := c.FollowJob(t.Context(), j, JobOptions{Log: &log, Say: func(text string) { said = append(said, text) }, starting: 100 * time.Millisecond})
			if tt.err != "" {
				if err == nil || !strings.HasPrefix(err.Error(), tt.err) {
					t.Errorf("got  %v\nwant %s", err, tt.err)
				}
			} else if err != nil || *end != tt.want {
				t.Errorf("got  %+v, %v\nwant %+v", end, err, tt.want)
			}
			if got := strings.Join(said, "|"); log.String() != tt.log || tt.said != "" && got != tt.said {
				t.Errorf("log %q, said %s", log.String(), got)
			}
		})
	}
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errors.New("the connection broke") }

func TestFollowInterrupted(t *testing.T) {
	a, c := newJobs(t)
	j, err := c.StartJob(t.Context(), jobManifest(t, "import"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	a.happens = []func(){func() {}, cancel}
	_, err = c.FollowJob(ctx, j, JobOptions{})
	if want := "interrupted; Job default/shop-import is still running: run this command again"; err == nil || !strings.HasPrefix(err.Error(), want) || len(a.all[jobKind]) != 1 {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestStartJob(t *testing.T) {
	for _, tt := range []struct {
		name string
		make func(a *jobs)
		want string // of the error; "" for a Job that is followed
	}{
		{"at work", func(a *jobs) { a.all[jobKind] = []map[string]any{jobManifest(t, "import")} }, ""},
		{"another command", func(a *jobs) { a.all[jobKind] = []map[string]any{jobManifest(t, "dump")} },
			`Job default/shop-import is already running with another command: ["dump"]; wait for it to finish, or stop it: kubectl delete job shop-import -n default`},
		{"succeeded", func(a *jobs) {
			a.all[jobKind] = []map[string]any{jobManifest(t, "import")}
			a.ends(t, "Complete", podRuns)()
		}, "Job default/shop-import already exists and has succeeded; kubectl delete job shop-import -n default, then run this command again"},
		{"failed", func(a *jobs) {
			a.all[jobKind] = []map[string]any{jobManifest(t, "import")}
			a.ends(t, "Failed", podRuns)()
		}, "Job default/shop-import already exists and has failed; kubectl delete job shop-import -n default, then run this command again"},
		{"nothing there", func(a *jobs) {
			a.all[claimKind] = nil
			a.all[secretKind] = a.all[secretKind][1:]
			a.all[secretKind][0]["data"] = map[string]any{"other": "eA=="}
		}, `no PersistentVolumeClaim "dumps" in namespace "default"` + "\n" + `the Secret "bucket" in namespace "default" has no key "url"` + "\n" + `no Secret "shop-auth" in namespace "default"`},
		{"lost", func(a *jobs) { a.all[claimKind][0]["status"] = map[string]any{"phase": "Lost"} }, `the PersistentVolumeClaim "dumps" in namespace "default" has lost its volume`},
		{"no Jobs", func(a *jobs) {
			a.refuses[jobKind] = &Forbidden{Verb: "create", Resource: "jobs.batch", Namespace: "default", User: "eve"}
		}, `not permitted to create jobs.batch in namespace "default" as "eve"; see docs/rbac.md for the required Role`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, c := newJobs(t)
			tt.make(a)
			j, err := c.StartJob(t.Context(), jobManifest(t, "import"))
			if tt.want == "" && (err != nil || !j.Found) || tt.want != "" && (err == nil || err.Error() != tt.want) {
				t.Errorf("got  %v, %v\nwant %s", j, err, tt.want)
			}
		})
	}
	// Who may not look at the claim and the Secrets does without.
	a, c := newJobs(t)
	a.refuses[claimKind], a.refuses[secretKind] = &Forbidden{}, &Forbidden{}
	if _, err := c.StartJob(t.Context(), jobManifest(t, "import")); err != nil {
		t.Error(err)
	}
}

// TestJobNeedsWholeSecrets: those whose keys are not named are looked for too.
func TestJobNeedsWholeSecrets(t *testing.T) {
	_, c := newJobs(t)
	m := jobManifest(t, "restore")
	spec := at(m, "spec", "template", "spec").(map[string]any)
	spec["volumes"] = append(spec["volumes"].([]any),
		map[string]any{"name": "ca", "secret": map[string]any{"secretName": "shop-ca"}}, map[string]any{"name": "may", "secret": map[string]any{"secretName": "absent", "optional": true}})
	firstContainer(m).(map[string]any)["envFrom"] = []any{map[string]any{"secretRef": map[string]any{"name": "shop-s3"}}, map[string]any{"configMapRef": map[string]any{"name": "x"}}}
	want := `no Secret "shop-ca" in namespace "default"` + "\n" + `no Secret "shop-s3" in namespace "default"`
	if _, err := c.StartJob(t.Context(), m); err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}
