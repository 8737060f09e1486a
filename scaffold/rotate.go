package scaffold

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/repo"
)

// RotateRequest asks for a stage of the rotation of a password.
type RotateRequest struct {
	App, Name string // the name is type and suffix: redis-cache
	Stage     int    // of PlanRotate
	Auth      Auth   // of the new password; the zero value is what the old one has
	Namespace string // "" is where Argo CD or Flux deploys the application
	Force     bool   // remove the old Secret although something still names it
}

// The stages of a rotation.
const (
	RotateAdd     = 1 // the new Secret
	RotateAccept  = 2 // servers accept both passwords
	RotateClients = 3 // use the new Secret
	RotateRedis   = 4 // uses the new Secret
	RotateRefuse  = 5 // servers refuse the old password
	RotateRemove  = 6 // the old Secret
)

// A Rotation replaces the password of a Redis without downtime: servers accept both passwords until clients and the Redis use the
// new one. See docs/rotating.md.
type Rotation struct {
	Stages
	From     string `json:"from"`     // the Secret with the old password
	To       string `json:"to"`       // the Secret with the new one
	Key      string `json:"key"`      // of both
	Resource string `json:"resource"` // the name of the custom resource
}

// Rotate returns the stages of a rotation, and which of them are done.
func Rotate(ctx context.Context, r *repo.Repo, config *cue.Config, req RotateRequest) (*Rotation, error) {
	s, err := newRotation(r, config, req)
	if err != nil {
		return nil, err
	}
	return s.stages()
}

// PlanRotate plans a stage that changes files. One that was done changes nothing.
func PlanRotate(ctx context.Context, r *repo.Repo, config *cue.Config, deps Deps, req RotateRequest) (*Plan, error) {
	s, err := newRotation(r, config, req)
	if err != nil {
		return nil, err
	}
	stages, err := s.stages()
	if err != nil {
		return nil, err
	}
	p, stage, err := stages.begin(req.Stage)
	if err != nil || stage == nil {
		return p, err
	}
	if err := s.refuseShared(stages.Resource); err != nil {
		return nil, err
	}
	s.plan = p
	switch req.Stage {
	case RotateAdd:
		err = s.add(deps)
	case RotateClients:
		err = s.moveClients()
	case RotateRedis:
		err = s.moveRedis(ctx)
	case RotateRemove:
		err = s.remove(ctx)
	}
	if err != nil {
		return nil, err
	}
	if err := p.err(); err != nil {
		return p, err
	}
	if err := s.writeRecords(); err != nil {
		return nil, err
	}
	p.Next = append(p.Next, reviewAndCommit, stage.Then)
	return p, nil
}

// rotation is one on its way to a plan. Its resource is no request to generate: only what the Secret needs is settled.
type rotation struct {
	resource
	rec      *record
	records  map[string][]*record // by application, as they will be
	from, to string
	anywhere bool // clients may be in another namespace
	plan     *Plan
}

func newRotation(r *repo.Repo, config *cue.Config, req RotateRequest) (*rotation, error) {
	if err := repo.CheckName("resource name", req.Name); err != nil {
		return nil, err
	}
	app, err := r.App(req.App)
	if err != nil {
		return nil, err
	}
	all, err := records(r, app.Name)
	if err != nil {
		return nil, err
	}
	rec, err := redisNamed(all, app, req.Name)
	if err != nil {
		return nil, err
	}
	s := &rotation{rec: rec, records: map[string][]*record{app.Name: all}}
	s.resource = resource{
		repo: r, config: config, app: app, chart: rec.chart(), suffix: rec.Placeholders["suffix"], name: rec.Name, key: rec.valuesKey(), placeholders: rec.Placeholders,
		redis: true, req: ResourceRequest{App: app.Name, Type: rec.Type, Auth: req.Auth, Namespace: req.Namespace},
	}
	if req.Force {
		s.req.Conflicts = Replace
	}
	if s.operator, err = cue.OperatorNamed(rec.operatorName()); err != nil {
		return nil, err
	}
	s.operator = s.operator.Of(rec.Type)
	if s.dir, err = manifestDir(r, app); err != nil {
		return nil, err
	}
	if s.from, err = s.password(); err != nil {
		return nil, err
	}
	if s.from == "" {
		return nil, finding.Errorf(finding.Position{}, "", "%s of application %q has no password to rotate", rec.Name, app.Name)
	}
	return s, s.choose(req.Auth)
}

