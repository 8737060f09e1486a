package rights

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// A refusal is a command that the target would not carry out.
type refusal struct {
	command
	node    string      // of a cluster
	unknown bool        // the target does not have it
	unsure  bool        // the target does not answer the question
	reply   redis.Error // why the user may not run it
}

// mayRun returns the commands that the target would refuse. Nothing that it sends changes the target: ACL DRYRUN (Redis 7.0)
// decides without carrying out, and a command within MULTI is queued and then discarded.
func (ri *Rights) mayRun(ctx context.Context, commands []command) ([]refusal, error) {
	if len(commands) == 0 {
		return nil, nil
	}
	refused, known, err := ri.dryRun(ctx, commands)
	if err != nil || known {
		return refused, err
	}
	refused, known, err = ri.queue(ctx, commands)
	if err != nil || known {
		return refused, err
	}
	return ri.lookUp(ctx, commands)
}

// arguments returns the words that ask for a command.
func (ri *Rights) arguments(name, args string) []string {
	like := ri.Dump.LikeKey()
	temporary := plan.TemporaryPrefix + "probe"
	if ri.Server.Cluster {
		temporary += ri.ProbeTag(like)
	}
	words := strings.Fields(name + " " + args)
	for i, w := range words {
		switch w {
		case "KEY":
			words[i] = ri.ProbeKey(like)
		case "TMP":
			words[i] = temporary
		}
	}
	return words
}

// each asks for every command under each of its names, until one is not refused.
func each(commands []command, ask func(c *command, name string) (refusal, bool, error)) (refused []refusal, err error) {
	for i := range commands {
		c := &commands[i]
		var last refusal
		for _, name := range c.names() {
			r, ok, err := ask(c, name)
			if err != nil {
				return nil, err
			}
			if ok {
				last = refusal{}
				break
			}
			if last.name == "" || last.unknown { // a missing permission explains more than a missing command
				last = r
			}
		}
		if last.name != "" {
			refused = append(refused, last)
		}
	}
	return refused, nil
}

// dryRun asks by ACL DRYRUN. known is false where the target does not answer that.
func (ri *Rights) dryRun(ctx context.Context, commands []command) (refused []refusal, known bool, err error) {
	reply, err := ri.Ask(ctx, "ACL", "WHOAMI")
	user, ok := reply.(string)
	if err != nil || !ok {
		return nil, false, server.UnlessRefused(err)
	}
	var no redis.Error // the question itself was refused
	refused, err = each(commands, func(c *command, name string) (refusal, bool, error) {
		reply, err := ri.Ask(ctx, append([]string{"ACL", "DRYRUN", user}, ri.arguments(name, c.args)...)...)
		var e redis.Error
		switch {
		case errors.As(err, &e) && strings.HasPrefix(string(e), "ERR Command ") && strings.HasSuffix(string(e), "not found"):
			return refusal{command: *c, unknown: true}, false, nil
		case errors.As(err, &e):
			no = e
			return refusal{}, false, err
		case err != nil || reply == "OK":
			return refusal{}, true, err
		}
		text, _ := reply.(string)
		return refusal{command: *c, reply: redis.Error("NOPERM " + text)}, false, nil
	})
	if no != "" {
		return nil, false, nil
	}
	return refused, err == nil, err
}

