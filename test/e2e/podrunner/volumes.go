package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/kubernetes/third_party/forked/golang/expansion"
)

// errUnsupported is of a volume or a source of an environment variable that no test has needed.
var errUnsupported = errors.New("podrunner does not know this kind")

// until tries again until try succeeds, the pod shows why not, or ctx ends.
func (w *worker) until(ctx context.Context, try func() error) error {
	for {
		err := try()
		if err == nil || errors.Is(err, errUnsupported) {
			w.update(func() { w.reason = "" })
			return err
		}
		changed := false
		w.update(func() { changed, w.reason = w.reason != err.Error(), err.Error() })
		if changed {
			w.event(v1.EventTypeWarning, "FailedMount", err.Error())
		}
		sleep(ctx, 300*time.Millisecond)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// volumes returns the folder of each volume of the pod.
func (w *worker) volumes(ctx context.Context) (map[string]string, error) {
	dirs := map[string]string{}
	for _, v := range w.pod.Spec.Volumes {
		err := w.until(ctx, func() (err error) {
			dirs[v.Name], err = w.volume(ctx, v)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("volume %s: %w", v.Name, err)
		}
	}
	return dirs, nil
}

func (w *worker) volume(ctx context.Context, v v1.Volume) (string, error) {
	dir := filepath.Join(w.dir, "volumes", v.Name)
	core := w.k.client.CoreV1()
	switch {
	case v.EmptyDir != nil:
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return "", err
		}
		return dir, os.Chmod(dir, 0o777) // the umask
	case v.ConfigMap != nil:
		m, err := core.ConfigMaps(w.pod.Namespace).Get(ctx, v.ConfigMap.Name, metav1.GetOptions{})
		if err != nil {
			return dir, missing(dir, v.ConfigMap.Optional, err)
		}
		data := map[string][]byte{}
		maps.Copy(data, m.BinaryData)
		for key, value := range m.Data {
			data[key] = []byte(value)
		}
		return dir, writeFiles(dir, data, v.ConfigMap.Items, v.ConfigMap.DefaultMode)
	case v.Secret != nil:
		s, err := core.Secrets(w.pod.Namespace).Get(ctx, v.Secret.SecretName, metav1.GetOptions{})
		if err != nil {
			return dir, missing(dir, v.Secret.Optional, err)
		}
		return dir, writeFiles(dir, s.Data, v.Secret.Items, v.Secret.DefaultMode)
	case v.DownwardAPI != nil:
		return dir, w.writeLabels(dir, v.DownwardAPI.Items)
	case v.Projected != nil:
		return dir, w.project(ctx, dir, *v.Projected)
	case v.HostPath != nil:
		return v.HostPath.Path, nil
	case v.PersistentVolumeClaim != nil:
		claim, err := core.PersistentVolumeClaims(w.pod.Namespace).Get(ctx, v.PersistentVolumeClaim.ClaimName, metav1.GetOptions{})
		if err != nil {
			return "", err
		}
		if claim.Status.Phase != v1.ClaimBound {
			return "", fmt.Errorf("PersistentVolumeClaim %s is not bound", claim.Name)
		}
		volume, err := core.PersistentVolumes().Get(ctx, claim.Spec.VolumeName, metav1.GetOptions{})
		if err != nil {
			return "", err
		}
		if volume.Spec.HostPath == nil {
			return "", fmt.Errorf("PersistentVolume %s: %w", volume.Name, errUnsupported)
		}
		return volume.Spec.HostPath.Path, nil
	}
	return "", fmt.Errorf("volume %s: %w", v.Name, errUnsupported)
}

// missing makes an empty directory of a volume whose object may be missing.
func missing(dir string, may *bool, err error) error {
	if err := optional(may, err); err != nil {
		return err
	}
	return os.MkdirAll(dir, 0o755)
}

// writeFiles writes the keys of a ConfigMap or Secret, all of them or items.
func writeFiles(dir string, data map[string][]byte, items []v1.KeyToPath, mode *int32) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	perm := fs.FileMode(0o644)
	if mode != nil {
		perm = fs.FileMode(*mode)
	}
	write := func(name, key string, perm fs.FileMode) error {
		value, ok := data[key]
		if !ok {
			return fmt.Errorf("there is no key %q", key)
		}
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, value, perm); err != nil {
			return err
		}
		return os.Chmod(file, perm) // the umask
	}
	if len(items) == 0 {
		for key := range data {
			if err := write(key, key, perm); err != nil {
				return err
			}
		}
	}
	for _, item := range items {
		p := perm
		if item.Mode != nil {
			p = fs.FileMode(*item.Mode)
		}
		if err := write(item.Path, item.Key, p); err != nil {
			return err
		}
	}
	return nil
}