// choose settles what is asked of the new password, and its Secret.
func (s *rotation) choose(auth Auth) error {
	if t := s.rec.Rotation; t != nil {
		s.from, s.to = t.From, t.To
		if auth.Secret != "" && auth.Secret != s.to {
			return finding.Errorf(finding.Position{}, "", "the rotation to the Secret %q is under way; finish it before another one", s.to).About(CodeRequest, "auth")
		}
		return s.findNamespace()
	}
	if auth.Method == NoAuth {
		return finding.Errorf(finding.Position{}, "", "a rotation needs a new password").Flags("; use --auth existing:SECRET, sealed or external").About(CodeRequest, "auth")
	}
	if err := s.asBefore(); err != nil {
		return err
	}
	if s.to = s.req.Auth.Secret; s.to == "" {
		base, n := s.from, 2
		if m := numbered.FindStringSubmatch(s.from); m != nil && (m[1] == s.firstSecret() || s.rec.wrote(path.Join(s.dir, s.name+"-auth-"+m[2]+".yaml"))) {
			last, _ := strconv.Atoi(m[2]) // at most four digits
			base, n = m[1], last+1
		}
		s.to = fmt.Sprintf("%s-%d", base, n)
		s.authPath = path.Join(s.dir, fmt.Sprintf("%s-auth-%d.yaml", s.name, n))
	}
	if s.to == s.from {
		return finding.Errorf(finding.Position{}, "", "the Redis already uses the Secret %q; the new password needs another Secret", s.to).About(CodeRequest, "auth")
	}
	s.req.Auth.Secret = s.to
	if s.authPath == "" {
		s.authPath = path.Join(s.dir, s.name+"-"+s.to+".yaml")
	}
	return s.findNamespace()
}

// asBefore takes the method of the old password for the new one, unless another is asked for.
func (s *rotation) asBefore() error {
	file, docs := s.manifestOf(s.from)
	kinds := map[string]*repo.Document{}
	for _, d := range docs {
		kinds[d.Kind()] = d
	}
	auth := &s.req.Auth
	if d := kinds["SealedSecret"]; d != nil && s.req.Namespace == "" {
		s.req.Namespace = d.Namespace()
	}
	switch external := kinds["ExternalSecret"]; {
	case auth.Method != Default:
		return nil
	case kinds["SealedSecret"] != nil:
		auth.Method = Sealed
	case external != nil:
		auth.Method = External
		if auth.Store == "" {
			auth.Store = scalarOf(external, "spec", "secretStoreRef", "name")
			if kind := scalarOf(external, "spec", "secretStoreRef", "kind"); kind != "" {
				auth.Store = kind + "/" + auth.Store
			}
		}
		if auth.Key == "" && kinds["Password"] == nil {
			return finding.Errorf(finding.Position{File: file}, "", "reads a password that the secret store has; create a new one there").
				Flags(", and pass its key with --auth external:KEY").About(CodeRequest, "auth")
		}
	default:
		auth.Method = Existing
	}
	return nil
}

func scalarOf(d *repo.Document, path ...string) string {
	if n := d.Get(path...); n != nil {
		return n.Value
	}
	return ""
}

// manifestOf returns the generated file that makes a Secret, and its documents.
func (s *rotation) manifestOf(secret string) (string, []*repo.Document) {
	for i, f := range s.rec.Files {
		if i == 0 {
			continue
		}
		docs, err := s.repo.Documents(f.Path)
		if err == nil && slices.ContainsFunc(docs, func(d *repo.Document) bool { return d.Name() == secret }) {
			return f.Path, docs
		}
	}
	return "", nil
}