// queue asks within a transaction that is discarded. Each reply is awaited: a server that refused MULTI, or a proxy that does
// not know it, would carry out what follows. known is false where the target has no transactions.
func (ri *Rights) queue(ctx context.Context, commands []command) (refused []refusal, known bool, err error) {
	exists := ri.arguments("EXISTS", "KEY")
	if _, err := ri.Ask(ctx, exists...); err != nil && (redis.Code(err) == "" || ri.Server.Cluster) { // leads to the node of the slot
		return nil, false, server.Advise(err)
	}
	var last []refusal
	if slices.ContainsFunc(commands, func(c command) bool { return c.name == "EXEC" }) {
		last, err = each(slices.DeleteFunc(slices.Clone(commands), func(c command) bool { return c.name != "EXEC" }), func(c *command, name string) (refusal, bool, error) {
			return ri.askPlainly(ctx, c, name)
		})
		if err != nil {
			return nil, false, err
		}
	}
	conn := ri.Control
	if conn == nil {
		return nil, false, errors.New("lost the connection to the target; try again")
	}
	limited, cancel := context.WithTimeout(ctx, server.ReplyTimeout)
	defer cancel()
	if reply, err := conn.Do(limited, "MULTI"); err != nil || reply != "OK" {
		var e redis.Error
		if err != nil && !errors.As(err, &e) {
			return nil, false, err
		}
		return nil, false, nil
	}
	done := false
	defer func() {
		if _, err := conn.Do(limited, "DISCARD"); err != nil || !done { // a server discards what a connection has queued when that ends
			conn.Close()
			ri.Control = nil
		}
	}()
	ask := func(args []string) (redis.Error, error) {
		reply, err := conn.Do(limited, args...)
		var e redis.Error
		if err == nil && reply != "QUEUED" {
			err = fmt.Errorf("the target does not queue commands after MULTI (%s was answered with %.40q); use a server that supports transactions", args[0], fmt.Sprint(reply))
		}
		if errors.As(err, &e) {
			return e, nil
		}
		return "", err
	}
	if _, err := ask(exists); err != nil { // only reads
		return nil, false, err
	}
	refused, err = each(commands, func(c *command, name string) (refusal, bool, error) {
		if name == "MULTI" || name == "EXEC" { // the first is in use, and the second was asked for before
			return refusal{}, true, nil
		}
		reply, err := ask(ri.arguments(name, c.args))
		if err != nil {
			return refusal{}, false, err
		}
		return judge(c, reply)
	})
	done = err == nil
	return append(refused, last...), done, err
}

// judge returns what a reply to the question for a command means.
func judge(c *command, reply redis.Error) (refusal, bool, error) {
	switch {
	case reply == "":
	case server.UnknownCommand(reply):
		return refusal{command: *c, unknown: true}, false, nil
	case reply.Code() == "NOPERM":
		return refusal{command: *c, reply: reply}, false, nil
	case server.ClassifyReply(reply) == server.GiveUp || server.ClassifyReply(reply) == server.TryAgain:
		return refusal{}, false, server.Advise(reply)
	}
	return refusal{}, true, nil
}

// askPlainly asks for a command by sending it: one that reads, or EXEC, which does nothing without MULTI.
func (ri *Rights) askPlainly(ctx context.Context, c *command, name string) (refusal, bool, error) {
	_, err := ri.Ask(ctx, ri.arguments(name, c.args)...)
	var reply redis.Error
	if err != nil && !errors.As(err, &reply) {
		return refusal{}, false, err
	}
	// What a server says about EXEC, it puts after this (redis src/multi.c, execCommandAbort).
	return judge(c, redis.Error(strings.TrimPrefix(string(reply), "EXECABORT Transaction discarded because of: ")))
}

// lookUp asks which commands the target has. Whether the user may run them is not known then.
func (ri *Rights) lookUp(ctx context.Context, commands []command) ([]refusal, error) {
	return each(commands, func(c *command, name string) (refusal, bool, error) {
		word, _, _ := strings.Cut(name, " ")
		reply, err := ri.Ask(ctx, "COMMAND", "INFO", word)
		if server.UnlessRefused(err) != nil {
			return refusal{}, false, err
		}
		list, _ := reply.([]any)
		if len(list) == 1 && list[0] == nil {
			return refusal{command: *c, unknown: true}, false, nil
		}
		switch {
		case word == "MULTI": // it was refused a moment ago
			return refusal{command: *c, reply: "NOPERM"}, false, nil
		case c.read || word == "EXEC":
			return ri.askPlainly(ctx, c, name)
		}
		return refusal{command: *c, unsure: true}, c.first, nil
	})
}
