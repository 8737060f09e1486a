// Package cluster finds a running Redis in Kubernetes, its pods, master and password, and opens a way in: connections through
// the API server (as `kubectl port-forward` has them) and commands in pods (as `kubectl exec`).
//
// What operators call things comes from the schemes of cue/operator, through package instance, fed with live resources. What
// is so is asked of the servers themselves (ROLE, INFO, SENTINEL), never taken from labels alone. [Cluster.StartJob]
// creates a Job, [Cluster.Failover] sends SENTINEL FAILOVER and CLIENT KILL, [Cluster.Promote] REPLICAOF and SENTINEL MONITOR,
// [Cluster.AcceptBoth] and [Cluster.RefuseOld] ACL SETUSER, CONFIG SET and SENTINEL SET, [Cluster.Follow], [Cluster.Switch] and
// [Cluster.RefuseWrites] REPLICAOF, SENTINEL REMOVE and ACL SETUSER; nothing else changes anything.
package cluster

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"time"

	"github.com/redis-gitops/redis-gitops/cue"
)

// An API is Kubernetes as far as this package asks it. [Open] makes the real one.
type API interface {
	// Served returns the kinds of these API versions that the server has; versions that it does not know are left out.
	Served(ctx context.Context, apiVersions []string) ([]Kind, error)
	// Get returns one resource as plain data. The error is a [*NotFound] when there is none.
	Get(ctx context.Context, k Kind, namespace, name string) (map[string]any, error)
	// List returns all resources of a kind in a namespace, or everywhere when that is "", with the labels of a selector.
	List(ctx context.Context, k Kind, namespace, selector string) ([]map[string]any, error)
	// Dial connects to a port of a pod.
	Dial(ctx context.Context, namespace, pod string, port int) (net.Conn, error)
	// Create makes a resource, and gives it as the server has it. The error is an [*Exists] when there is one of its name.
	Create(ctx context.Context, k Kind, namespace string, object map[string]any) (map[string]any, error)
	// Tail returns the last lines that a container printed; those of the one before its last restart with previous.
	Tail(ctx context.Context, namespace, pod, container string, previous bool, lines int) (string, error)
	// Events returns the events about a resource, by its kind and name.
	Events(ctx context.Context, namespace, kind, name string) ([]map[string]any, error)
	// Log returns what a container prints, from its beginning until it ends.
	Log(ctx context.Context, namespace, pod, container string) (io.ReadCloser, error)
	// Exec runs a command in a container. The error is an [*ExitError] when the command ran and failed.
	Exec(ctx context.Context, c Command) error
}

// Kind is a kind of resources as the API server serves it.
type Kind struct {
	APIVersion, Kind string
	Plural           string // the name in its path
}

// The kinds that are there in every cluster.
var (
	podKind         = Kind{"v1", "Pod", "pods"}
	serviceKind     = Kind{"v1", "Service", "services"}
	secretKind      = Kind{"v1", "Secret", "secrets"}
	statefulSetKind = Kind{"apps/v1", "StatefulSet", "statefulsets"}
	deploymentKind  = Kind{"apps/v1", "Deployment", "deployments"}
	configMapKind   = Kind{"v1", "ConfigMap", "configmaps"}
	eventKind       = Kind{"v1", "Event", "events"}
)

// Command is one that runs in a container.
type Command struct {
	Namespace, Pod, Container string
	Args                      []string // handed over as they are: no shell reads them
	In                        io.Reader
	Out, Err                  io.Writer // Err is not used with a terminal
	Terminal                  bool
	// Size waits until the terminal has another size than before, first for its size at all; false ends that.
	Size func() (width, height uint16, ok bool)
}

// Options say which cluster, and where in it. The zero value is what kubectl would take.
type Options struct {
	Kubeconfig    string // a file; "" for those of the variable KUBECONFIG, else ~/.kube/config, else the pod that it runs in
	Context       string // "" for the current one
	Namespace     string // "" for the one of the context
	AllNamespaces bool
	Operator      string // that runs there, where that is known; "" to derive it from the resources
	Version       string // of the operator; "" is unknown
	// TLS verifies a Redis that speaks TLS, and logs in by a certificate. Without a ServerName its certificate must be for the
	// Service, SERVICE.NAMESPACE.svc. nil verifies nothing: the API server vouches for the pod.
	TLS     *tls.Config
	Timeout time.Duration // of one question to the API server or to a Redis; 0 is 15 s
}

// A Cluster is a Kubernetes cluster and a place in it.
type Cluster struct {
	api       API
	options   Options
	namespace string // "" for all
	where     string // the place in words
	operators []*cue.Operator
}

// New returns a cluster that is asked by api. namespace is that of the context.
func New(api API, namespace string, o Options) (*Cluster, error) {
	operators, err := cue.Operators()
	if err != nil {
		return nil, err
	}
	c := &Cluster{api: api, options: o, operators: operators}
	c.setNamespace(o, namespace)
	return c, nil
}

const defaultTimeout = 15 * time.Second

// Namespace is the one that is looked into; "" for all.
func (c *Cluster) Namespace() string { return c.namespace }

// Where names what is looked into: a namespace, or the cluster.
func (c *Cluster) Where() string { return c.where }

// Timeout is how long one question may take.
func (c *Cluster) Timeout() time.Duration {
	if c.options.Timeout > 0 {
		return c.options.Timeout
	}
	return defaultTimeout
}

func (c *Cluster) setNamespace(o Options, ofContext string) {
	switch {
	case o.AllNamespaces:
		c.namespace, c.where = "", "the cluster"
	case o.Namespace != "":
		c.namespace = o.Namespace
	case ofContext != "":
		c.namespace = ofContext
	default:
		c.namespace = "default"
	}
	if c.namespace != "" {
		c.where = "namespace \"" + c.namespace + "\""
	}
}

// bounded returns a context for one question.
func (c *Cluster) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, c.Timeout(), &timeoutError{after: c.Timeout()})
}