// password returns the Secret that the Redis uses, as the values say it where a chart has them.
func (s *rotation) password() (string, error) {
	if s.app.Kind == repo.Chart {
		file := s.app.Path("values.yaml")
		src, err := readIfThere(s.repo, file)
		if err != nil {
			return "", err
		}
		if v, _ := lookup(file, src, s.key, s.placeholders["camelName"], "auth"); v != nil {
			name, _ := v.(string)
			return name, nil
		}
	}
	return s.rec.Values["auth"], nil
}

// stages describes the rotation, from the files.
func (s *rotation) stages() (*Rotation, error) {
	rotates := s.operator.Traits().Rotates
	if rotates.Effect == "" {
		reason := "what operator " + quoted(s.operator.Name) + " does when a Redis uses another Secret is not known"
		if rotates.Instead != "" {
			reason = rotates.Instead
		}
		return nil, finding.Errorf(finding.Position{}, "", "%s; rotate cannot plan it", reason)
	}
	now, err := s.password()
	if err != nil {
		return nil, err
	}
	clients, err := s.clients()
	if err != nil {
		return nil, err
	}
	names, err := s.operator.Names(cue.Request{Chart: s.chart, Suffix: s.suffix, Secret: s.to, Version: s.version()})
	if err != nil {
		return nil, err
	}
	command := "rotate " + s.app.Name + " " + s.name
	run := func(what string) string { return "redis-gitops " + command + " " + what }
	begun := s.rec.Rotation != nil
	out := &Rotation{From: s.from, To: s.to, Key: names.SecretKey, Resource: names.Resource}
	out.Stages = newStages(command, []Stage{
		{Title: fmt.Sprintf("add the Secret %q with a new password", s.to), Then: "when the cluster has the Secret: " + run("--stage 2")},
		{Title: "make the servers and sentinels accept both passwords", Live: true, Then: "at once: " + run("--stage 3") + "; after a restart of a pod: " + run("--stage 2") + " again"},
		{Title: "point the clients to the new Secret", Then: "before the merge: " + run("--verify-stage 3") + "; when all clients have restarted: " + run("--stage 4")},
		{Title: "point the Redis to the new Secret", Then: "before the merge: " + run("--verify-stage 4") + "; then " + rotates.Effect + "; when all have restarted: " + run("--stage 5")},
		{Title: "make the servers and sentinels refuse the old password", Live: true, Then: "at once: " + run("--stage 6")},
		{Title: fmt.Sprintf("remove the Secret %q", s.from), Then: "the rotation is complete"},
	}, func(number int) bool {
		switch number {
		case RotateAdd:
			return begun
		case RotateClients:
			return begun && len(clients) == 0
		case RotateRedis:
			return begun && now == s.to
		}
		return false
	})
	if n := len(clients); n > 0 {
		out.Notes = append(out.Notes, "clients that use the old Secret: "+strings.Join(clients, ", "))
	}
	return out, nil
}

// rotating refuses to generate a resource while its password is being rotated.
func (s *resource) rotating() error {
	last, err := s.former()
	if err != nil || last == nil || last.Rotation == nil {
		return s.migrating(last) // whoever needs a broken record says what is wrong with it
	}
	return finding.Errorf(finding.Position{File: recordPath(s.app.Name, s.name)}, "rotation", "the rotation of the password to the Secret %q is under way", last.Rotation.To).
		Flags("; finish it with redis-gitops rotate %s %s", s.app.Name, s.name)
}

// refuseShared refuses to rotate a password that several Redis instances have, which would all have to accept the new one.
func (s *rotation) refuseShared(resource string) error {
	for _, other := range s.records[s.app.Name] {
		if watches := s.rec.Values["sentinelsOf"]; other == s.rec && watches != "" || other != s.rec && other.Values["sentinelsOf"] == resource {
			return finding.Errorf(finding.Position{File: recordPath(other.Application, other.Name)}, "values.sentinelsOf",
				"its sentinels watch several Redis instances with one password; give it sentinels of its own first")
		}
		if other != s.rec && (other.Values["auth"] == s.from || other.Rotation != nil && other.Rotation.From == s.from) && (operatorOf(other) != "" || other.Folder == addonsFolder) {
			return finding.Errorf(finding.Position{File: recordPath(other.Application, other.Name)}, "values.auth",
				"%s uses the Secret %q too; give it a Secret of its own with the same password first", other.Name, s.from)
		}
	}
	return nil
}

