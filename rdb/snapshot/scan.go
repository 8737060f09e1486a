package snapshot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// ScanStats counts what [Scan] read.
type ScanStats struct {
	Source  Source
	Version int    // of the dump
	Keys    uint64 // written
	Gone    uint64 // deleted or expired while it was running
	Bytes   uint64 // of values
	// NoFunctions is why the libraries of functions could not be read; nil where they were, or the server has none.
	NoFunctions error
}

// Scan reads all keys one by one (SCAN, DUMP, PTTL) and writes a dump of the RDB version that the server itself uses. It
// is not of one moment: what is written while it runs is in it or not. It needs 100 to 150 bytes of memory for each key,
// because SCAN may name a key twice and a server does not load a dump that has one twice. progress, which may be nil,
// is called now and then.
func Scan(ctx context.Context, t *redis.Target, w io.Writer, opts Options, progress func(*ScanStats)) (*ScanStats, error) {
	conn, src, err := connect(ctx, t, opts)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
	s := newScan(ctx, w, opts, progress)
	s.conn, s.stats.Source = conn, src
	err = s.databases(t.DB)
	if err == nil {
		err = s.end()
	}
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return &s.stats, err
	}
	return &s.stats, nil
}

func newScan(ctx context.Context, w io.Writer, opts Options, progress func(*ScanStats)) *scan {
	return &scan{ctx: ctx, to: w, timeout: opts.idleTimeout(), progress: progress, window: minScanWindow,
		seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
}

// How many replies are waited for at a time: as many as have together about so many bytes.
const (
	minScanWindow   = 16
	maxScanWindow   = 1000
	scanWindowBytes = 4 << 20
)

type scan struct {
	ctx      context.Context
	conn     *redis.Conn
	to       io.Writer
	out      *rdb.Writer // made when the first key has shown the version
	stats    ScanStats
	timeout  time.Duration
	progress func(*ScanStats)

	functions []string
	expiryAt  bool // the server has PEXPIRETIME
	window    int
	seeds     [2]maphash.Seed
	seen      map[[2]uint64]struct{} // of the keys of a database, 128 bits each
	buf       []byte
}

// databases reads the keys of the server that s.conn leads to.
func (s *scan) databases(db int) error {
	if err := s.prepare(); err != nil {
		return err
	}
	dbs := s.stats.Source.DBs
	if dbs == nil && s.stats.Source.Version == "" { // it does not say
		dbs = []int{db}
	}
	slices.Sort(dbs)
	for _, db := range dbs {
		if _, err := s.do("SELECT", strconv.Itoa(db)); err != nil && !s.stats.Source.Cluster {
			return s.refused("SELECT", err)
		}
		if err := s.database(db); err != nil {
			return err
		}
	}
	return nil
}

// end writes the end of the dump.
func (s *scan) end() error {
	if s.out == nil {
		// The version is unknown, and only functions depend on it.
		major, rest, _ := strings.Cut(s.stats.Source.Version, ".")
		minor, _, _ := strings.Cut(rest, ".")
		if err := s.begin(cmp.Or(rdb.VersionFor(major+"."+minor), oldestVersion)); err != nil {
			return err
		}
	}
	return s.out.Close()
}

// oldestVersion is what every server since Redis 2.6 reads.
const oldestVersion = 6

// prepare finds out what the server can do.
func (s *scan) prepare() error {
	// Before the first byte: without DUMP not one key can be read.
	_, err := s.do("DUMP", "redis-gitops:probe")
	if err != nil && (redis.Code(err) == "" || unknownCommand(err)) {
		if unknownCommand(err) {
			err = fmt.Errorf("%s has no DUMP command (renamed or disabled), so --scan cannot read its keys; permit replication (+psync +replconf), or copy its dump.rdb after a BGSAVE", s.stats.Source.Addr)
		}
		return err
	}
	if redis.Code(err) == "NOPERM" && strings.Contains(err.Error(), "'dump'") {
		return s.refused("DUMP", err)
	}
	reply, err := s.do("PEXPIRETIME", "redis-gitops:probe")
	if err != nil && redis.Code(err) == "" {
		return err
	}
	_, s.expiryAt = reply.(int64)
	s.expiryAt = s.expiryAt || redis.Code(err) == "MOVED" // another node of a cluster has the slot
	reply, err = s.do("FUNCTION", "LIST", "WITHCODE")
	if err != nil && redis.Code(err) == "" {
		return err
	}
	if redis.Code(err) == "NOPERM" {
		s.stats.NoFunctions = err
	}
	libraries, _ := reply.([]any)
	for _, library := range libraries {
		fields, _ := library.([]any)
		for i := 0; i+1 < len(fields); i += 2 {
			if code, ok := fields[i+1].(string); ok && fields[i] == "library_code" && !slices.Contains(s.functions, code) {
				s.functions = append(s.functions, code)
			}
		}
	}
	return nil
}

// unknownCommand reports that a server does not have a command, or has it under another name.
func unknownCommand(err error) bool {
	return redis.Code(err) == "ERR" && strings.Contains(strings.ToLower(err.Error()), "unknown command")
}

// begin writes the head of the dump.
func (s *scan) begin(version int) (err error) {
	if s.out, err = rdb.NewWriter(s.to, version); err != nil {
		return err
	}
	s.stats.Version = version
	for _, aux := range [][2]string{
		{"redis-ver", s.stats.Source.Version}, {"redis-bits", "64"}, {"ctime", strconv.FormatInt(time.Now().Unix(), 10)}, {"used-mem", s.stats.Source.UsedMem},
	} {
		if aux[1] == "" {
			continue
		}
		if err := s.out.Write(&rdb.Entry{Kind: rdb.AuxEntry, Key: []byte(aux[0]), Raw: []byte(aux[1])}); err != nil {
			return err
		}
	}
	for _, code := range s.functions {
		if err := s.out.Write(&rdb.Entry{Kind: rdb.FunctionEntry, Raw: []byte(code)}); err != nil {
			return err
		}
	}
	return nil
}

func (s *scan) database(db int) error {
	s.seen = map[[2]uint64]struct{}{}
	for cursor := "0"; ; {
		list, err := s.do("SCAN", cursor, "COUNT", "1000")
		if err != nil {
			return s.refused("SCAN", err)
		}
		page, _ := list.([]any)
		if len(page) != 2 {
			return fmt.Errorf("%s: unexpected reply to SCAN; check that it is a Redis server", s.stats.Source.Addr)
		}
		keys, _ := page[1].([]any)
		var fresh []string
		for _, key := range keys {
			k, ok := key.(string)
			if ok && s.isNew(k) {
				fresh = append(fresh, k)
			}
		}
		for len(fresh) > 0 {
			n := min(len(fresh), s.window)
			if err := s.batch(db, fresh[:n]); err != nil {
				return err
			}
			fresh = fresh[n:]
		}
		if cursor, _ = page[0].(string); cursor == "0" || cursor == "" {
			return nil
		}
	}
}

// isNew remembers a key by 128 bits of two hashes: that two keys share them is less likely than a broken disk.
func (s *scan) isNew(key string) bool {
	sum := [2]uint64{maphash.String(s.seeds[0], key), maphash.String(s.seeds[1], key)}
	if _, ok := s.seen[sum]; ok {
		return false
	}
	s.seen[sum] = struct{}{}
	return true
}

// batch sends the commands for some keys at once and writes their values.
func (s *scan) batch(db int, keys []string) error {
	expiry := "PTTL"
	if s.expiryAt {
		expiry = "PEXPIRETIME"
	}
	s.buf = redis.AppendCommand(s.buf[:0], []byte("TIME"))
	for _, key := range keys {
		for _, command := range []string{"DUMP", expiry} {
			s.buf = redis.AppendArg(redis.AppendArg(redis.AppendArgs(s.buf, 2), command), key)
		}
	}
	if err := s.extend(); err != nil {
		return err
	}
	if _, err := s.conn.Write(s.buf); err != nil {
		return s.lost(err)
	}
	clock, err := s.reply()
	if err != nil && redis.Code(err) == "" {
		return err
	}
	now := serverTime(clock)
	before := s.stats.Bytes
	var failed error // the replies must be read to the end all the same
	for _, key := range keys {
		value, err := s.reply()
		if err != nil && redis.Code(err) == "" {
			return err
		}
		at, err2 := s.reply()
		if err2 != nil && redis.Code(err2) == "" {
			return err2
		}
		if failed != nil {
			continue
		}
		if failed = s.refused("DUMP", err); failed == nil {
			failed = s.refused(expiry, err2)
		}
		if failed == nil {
			failed = s.write(db, key, value, at, now)
		}
	}
	if failed != nil {
		return failed
	}
	average := (s.stats.Bytes-before)/uint64(len(keys)) + 1
	s.window = int(min(max(scanWindowBytes/average, 1), maxScanWindow, uint64(s.window)*2))
	if s.progress != nil {
		s.progress(&s.stats)
	}
	return nil
}

// serverTime reads the reply of TIME, in Unix milliseconds; without one it is the time here.
func serverTime(reply any) int64 {
	if parts, _ := reply.([]any); len(parts) == 2 {
		seconds, _ := parts[0].(string)
		micros, _ := parts[1].(string)
		a, err := strconv.ParseInt(seconds, 10, 64)
		b, err2 := strconv.ParseInt(micros, 10, 64)
		if err == nil && err2 == nil {
			return a*1000 + b/1000
		}
	}
	return time.Now().UnixMilli()
}

// write writes a key from its payload and the reply about its expiry.
func (s *scan) write(db int, key string, value, at any, now int64) error {
	payload, ok := value.(string)
	if !ok { // nil
		s.stats.Gone++
		return nil
	}
	e, version, err := rdb.ParseDump([]byte(payload))
	if err != nil {
		return fmt.Errorf("key %q in database %d: cannot write its DUMP payload: %w", key, db, err)
	}
	if s.out == nil {
		if err := s.begin(version); err != nil {
			return err
		}
	}
	if version > s.stats.Version { // an upgrade while we are at it
		return fmt.Errorf("the RDB version of the server changed from %d to %d; start again", s.stats.Version, version)
	}
	e.DB, e.Key = db, []byte(key)
	switch ms, _ := at.(int64); {
	case ms == -2: // gone since
		s.stats.Gone++
		return nil
	case ms < 0: // never
	case s.expiryAt:
		e.Expiry = max(ms, 1)
	default:
		e.Expiry = now + ms
	}
	s.stats.Keys++
	s.stats.Bytes += uint64(len(payload))
	return s.out.Write(e)
}

func (s *scan) extend() error {
	if err := s.conn.SetDeadline(time.Now().Add(s.timeout)); err != nil {
		return err
	}
	if s.ctx.Err() != nil { // it may have ended just before, and its deadline is gone
		return context.Cause(s.ctx)
	}
	return nil
}

func (s *scan) do(args ...string) (any, error) {
	if err := s.extend(); err != nil {
		return nil, err
	}
	reply, err := s.conn.Do(s.ctx, args...)
	if err != nil && redis.Code(err) == "" {
		err = s.lost(err)
	}
	return reply, err
}

func (s *scan) reply() (any, error) {
	if err := s.extend(); err != nil {
		return nil, err
	}
	reply, err := s.conn.ReadReply()
	if err != nil && redis.Code(err) == "" {
		err = s.lost(err)
	}
	return reply, err
}

func (s *scan) lost(err error) error {
	return fmt.Errorf("%s: lost the connection (keys read: %d): %w; start again", s.stats.Source.Addr, s.stats.Keys, err)
}

// refused reports which right is missing.
func (s *scan) refused(command string, err error) error {
	var refused redis.Error
	if !errors.As(err, &refused) {
		return err
	}
	if refused.Code() == "NOPERM" {
		return fmt.Errorf("%s: %w; the user needs +scan +dump +pttl +pexpiretime +time +select and access to the keys (~*)", s.stats.Source.Addr, refused)
	}
	return fmt.Errorf("%s: %s: %w", s.stats.Source.Addr, command, refused)
}
