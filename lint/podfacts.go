package lint

import (
	"strconv"

	"github.com/redis-gitops/redis-gitops/instance"
	"github.com/redis-gitops/redis-gitops/lint/model"
)

// addPods sets what the operators' facts tell: data.repo.pods and data.repo.references.
func addPods(m *model.Repository, pods []instance.PodSpec, references []instance.Reference) {
	for _, p := range pods {
		out := model.PodSpec{
			Resource: resourceOf(p.Where), Operator: p.Operator, Part: p.Part, Replicas: p.Replicas, Labels: p.Labels,
			PeerAddress: p.PeerAddress, Surges: p.Surges, Port: p.Port, At: p.At, MountsKey: p.MountsKey,
			Volumes: p.Volumes, Mounts: p.Mounts, Containers: p.Containers, Init: p.Init, Env: p.Env, Images: p.Images,
		}
		for _, o := range p.Own {
			out.Own = append(out.Own, model.Own(o))
		}
		m.Pods = append(m.Pods, out)
	}
	for _, r := range references {
		path := make([]any, len(r.Path))
		for i, step := range r.Path {
			path[i] = step
			if n, err := strconv.ParseInt(step, 10, 64); err == nil {
				path[i] = n
			}
		}
		m.References = append(m.References, model.Reference{Resource: resourceOf(r.Where), Path: path, Kind: r.Kind, Name: r.Name, Created: r.Created})
	}
}

// resourceOf reads the id of a resource, which stands for the location of a document.
func resourceOf(where string) int {
	id, _ := strconv.Atoi(where) // written by redis
	return id
}

// redisFound is what is kept of a Redis instance.
type redisFound struct {
	resource int      // its id
	secrets  []string // the names of those with its passwords
}

func newRedisFound(id int, in *instance.Instance) redisFound {
	found := redisFound{resource: id}
	if in.Auth != nil {
		found.secrets = append(found.secrets, in.Auth.Secret)
	}
	if in.Sentinel != nil && in.Sentinel.Auth != nil {
		found.secrets = append(found.secrets, in.Sentinel.Auth.Secret)
	}
	return found
}
