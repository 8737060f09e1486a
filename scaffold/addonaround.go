package scaffold

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/instance"
	"github.com/redis-gitops/redis-gitops/repo"
)

// podTemplates are where the pods of workloads are described, by their kinds.
var podTemplates = map[string][]string{
	"CronJob": {"spec", "jobTemplate", "spec", "template"}, "DaemonSet": {"spec", "template"}, "Deployment": {"spec", "template"}, "Job": {"spec", "template"},
	"ReplicaSet": {"spec", "template"}, "Rollout": {"spec", "template"}, "StatefulSet": {"spec", "template"},
}

// around returns the labels of the workloads of an application that are no Redis, and the objects that select the pods of one of them.
// What the addon called own made itself does not count.
func around(r *repo.Repo, app *repo.App, own string, in *instance.Instance, instances []*instance.Instance, documents []instance.Document) ([]cue.AddonLabels, cue.AddonOthers) {
	clients := []cue.AddonLabels{}
	others := cue.AddonOthers{Policies: []string{}, Monitors: []string{}, Backups: []string{}}
	var mine []string
	policies := map[string]bool{} // files of the addon network-policy, which all have one for the sentinels that they share
	if all, err := records(r, app.Name); err == nil {
		for _, rec := range all {
			for _, f := range rec.Files {
				policies[f.Path] = rec.Type == "network-policy"
				if rec.Name == own {
					mine = append(mine, f.Path)
				}
			}
		}
	}
	for _, d := range documents {
		file, _, _ := strings.Cut(d.Where, ":")
		if slices.Contains(mine, file) || path.Base(file) == own+".yaml" {
			continue
		}
		kind, name := instance.Text(d.Object["kind"]), instance.Text(cue.At(d.Object, "metadata", "name"))
		switch kind {
		case "NetworkPolicy":
			selected := selectsPart(cue.At(d.Object, "spec", "podSelector"), in)
			if slices.ContainsFunc(selected, func(p instance.Part) bool { return p.Name != "sentinel" || !policies[file] }) {
				others.Policies = append(others.Policies, name)
			}
		case "PodMonitor", "VMPodScrape":
			if len(selectsPart(cue.At(d.Object, "spec", "selector"), in)) > 0 {
				others.Monitors = append(others.Monitors, name)
			}
		case "CronJob":
			if instance.Text(cue.At(d.Object, "metadata", "labels", instance.BackupLabel)) == in.Name {
				others.Backups = append(others.Backups, name)
			}
		}
		labels := clientLabels(kind, d.Object, instances)
		if len(labels) > 0 && !slices.ContainsFunc(clients, func(c cue.AddonLabels) bool { return maps.Equal(c.Labels, labels) }) {
			clients = append(clients, cue.AddonLabels{Labels: labels})
		}
	}
	return clients, others
}

// clientLabels returns labels that the pods of a workload keep; none for what is no workload, and for a Redis.
func clientLabels(kind string, object map[string]any, instances []*instance.Instance) map[string]string {
	at, ok := podTemplates[kind]
	if !ok {
		return nil
	}
	pods := instance.Texts(cue.At(object, append(slices.Clone(at), "metadata", "labels")...))
	for _, in := range instances {
		if slices.ContainsFunc(in.Parts, func(p instance.Part) bool { return covers(p.Labels, pods) }) ||
			slices.ContainsFunc(in.Pods, func(p instance.Pods) bool { return covers(p.Labels, pods) }) {
			return nil
		}
	}
	if selector := instance.Texts(cue.At(object, "spec", "selector", "matchLabels")); len(selector) > 0 {
		return selector
	}
	// Of what nothing selects, a changing label would leave new pods out.
	maps.DeleteFunc(pods, func(key, _ string) bool {
		return key == "helm.sh/chart" || key == "app.kubernetes.io/version" || strings.HasPrefix(key, "batch.kubernetes.io/")
	})
	return pods
}

// mountsOf returns the ConfigMaps and Secrets that the pods of a Redis mount, as far as workloads of the application describe them.
func mountsOf(in *instance.Instance, documents []instance.Document) []string {
	mounts := []string{}
	for _, d := range documents {
		at, ok := podTemplates[instance.Text(d.Object["kind"])]
		if !ok {
			continue
		}
		pods := instance.Texts(cue.At(d.Object, append(slices.Clone(at), "metadata", "labels")...))
		if !slices.ContainsFunc(in.Parts, func(p instance.Part) bool { return p.Name != "sentinel" && covers(p.Labels, pods) }) {
			continue
		}
		volumes, _ := cue.At(d.Object, append(slices.Clone(at), "spec", "volumes")...).([]any)
		for _, v := range volumes {
			if name := instance.Text(cue.At(v, "configMap", "name")); name != "" {
				mounts = append(mounts, "ConfigMap/"+name)
			}
			if name := instance.Text(cue.At(v, "secret", "secretName")); name != "" {
				mounts = append(mounts, "Secret/"+name)
			}
		}
	}
	slices.Sort(mounts)
	return slices.Compact(mounts)
}

// covers reports whether pods with some labels have all of others, of which there is one.
func covers(labels, pods map[string]string) bool {
	for key, value := range labels {
		if pods[key] != value {
			return false
		}
	}
	return len(labels) > 0
}

// selectsPart returns the pods of a Redis, or of its sentinels, that a label selector matches.
func selectsPart(selector any, in *instance.Instance) []instance.Part {
	return slices.DeleteFunc(slices.Clone(in.Parts), func(p instance.Part) bool { return !instance.Selects(selector, p.Labels) })
}
