package importer

import (
	"errors"
	"fmt"
	"strings"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// verdict is what becomes of an import after an error reply.
type verdict uint8

const (
	keyFailed verdict = iota // this key cannot be written; go on with the next
	exists                   // the key is there already
	tryAgain                 // the server will take it later, or another one will: connect anew
	moved                    // another node of the cluster has the key's slot
	ask                      // another node will have it soon
	giveUp                   // no key can be written
)

// judge tells what an error reply means.
func judge(err redis.Error) verdict {
	switch err.Code() {
	case "BUSYKEY":
		return exists
	case "LOADING", "BUSY", "CLUSTERDOWN", "TRYAGAIN", "MASTERDOWN", "UNBLOCKED":
		return tryAgain
	case "READONLY":
		return tryAgain // with Sentinels the next connection goes to the new master; without, connecting says so
	case "MOVED":
		return moved
	case "ASK":
		return ask
	case "OOM", "MISCONF", "NOPERM", "NOAUTH", "NOREPLICAS", "NOREPLICASTODISK":
		return giveUp
	}
	return keyFailed
}

// advise adds to a server's words what to do about them.
func advise(err error) error {
	var refused redis.Error
	if !errors.As(err, &refused) {
		return err
	}
	what := map[string]string{
		"OOM":              "the target's memory is used up (maxmemory); raise maxmemory, or leave keys out with --match or --type",
		"READONLY":         "the target is a replica; write to its master, or give the Sentinels (redis+sentinel://HOST/MASTER), which know it",
		"LOADING":          "the target is still loading its own data; wait for it",
		"MISCONF":          "the target cannot save its own snapshots and refuses writes; make room on its disk, or CONFIG SET stop-writes-on-bgsave-error no",
		"NOPERM":           "the user lacks a right; ACL SETUSER NAME ~* +@all -@admin +restore is enough, or log in as another user",
		"NOAUTH":           "the target wants a password; give it in a variable or a file",
		"BUSY":             "a script keeps the target busy; wait for it, or SCRIPT KILL",
		"BUSYKEY":          "a key is there already; --replace or --skip-existing says what to do about that",
		"MOVED":            "the slots of the cluster move; wait for the end of that",
		"ASK":              "the slots of the cluster move; wait for the end of that",
		"CLUSTERDOWN":      "the cluster has slots that no node serves; repair it (redis-cli --cluster check)",
		"TRYAGAIN":         "the slots of the cluster move; wait for the end of that",
		"NOREPLICAS":       "the target has too few replicas to take writes (min-replicas-to-write); bring them back, or lower it",
		"NOREPLICASTODISK": "the target has too few replicas to take writes (min-replicas-to-write); bring them back, or lower it",
		"MASTERDOWN":       "the target has lost its master; wait for the end of the failover",
	}[refused.Code()]
	if what == "" {
		return err
	}
	return fmt.Errorf("%w: %s", err, what)
}

// explain adds to the reply of a target that refuses a value what to do about it.
func (im *importer) explain(t rdb.Type, reply redis.Error) error {
	switch {
	case !strings.Contains(string(reply), "Bad data format"): // redis src/cluster.c, restoreCommand
		return reply
	case knows(im.server.version, t):
		return fmt.Errorf("%w: the target considers the value damaged; check the dump with rdb verify --deep", reply)
	}
	return fmt.Errorf("%w: the target does not know the encoding %q of RDB version %d", reply, t, t.Since())
}

// A restartedError says that the server is not the one that has confirmed keys before, or has lost its memory since.
type restartedError struct{}

func (e *restartedError) Error() string {
	return "the target was restarted, or another one has taken its place"
}

// A fatalError ends all passes.
type fatalError struct{ err error }

func (e *fatalError) Error() string { return e.err.Error() }
func (e *fatalError) Unwrap() error { return e.err }
