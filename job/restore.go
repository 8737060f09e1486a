package job

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/instance"
)

// identityDir is where the Secret with the age identity is in the container.
const identityDir = "/identity"

// A Backup is a CronJob that backs a Redis up with "redis-gitops backup create". A Job that restores runs with what it has: its image,
// store, logins, volumes and labels, so what admits its pods, such as a NetworkPolicy, admits those of the Job.
type Backup struct {
	Name, Namespace string
	Image           string
	Arguments       []string // of backup create, in the form that Kubernetes expands

	pod       object // the template of its pods
	container int    // of these
	drill     object // the same of the drill; nil without one
}

// BackupOf returns the CronJob that backs a Redis up. Without one, with several, and with one that runs something else, the error says
// what to do.
func BackupOf(in *instance.Instance) (*Backup, error) {
	all := in.Backups
	if same := slices.DeleteFunc(slices.Clone(all), func(d instance.Document) bool { return namespaceOf(d) != in.Namespace }); len(same) > 0 {
		all = same
	}
	switch {
	case len(all) == 0:
		return nil, fmt.Errorf("Redis %q has no backup in the repository; run `redis-gitops generate addon %s %[1]s backup`, or pass STORE", in.Name, orAPP(in.Application)) //lint:ignore ST1005 Redis is a name
	case len(all) > 1:
		var names []string
		for _, d := range all {
			names = append(names, fmt.Sprintf("%q (%s)", name(d), d.Where))
		}
		return nil, fmt.Errorf("Redis %q has %d backups, the CronJobs %s; remove the label %s from all but one, or pass STORE", in.Name, len(all), strings.Join(names, ", "), instance.BackupLabel) //lint:ignore ST1005 Redis is a name
	}
	b := &Backup{Name: name(all[0]), Namespace: namespaceOf(all[0]), pod: podOf(all[0])}
	for i, each := range anys(cue.At(b.pod, "spec", "containers")) {
		c, _ := each.(object)
		command := append(texts(c["command"]), texts(c["args"])...)
		if len(command) > 2 && path.Base(command[0]) == "redis-gitops" && command[1] == "backup" && command[2] == "create" {
			b.container, b.Image, b.Arguments = i, instance.Text(c["image"]), command[3:]
		}
	}
	if b.Arguments == nil {
		return nil, fmt.Errorf("the CronJob %q (%s) does not run \"redis-gitops backup create\", so its store is not known; pass STORE", b.Name, all[0].Where)
	}
	for _, d := range in.Drills {
		if namespaceOf(d) == b.Namespace {
			b.drill = podOf(d)
		}
	}
	return b, nil
}

// Identity returns the Secret with the age identity that the drill uses, and its key.
func (b *Backup) Identity() (Place, error) {
	for _, c := range containers(b.drill) {
		for _, arg := range append(texts(c["command"]), texts(c["args"])...) {
			file, ok := strings.CutPrefix(arg, "--identity-file=")
			if !ok {
				continue
			}
			if p := b.secretAt(c, file); p.Secret != "" {
				return p, nil
			}
		}
	}
	return Place{}, errors.New("the backups are encrypted, and no drill has the age identity; pass the Secret that has it, with --identity-file secret://NAME/KEY")
}

// secretAt finds the Secret of a file in a container of the drill.
func (b *Backup) secretAt(container object, file string) Place {
	dir, key := path.Split(file)
	for _, mount := range objects(container["volumeMounts"]) {
		if instance.Text(mount["mountPath"]) != path.Clean(dir) {
			continue
		}
		for _, volume := range objects(cue.At(b.drill, "spec", "volumes")) {
			if instance.Text(volume["name"]) == instance.Text(mount["name"]) {
				return Place{Secret: instance.Text(cue.At(volume, "secret", "secretName")), Key: key}
			}
		}
	}
	return Place{}
}

// restoring returns the pods of the backup, in which its container runs the command.
func (j *Job) restoring(target string, _ object) object {
	pod, spec := maps.Clone(j.Backup.pod), maps.Clone(cue.At(j.Backup.pod, "spec").(object))
	all, at := slices.Clone(anys(spec["containers"])), j.Backup.container
	c := maps.Clone(all[at].(object))
	delete(c, "args")
	c["name"], c["image"], c["command"] = j.component(), j.Image, j.command(target)
	if p := j.Identity; p.Secret != "" {
		c["volumeMounts"] = append(slices.Clone(anys(c["volumeMounts"])), object{"name": "identity", "mountPath": identityDir, "readOnly": true})
		spec["volumes"] = append(slices.Clone(anys(spec["volumes"])), secretVolume("identity", p))
	}
	// First, as its log and exit code are those of the Job.
	spec["containers"] = slices.Insert(slices.Delete(all, at, at+1), 0, any(c))
	spec["restartPolicy"] = "Never"
	pod["spec"] = spec
	return pod
}

func (j *Job) restore(target string) []string {
	command := append([]string{"redis-gitops"}, strings.Fields(j.Command)...)
	if j.Command == "restore" {
		command = append(command, literal(target))
	}
	command = append(append(command, j.Store), j.Options...)
	if j.Identity.Secret != "" {
		command = append(command, literal("--identity-file="+path.Join(identityDir, j.Identity.Key)))
	}
	for _, flag := range j.Flags {
		command = append(command, literal(flag))
	}
	return command
}

func secretVolume(name string, p Place) object {
	return object{"name": name, "secret": object{"secretName": p.Secret, "items": []any{object{"key": p.Key, "path": p.Key}}}}
}

func orAPP(application string) string {
	if application == "" {
		return "APP"
	}
	return application
}

func name(d instance.Document) string { return instance.Text(cue.At(d.Object, "metadata", "name")) }

func namespaceOf(d instance.Document) string {
	if n := instance.Text(cue.At(d.Object, "metadata", "namespace")); n != "" {
		return n
	}
	return d.Namespace
}

// podOf returns the template of a CronJob's pods.
func podOf(d instance.Document) object {
	pod, _ := cue.At(d.Object, "spec", "jobTemplate", "spec", "template").(object)
	return pod
}

func containers(pod object) []object { return objects(cue.At(pod, "spec", "containers")) }

func anys(data any) []any {
	list, _ := data.([]any)
	return list
}

func objects(data any) []object {
	var out []object
	for _, each := range anys(data) {
		if o, ok := each.(object); ok {
			out = append(out, o)
		}
	}
	return out
}

func texts(data any) []string {
	var out []string
	for _, each := range anys(data) {
		out = append(out, instance.Text(each))
	}
	return out
}
