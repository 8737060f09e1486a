package send

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/capability"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// A largeKey is one key while it is sent in pieces.
type largeKey struct {
	pass  *pass
	conn  *redis.Conn
	entry *rdb.Entry
	buf   []byte
	sent  int // commands in buf
	empty bool
	dues  chan int // replies that are due, piece by piece
}

const (
	pieceBytes  = 64 << 10
	piecesAhead = 32
)

func (l *largeKey) add(args ...[]byte) {
	l.buf = redis.AppendCommand(l.buf, args...)
	l.sent++
}

// run sends the key and gives the first reply that refuses.
func (l *largeKey) run(ctx context.Context, size int64, whole bool) (redis.Error, error) {
	p, e, replace := l.pass, l.entry, l.pass.Options.Existing == plan.Replace
	if err := l.selectDB(ctx, e.DB); err != nil {
		var refused redis.Error
		if errors.As(err, &refused) {
			return refused, nil
		}
		return "", err
	}
	key := append([]byte(nil), e.Key...)
	if !replace {
		there, err := l.exists(ctx, key)
		if err != nil || there {
			if there {
				return "BUSYKEY", nil
			}
			var refused redis.Error
			if errors.As(err, &refused) {
				return refused, nil
			}
			return "", err
		}
	}
	var err error
	var refused redis.Error
	if whole {
		refused, err = l.pipeline(ctx, func() error { return l.restore(ctx, size, replace) })
		return refused, err
	}
	temporary := p.temporary(key, p.names.Add(1))
	p.leftovers.add(e.DB, string(temporary))
	p.Sent.Made(3, replace)
	refused, err = l.pipeline(ctx, func() error { return l.pieces(ctx, temporary) })
	e.Key = key
	if err != nil {
		return "", err
	}
	// All pieces are there, or the key must not get its name.
	if refused == "" && !l.empty {
		refused, err = l.rename(ctx, key, temporary, replace)
	}
	if refused != "" && err == nil {
		limited, cancel := context.WithTimeout(ctx, server.ReplyTimeout)
		_, err = l.conn.Do(limited, "UNLINK", string(temporary))
		cancel()
		if redis.Code(err) != "" {
			return refused, nil // it stays among the leftovers
		}
	}
	if err == nil {
		p.leftovers.remove(e.DB, string(temporary))
	}
	return refused, err
}

// pipeline sends what fn gives while it reads the replies, and gives the first one that refuses.
func (l *largeKey) pipeline(ctx context.Context, fn func() error) (redis.Error, error) {
	l.dues = make(chan int, piecesAhead)
	type outcome struct {
		refused redis.Error
		err     error
	}
	read := make(chan outcome, 1)
	go func() {
		refused, err := l.read()
		if err != nil {
			l.conn.Close()
		}
		for range l.dues { // the writer may wait
		}
		read <- outcome{refused, err}
	}()
	err := fn()
	if err == nil {
		err = l.flush(ctx)
	}
	var wrong *rdb.Error
	if err != nil && !errors.As(err, &wrong) {
		l.conn.Close()
	}
	close(l.dues)
	out := <-read
	if err == nil {
		err = out.err
	}
	return out.refused, err
}

// rename renames the key to its name. RENAME alone would free an old value at once, however large.
func (l *largeKey) rename(ctx context.Context, key, temporary []byte, replace bool) (redis.Error, error) {
	limited, cancel := context.WithTimeout(ctx, server.ReplyTimeout)
	defer cancel()
	var reply any
	var err error
	if replace {
		for _, args := range [][]string{{"MULTI"}, {"UNLINK", string(key)}, {"RENAME", string(temporary), string(key)}, {"EXEC"}} {
			if reply, err = l.conn.Do(limited, args...); err != nil {
				break
			}
		}
	} else {
		reply, err = l.conn.Do(limited, "RENAMENX", string(temporary), string(key))
	}
	var refused redis.Error
	if err != nil && !errors.As(err, &refused) {
		return "", err
	}
	if refused == "" {
		refused = insideError(reply)
	}
	switch {
	case strings.HasPrefix(string(refused), "ERR no such key") && l.entry.Expiry != 0 && l.pass.IsGone(l.entry.Expiry):
		return "", nil // it expired in between
	case refused == "" && reply == int64(0):
		return "BUSYKEY", nil
	}
	return refused, nil
}

func (l *largeKey) selectDB(ctx context.Context, db int) error {
	limited, cancel := context.WithTimeout(ctx, server.ReplyTimeout)
	defer cancel()
	if l.pass.slots != nil {
		return nil
	}
	_, err := l.conn.Do(limited, "SELECT", strconv.Itoa(db))
	return err
}

func (l *largeKey) exists(ctx context.Context, key []byte) (bool, error) {
	limited, cancel := context.WithTimeout(ctx, server.ReplyTimeout)
	defer cancel()
	n, err := l.conn.Int(limited, "EXISTS", string(key))
	return n > 0, err
}

// pieces sends the commands that make the key under another name.
func (l *largeKey) pieces(ctx context.Context, temporary []byte) error {
	l.add([]byte("UNLINK"), temporary)
	l.entry.Key = temporary
	l.empty = true
	return rdb.Commands(l.entry, rdb.CommandOptions{RDBVersion: l.pass.Server.Version, ChunkBytes: pieceBytes / 2, Shift: l.pass.Shift}, func(args [][]byte) error {
		l.empty = false
		if c := l.pass.Sent.Of(args[0]); c != nil {
			c.Add(1)
		}
		l.add(args...)
		if len(l.buf) < pieceBytes {
			return nil
		}
		return l.flush(ctx)
	})
}

// restore sends the value in one command, as it is read.
func (l *largeKey) restore(ctx context.Context, size int64, replace bool) error {
	e := l.entry
	l.buf = appendRestoreHead(l.buf, e, size, replace)
	err := rdb.DumpChunks(e, capability.PayloadVersion(e.Type), func(part []byte) error {
		l.buf = append(l.buf, part...)
		if len(l.buf) < pieceBytes {
			return nil
		}
		return l.flush(ctx)
	})
	l.buf = appendRestoreTail(l.buf, e, replace)
	l.sent++
	return err
}

func (l *largeKey) flush(ctx context.Context) error {
	if err := l.pass.mayPass(ctx, l.entry.Offset+1, len(l.buf)); err != nil {
		return err
	}
	select {
	case l.dues <- l.sent:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if err := l.conn.SetWriteDeadline(time.Now().Add(server.WriteTimeout)); err != nil {
		return err
	}
	_, err := l.conn.Write(l.buf)
	l.buf, l.sent = l.buf[:0], 0
	return err
}

// read reads all replies.
func (l *largeKey) read() (refused redis.Error, err error) {
	for n := range l.dues {
		for range n {
			if err := l.conn.SetReadDeadline(time.Now().Add(server.ReplyTimeout)); err != nil {
				return refused, err
			}
			reply, err := l.conn.ReadReply()
			var e redis.Error
			if err != nil && !errors.As(err, &e) {
				return refused, err
			}
			if unclaimed(reply) {
				l.pass.Losses.Unclaimed.Add(1)
			}
			if refused == "" {
				refused = e
			}
		}
	}
	return refused, nil
}
