package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// connectMaster asks the Sentinels in turn and connects to the master that the first answer names. A server that does not
// say of itself that it is a master is passed over: during a failover Sentinels lag behind.
func (t *Target) connectMaster(ctx context.Context) (*Conn, error) {
	var errs []error
	for _, addr := range t.Addrs {
		master, err := t.askMaster(ctx, addr)
		if err == nil {
			var c *Conn
			if c, err = t.connect(ctx, master); err == nil {
				var role string
				if role, err = c.Role(ctx); err == nil && role == "master" {
					return c, nil
				}
				if err == nil {
					err = fmt.Errorf("sentinel %s reports %s as the master of %q, but its role is %s; wait for the failover", addr, master, t.Master, role)
				}
				c.Close()
			}
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(errs...)
}

// askMaster returns the address of the master that one Sentinel knows.
func (t *Target) askMaster(ctx context.Context, sentinel string) (string, error) {
	list, err := t.askSentinel(ctx, sentinel, "SENTINEL", "get-master-addr-by-name", t.Master)
	if err != nil {
		return "", err
	}
	if len(list) != 2 {
		return "", fmt.Errorf("sentinel %s does not monitor %q; use the NAME of its \"sentinel monitor NAME …\" line", sentinel, t.Master)
	}
	host, _ := list[0].(string)
	port, _ := list[1].(string)
	return net.JoinHostPort(host, port), nil
}

func (t *Target) askSentinel(ctx context.Context, sentinel string, args ...string) (list []any, err error) {
	c, err := t.dial(ctx, sentinel, t.SentinelUsername, t.SentinelPassword)
	if err != nil {
		return nil, fmt.Errorf("sentinel: %w", err)
	}
	defer c.Close()
	err = c.step(ctx, t.timeout(), func(ctx context.Context) error {
		list, err = c.List(ctx, args...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("sentinel %s: %w", sentinel, err)
	}
	return list, nil
}

// Replicas returns the addresses of the replicas that are up and connected to their master, as the Sentinels know them.
// Without Sentinels there are none.
func (t *Target) Replicas(ctx context.Context) ([]string, error) {
	if t.Master == "" {
		return nil, nil
	}
	var errs []error
	for _, sentinel := range t.Addrs {
		list, err := t.askSentinel(ctx, sentinel, "SENTINEL", "replicas", t.Master)
		if Code(err) == "ERR" { // before 5.0 the word was another
			list, err = t.askSentinel(ctx, sentinel, "SENTINEL", "slaves", t.Master)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		var addrs []string
		for _, item := range list {
			replica := fields(item)
			if replica["flags"] == "slave" && replica["master-link-status"] == "ok" {
				addrs = append(addrs, net.JoinHostPort(replica["ip"], replica["port"]))
			}
		}
		return addrs, nil
	}
	return nil, errors.Join(errs...)
}

// DownAfter returns how long the master may leave Sentinels without an answer before they promote a replica; 0 without Sentinels.
func (t *Target) DownAfter(ctx context.Context) (time.Duration, error) {
	if t.Master == "" {
		return 0, nil
	}
	var errs []error
	for _, sentinel := range t.Addrs {
		list, err := t.askSentinel(ctx, sentinel, "SENTINEL", "MASTER", t.Master)
		if err == nil {
			ms, err := strconv.ParseInt(fields(list)["down-after-milliseconds"], 10, 32)
			return time.Duration(ms) * time.Millisecond, err
		}
		errs = append(errs, err)
	}
	return 0, errors.Join(errs...)
}

// ConnectReplica connects to a replica, or to the master where the Sentinels know none that answers. Without Sentinels it is
// Connect.
func (t *Target) ConnectReplica(ctx context.Context) (*Conn, error) {
	addrs, err := t.Replicas(ctx)
	if err != nil {
		return nil, err
	}
	for _, addr := range addrs {
		if c, err := t.connect(ctx, addr); err == nil {
			if role, err := c.Role(ctx); err == nil && role == "slave" {
				return c, nil
			}
			c.Close()
		}
	}
	return t.Connect(ctx)
}

// fields makes a map of names and values in turn.
func fields(item any) map[string]string {
	list, _ := item.([]any)
	m := map[string]string{}
	for i := 0; i+1 < len(list); i += 2 {
		name, _ := list[i].(string)
		m[name], _ = list[i+1].(string)
	}
	return m
}

// Role is "master", "slave" or "sentinel".
func (c *Conn) Role(ctx context.Context) (string, error) {
	list, err := c.List(ctx, "ROLE")
	if code := Code(err); code == "NOPERM" || code == "ERR" { // no right to ROLE, or a proxy without it
		info, err := c.Info(ctx, "replication")
		return info["role"], err
	}
	if err != nil {
		return "", fmt.Errorf("%s: ROLE: %w", c.addr, err)
	}
	if len(list) == 0 {
		return "", fmt.Errorf("%s: ROLE: empty reply", c.addr)
	}
	role, _ := list[0].(string)
	return role, nil
}

// Info returns the fields of a section of INFO; "" is the default sections.
func (c *Conn) Info(ctx context.Context, section string) (map[string]string, error) {
	args := []string{"INFO"}
	if section != "" {
		args = append(args, section)
	}
	text, err := c.Text(ctx, args...)
	if err != nil {
		return nil, fmt.Errorf("%s: INFO: %w", c.addr, err)
	}
	return ParseInfo(text), nil
}

// ParseInfo takes the reply of INFO apart.
func ParseInfo(text string) map[string]string {
	m := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":"); ok {
			m[name] = value
		}
	}
	return m
}

// Clock asks how far the server's clock (TIME) is ahead of the one here, and how long the answer took, which is about how
// wrong that may be. Both are 0 where the server refuses TIME.
func (c *Conn) Clock(ctx context.Context) (ahead, took time.Duration, err error) {
	sent := time.Now()
	list, err := c.List(ctx, "TIME")
	took = time.Since(sent)
	if Code(err) != "" {
		return 0, 0, nil
	}
	if err != nil || len(list) != 2 {
		return 0, 0, err
	}
	seconds, _ := list[0].(string)
	micros, _ := list[1].(string)
	s, err1 := strconv.ParseInt(seconds, 10, 64)
	us, err2 := strconv.ParseInt(micros, 10, 64)
	if err1 != nil || err2 != nil {
		return 0, 0, nil
	}
	return time.Unix(s, us*1000).Sub(sent.Add(took / 2)), took, nil
}
