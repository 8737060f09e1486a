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

// classifyReply returns what an error reply means.
func classifyReply(err redis.Error) verdict {
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
		"OOM":              "the target is out of memory (maxmemory); raise maxmemory, or exclude keys with --match or --type",
		"READONLY":         "the target is a replica; use its master, or Sentinel (redis+sentinel://HOST/MASTER)",
		"LOADING":          "the target is still loading its data; wait until it is done",
		"MISCONF":          "the target rejects writes because it cannot save snapshots; free space on its volume, or run CONFIG SET stop-writes-on-bgsave-error no",
		"NOPERM":           "the user lacks permissions; ACL SETUSER NAME ~* +@all -@admin +restore is enough, or use another user",
		"NOAUTH":           "the target requires a password; pass it in a variable or a file",
		"BUSY":             "the target is busy running a script; wait, or run SCRIPT KILL",
		"BUSYKEY":          "the key already exists; use --replace or --skip-existing",
		"MOVED":            "cluster slots are being migrated; wait until that is done",
		"ASK":              "cluster slots are being migrated; wait until that is done",
		"CLUSTERDOWN":      "some cluster slots are not served; repair the cluster (redis-cli --cluster check)",
		"TRYAGAIN":         "cluster slots are being migrated; wait until that is done",
		"NOREPLICAS":       "the target has too few replicas to accept writes (min-replicas-to-write); restore them, or lower the setting",
		"NOREPLICASTODISK": "the target has too few replicas to accept writes (min-replicas-to-write); restore them, or lower the setting",
		"MASTERDOWN":       "the target has lost its master; wait for the failover",
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
		return fmt.Errorf("%w: the target rejects the value as damaged; check the dump with rdb verify --deep", reply)
	}
	return fmt.Errorf("%w: the target does not support the encoding %q of RDB version %d", reply, t, t.Since())
}

// A restartedError says that the server is not the one that has confirmed keys before, or has lost its memory since.
type restartedError struct{}

func (e *restartedError) Error() string {
	return "the target was restarted or replaced"
}

// A fatalError ends all passes.
type fatalError struct{ err error }

func (e *fatalError) Error() string { return e.err.Error() }
func (e *fatalError) Unwrap() error { return e.err }
