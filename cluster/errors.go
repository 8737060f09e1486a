package cluster

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
)

// NotFound reports that a resource is not there.
type NotFound struct{ Kind, Namespace, Name string }

func (e *NotFound) Error() string {
	if e.Namespace == "" {
		return fmt.Sprintf("no %s %q", e.Kind, e.Name)
	}
	return fmt.Sprintf("no %s %q in namespace %q", e.Kind, e.Name, e.Namespace)
}

// Exists reports that a resource of a name is there already.
type Exists struct{ Kind, Namespace, Name string }

func (e *Exists) Error() string {
	return fmt.Sprintf("%s %q already exists in namespace %q", e.Kind, e.Name, e.Namespace)
}

// Forbidden reports that the API server refuses.
type Forbidden struct {
	Verb, Resource string // resource.group, as a Role has it
	Namespace      string // "" for all
	User           string // "" when the server does not say
}

func (e *Forbidden) Error() string {
	text := fmt.Sprintf("not permitted to %s %s", e.Verb, e.Resource)
	if strings.HasPrefix(e.Resource, "/") { // a path
	} else if e.Namespace != "" {
		text += fmt.Sprintf(" in namespace %q", e.Namespace)
	} else {
		text += " in all namespaces"
	}
	if e.User != "" {
		text += fmt.Sprintf(" as %q", e.User)
	}
	return text + "; see docs/rbac.md for the required Role"
}

// Unreachable reports that the API server does not answer.
type Unreachable struct{ Err error }

func (e *Unreachable) Error() string { return e.Err.Error() }
func (e *Unreachable) Unwrap() error { return e.Err }

// ExitError reports that a command ran and failed.
type ExitError struct{ Code int }

func (e *ExitError) Error() string { return fmt.Sprintf("exit code %d", e.Code) }

type timeoutError struct{ after time.Duration }

func (e *timeoutError) Error() string { return fmt.Sprintf("no response within %v", e.after) }
func (e *timeoutError) Timeout() bool { return true }

// question is what was asked of the API server.
type question struct {
	verb, resource, kind string
	namespace, name      string
}

var forbiddenUser = lazyregexp.New(`User "([^"]+)" cannot`)

// explain describes what a failure of the API server means, in words of ours.
func (q question) explain(host string, err error) error {
	var status *apierrors.StatusError
	var dns *net.DNSError
	var unknown x509.UnknownAuthorityError
	switch {
	case err == nil:
		return nil
	case apierrors.IsForbidden(err):
		e := &Forbidden{Verb: q.verb, Resource: q.resource, Namespace: q.namespace}
		if m := forbiddenUser.FindStringSubmatch(err.Error()); m != nil {
			e.User = m[1]
		}
		return e
	case apierrors.IsUnauthorized(err):
		return fmt.Errorf("the API server %s rejects your credentials; log in again, or check the user of the context", host)
	case apierrors.IsNotFound(err):
		return &NotFound{Kind: q.kind, Namespace: q.namespace, Name: q.name}
	case apierrors.IsAlreadyExists(err):
		return &Exists{Kind: q.kind, Namespace: q.namespace, Name: q.name}
	case errors.Is(err, context.DeadlineExceeded), apierrors.IsTimeout(err), apierrors.IsServerTimeout(err), isTimeout(err):
		return &Unreachable{fmt.Errorf("the API server %s does not respond (%s %s): %w; check --context", host, q.verb, q.resource, plainTimeout(err))}
	case errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &status):
		return fmt.Errorf("the API server refused to %s %s: %s", q.verb, q.resource, status.ErrStatus.Message)
	case errors.As(err, &dns):
		return &Unreachable{fmt.Errorf("cannot resolve the API server %s: %s; check --context", host, dns.Err)}
	case errors.As(err, &unknown):
		return fmt.Errorf("the certificate of the API server %s is signed by an unknown CA; check certificate-authority in the kubeconfig", host)
	}
	var asURL *url.Error
	if errors.As(err, &asURL) {
		err = asURL.Err
	}
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	return &Unreachable{fmt.Errorf("cannot ask the API server %s to %s %s: %w", host, q.verb, q.resource, err)}
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

func plainTimeout(err error) error {
	var t *timeoutError
	if errors.As(err, &t) {
		return t
	}
	return errors.New("timeout")
}

// explainConfig describes what is wrong with a kubeconfig.
func explainConfig(o Options, raw clientcmdapi.Config, err error) error {
	name := cmp.Or(o.Context, raw.CurrentContext)
	used := raw.Contexts[name]
	switch {
	case len(raw.Contexts) == 0 && o.Kubeconfig == "":
		return errors.New("no kubeconfig found (tried --kubeconfig, $KUBECONFIG, ~/.kube/config and the in-cluster configuration)")
	case len(raw.Contexts) > 0 && name == "":
		return fmt.Errorf("the kubeconfig has no current context; pass --context, %s", finding.OneOf(slices.Sorted(maps.Keys(raw.Contexts))))
	case len(raw.Contexts) > 0 && used == nil:
		known := slices.Sorted(maps.Keys(raw.Contexts))
		return fmt.Errorf("no context %q in the kubeconfig; %s%s", name, finding.OneOf(known), finding.DidYouMean(name, known))
	case used != nil && raw.Clusters[used.Cluster] == nil:
		return fmt.Errorf("kubeconfig: context %q refers to cluster %q, which does not exist", name, used.Cluster)
	}
	return fmt.Errorf("kubeconfig: %s", strings.TrimPrefix(err.Error(), "invalid configuration: "))
}
