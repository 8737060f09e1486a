package server

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// A Verdict is what becomes of an import after an error reply.
type Verdict uint8

const (
	KeyFailed Verdict = iota // this key cannot be written; go on with the next
	Exists                   // the key is there already
	TryAgain                 // the server will take it later, or another one will: connect anew
	Moved                    // another node of the cluster has the key's slot
	Ask                      // another node will have it soon
	GiveUp                   // no key can be written
)

// ClassifyReply returns what an error reply means.
func ClassifyReply(err redis.Error) Verdict {
	switch err.Code() {
	case "BUSYKEY":
		return Exists
	case "LOADING", "BUSY", "CLUSTERDOWN", "TRYAGAIN", "MASTERDOWN", "UNBLOCKED":
		return TryAgain
	case "NOREPLICAS":
		return TryAgain // while replicas connect, as after a failover
	case "READONLY":
		return TryAgain // with Sentinels the next connection goes to the new master; without, connecting says so
	case "MOVED":
		return Moved
	case "ASK":
		return Ask
	case "OOM", "MISCONF", "NOPERM", "NOAUTH":
		return GiveUp
	}
	return KeyFailed
}

// Advise adds to a server's words what to do about them.
func Advise(err error) error {
	var refused redis.Error
	if !errors.As(err, &refused) {
		return err
	}
	what := map[string]string{
		"OOM":         "the target is out of memory (maxmemory); raise maxmemory, or exclude keys with --match or --type",
		"READONLY":    "the target is a replica; use its master, or Sentinel (redis+sentinel://HOST/MASTER)",
		"LOADING":     "the target is still loading its data; wait until it is done",
		"MISCONF":     "the target rejects writes because it cannot save snapshots; free space on its volume, or run CONFIG SET stop-writes-on-bgsave-error no",
		"NOPERM":      "the user lacks permissions; ACL SETUSER NAME ~* +@all -@admin +restore is enough, or use another user",
		"NOAUTH":      "the target requires a password; pass it in a variable or a file",
		"BUSY":        "the target is busy running a script; wait, or run SCRIPT KILL",
		"BUSYKEY":     "the key already exists; use --replace or --skip-existing",
		"MOVED":       "cluster slots are being migrated; wait until that is done",
		"ASK":         "cluster slots are being migrated; wait until that is done",
		"CLUSTERDOWN": "some cluster slots are not served; repair the cluster (redis-cli --cluster check)",
		"TRYAGAIN":    "cluster slots are being migrated; wait until that is done",
		"NOREPLICAS":  "the target has too few replicas to accept writes (min-replicas-to-write); restore them, or lower the setting",
		"MASTERDOWN":  "the target has lost its master; wait for the failover",
	}[refused.Code()]
	if what == "" {
		return err
	}
	return fmt.Errorf("%w: %s", err, what)
}

// UnknownCommand reports that a server does not have a command, or has it under another name.
func UnknownCommand(err error) bool {
	return redis.Code(err) == "ERR" && strings.Contains(strings.ToLower(err.Error()), "unknown command")
}

// UnlessRefused keeps an error of the connection.
func UnlessRefused(err error) error {
	if redis.Code(err) != "" {
		return nil
	}
	return err
}

// noInfo adds to the refusal of INFO what to do about it.
func noInfo(err error) error {
	const without = "the import requires INFO to notice restarts"
	switch {
	case UnknownCommand(err):
		return fmt.Errorf("the target has no INFO command (renamed or disabled); %s: enable it, or use --no-run-id to look up every key at the end", without)
	case redis.Code(err) == "NOPERM":
		return fmt.Errorf("%v: %s; grant +info, or use --no-run-id to look up every key at the end", err, without)
	}
	return Advise(err)
}

// A RestartedError says that the server is not the one that has confirmed keys before, or has lost its memory since.
type RestartedError struct{}

// Error says what happened.
func (e *RestartedError) Error() string {
	return "the target was restarted or replaced"
}

// A FatalError ends all passes.
type FatalError struct{ err error }

// Fatal returns an error that ends all passes.
func Fatal(err error) error { return &FatalError{err} }

// Error gives the reason.
func (e *FatalError) Error() string { return e.err.Error() }

// Unwrap returns the reason.
func (e *FatalError) Unwrap() error { return e.err }

// IsFinal reports that trying again does not help.
func IsFinal(err error) bool {
	var restarted *RestartedError
	var fatal *FatalError
	var wrong *rdb.Error
	return errors.As(err, &restarted) || errors.As(err, &fatal) || errors.As(err, &wrong) || errors.Is(err, context.Canceled) ||
		redis.Code(err) == "NOPERM"
}
