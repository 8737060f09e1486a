// Package harness runs a real Kubernetes API with real Redis processes for tests, without containers or images: etcd,
// kube-apiserver, kube-controller-manager, podrunner and an operator, in a network namespace that has only lo.
package harness

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	_ "embed"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Addresses of the cluster. They are this machine's inside of the namespace alone. Those of pods are not in 127/8, which
// EndpointSlices refuse and which the operator takes for "no master".
const (
	apiserver    = "127.0.0.1:6443"
	podRange     = "10.244.0.0/24"
	podPrefix    = "10.244.0."
	serviceRange = "10.96.0.0/16"
	dnsAddress   = "10.96.0.10"
	adminToken   = "admin-token"
)

// TestAddress is one that pods reach and that podrunner gives to none of them.
const TestAddress = podPrefix + "2"

// limit is how long a condition is waited for: a busy machine is ten times slower than an idle one.
const limit = 3 * time.Minute

//go:embed redisfailover.yaml
var redisFailoverCRD string

//go:embed others.yaml
var otherCRDs string

// Options of a cluster.
type Options struct {
	// Resync of the stand-in for the operator. The real one has 30 s.
	Resync     time.Duration
	netns, bin string
}

// Cluster is a running one.
type Cluster struct {
	Client  kubernetes.Interface
	Dynamic dynamic.Interface
	Config  *rest.Config

	// Dir holds logs, kubeconfigs and the data of pods.
	Dir string
	// Netns is the name of the network namespace.
	Netns string
	// Bin is the folder with redis-gitops.
	Bin string

	options Options
	pokes   atomic.Uint64

	mu     sync.Mutex
	nudged map[string]time.Time // by namespace/name

	mapper    *restmapper.DeferredDiscoveryRESTMapper
	processes []*process
	operator  *process
}

// Start starts a cluster in the network namespace of this process.
func Start(ctx context.Context, o Options) (*Cluster, error) {
	dir, err := os.MkdirTemp("", "redis-gitops-e2e-")
	if err != nil {
		return nil, err
	}
	// Pods are not root, and their volumes are in here.
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, err
	}
	c := &Cluster{Dir: dir, Netns: o.netns, Bin: o.bin, options: o}
	if err := c.start(ctx); err != nil {
		return nil, errors.Join(err, c.Stop(true))
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context) error {
	if err := c.writeFiles(); err != nil {
		return err
	}
	controlplane := filepath.Join(c.Bin, "controlplane")
	if err := c.run("etcd", "etcd",
		"--data-dir", c.file("etcd"), "--listen-client-urls", "http://127.0.0.1:2379", "--advertise-client-urls", "http://127.0.0.1:2379",
		"--listen-peer-urls", "http://127.0.0.1:2380", "--unsafe-no-fsync"); err != nil {
		return err
	}
	if err := c.run("kube-apiserver", controlplane, "kube-apiserver",
		"--etcd-servers=http://127.0.0.1:2379", "--bind-address=127.0.0.1", "--secure-port=6443", "--cert-dir="+c.file("certificates"),
		// It looks for a default route else, and would refuse a loopback address for the Service kubernetes.
		"--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none",
		"--service-account-key-file="+c.file("sa.pub"), "--service-account-signing-key-file="+c.file("sa.key"),
		"--service-account-issuer=https://kubernetes.default.svc", "--token-auth-file="+c.file("tokens.csv"),
		"--authorization-mode=RBAC", "--service-cluster-ip-range="+serviceRange, "--disable-admission-plugins=ServiceAccount",
		"--kubelet-preferred-address-types=InternalIP", "--allow-privileged=true", "--profiling=false"); err != nil {
		return err
	}
	config, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig())
	if err != nil {
		return err
	}
	config.QPS, config.Burst = 200, 400
	c.Config = config
	if c.Client, err = kubernetes.NewForConfig(config); err != nil {
		return err
	}
	if c.Dynamic, err = dynamic.NewForConfig(config); err != nil {
		return err
	}
	c.mapper = restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(c.Client.Discovery()))
	err = c.Until(ctx, "the API server is ready", func(ctx context.Context) error {
		return c.Client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
	})
	if err != nil {
		return err
	}
	if err := c.run("kube-controller-manager", controlplane, "kube-controller-manager",
		"--kubeconfig="+c.Kubeconfig(), "--leader-elect=false", "--bind-address=127.0.0.1", "--secure-port=10257", "--cert-dir="+c.file("certificates"),
		"--service-account-private-key-file="+c.file("sa.key"), "--use-service-account-credentials=false",
		"--controllers=deployment-controller,replicaset-controller,statefulset-controller,endpoints-controller,endpointslice-controller,"+
			"garbage-collector-controller,namespace-controller,persistentvolume-binder-controller,disruption-controller,"+
			"serviceaccount-controller,root-ca-certificate-publisher-controller,job-controller",
		// The certificate that the API server made for itself, with the authority that signed it.
		"--root-ca-file="+filepath.Join(c.file("certificates"), "apiserver.crt")); err != nil {
		return err
	}
	valkey, err := filepath.Abs(filepath.Join(c.Bin, "../../servers/valkey-8.1")) // of scripts/rdb-servers.sh
	if err != nil {
		return err
	}
	if _, err := os.Stat(valkey); err != nil {
		valkey = ""
	}
	if err := c.run("podrunner", filepath.Join(c.Bin, "podrunner"), append(imageFlags(), "-valkey", valkey,
		"-kubeconfig", c.Kubeconfig(), "-state", c.file("pods"), "-pod-prefix", podPrefix, "-apiserver", apiserver, "-dns", dnsAddress, "-tools", c.Bin)...); err != nil {
		return err
	}
	if err := c.install(ctx); err != nil {
		return err
	}
	if err := c.StartOperator(); err != nil {
		return err
	}
	return c.Until(ctx, "the controllers work", func(ctx context.Context) error {
		_, err := c.Client.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{})
		return err
	})
}

