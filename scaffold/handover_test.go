//go:build linux

package scaffold

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// TestHandover: a client that writes to a master that is stopped loses nothing that was acknowledged, without WAIT: writes wait while another
// one takes over. It keeps its connection for as long as that lasts, as pools do.
func TestHandover(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	needsRedis(t)
	t.Parallel()
	b := newBench(t, 5, false)
	b.startSentinels()
	b.startRedis([]string{"shop-redis-a-0", "shop-redis-b-0", "shop-redis-c-0"})
	master := b.master("")
	b.until("the sentinels know each other", func() bool {
		return strings.HasPrefix(b.cli("shop-redis-sentinel-0", "-p", "26379", "sentinel", "ckquorum", "shop-redis"), "OK 3 usable")
	})
	w := &handoverClient{b: b, end: make(chan struct{}), done: make(chan struct{})}
	go w.run()
	for range 3 {
		stop := b.start(master, "stop.sh", "60")
		b.ends("the stop", stop)
		stop.kill()
		b.ends("Redis", b.pods[master+"/redis.sh"])
		b.start(master, "redis.sh", b.args...)
		master = b.master(master)
	}
	close(w.end)
	<-w.done
	if len(w.acknowledged) < 1000 {
		t.Fatalf("only %d writes", len(w.acknowledged))
	}
	there := map[string]bool{}
	for key := range strings.FieldsSeq(b.cli(master, "keys", "write:*")) {
		there[key] = true
	}
	lost := 0
	for _, key := range w.acknowledged {
		if !there[key] {
			lost++
		}
	}
	t.Logf("%d writes acknowledged, %d lost, at most %v without one", len(w.acknowledged), lost, w.gap.Round(time.Millisecond))
	if lost > 0 {
		t.Errorf("%d of %d acknowledged writes are lost", lost, len(w.acknowledged))
	}
}

// handoverClient writes one key after the other to the master that the first sentinel names.
type handoverClient struct {
	b            *bench
	acknowledged []string
	gap          time.Duration // the longest time without an acknowledged write
	end, done    chan struct{}
}

func (w *handoverClient) run() {
	defer close(w.done)
	last := time.Now()
	for n := 0; ; {
		select {
		case <-w.end:
			return
		default:
		}
		answer := strings.Fields(w.b.cli("shop-redis-sentinel-0", "-p", "26379", "sentinel", "get-master-addr-by-name", "shop-redis"))
		if len(answer) != 2 {
			time.Sleep(50 * time.Millisecond)
			continue
		}
		c, err := net.DialTimeout("tcp", answer[0]+":6379", time.Second)
		if err != nil {
			time.Sleep(50 * time.Millisecond)
			continue
		}
		in := bufio.NewReader(c)
		ask := func(command ...string) bool {
			_ = c.SetDeadline(time.Now().Add(15 * time.Second))
			text := fmt.Sprintf("*%d\r\n", len(command))
			for _, arg := range command {
				text += fmt.Sprintf("$%d\r\n%s\r\n", len(arg), arg)
			}
			if _, err := c.Write([]byte(text)); err != nil {
				return false
			}
			line, err := in.ReadString('\n')
			return err == nil && line == "+OK\r\n"
		}
		for ok := ask("AUTH", benchPassword); ok; {
			select {
			case <-w.end:
				_ = c.Close()
				return
			default:
			}
			n++
			key := fmt.Sprintf("write:%d", n)
			if ok = ask("SET", key, "x"); ok {
				w.gap = max(w.gap, time.Since(last))
				last = time.Now()
				w.acknowledged = append(w.acknowledged, key)
				time.Sleep(2 * time.Millisecond)
			}
		}
		_ = c.Close()
	}
}