// add writes the manifest of the new Secret, and begins the rotation in the record.
func (s *rotation) add(deps Deps) error {
	var err error
	if s.secret, err = s.authSecret(deps); err != nil {
		return err
	}
	if err := s.planAuth(s.plan, s.rec, deps); err != nil {
		return err
	}
	s.rec.Rotation = &recordRotation{From: s.from, To: s.to}
	switch namespace := s.placeholders["namespace"]; {
	case s.req.Auth.Method == Existing:
		s.plan.Next = append(s.plan.Next, fmt.Sprintf("create the Secret %q with a new password under the key \"password\" in namespace %q", s.to, namespace))
	case s.req.Auth.Key != "":
		s.plan.Next = append(s.plan.Next, fmt.Sprintf("make sure that the secret store %q has the key %q", s.req.Auth.Store, s.req.Auth.Key))
	}
	return nil
}

// remove takes the manifest of the old Secret away.
func (s *rotation) remove(ctx context.Context) error {
	file, _ := s.manifestOf(s.from)
	part := &record{Version: s.rec.Version, Application: s.rec.Application, Folder: s.rec.Folder, Name: s.rec.Name, Placeholders: s.rec.Placeholders}
	rest := s.rec
	rest.Files = slices.DeleteFunc(slices.Clone(rest.Files), func(f recordFile) bool {
		if f.Path == file {
			part.Files = append(part.Files, f)
		}
		return f.Path == file
	})
	if file != "" {
		base := path.Base(file)
		rest.Edits = slices.DeleteFunc(slices.Clone(rest.Edits), func(e recordEdit) bool {
			of := slices.Equal(e.Path, []string{"resources"}) && slices.Equal(e.Keys, []string{base})
			if of {
				part.Edits = append(part.Edits, e)
			}
			return of
		})
	}
	reads, err := readsOf(ctx, s.repo, s.app)
	if err != nil {
		return err
	}
	d := newDestroyer(s.repo, s.app, []*record{part, rest}, 0, reads, false)
	d.plan = s.plan
	for _, f := range part.Files {
		src, err := readIfThere(s.repo, f.Path)
		if err != nil {
			return err
		}
		if src != nil {
			s.plan.remove(f.Path, src)
		}
	}
	for _, e := range slices.Backward(part.Edits) {
		if err := d.edit(e, nil); err != nil {
			return err
		}
	}
	rest.Rotation = nil
	if s.req.Conflicts == Replace {
		return nil
	}
	found, err := s.references()
	(&target{found: found}).report(s.plan)
	return err
}

// recordsOf returns the records of an application, as they will be.
func (s *rotation) recordsOf(application string) ([]*record, error) {
	if all, ok := s.records[application]; ok {
		return all, nil
	}
	all, err := records(s.repo, application)
	if err == nil {
		s.records[application] = all
	}
	return all, err
}

// writeRecords writes those that changed.
func (s *rotation) writeRecords() error {
	for _, application := range sortedKeys(s.records) {
		for _, rec := range s.records[application] {
			last, err := readRecord(s.repo, application, rec.Name)
			if err != nil {
				return err
			}
			before, err := last.marshal()
			if err != nil {
				return err
			}
			out, err := rec.marshal()
			if err != nil {
				return err
			}
			if bytes.Equal(out, before) {
				continue
			}
			rec.remember(s.plan, last)
			if rec.Migration != nil { // the variables in its files belong to another record
				rec.Restore = nil
			}
			if out, err = rec.marshal(); err != nil {
				return err
			}
			file := recordPath(application, rec.Name)
			old, err := readIfThere(s.repo, file)
			if err != nil {
				return err
			}
			s.plan.write(file, old, out)
		}
	}
	return nil
}
