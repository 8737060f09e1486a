// Command podrunner is a kubelet, a scheduler, a kube-proxy and a DNS server in one, for tests without images: a container is
// a process of this machine in namespaces of its own. It needs root, and a network namespace that has only lo.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/redis-gitops/redis-gitops/test/e2e/spawn"
)

// options are the flags.
type options struct {
	kubeconfig string
	state      string // folder of volumes and logs
	node       string
	listen     string // address of the kubelet's API
	podPrefix  string // the first three bytes of each pod's address, "10.244.0."
	apiserver  string // where the Service kubernetes leads
	dns        string // address of the DNS server, port 53
	tools      string // a folder of the machine that is in the PATH of containers, in the place of images
	images     string // a folder of what loadImages reads; "" for none
	valkey     string // the server of this machine for images of Valkey, "" for that of Redis
	speedup    int    // divides initial delays and periods of probes
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == initArg {
		fmt.Fprintln(os.Stderr, "podrunner: cannot start the container:", containerInit())
		os.Exit(128)
	}
	var o options
	flag.StringVar(&o.kubeconfig, "kubeconfig", "", "kubeconfig of an administrator")
	flag.StringVar(&o.state, "state", "", "folder for volumes and logs")
	flag.StringVar(&o.node, "node", "e2e", "name of the node")
	flag.StringVar(&o.listen, "listen", "127.0.0.1:10250", "address of the kubelet's API")
	flag.StringVar(&o.podPrefix, "pod-prefix", "10.244.0.", "the first three bytes of each pod's address")
	flag.StringVar(&o.apiserver, "apiserver", "127.0.0.1:6443", "where the Service kubernetes leads")
	flag.StringVar(&o.dns, "dns", "10.96.0.10", "address of the DNS server")
	flag.StringVar(&o.tools, "tools", "", "a folder of this machine that is in the PATH of containers")
	flag.StringVar(&o.images, "images", "", "a folder with the files and commands of images; without it, an image is a name")
	flag.StringVar(&o.valkey, "valkey", "", "the program of this machine for images of Valkey, an absolute path; containers have its folder at the same path")
	flag.IntVar(&o.speedup, "probe-speedup", 10, "divides the initial delay and the period of probes")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, o); err != nil {
		slog.Error("podrunner ends", "error", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	if os.Geteuid() != 0 {
		return errors.New("podrunner makes namespaces: run it as root")
	}
	if ip := net.ParseIP(o.podPrefix + "1"); ip == nil {
		return fmt.Errorf("-pod-prefix %q: want the first three bytes of an address, with a dot after each", o.podPrefix)
	}
	state, err := filepath.Abs(o.state)
	if err != nil {
		return err
	}
	o.state = state
	config, err := clientcmd.BuildConfigFromFlags("", o.kubeconfig)
	if err != nil {
		return err
	}
	config.QPS, config.Burst = 200, 400
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	start := spawn.Starter()
	bin, err := writeShims(filepath.Join(o.state, "bin"))
	if err != nil {
		return err
	}
	images, err := loadImages(o.images, o.state)
	if err != nil {
		return fmt.Errorf("-images: %w", err)
	}
	if o.valkey != "" {
		if err := checkValkey(o.valkey, o.state, start); err != nil {
			return fmt.Errorf("-valkey: %w", err)
		}
	}
	k := &kubelet{options: o, client: client, start: start, bin: bin, known: images, pods: map[podKey]*worker{}, addresses: newAddresses(o.podPrefix)}
	if err := k.register(ctx); err != nil {
		return fmt.Errorf("register the node: %w", err)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return k.run(ctx) })
	g.Go(func() error { return k.serve(ctx) })
	g.Go(func() error { return (&proxy{client: client, apiserver: o.apiserver, dns: o.dns}).run(ctx) })
	g.Go(func() error { return provision(ctx, client, o.state) })
	err = g.Wait()
	k.killAll()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
