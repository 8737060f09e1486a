package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/client-go/util/exec"
	"k8s.io/klog/v2"
	"k8s.io/streaming/pkg/httpstream"
)

// kube is the real API. The typed clients of client-go are left out: they would double what it weighs.
type kube struct {
	config  *rest.Config
	rest    *rest.RESTClient
	dynamic *dynamic.DynamicClient
}

// quiet keeps client-go from printing: what goes wrong is returned.
var quiet = sync.OnceFunc(func() { klog.SetLogger(logr.Discard()) })

// Open finds the cluster that kubectl would ask. Nothing is asked yet, but a credential plugin may be found missing.
func Open(o Options) (*Cluster, error) {
	quiet()
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = o.Kubeconfig
	for _, file := range append([]string{o.Kubeconfig}, rules.Precedence...) {
		if err := checkKubeconfig(file); err != nil {
			return nil, err
		}
		if o.Kubeconfig != "" {
			break // the others are not read
		}
	}
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: o.Context})
	raw, err := loader.RawConfig()
	if err != nil {
		return nil, explainConfig(o, raw, err)
	}
	config, err := loader.ClientConfig()
	if err != nil {
		return nil, explainConfig(o, raw, err)
	}
	namespace, _, err := loader.Namespace()
	if err != nil {
		return nil, explainConfig(o, raw, err)
	}
	api, err := newKube(config)
	if err != nil {
		return nil, explainConfig(o, raw, err)
	}
	return New(api, namespace, o)
}

// maxKubeconfig bounds a kubeconfig, in bytes.
const maxKubeconfig = 16 << 20

// checkKubeconfig refuses what client-go would wait for, or read without end.
func checkKubeconfig(file string) error {
	info, err := os.Stat(file)
	switch {
	case file == os.DevNull: // as people write for none
		return nil
	case err != nil: // client-go knows what to do about a missing one
		return nil
	case !info.Mode().IsRegular():
		return fmt.Errorf("kubeconfig: %s is not a regular file", file)
	case info.Size() > maxKubeconfig:
		return fmt.Errorf("kubeconfig: %s is larger than %d MiB; check that it is the right file", file, maxKubeconfig>>20)
	}
	return nil
}

func newKube(config *rest.Config) (*kube, error) {
	config = dynamic.ConfigFor(config)
	config.QPS = -1 // a handful of questions, some at once: the server knows how to defend itself
	config.UserAgent = "redis-gitops"
	config.WarningHandlerWithContext = rest.NoWarnings{}
	h, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	r, err := rest.UnversionedRESTClientForConfigAndClient(config, h)
	if err != nil {
		return nil, err
	}
	return &kube{config, r, dynamic.New(r)}, nil
}

func (k *kube) Served(ctx context.Context, apiVersions []string) ([]Kind, error) {
	explain := func(path string, err error) error {
		return question{verb: "get", resource: path, kind: "path", name: path}.explain(k.config.Host, err)
	}
	var groups metav1.APIGroupList
	if err := k.raw(ctx, "/apis", &groups); err != nil {
		return nil, explain("/apis", err)
	}
	var kinds []Kind
	for _, g := range groups.Groups {
		for _, v := range g.Versions {
			if !slices.Contains(apiVersions, v.GroupVersion) {
				continue
			}
			var resources metav1.APIResourceList
			path := "/apis/" + v.GroupVersion
			if err := k.raw(ctx, path, &resources); err != nil {
				return nil, explain(path, err)
			}
			for _, r := range resources.APIResources {
				if !strings.Contains(r.Name, "/") {
					kinds = append(kinds, Kind{v.GroupVersion, r.Kind, r.Name})
				}
			}
		}
	}
	return kinds, nil
}

