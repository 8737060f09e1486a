package main

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
)

// proxy is kube-proxy, a listener on each Service's address, and the DNS server.
type proxy struct {
	client    kubernetes.Interface
	apiserver string
	dns       string

	services corelisters.ServiceLister
	pods     corelisters.PodLister

	mu        sync.Mutex
	listeners map[string]net.Listener // by address:port
}

func (p *proxy) run(ctx context.Context) error {
	factory := informers.NewSharedInformerFactory(p.client, 0)
	p.services, p.pods = factory.Core().V1().Services().Lister(), factory.Core().V1().Pods().Lister()
	p.listeners = map[string]net.Listener{}
	changed := make(chan struct{}, 1)
	poke := func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	_, err := factory.Core().V1().Services().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(any) { poke() }, UpdateFunc: func(any, any) { poke() }, DeleteFunc: func(any) { poke() },
	})
	if err != nil {
		return err
	}
	conn, err := net.ListenPacket("udp", net.JoinHostPort(p.dns, "53"))
	if err != nil {
		return err
	}
	defer conn.Close()
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	go p.serveDNS(conn)
	for {
		p.sync()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

// sync opens and closes listeners until each port of each Service has one.
func (p *proxy) sync() {
	services, err := p.services.List(labels.Everything())
	logError("services", err)
	want := map[string]bool{}
	for _, s := range services {
		if s.Spec.ClusterIP == "" || s.Spec.ClusterIP == v1.ClusterIPNone {
			continue
		}
		for _, port := range s.Spec.Ports {
			if port.Protocol != v1.ProtocolTCP {
				continue
			}
			address := net.JoinHostPort(s.Spec.ClusterIP, strconv.Itoa(int(port.Port)))
			want[address] = true
			p.listen(address, s.Namespace, s.Name, port.Port)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for address, l := range p.listeners {
		if !want[address] {
			_ = l.Close()
			delete(p.listeners, address)
		}
	}
}

func (p *proxy) listen(address, namespace, name string, port int32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listeners[address] != nil {
		return
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		slog.Error("service", "service", namespace+"/"+name, "error", err)
		return
	}
	p.listeners[address] = l
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go p.forward(conn, namespace, name, port)
		}
	}()
}

func (p *proxy) forward(conn net.Conn, namespace, name string, port int32) {
	to, err := p.endpoint(namespace, name, port)
	if err != nil {
		_ = conn.Close()
		return
	}
	out, err := net.DialTimeout("tcp", to, 5*time.Second)
	if err != nil {
		_ = conn.Close()
		return
	}
	logError("forward", join(conn.(*net.TCPConn), out.(*net.TCPConn)))
}

// endpoint chooses one of the pods behind a Service.
func (p *proxy) endpoint(namespace, name string, port int32) (string, error) {
	if namespace == "default" && name == "kubernetes" {
		return p.apiserver, nil
	}
	s, err := p.services.Services(namespace).Get(name)
	if err != nil {
		return "", err
	}
	pods := p.behind(s)
	for _, i := range rand.Perm(len(pods)) {
		for _, sp := range s.Spec.Ports {
			if sp.Port != port {
				continue
			}
			if n, ok := portNumber(pods[i].Spec.Containers, sp.TargetPort); ok {
				return net.JoinHostPort(pods[i].Status.PodIP, strconv.Itoa(n)), nil
			}
		}
	}
	return "", fmt.Errorf("service %s/%s has no endpoint", namespace, name)
}

// behind returns the ready pods of a Service.
func (p *proxy) behind(s *v1.Service) []*v1.Pod {
	if len(s.Spec.Selector) == 0 {
		return nil
	}
	pods, err := p.pods.Pods(s.Namespace).List(labels.SelectorFromSet(s.Spec.Selector))
	logError("pods", err)
	var out []*v1.Pod
	for _, pod := range pods {
		if pod.Status.PodIP != "" && (s.Spec.PublishNotReadyAddresses || ready(pod) && pod.DeletionTimestamp == nil) {
			out = append(out, pod)
		}
	}
	return out
}

func ready(pod *v1.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == v1.PodReady {
			return c.Status == v1.ConditionTrue
		}
	}
	return false
}

func (p *proxy) serveDNS(conn net.PacketConn) {
	buffer := make([]byte, 4096)
	for {
		n, from, err := conn.ReadFrom(buffer)
		if err != nil {
			return
		}
		answer, err := p.answer(buffer[:n])
		if err != nil {
			continue
		}
		_, err = conn.WriteTo(answer, from)
		logError("dns", err)
	}
}

func (p *proxy) answer(query []byte) ([]byte, error) {
	var parser dnsmessage.Parser
	header, err := parser.Start(query)
	if err != nil {
		return nil, err
	}
	question, err := parser.Question()
	if err != nil {
		return nil, err
	}
	ips, ok := p.lookup(question.Name.String())
	code := dnsmessage.RCodeSuccess
	if !ok {
		code = dnsmessage.RCodeNameError
	}
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{ID: header.ID, Response: true, Authoritative: true, RecursionDesired: header.RecursionDesired, RecursionAvailable: true, RCode: code})
	if err := b.StartQuestions(); err != nil {
		return nil, err
	}
	if err := b.Question(question); err != nil {
		return nil, err
	}
	if err := b.StartAnswers(); err != nil {
		return nil, err
	}
	if question.Type == dnsmessage.TypeA {
		for _, ip := range ips {
			a := dnsmessage.AResource{}
			copy(a.A[:], net.ParseIP(ip).To4())
			if err := b.AResource(dnsmessage.ResourceHeader{Name: question.Name, Class: dnsmessage.ClassINET, TTL: 1}, a); err != nil {
				return nil, err
			}
		}
	}
	return b.Finish()
}

// lookup knows SERVICE.NAMESPACE.svc.cluster.local, and POD.SERVICE.NAMESPACE.svc.cluster.local of a StatefulSet.
func (p *proxy) lookup(name string) ([]string, bool) {
	name, ok := strings.CutSuffix(strings.ToLower(name), ".svc.cluster.local.")
	parts := strings.Split(name, ".")
	if !ok || len(parts) < 2 || len(parts) > 3 {
		return nil, false
	}
	host := ""
	if len(parts) == 3 {
		host, parts = parts[0], parts[1:]
	}
	s, err := p.services.Services(parts[1]).Get(parts[0])
	if err != nil {
		return nil, false
	}
	if host == "" && s.Spec.ClusterIP != v1.ClusterIPNone {
		return []string{s.Spec.ClusterIP}, true
	}
	var ips []string
	for _, pod := range p.behind(s) {
		if host == "" || pod.Name == host && pod.Spec.Subdomain == s.Name {
			ips = append(ips, pod.Status.PodIP)
		}
	}
	return ips, host == "" || len(ips) > 0
}
