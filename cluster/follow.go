package cluster

import (
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// How often a server that is forwarded to is asked whether it still is what it was.
const (
	watchEvery    = 200 * time.Millisecond
	watchPatience = 5 * time.Second // for an answer
)

// A Way says where connections lead. The zero value is the current master.
type Way struct {
	Replica bool // a replica that is in sync
	Pod     *Pod // this one, whatever it is
}

func (w Way) role() string {
	if w.Replica {
		return replica
	}
	return master
}

// forward takes connections of a listener and passes them on to the current master, or to what else the way says, until ctx
// ends. When another pod is the master, connections to the old one are closed, so that clients come again and reach the new
// one. say receives masters and problems, from several goroutines.
func (c *Cluster) forward(ctx context.Context, r *Redis, to Way, l net.Listener, say func(text string)) error {
	f, err := c.newForward(ctx, r, to, say)
	if err != nil {
		return err
	}
	say(fmt.Sprintf("%s forwards to pod %s, port %d", l.Addr(), f.to.Name, f.to.Port))
	return f.serve(ctx, l)
}

type forward struct {
	c     *Cluster
	r     *Redis
	way   Way
	login Login
	say   func(string)

	mu   sync.Mutex
	to   *Pod // nil while there is none
	open map[net.Conn]bool
}

func (c *Cluster) newForward(ctx context.Context, r *Redis, to Way, say func(string)) (*forward, error) {
	f := &forward{c: c, r: r, way: to, say: say, to: to.Pod, open: map[net.Conn]bool{}}
	if f.to != nil {
		return f, nil
	}
	var err error
	if f.login, err = c.Login(ctx, r.Namespace, r.Auth); err != nil {
		return nil, err
	}
	f.to, err = f.pick(ctx, r)
	return f, err
}

func (f *forward) pick(ctx context.Context, r *Redis) (*Pod, error) {
	if f.way.Replica {
		return oneReplica(r, f.c.askServers(ctx, r, f.login))
	}
	return f.c.masterWith(ctx, r, f.login)
}

func (f *forward) serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	if f.way.Pod == nil {
		group.Go(func() { f.watch(ctx) })
	}
	stop := context.AfterFunc(ctx, func() { l.Close(); f.hangUp() })
	defer stop()
	for {
		near, err := l.Accept()
		if ctx.Err() != nil {
			if err == nil {
				near.Close()
			}
			return nil
		}
		if err != nil {
			return err
		}
		group.Go(func() { f.pass(ctx, near) })
	}
}

// pass copies one connection both ways.
func (f *forward) pass(ctx context.Context, near net.Conn) {
	defer near.Close()
	f.mu.Lock()
	to := f.to
	f.mu.Unlock()
	if to == nil {
		return
	}
	dialing, cancel := f.c.bounded(ctx)
	far, err := f.c.Dial(dialing, to, to.Port)
	cancel()
	if err != nil {
		if ctx.Err() == nil {
			f.say(fmt.Sprintf("pod %s: %v", to.Name, err))
		}
		return
	}
	defer far.Close()
	f.mu.Lock()
	current := f.to == to && ctx.Err() == nil
	if current {
		f.open[near] = true
	}
	f.mu.Unlock()
	if !current {
		return
	}
	var group sync.WaitGroup
	group.Go(func() { _, _ = io.Copy(far, near); far.Close() })
	_, _ = io.Copy(near, far)
	near.Close()
	group.Wait()
	f.mu.Lock()
	delete(f.open, near)
	f.mu.Unlock()
}

func (f *forward) hangUp() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for near := range f.open {
		near.Close()
	}
}

func (f *forward) set(to *Pod) {
	f.mu.Lock()
	f.to = to
	f.mu.Unlock()
}

// leave sends new connections to another pod, nil for none, and ends those that are open.
func (f *forward) leave(from, to *Pod, why string) {
	f.set(to)
	f.hangUp()
	f.say(fmt.Sprintf("pod %s is no longer the %s (%s); closing its connections", from.Name, f.way.role(), why))
}

// watch asks the server whether it still is what it was, and looks for another when it is not.
func (f *forward) watch(ctx context.Context) {
	at, said := f.to, ""
	for ctx.Err() == nil {
		why, doubt := "", false
		if at != nil {
			why, doubt = f.stays(ctx, at)
			if ctx.Err() != nil {
				return
			}
		}
		if at != nil && !doubt {
			f.leave(at, nil, why)
			at = nil
		}
		again := *f.r
		err := f.c.pods(ctx, &again)
		var next *Pod
		if err == nil {
			next, err = f.pick(ctx, &again)
		}
		switch {
		case ctx.Err() != nil:
			return
		case err == nil && at != nil && next.Name == at.Name: // the sentinels will see it, too
			pause(ctx, watchPatience)
		case err == nil:
			if at != nil {
				f.leave(at, next, why)
			} else {
				f.set(next)
			}
			f.say(fmt.Sprintf("forwarding to pod %s", next.Name))
			at, said = next, ""
		default:
			if err.Error() != said {
				said = err.Error()
				f.say(said)
			}
			pause(ctx, watchEvery)
		}
	}
}

// stays returns when a pod is not what it was, and says why; doubt, when it still says so itself.
func (f *forward) stays(ctx context.Context, pod *Pod) (why string, doubt bool) {
	connecting, cancel := f.c.bounded(ctx)
	defer cancel()
	conn, _, err := f.c.connect(connecting, f.r, pod, f.login)
	if err != nil {
		return err.Error(), false
	}
	defer conn.Close()
	sentinel, name := f.sentinel(connecting)
	if sentinel != nil {
		defer sentinel.Close()
	}
	ask := func(what func(context.Context) error) error {
		asking, cancel := context.WithTimeoutCause(ctx, watchPatience, &timeoutError{after: watchPatience})
		defer cancel()
		return what(asking)
	}
	for {
		var role string
		err := ask(func(ctx context.Context) (err error) { role, err = conn.Role(ctx); return err })
		if role == "slave" {
			role = replica
		}
		switch {
		case err != nil:
			return err.Error(), false
		case role != f.way.role():
			return "it is a " + role, false
		}
		if sentinel != nil {
			var named []any
			err := ask(func(ctx context.Context) (err error) {
				named, err = sentinel.List(ctx, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", name)
				return err
			})
			if err != nil {
				sentinel.Close()
				sentinel = nil
			} else if len(named) == 2 {
				host, _ := named[0].(string)
				port, _ := named[1].(string)
				if addr := net.JoinHostPort(host, port); !pod.at(addr, pod.Port) {
					return "a sentinel reports " + addr, true
				}
			}
		}
		if !pause(ctx, watchEvery) {
			return "", false
		}
	}
}

// sentinel connects to the first one that answers; nil for none. They know of another master before the old one does.
func (f *forward) sentinel(ctx context.Context) (*redis.Conn, string) {
	if f.r.Sentinel == nil || f.way.Replica {
		return nil, ""
	}
	l, err := f.c.Login(ctx, f.r.Namespace, f.r.Sentinel.Auth)
	if err != nil {
		return nil, ""
	}
	for _, pod := range f.r.Watchers {
		if conn, _, err := f.c.connect(ctx, f.r, pod, l); err == nil {
			return conn, f.r.Sentinel.Master
		}
	}
	return nil, ""
}

// ForwardPort is Cluster.forward of a port of this machine; 0 is any free one.
func (c *Cluster) ForwardPort(ctx context.Context, r *Redis, to Way, port int, say func(text string)) error {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return fmt.Errorf("local port %d: %w; choose another one", port, err)
	}
	defer l.Close()
	return c.forward(ctx, r, to, l, say)
}
