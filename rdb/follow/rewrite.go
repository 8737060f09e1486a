package follow

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// held is what expiry times of keys are moved by, in milliseconds, while the target is behind. A key must not expire in the target
// before the write arrives that keeps it alive; when it expires in the source, the stream has a DEL (redis src/expire.c,
// deleteExpiredKeyAndPropagate). No true expiry is that late, so that one that was moved is recognized by its value.
const held = 1 << 50

// A rewriter turns commands of the stream into those for the target.
type rewriter struct {
	shift int64        // milliseconds from the source's clock to the target's
	hold  int64        // held, or 0
	now   func() int64 // by the target's clock, in Unix milliseconds

	out   []byte
	count int // commands in out
	// moved are keys that got the expiry of another, which may be held still, by database.
	moved []dbKey
	// unknown reports that such keys cannot be named.
	unknown bool
}

// A dbKey is a key of a database.
type dbKey struct {
	db  int
	key string
}

// until returns an expiry for the target.
func (w *rewriter) until(at int64) int64 {
	if at <= 0 || at >= held {
		return min(at, held-1)
	}
	return max(at+w.shift, 1) + w.hold
}

func (w *rewriter) add(args ...[]byte) {
	w.out = redis.AppendCommand(w.out, args...)
	w.count++
}

func (w *rewriter) expire(key []byte, at int64, conditions ...[]byte) {
	w.add(append([][]byte{[]byte("PEXPIREAT"), key, strconv.AppendInt(nil, at, 10)}, conditions...)...)
}

// write appends what the target is to do for a command in a database. A command that is not understood is passed on as it is: the
// target decides.
func (w *rewriter) write(c command, db int) {
	name := strings.ToUpper(string(c.args[0]))
	if w.writeExpiry(name, c.args) {
		return
	}
	switch name {
	case "RENAME", "RENAMENX":
		if len(c.args) > 2 {
			w.moved = append(w.moved, dbKey{db, string(c.args[2])})
		}
	case "COPY", "MOVE":
		w.copied(c.args, db)
	case "EVAL", "EVALSHA", "FCALL", "SWAPDB": // scripts are in the stream by their effects, unless the source is set otherwise
		w.unknown = true
	}
	w.out = append(w.out, c.raw...)
	w.count++
}

// copied remembers where the key went: MOVE key db, COPY key other [DB db].
func (w *rewriter) copied(args [][]byte, db int) {
	key, to := 1, 2
	if strings.EqualFold(string(args[0]), "COPY") {
		key, to = 2, 4
	}
	if len(args) <= key {
		return
	}
	if len(args) > to {
		if n, err := strconv.Atoi(string(args[to])); err == nil {
			db = n
		}
	}
	w.moved = append(w.moved, dbKey{db, string(args[key])})
}

// writeExpiry deals with commands that set the expiry of keys. Since Redis 7.0 these are absolute in the stream (PEXPIREAT, SET with
// PXAT, RESTORE with ABSTTL); before, they are as the client sent them.
func (w *rewriter) writeExpiry(name string, args [][]byte) bool {
	number := func(i int) (int64, bool) {
		if i >= len(args) {
			return 0, false
		}
		n, err := strconv.ParseInt(string(args[i]), 10, 64)
		return n, err == nil && n < held && n > -held
	}
	n, ok := number(2)
	switch name {
	case "PEXPIREAT":
	case "EXPIREAT":
		n *= 1000
	case "PEXPIRE":
		n += w.now() - w.shift
	case "EXPIRE":
		n = n*1000 + w.now() - w.shift
	case "SETEX", "PSETEX":
		if name == "SETEX" {
			n *= 1000
		}
		if !ok || len(args) != 4 {
			return false
		}
		w.add([]byte("SET"), args[1], args[3])
		w.expire(args[1], w.until(n+w.now()-w.shift))
		return true
	case "SET":
		return w.set(args)
	case "RESTORE":
		return w.restore(args, n, ok)
	case "HPEXPIREAT": // of fields: not held
		if !ok || w.shift == 0 {
			return false
		}
		w.add(append([][]byte{args[0], args[1], strconv.AppendInt(nil, max(n+w.shift, 1), 10)}, args[3:]...)...)
		return true
	default:
		return false
	}
	if !ok {
		return false
	}
	w.expire(args[1], w.until(n), args[3:]...)
	return true
}

// set writes SET with an expiry as two commands, which every version knows. Conditions are left out: they were met.
func (w *rewriter) set(args [][]byte) bool {
	at := int64(0)
	for i := 3; i < len(args); i++ {
		option := strings.ToUpper(string(args[i]))
		switch option {
		case "NX", "XX", "GET":
			continue
		case "EX", "PX", "EXAT", "PXAT":
		default: // KEEPTTL, or what is not known here
			return false
		}
		i++
		if i == len(args) {
			return false
		}
		n, err := strconv.ParseInt(string(args[i]), 10, 64)
		if err != nil || n <= 0 || n >= held {
			return false
		}
		if option[0] == 'E' {
			n *= 1000
		}
		if !strings.HasSuffix(option, "AT") {
			n += w.now() - w.shift
		}
		at = n
	}
	if at == 0 {
		return false
	}
	w.add([]byte("SET"), args[1], args[2])
	w.expire(args[1], w.until(at))
	return true
}

// restore writes RESTORE with an absolute expiry.
func (w *rewriter) restore(args [][]byte, ttl int64, ok bool) bool {
	if !ok || len(args) < 4 || ttl <= 0 {
		return false
	}
	absolute := false
	for _, a := range args[4:] {
		absolute = absolute || bytes.EqualFold(a, []byte("ABSTTL"))
	}
	out := append([][]byte{}, args...)
	if !absolute {
		ttl += w.now() - w.shift
		out = append(out, []byte("ABSTTL"))
	}
	out[2] = strconv.AppendInt(nil, w.until(ttl), 10)
	w.add(out...)
	return true
}
