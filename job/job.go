// Package job writes a Kubernetes Job that imports into a Redis, takes a dump of it, or restores its backup, inside of the cluster. It asks no
// cluster and holds no secret: passwords and URLs with a signature are references to Secrets.
package job

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/instance"
)

// Places in the container.
const (
	dataDir   = "/data"   // the claim
	sourceDir = "/source" // the Secret with a URL
)

// maxName is how long the name of a Job may be: its pods bear it as a label.
const maxName = 63

// A Job is an import, a dump or a restore of one Redis, or lists its backups.
type Job struct {
	Command string             // "import", "dump", "restore" or "backup list"
	Redis   *instance.Instance // of which, and where it is reached
	Dump    Place              // of import and dump
	Image   string             // one that has redis-gitops
	Flags   []string           // more of the command's, as they are: Kubernetes expands nothing in them

	// Of restore and backup list.
	Backup   *Backup
	Store    string   // of the arguments of Backup, as are the options
	Options  []string // of which Kubernetes expands $(NAME)
	Identity Place    // the Secret with the age identity; the zero value for backups that are not encrypted
}

// A Place is where a dump is, or goes to.
type Place struct {
	Claim, File string // a file in a PersistentVolumeClaim
	Secret, Key string // a Secret with the URL of a dump
	URL         string // one that everybody may know
}

// ParsePlace reads pvc://CLAIM/PATH, secret://NAME/KEY or an http(s):// URL without a query.
func ParsePlace(text string) (Place, error) {
	scheme, rest, _ := strings.Cut(text, "://")
	name, file, _ := strings.Cut(rest, "/")
	switch scheme {
	case "pvc", "secret":
		if !instance.IsName(name) {
			return Place{}, fmt.Errorf("%q: %q is not a valid %s name", text, name, map[string]string{"pvc": "PersistentVolumeClaim", "secret": "Secret"}[scheme])
		}
		if scheme == "secret" {
			if file == "" || strings.Contains(file, "/") {
				return Place{}, fmt.Errorf("%q has no key; use secret://NAME/KEY", text)
			}
			return Place{Secret: name, Key: file}, nil
		}
		clean := path.Clean("/" + file)[1:]
		if clean == "" || clean != strings.TrimPrefix(file, "/") {
			return Place{}, fmt.Errorf("%q has no path; use pvc://CLAIM/PATH", text)
		}
		return Place{Claim: name, File: clean}, nil
	case "http", "https":
		u, err := url.Parse(text)
		switch {
		case err != nil:
			return Place{}, errors.New("invalid URL of the dump")
		case u.RawQuery != "" || u.User != nil:
			return Place{}, errors.New("the URL of the dump contains a signature or credentials, which anyone who can read Jobs could see; store it in a Secret and use secret://NAME/KEY")
		}
		return Place{URL: text}, nil
	}
	return Place{}, fmt.Errorf("a Job cannot read %q; use pvc://CLAIM/PATH, secret://NAME/KEY (a Secret with its URL) or https://…", text)
}

// YAML returns the Job as text. The error has all that is missing.
func (j *Job) YAML() ([]byte, error) {
	object, err := j.manifest()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if err := e.Encode(object); err != nil {
		return nil, err
	}
	return out.Bytes(), e.Close()
}

// Object returns the Job as the API server takes it: of what JSON has alone. The error has all that is missing.
func (j *Job) Object() (map[string]any, error) {
	object, err := j.manifest()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	var plain map[string]any
	return plain, json.Unmarshal(text, &plain)
}

func (j *Job) manifest() (object, error) {
	var errs []error
	if j.Image == "" {
		errs = append(errs, errors.New("no image for the Job; pass one that contains redis-gitops with --image"))
	}
	if j.Command == "dump" && j.Dump.Claim == "" {
		errs = append(errs, errors.New("a Job can only dump to a PersistentVolumeClaim; use pvc://CLAIM/PATH"))
	}
	target, err := j.Redis.URL()
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, err
	}
	return j.object(target), nil
}

type object = map[string]any