func (c *Cluster) file(name string) string { return filepath.Join(c.Dir, name) }

// Kubeconfig is the file of an administrator.
func (c *Cluster) Kubeconfig() string { return c.file("kubeconfig") }

// writeFiles writes what the API server needs to know who is who.
func (c *Cluster) writeFiles() error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return err
	}
	if err := os.Mkdir(c.file("pods"), 0o755); err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(c.file("sa.key"), pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}), 0o600),
		os.WriteFile(c.file("sa.pub"), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}), 0o644),
		os.WriteFile(c.file("tokens.csv"), []byte(adminToken+`,admin,1,"system:masters"`+"\n"), 0o600),
		writeKubeconfig(c.Kubeconfig(), "default", adminToken),
	)
}

func writeKubeconfig(file, namespace, token string) error {
	config := clientcmdapi.NewConfig()
	config.Clusters["e2e"] = &clientcmdapi.Cluster{Server: "https://" + apiserver, InsecureSkipTLSVerify: true}
	config.AuthInfos["user"] = &clientcmdapi.AuthInfo{Token: token}
	config.Contexts["e2e"] = &clientcmdapi.Context{Cluster: "e2e", AuthInfo: "user", Namespace: namespace}
	config.CurrentContext = "e2e"
	return clientcmd.WriteToFile(*config, file)
}

func (c *Cluster) run(name, program string, args ...string) error {
	p, err := startProcess(c.Dir, name, program, args...)
	if err != nil {
		return err
	}
	c.processes = append(c.processes, p)
	return nil
}

// known waits until the API server and its discovery know a resource.
func (c *Cluster) known(ctx context.Context, r schema.GroupVersionResource) error {
	return c.Until(ctx, r.Resource+" are known", func(ctx context.Context) error {
		if _, err := c.Dynamic.Resource(r).List(ctx, metav1.ListOptions{}); err != nil {
			return err
		}
		c.mapper.Reset()
		_, err := c.mapper.KindFor(r) // discovery comes after the resource itself
		return err
	})
}

// StartOperator starts the stand-in for the operator, or the program of E2E_OPERATOR with the flags of the real one.
func (c *Cluster) StartOperator() error {
	program := os.Getenv("E2E_OPERATOR")
	args := []string{"-development", "-kubeconfig", c.Kubeconfig(), "-listen-address", "127.0.0.1:9710"}
	if program == "" {
		program = filepath.Join(c.Bin, "operator")
		if c.options.Resync > 0 {
			args = append(args, "-resync", c.options.Resync.String())
		}
	}
	p, err := startProcess(c.Dir, "operator", program, args...)
	c.operator = p
	return err
}

// StopOperator ends the operator, so that nothing heals a fault.
func (c *Cluster) StopOperator() {
	if c.operator != nil {
		c.operator.stop(10 * time.Second)
		c.operator = nil
	}
}

// Until tries until try succeeds. It gives up when a process has ended, and after minutes.
func (c *Cluster) Until(ctx context.Context, what string, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	began := time.Now()
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		for _, p := range c.all() {
			if err := p.alive(); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not after %s: %s: %w", time.Since(began).Round(time.Second), what, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// all returns the processes that should be running.
func (c *Cluster) all() []*process {
	if c.operator == nil {
		return c.processes
	}
	return append(slices.Clone(c.processes), c.operator)
}

// Logs returns the end of what each process wrote.
func (c *Cluster) Logs(lines int) string {
	var out string
	for _, p := range c.all() {
		out += fmt.Sprintf("--- %s\n%s\n", p.name, p.tail(lines))
	}
	return out
}

// Stop ends all processes. keep leaves the folder with the logs behind and says where it is.
func (c *Cluster) Stop(keep bool) error {
	c.StopOperator()
	for _, p := range slices.Backward(c.processes) {
		p.stop(5 * time.Second)
	}
	c.processes = nil
	if os.Getenv(imagesVariable) != "" { // the tmpfs of podrunner, which may have been killed
		if err := unix.Unmount(filepath.Join(c.file("pods"), "images"), unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
			return err
		}
	}
	if keep || os.Getenv("E2E_KEEP") != "" {
		fmt.Fprintln(os.Stderr, "e2e: the logs are in", c.Dir)
		return nil
	}
	return os.RemoveAll(c.Dir)
}

// Kill kills a process, by its number.
func Kill(pid int) error { return syscall.Kill(pid, syscall.SIGKILL) }
