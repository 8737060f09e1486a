package lint

import (
	"strconv"

	"github.com/redis-gitops/redis-gitops/instance"
)

// podFacts are data.repo.pods and data.repo.references: what the operators' facts tell about the resources of the repository.
type podFacts struct{ pods, references []any }

func (f *podFacts) add(pods []instance.PodSpec, references []instance.Reference) {
	for _, p := range pods {
		at := map[string]any{}
		for field, path := range p.At {
			at[field] = anyList(path)
		}
		labels := map[string]any{}
		for key, value := range p.Labels {
			labels[key] = value
		}
		own := []any{}
		for _, o := range p.Own {
			own = append(own, map[string]any{"volume": o.Volume, "mount": o.Mount, "container": o.Container, "init": o.Init, "port": int64(o.Port)})
		}
		f.pods = append(f.pods, map[string]any{
			"resource": resourceOf(p.Where), "operator": p.Operator, "part": p.Part, "replicas": int64(p.Replicas), "labels": labels,
			"peerAddress": p.PeerAddress, "surges": p.Surges, "port": int64(p.Port), "at": at, "own": own, "mountsKey": p.MountsKey,
			"volumes": anyPaths(p.Volumes), "mounts": anyPaths(p.Mounts), "containers": anyPaths(p.Containers), "init": anyPaths(p.Init),
			"env": anyPaths(p.Env), "images": anyPaths(p.Images),
		})
	}
	for _, r := range references {
		path := make([]any, len(r.Path))
		for i, step := range r.Path {
			path[i] = step
			if n, err := strconv.ParseInt(step, 10, 64); err == nil {
				path[i] = n
			}
		}
		f.references = append(f.references, map[string]any{
			"resource": resourceOf(r.Where), "path": path, "kind": r.Kind, "name": r.Name, "created": r.Created,
		})
	}
}

// resourceOf reads the id of a resource, which stands for the location of a document.
func resourceOf(where string) int64 {
	id, _ := strconv.ParseInt(where, 10, 64) // written by redis
	return id
}

func anyPaths(paths [][]string) []any {
	out := make([]any, len(paths))
	for i, p := range paths {
		out[i] = anyList(p)
	}
	return out
}