func (k *kube) raw(ctx context.Context, path string, into any) error {
	result := k.rest.Get().AbsPath(path).SetHeader("Accept", "application/json").Do(ctx)
	if err := result.Error(); err != nil { // which has the server's words, unlike that of Raw
		return withCause(ctx, err)
	}
	text, err := result.Raw()
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

// withCause explains why a context ended.
func withCause(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func (k Kind) resource() (schema.GroupVersionResource, string) {
	gv, err := schema.ParseGroupVersion(k.APIVersion)
	if err != nil {
		gv = schema.GroupVersion{Version: k.APIVersion}
	}
	r := gv.WithResource(k.Plural)
	return r, r.GroupResource().String()
}

func (k *kube) Get(ctx context.Context, kind Kind, namespace, name string) (map[string]any, error) {
	r, resource := kind.resource()
	object, err := k.dynamic.Resource(r).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, question{"get", resource, kind.Kind, namespace, name}.explain(k.config.Host, withCause(ctx, err))
	}
	return object.Object, nil
}

const pageSize = 500

func (k *kube) List(ctx context.Context, kind Kind, namespace, selector string) ([]map[string]any, error) {
	r, resource := kind.resource()
	var all []map[string]any
	options := metav1.ListOptions{Limit: pageSize, LabelSelector: selector}
	for {
		page, err := k.dynamic.Resource(r).Namespace(namespace).List(ctx, options)
		if apierrors.IsResourceExpired(err) && options.Continue != "" { // too slow for the server: once more, all at once
			all, options.Continue, options.Limit = nil, "", 0
			continue
		}
		if err != nil {
			return nil, question{verb: "list", resource: resource, kind: kind.Kind, namespace: namespace}.explain(k.config.Host, withCause(ctx, err))
		}
		for i := range page.Items {
			all = append(all, page.Items[i].Object)
		}
		if options.Continue = page.GetContinue(); options.Continue == "" {
			return all, nil
		}
	}
}

func (k *kube) Create(ctx context.Context, kind Kind, namespace string, object map[string]any) (map[string]any, error) {
	r, resource := kind.resource()
	made, err := k.dynamic.Resource(r).Namespace(namespace).Create(ctx, &unstructured.Unstructured{Object: object}, metav1.CreateOptions{FieldManager: "redis-gitops", FieldValidation: metav1.FieldValidationStrict})
	if err != nil {
		return nil, question{"create", resource, kind.Kind, namespace, nameOf(object)}.explain(k.config.Host, withCause(ctx, err))
	}
	return made.Object, nil
}

func (k *kube) Log(ctx context.Context, namespace, pod, container string) (io.ReadCloser, error) {
	r := k.rest.Get().AbsPath("/api/v1/namespaces", namespace, "pods", pod, "log").Param("container", container).Param("follow", "true")
	log, err := r.Stream(ctx)
	if err != nil {
		return nil, question{"get", "pods/log", "Pod", namespace, pod}.explain(k.config.Host, withCause(ctx, err))
	}
	return log, nil
}

// logBytes bounds what is read of a log at once.
const logBytes = 1 << 20

func (k *kube) Tail(ctx context.Context, namespace, pod, container string, previous bool, lines int) (string, error) {
	r := k.rest.Get().AbsPath("/api/v1/namespaces", namespace, "pods", pod, "log").Param("container", container).
		Param("previous", strconv.FormatBool(previous)).Param("tailLines", strconv.Itoa(lines)).Param("limitBytes", strconv.Itoa(logBytes))
	log, err := r.DoRaw(ctx)
	if err != nil {
		return "", question{"get", "pods/log", "Pod", namespace, pod}.explain(k.config.Host, withCause(ctx, err))
	}
	return string(log), nil
}

func (k *kube) Events(ctx context.Context, namespace, kind, name string) ([]map[string]any, error) {
	r, resource := eventKind.resource()
	selector := fields.Set{"involvedObject.kind": kind, "involvedObject.name": name}.AsSelector().String()
	page, err := k.dynamic.Resource(r).Namespace(namespace).List(ctx, metav1.ListOptions{Limit: pageSize, FieldSelector: selector})
	if err != nil {
		return nil, question{verb: "list", resource: resource, kind: eventKind.Kind, namespace: namespace}.explain(k.config.Host, withCause(ctx, err))
	}
	var events []map[string]any
	for i := range page.Items {
		events = append(events, page.Items[i].Object)
	}
	return events, nil
}

// pod returns the request for a subresource of a pod.
func (k *kube) pod(namespace, pod, subresource string) *rest.Request {
	return k.rest.Post().AbsPath("/api/v1/namespaces", namespace, "pods", pod, subresource)
}

// fallBack reports whether a server, or something before it, cannot do WebSockets, so that SPDY may work.
func fallBack(err error) bool {
	return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
}

// upgraded takes the API server's answer out of a failed upgrade.
func upgraded(err error) error {
	var failed *httpstream.UpgradeFailureError
	if errors.As(err, &failed) {
		err = failed.Cause
	}
	// Over SPDY the answer's code is lost, and its text is what is left (k8s.io/streaming pkg/httpstream/spdy).
	if text, ok := strings.CutPrefix(err.Error(), "unable to upgrade connection: "); ok {
		switch pods := (schema.GroupResource{Resource: "pods"}); {
		case forbiddenUser.MatchString(text):
			return apierrors.NewForbidden(pods, "", errors.New(text))
		case strings.HasPrefix(text, "pods ") && strings.HasSuffix(text, " not found"):
			return apierrors.NewNotFound(pods, "")
		}
	}
	return err
}

func (k *kube) Exec(ctx context.Context, c Command) error {
	r := k.pod(c.Namespace, c.Pod, "exec").Param("container", c.Container).Param("stdout", "true")
	for _, arg := range c.Args {
		r.Param("command", arg)
	}
	for name, on := range map[string]bool{"stdin": c.In != nil, "stderr": !c.Terminal, "tty": c.Terminal} {
		if on {
			r.Param(name, "true")
		}
	}
	second, err := remotecommand.NewSPDYExecutor(k.config, http.MethodPost, r.URL())
	if err != nil {
		return err
	}
	first, err := remotecommand.NewWebSocketExecutor(k.config, http.MethodGet, r.URL().String())
	if err != nil {
		return err
	}
	executor, err := remotecommand.NewFallbackExecutor(first, second, fallBack)
	if err != nil {
		return err
	}
	options := remotecommand.StreamOptions{Stdin: c.In, Stdout: c.Out, Stderr: c.Err, Tty: c.Terminal}
	if c.Terminal {
		options.Stderr = nil
		if c.Size != nil {
			options.TerminalSizeQueue = sizes(c.Size)
		}
	}
	err = executor.StreamWithContext(ctx, options)
	var exit exec.CodeExitError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &exit):
		return &ExitError{Code: exit.Code}
	}
	return question{"create", "pods/exec", "Pod", c.Namespace, c.Pod}.explain(k.config.Host, withCause(ctx, upgraded(err)))
}

type sizes func() (uint16, uint16, bool)

func (s sizes) Next() *remotecommand.TerminalSize {
	width, height, ok := s()
	if !ok {
		return nil
	}
	return &remotecommand.TerminalSize{Width: width, Height: height}
}

// tunnel opens a connection to the kubelet of a pod, for streams to its ports.
func (k *kube) tunnel(namespace, pod string) (httpstream.Connection, error) {
	u := k.pod(namespace, pod, "portforward").URL()
	transport, upgrader, err := spdy.RoundTripperFor(k.config)
	if err != nil {
		return nil, err
	}
	second := spdy.NewDialerForStreaming(upgrader, &http.Client{Transport: transport}, http.MethodPost, u)
	first, err := portforward.NewSPDYOverWebsocketDialerForStreaming(u, k.config)
	if err != nil {
		return nil, err
	}
	connection, protocol, err := portforward.NewFallbackDialerForStreaming(first, second, fallBack).Dial(portforward.PortForwardProtocolV1Name)
	if err != nil {
		return nil, upgraded(err)
	}
	if protocol != portforward.PortForwardProtocolV1Name {
		connection.Close()
		return nil, fmt.Errorf("the API server uses the port-forward protocol %q, which is not supported", protocol)
	}
	return connection, nil
}