// prepare makes of a container's specification what containerInit needs.
func (w *worker) prepare(ctx context.Context, s *state, volumes map[string]string) error {
	// There are no images, but a kubelet says this one of them before it asks anybody.
	if repository, _, _ := strings.Cut(s.spec.Image, ":"); repository != strings.ToLower(repository) {
		w.update(func() {
			s.status.State.Waiting = &v1.ContainerStateWaiting{Reason: "InvalidImageName", Message: fmt.Sprintf("Failed to apply default image tag %q: couldn't parse image name %q: invalid reference format: repository name must be lowercase", s.spec.Image, s.spec.Image)}
		})
		<-ctx.Done()
		return ctx.Err()
	}
	var env []string
	err := w.until(ctx, func() (err error) {
		env, err = w.environment(ctx, s.spec)
		return err
	})
	if err != nil {
		w.update(func() {
			s.status.State.Waiting = &v1.ContainerStateWaiting{Reason: "CreateContainerConfigError", Message: err.Error()}
		})
		return err
	}
	hostname := w.pod.Spec.Hostname
	if hostname == "" {
		hostname = w.pod.Name
	}
	known := w.k.known[imageName(s.spec.Image)]
	c := container{
		Command: command(s.spec, known.command, env), Layer: known.layer, Env: env, WorkingDir: s.spec.WorkingDir, Hostname: hostname,
		Hosts:   fmt.Sprintf("127.0.0.1\tlocalhost\n::1\tlocalhost\n%s\t%s\n", w.ip, hostname),
		Resolv:  fmt.Sprintf("nameserver %s\nsearch %s.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n", w.k.dns, w.pod.Namespace),
		Scratch: filepath.Join(w.dir, "scratch", s.spec.Name), Bin: w.k.bin, Tools: w.k.tools,
	}
	if w.isValkey(s.spec) {
		c.Servers = filepath.Dir(w.k.valkey)
	}
	var group *int64
	if sc := w.pod.Spec.SecurityContext; sc != nil {
		c.setUser(sc.RunAsUser, sc.RunAsGroup)
		group = sc.FSGroup
		for _, g := range sc.SupplementalGroups {
			c.Groups = append(c.Groups, int(g))
		}
	}
	if sc := s.spec.SecurityContext; sc != nil {
		c.setUser(sc.RunAsUser, sc.RunAsGroup)
		c.ReadOnly = sc.ReadOnlyRootFilesystem != nil && *sc.ReadOnlyRootFilesystem
	}
	if group != nil {
		c.Groups = append(c.Groups, int(*group))
	}
	// As a kubelet has it, whatever the mount says: CONFIG REWRITE fails there.
	readOnly := map[string]bool{}
	for _, v := range w.pod.Spec.Volumes {
		readOnly[v.Name] = v.ConfigMap != nil || v.Secret != nil
	}
	for _, m := range s.spec.VolumeMounts {
		source := filepath.Join(volumes[m.Name], m.SubPath)
		if group != nil && !strings.HasPrefix(source, "/dev") {
			if err := giveToGroup(source, int(*group)); err != nil {
				return err
			}
		}
		c.Mounts = append(c.Mounts, mount{source, m.MountPath, m.ReadOnly || readOnly[m.Name]})
	}
	// There are no images; this is the working directory of those of Redis, where dumps are written.
	if c.WorkingDir == "" && slices.ContainsFunc(c.Mounts, func(m mount) bool { return m.Target == "/data" }) {
		c.WorkingDir = "/data"
	}
	// An outer mount must come before one inside of it.
	slices.SortStableFunc(c.Mounts, func(a, b mount) int { return strings.Compare(a.Target, b.Target) })
	w.update(func() { s.container = c })
	return nil
}

func (c *container) setUser(user, group *int64) {
	if user != nil {
		c.User = uint32(*user)
	}
	if group != nil {
		c.Group = uint32(*group)
	}
}

// command is what the container runs: one that only names an image does nothing, unless the image is known to have a command.
func command(spec v1.Container, ofImage, env []string) []string {
	expand := expansion.MappingFuncFor(toMap(env))
	var out []string
	words := slices.Clone(spec.Command)
	if len(words) == 0 {
		words = slices.Clone(ofImage)
	}
	for _, word := range append(words, spec.Args...) {
		out = append(out, expansion.Expand(word, expand))
	}
	if len(out) == 0 {
		// The first process of a container is not ended by a signal that it does not handle.
		out = []string{"sh", "-c", "trap 'exit 0' TERM; sleep infinity & wait"}
	}
	return out
}

func toMap(env []string) map[string]string {
	out := map[string]string{}
	for _, v := range env {
		name, value, _ := strings.Cut(v, "=")
		out[name] = value
	}
	return out
}

// giveToGroup is fsGroup: all that is in a volume belongs to the group, which may write it.
func giveToGroup(dir string, group int) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if err := os.Lchown(path, -1, group); err != nil {
			return err
		}
		switch {
		case d.IsDir():
			return os.Chmod(path, info.Mode()|0o070|fs.ModeSetgid)
		case info.Mode().IsRegular():
			return os.Chmod(path, info.Mode()|info.Mode()&0o700>>3)
		}
		return nil
	})
}

