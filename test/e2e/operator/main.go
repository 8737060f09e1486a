// Command operator stands in for the Redis operator of Spotahome where its binary is not at hand. It makes the objects, labels
// and roles that the operator at master 632aa3da was seen to make, and finds and heals the same faults, at the same moments.
package main

import (
	"context"
	"flag"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/workqueue"
)

var redisFailovers = schema.GroupVersionResource{Group: "databases.spotahome.com", Version: "v1", Resource: "redisfailovers"}

func main() {
	// The first three are the real operator's, so that both are started in the same way.
	kubeconfig := flag.String("kubeconfig", "", "kubeconfig")
	flag.Bool("development", false, "taken and not used: the operator's way to say that it runs outside of the cluster")
	flag.String("listen-address", "", "taken and not used: the operator's metrics")
	resync := flag.Duration("resync", 30*time.Second, "time between two looks at a RedisFailover that nobody changes")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, *kubeconfig, *resync); err != nil {
		slog.Error("operator ends", "error", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, kubeconfig string, resync time.Duration) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	config.QPS, config.Burst = 100, 100
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	dyn, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	factory := dynamicinformer.NewDynamicSharedInformerFactory(dyn, resync)
	informer := factory.ForResource(redisFailovers)
	queue := workqueue.NewTyped[string]()
	add := func(o any) {
		if key, err := cache.DeletionHandlingMetaNamespaceKeyFunc(o); err == nil {
			queue.Add(key)
		}
	}
	// A change of any kind, an annotation too, is looked at at once; a resync is an update without a change.
	if _, err := informer.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{AddFunc: add, UpdateFunc: func(_, o any) { add(o) }}); err != nil {
		return err
	}
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	o := &operator{client: client}
	go o.lead(ctx)
	go func() {
		<-ctx.Done()
		queue.ShutDown()
	}()
	var workers sync.WaitGroup
	for range 3 {
		workers.Go(func() {
			for {
				key, closed := queue.Get()
				if closed {
					return
				}
				if object, err := informer.Lister().Get(key); err == nil {
					o.reconcile(ctx, key, object)
				}
				queue.Done(key)
			}
		})
	}
	workers.Wait()
	return nil
}
