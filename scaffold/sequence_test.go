package scaffold

import (
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/afero"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/render"
	"github.com/redis-gitops/redis-gitops/repo"
	"github.com/redis-gitops/redis-gitops/repo/yamledit"
)

// sequence is a repository in which commands and a person change files by turns, and another one with the person's changes alone.
type sequence struct {
	t      *testing.T
	random *mathrand.Rand
	config *cue.Config
	real   *repo.Repo
	own    *repo.Repo
	moved  map[string]string // templates that the person moved, by where they were
	log    []string
	n      int
}

const deployedBy = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Chart.Name }}
spec:
  selector:
    matchLabels: { app: {{ .Chart.Name }} }
  template:
    metadata:
      labels: { app: {{ .Chart.Name }} }
    spec:
      containers:
        - name: app
          image: registry.example/app:1
`

// sequenceValues are values files with which an application begins, and how its template reads them.
var sequenceValues = []struct{ values, env string }{
	{"env: []\nresources: {}\n", "          env: {{- toYaml .Values.env | nindent 12 }}\n"},
	{"# ours\nenv:\n    - name: LOG_LEVEL # deep\n      value: info\n\nresources: {}\n", "          env: {{- toYaml .Values.env | nindent 12 }}\n"},
	{"env:\n- { name: REDIS_URL, value: \"redis://elsewhere:6379\" } # ours\n- { name: Z, value: z }\n", "          env: {{- toYaml .Values.env | nindent 12 }}\n"},
	{"env:\n  LOG_LEVEL: info\n  # last\nresources: {limits: {memory: 1Gi}}\n", "          env:\n            {{- range $k, $v := .Values.env }}\n            - { name: {{ $k }}, value: {{ $v | quote }} }\n            {{- end }}\n          resources: {{- toYaml .Values.resources | nindent 12 }}\n"},
	{"replicas: 1", "          {{- with .Values.extraEnv }}\n          env: {{- toYaml . | nindent 12 }}\n          {{- end }}\n"},
	{"a: 1\r\nextraEnv: []\r\nb: 2\r\n", "          {{- with .Values.extraEnv }}\n          env: {{- toYaml . | nindent 12 }}\n          {{- end }}\n"},
	{"", ""},
}

func newSequence(t *testing.T, seed uint64) *sequence {
	s := &sequence{t: t, random: mathrand.New(mathrand.NewPCG(seed, 14)), config: config(t, ""), moved: map[string]string{}}
	pick := sequenceValues[s.random.IntN(len(sequenceValues))]
	files := map[string]string{
		"applications/api/Chart.yaml":                "apiVersion: v2\nname: api\nversion: 1.0.0\n",
		"applications/api/values.yaml":               pick.values,
		"applications/api/templates/deployment.yaml": deployedBy + pick.env,
		"applications/web/kustomization.yaml":        "# ours\nresources:\n- deployment.yaml\n",
		"applications/web/deployment.yaml":           strings.ReplaceAll(deployedBy, "{{ .Chart.Name }}", "web"),
	}
	s.real, s.own = openFiles(t, files), openFiles(t, files)
	for _, r := range []*repo.Repo{s.real, s.own} {
		apply(t, r)(PlanInit(t.Context(), r, InitRequest{}))
		apply(t, r)(PlanApplication(r, ApplicationRequest{App: "shop"}))
	}
	return s
}

func (s *sequence) fail(format string, args ...any) {
	s.t.Helper()
	s.t.Fatalf("%s\nafter\n%s", fmt.Sprintf(format, args...), strings.Join(s.log, "\n"))
}

// edit changes a file in both repositories, as a person does.
func (s *sequence) edit(file string, change func(src []byte) []byte) {
	for _, r := range []*repo.Repo{s.real, s.own} {
		src, err := readIfThere(r, file)
		if err != nil || src == nil {
			s.fail("%s: %v", file, err)
		}
		write(s.t, r, file, string(change(src)))
	}
}

func (s *sequence) app() string { return []string{"shop", "api", "web"}[s.random.IntN(3)] }

func (s *sequence) way() OnConflict {
	return []OnConflict{Refuse, Refuse, Keep, Replace}[s.random.IntN(4)]
}

// problems counts what does not render.
func (s *sequence) problems() (n int) {
	targets, _, err := render.Targets(s.real)
	if err != nil {
		s.fail("%v", err)
	}
	for _, target := range targets {
		res, err := render.Render(s.t.Context(), s.real, target, render.Options{})
		if err != nil {
			s.fail("%v", err)
		}
		n += len(res.Problems)
	}
	return n
}

// run applies a plan that may be refused.
func (s *sequence) run(what string, p *Plan, err error) bool {
	var conflict *ConflictError
	if err != nil {
		s.log = append(s.log, what+": "+strings.ReplaceAll(err.Error(), "\n", "; "))
		if !errors.As(err, &conflict) && !strings.Contains(err.Error(), "would both use") {
			s.fail("%s: %v", what, err)
		}
		return false
	}
	s.log = append(s.log, what)
	if err := p.Apply(s.real); err != nil {
		s.fail("%s: %v", what, err)
	}
	return true
}

// step is one command or one change of a person.
func (s *sequence) step() {
	before := s.problems()
	forced := false
	switch s.random.IntN(10) {
	case 0, 1, 2:
		req := ResourceRequest{
			App: s.app(), Suffix: []string{"", "a", "b-1"}[s.random.IntN(3)], Profile: []string{"", "cache", "queue"}[s.random.IntN(3)],
			Namespace: []string{"", "", "prod"}[s.random.IntN(3)], Conflicts: s.way(),
		}
		if s.moved["applications/"+req.App+"/templates/redis"+map[bool]string{true: "-" + req.Suffix}[req.Suffix != ""]+".yaml"] != "" {
			return // it would be there twice
		}
		p, err := PlanResource(s.t.Context(), s.real, s.config, deps, req)
		forced = req.Conflicts != Refuse
		s.run(fmt.Sprintf("generate resource %+v", req), p, err)
	case 3:
		req := DeploymentRequest{App: "shop", Type: []string{"web", "sidekiq"}[s.random.IntN(2)], Conflicts: s.way()}
		p, err := PlanDeployment(s.t.Context(), s.real, req)
		s.run(fmt.Sprintf("generate deployment %+v", req), p, err)
	case 4:
		req := UpdateRequest{Conflicts: s.way()}
		p, err := PlanUpdate(s.t.Context(), s.real, s.config, req)
		s.run(fmt.Sprintf("update %v", req.Conflicts), p, err)
	case 5, 6:
		app := s.app()
		if names, err := Generated(s.real, app); err == nil && len(names) > 0 {
			req := DestroyRequest{App: app, Name: names[s.random.IntN(len(names))]}
			p, err := PlanDestroy(s.t.Context(), s.real, req)
			s.run(fmt.Sprintf("destroy %+v", req), p, err)
		}
	default:
		s.person()
		return
	}
	if after := s.problems(); after > before && !forced {
		s.fail("%d problems of rendering, %d before", after, before)
	}
}

// person changes something by hand.
func (s *sequence) person() {
	s.n++
	values := "applications/" + []string{"shop", "api"}[s.random.IntN(2)] + "/values.yaml"
	switch s.random.IntN(6) {
	case 0:
		s.log = append(s.log, "a comment at the top of "+values)
		s.edit(values, func(src []byte) []byte { return append([]byte(fmt.Sprintf("# edit %d\n", s.n)), src...) })
	case 1:
		s.log = append(s.log, "a key at the top of "+values)
		s.edit(values, func(src []byte) []byte { return append([]byte(fmt.Sprintf("own%d: true # ours\n", s.n)), src...) })
	case 2:
		s.log = append(s.log, "a resource in the kustomization")
		name := fmt.Sprintf("own-%d.yaml", s.n)
		for _, r := range []*repo.Repo{s.real, s.own} {
			write(s.t, r, "applications/web/"+name, fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: own-%d\n", s.n))
		}
		s.edit("applications/web/kustomization.yaml", func(src []byte) []byte {
			out, _, err := yamledit.PrependItems(src, []string{"resources"}, yamledit.Entry("- "+name+"\n"))
			if err != nil {
				s.fail("%v", err)
			}
			return out
		})
	case 3:
		s.log = append(s.log, "a generator changes")
		s.edit("generators/resources/redis.yaml", func(src []byte) []byte {
			return []byte(strings.Replace(string(src), "apiVersion: ", fmt.Sprintf("# change %d\napiVersion: ", s.n), 1))
		})
	case 4:
		s.log = append(s.log, "a template is moved, or back")
		s.move()
	case 5:
		s.log = append(s.log, "another template")
		for _, r := range []*repo.Repo{s.real, s.own} {
			write(s.t, r, fmt.Sprintf("applications/shop/templates/own-%d.yaml", s.n), "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Chart.Name }}\n")
		}
	}
}

// move moves a template that was generated, or one back.
func (s *sequence) move() {
	for _, from := range sortedKeys(s.moved) {
		s.back(from)
		return
	}
	for _, app := range []string{"shop", "api"} {
		all, err := records(s.real, app)
		if err != nil {
			s.fail("%v", err)
		}
		for _, rec := range all {
			from := rec.Files[0].Path
			if src, err := readIfThere(s.real, from); err != nil || src == nil || rec.Folder != "resources" {
				continue
			}
			to := strings.Replace(from, "/templates/", "/templates/moved/", 1)
			s.moved[from] = to
			s.rename(from, to)
			return
		}
	}
}

func (s *sequence) rename(from, to string) {
	write(s.t, s.real, to, read(s.t, s.real, from))
	if err := s.real.Fs().Remove(from); err != nil {
		s.fail("%v", err)
	}
}

func (s *sequence) back(from string) {
	to := s.moved[from]
	delete(s.moved, from)
	if src, err := readIfThere(s.real, from); err != nil || src != nil { // generated again since
		if err := s.real.Fs().Remove(to); err != nil {
			s.fail("%v", err)
		}
		return
	}
	s.rename(to, from)
}

// end destroys all that is left, in any order, and compares the repository with the person's own.
func (s *sequence) end() {
	for len(s.moved) > 0 {
		s.move()
	}
	for _, app := range []string{"web", "api", "shop"} {
		names, err := Generated(s.real, app)
		if err != nil {
			s.fail("%v", err)
		}
		s.random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		for _, name := range names {
			req := DestroyRequest{App: app, Name: name, Force: true}
			p, err := PlanDestroy(s.t.Context(), s.real, req)
			if !s.run(fmt.Sprintf("destroy %+v", req), p, err) {
				s.fail("%s is not destroyed", name)
			}
		}
	}
	got, want := contents(s.t, s.real), contents(s.t, s.own)
	var names []string
	for name := range got {
		if got[name] != want[name] {
			names = append(names, name)
		}
	}
	for name := range want {
		if _, ok := got[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		s.fail("%s:\n%q\nwant\n%q", name, got[name], want[name])
	}
	if left, _ := afero.DirExists(s.real.Fs(), ".redis-gitops"); left && len(names) > 0 {
		s.fail("records are left")
	}
}

// TestSequences: after any sequence of commands and changes by hand, what is left when all that was generated is destroyed are the changes
// by hand, to the byte; and no command that was not forced leaves a chart that renders worse.
func TestSequences(t *testing.T) {
	n, steps := uint64(60), 24
	if testing.Short() {
		n, steps = 6, 14
	}
	for seed := range n {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			s := newSequence(t, seed)
			for range steps {
				s.step()
			}
			s.end()
		})
	}
}