// environment returns the variables of a container: those of the image, the Services', then its own.
func (w *worker) environment(ctx context.Context, spec v1.Container) ([]string, error) {
	tools := ""
	if w.k.tools != "" {
		tools = toolsDir + ":"
	}
	values := map[string]string{
		"PATH": shimDir + ":" + tools + "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/tmp",
		"HOSTNAME": w.pod.Name, "PODRUNNER_IP": w.ip,
	}
	if w.isValkey(spec) {
		values["PODRUNNER_VALKEY"] = w.k.valkey
	}
	if !cache.WaitForCacheSync(ctx.Done(), w.k.services.HasSynced) {
		return nil, ctx.Err()
	}
	for _, o := range w.k.services.GetStore().List() {
		if s := o.(*v1.Service); s.Namespace == w.pod.Namespace && s.Spec.ClusterIP != "" && s.Spec.ClusterIP != v1.ClusterIPNone {
			maps.Copy(values, serviceVariables(s))
		}
	}
	for _, from := range spec.EnvFrom {
		if err := w.envFrom(ctx, from, values); err != nil {
			return nil, err
		}
	}
	for _, v := range spec.Env {
		value := expansion.Expand(v.Value, expansion.MappingFuncFor(values))
		if v.ValueFrom != nil {
			var err error
			var ok bool
			if value, ok, err = w.valueFrom(ctx, *v.ValueFrom); err != nil {
				return nil, fmt.Errorf("variable %s: %w", v.Name, err)
			} else if !ok {
				continue
			}
		}
		values[v.Name] = value
	}
	out := make([]string, 0, len(values))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		out = append(out, name+"="+values[name])
	}
	return out, nil
}

// isValkey reports whether a container runs the program of -valkey in the place of redis-server.
func (w *worker) isValkey(spec v1.Container) bool {
	return w.k.valkey != "" && strings.Contains(spec.Image, "valkey")
}

// serviceVariables are X_SERVICE_HOST, X_SERVICE_PORT and X_SERVICE_PORT_NAME.
func serviceVariables(s *v1.Service) map[string]string {
	shout := func(name string) string { return strings.ToUpper(strings.ReplaceAll(name, "-", "_")) }
	prefix := shout(s.Name) + "_SERVICE_"
	out := map[string]string{prefix + "HOST": s.Spec.ClusterIP}
	for i, p := range s.Spec.Ports {
		port := fmt.Sprint(p.Port)
		if i == 0 {
			out[prefix+"PORT"] = port
		}
		if p.Name != "" {
			out[prefix+"PORT_"+shout(p.Name)] = port
		}
	}
	return out
}

func (w *worker) envFrom(ctx context.Context, from v1.EnvFromSource, values map[string]string) error {
	core := w.k.client.CoreV1()
	if r := from.ConfigMapRef; r != nil {
		m, err := core.ConfigMaps(w.pod.Namespace).Get(ctx, r.Name, metav1.GetOptions{})
		if err != nil {
			return optional(r.Optional, err)
		}
		for key, value := range m.Data {
			values[from.Prefix+key] = value
		}
	}
	if r := from.SecretRef; r != nil {
		s, err := core.Secrets(w.pod.Namespace).Get(ctx, r.Name, metav1.GetOptions{})
		if err != nil {
			return optional(r.Optional, err)
		}
		for key, value := range s.Data {
			values[from.Prefix+key] = string(value)
		}
	}
	return nil
}

func optional(yes *bool, err error) error {
	if yes != nil && *yes {
		return nil
	}
	return err
}

func (w *worker) valueFrom(ctx context.Context, from v1.EnvVarSource) (string, bool, error) {
	core := w.k.client.CoreV1()
	key := func(data map[string][]byte, key string, isOptional *bool) (string, bool, error) {
		value, ok := data[key]
		if !ok {
			return "", false, optional(isOptional, fmt.Errorf("couldn't find key %s", key))
		}
		return string(value), true, nil
	}
	switch {
	case from.SecretKeyRef != nil:
		r := from.SecretKeyRef
		s, err := core.Secrets(w.pod.Namespace).Get(ctx, r.Name, metav1.GetOptions{})
		if err != nil {
			return "", false, optional(r.Optional, err)
		}
		return key(s.Data, r.Key, r.Optional)
	case from.ConfigMapKeyRef != nil:
		r := from.ConfigMapKeyRef
		m, err := core.ConfigMaps(w.pod.Namespace).Get(ctx, r.Name, metav1.GetOptions{})
		if err != nil {
			return "", false, optional(r.Optional, err)
		}
		data := map[string][]byte{}
		for k, v := range m.Data {
			data[k] = []byte(v)
		}
		return key(data, r.Key, r.Optional)
	case from.FieldRef != nil:
		value, ok := map[string]string{
			"metadata.name": w.pod.Name, "metadata.namespace": w.pod.Namespace, "metadata.uid": string(w.pod.UID),
			"spec.nodeName": w.k.node, "spec.serviceAccountName": w.pod.Spec.ServiceAccountName,
			"status.podIP": w.ip, "status.hostIP": "127.0.0.1",
		}[from.FieldRef.FieldPath]
		if !ok {
			return "", false, fmt.Errorf("field %s: %w", from.FieldRef.FieldPath, errUnsupported)
		}
		return value, true, nil
	}
	return "", false, errUnsupported
}

func logError(what string, err error) {
	if err != nil {
		slog.Error(what, "error", err)
	}
}