func (j *Job) object(target string) object {
	name := j.Redis.Name + "-" + j.component()
	if len(name) > maxName {
		name = strings.Trim(name[len(name)-maxName:], "-.")
	}
	labels := object{"app.kubernetes.io/name": "redis-gitops", "app.kubernetes.io/component": j.component(), "app.kubernetes.io/instance": name}
	meta := object{"name": name, "labels": labels}
	namespace, template := j.Redis.Namespace, j.template
	if j.Backup != nil {
		namespace, template = j.Backup.Namespace, j.restoring // its volume and its Secrets are where the CronJob is
	}
	if namespace != "" {
		meta["namespace"] = namespace
	}
	return object{
		"apiVersion": "batch/v1",
		"kind":       "Job",
		"metadata":   meta,
		"spec": object{
			// Once: what has stopped half way goes on by a Job with --resume, which somebody has looked at.
			"backoffLimit": 0,
			"template":     template(target, labels),
		},
	}
}

// component is the command as a part of names.
func (j *Job) component() string { return strings.ReplaceAll(j.Command, " ", "-") }

// template returns the pods of an import or a dump.
func (j *Job) template(target string, labels object) object {
	env, volumes, mounts := j.surroundings()
	return object{
		"metadata": object{"labels": labels},
		"spec": object{
			"restartPolicy":                "Never",
			"automountServiceAccountToken": false,
			"enableServiceLinks":           false,
			"securityContext": object{
				"runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 65532,
				"seccompProfile": object{"type": "RuntimeDefault"},
			},
			"containers": []any{object{
				"name":    j.Command,
				"image":   j.Image,
				"command": j.command(target),
				"env":     env,
				"securityContext": object{
					"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": object{"drop": []string{"ALL"}},
				},
				"resources":    object{"requests": object{"cpu": "500m", "memory": "256Mi"}, "limits": object{"memory": "512Mi"}},
				"volumeMounts": mounts,
			}},
			"volumes": volumes,
		},
	}
}

// literal keeps Kubernetes from expanding $(NAME) in a command or an argument. It takes $$ for $ everywhere
// (k8s.io/kubernetes third_party/forked/golang/expansion/expand.go, tryReadVariableName), so every $ is doubled.
func literal(text string) string { return strings.ReplaceAll(text, "$", "$$") }

func (j *Job) command(target string) []string {
	if j.Backup != nil {
		return j.restore(target)
	}
	file := j.Dump.URL
	switch {
	case j.Dump.Claim != "":
		file = path.Join(dataDir, j.Dump.File)
	case j.Dump.Secret != "":
		file = "@" + path.Join(sourceDir, j.Dump.Key)
	}
	command := []string{"redis-gitops", j.Command, literal(target), literal(file)}
	if j.Command == "import" {
		command = []string{"redis-gitops", j.Command, literal(file), literal(target)}
		checkpoint := "none" // nothing outlives the pod
		if j.Dump.Claim != "" {
			checkpoint = file + ".checkpoint.json"
		}
		if !slices.ContainsFunc(j.Flags, func(f string) bool { return strings.HasPrefix(f, "--checkpoint=") }) {
			command = append(command, literal("--checkpoint="+checkpoint))
		}
	}
	if auth := j.Redis.Auth; auth != nil && auth.UsernameKey != "" {
		command = append(command, "--username=$(REDIS_USERNAME)") // which Kubernetes fills in
	}
	for _, flag := range j.Flags {
		command = append(command, literal(flag))
	}
	return command
}

// surroundings are the environment with the logins, and the volumes.
func (j *Job) surroundings() (env, volumes, mounts []any) {
	secret := func(name, from, key string) {
		env = append(env, object{"name": name, "valueFrom": object{"secretKeyRef": object{"name": from, "key": key}}})
	}
	volume := func(name, at string, readOnly bool, source object) {
		source["name"] = name
		volumes = append(volumes, source)
		mount := object{"name": name, "mountPath": at}
		if readOnly {
			mount["readOnly"] = true
		}
		mounts = append(mounts, mount)
	}
	if auth := j.Redis.Auth; auth != nil {
		secret("REDIS_PASSWORD", auth.Secret, auth.Key)
		if auth.UsernameKey != "" {
			secret("REDIS_USERNAME", auth.Secret, auth.UsernameKey)
		}
	}
	if s := j.Redis.Sentinel; s != nil && s.Auth != nil {
		secret("REDIS_SENTINEL_PASSWORD", s.Auth.Secret, s.Auth.Key)
	}
	env = append(env, object{"name": "HOME", "value": "/tmp"})
	volume("tmp", "/tmp", false, object{"emptyDir": object{}})
	switch {
	case j.Dump.Claim != "":
		volume("data", dataDir, false, object{"persistentVolumeClaim": object{"claimName": j.Dump.Claim}})
	case j.Dump.Secret != "":
		volume("source", sourceDir, true, secretVolume("source", j.Dump))
	}
	return env, volumes, mounts
}
