package snapshot

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// ClusterStats counts what [Cluster] read.
type ClusterStats struct {
	Nodes   []Source // every master, in the order of its first slot
	Version int      // of the dump, the newest of all nodes
	Keys    uint64   // of all nodes
	Bytes   uint64   // that arrived
	Gone    uint64   // by [ClusterScan]: deleted or expired while it was running
	// Span is the time between the first and the last node that began its snapshot.
	Span time.Duration
	// Notes are what the dump could not take over, one sentence each.
	Notes []string
	// NoFunctions is why the libraries of functions could not be read; nil where they were, or there are none.
	NoFunctions error
}

// Cluster asks every master of a Redis Cluster for a snapshot, all at the same time, and writes them as one dump: a cluster
// has each key once. Each node's part is of one moment; the moments of two nodes are [ClusterStats.Span] apart and more,
// if one shares a snapshot that it had begun for a replica. It refuses a cluster that does not serve every slot or whose slots
// move, and fails where slots or masters changed meanwhile: what was written is then useless. progress may be nil.
func Cluster(ctx context.Context, t *redis.Target, w io.Writer, opts Options, progress func(*ClusterStats)) (*ClusterStats, error) {
	before, err := readTopology(ctx, t)
	if err != nil {
		return &ClusterStats{}, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	m := &merge{to: w, stats: ClusterStats{Nodes: make([]Source, len(before))}, progress: progress, libraries: map[string]string{},
		heads: make([]*head, len(before)), ready: make(chan struct{}), missing: len(before)}
	var nodes sync.WaitGroup
	for i, n := range before {
		nodes.Go(func() {
			if err := m.node(ctx, i, t.WithAddr(n.addr).WithDB(0), opts); err != nil {
				cancel(err)
			}
		})
	}
	nodes.Wait()
	if ctx.Err() != nil {
		return &m.stats, context.Cause(ctx)
	}
	// Before the end is written: one who reads the dump as it comes must not take it for complete.
	if err := before.unchanged(ctx, t); err != nil {
		return &m.stats, err
	}
	return &m.stats, m.out.Close()
}

// A merge is one dump under way. Several goroutines write to it, one a node.
type merge struct {
	to       io.Writer
	progress func(*ClusterStats)

	mu      sync.Mutex
	out     *rdb.Writer // made when the head of every node is known
	stats   ClusterStats
	shown   time.Time
	first   time.Time
	heads   []*head
	missing int           // heads
	ready   chan struct{} // closed when none is missing

	libraries map[string]string // code by the first line, which has the name
	modules   map[string][]byte // data outside of keys
}

// A head is what a node's dump has before its keys.
type head struct {
	version int
	aux     map[string]string
	scripts []string
}

func (m *merge) node(ctx context.Context, i int, t *redis.Target, opts Options) error {
	s, err := Open(ctx, t, opts)
	if err != nil {
		return err
	}
	defer s.Close()
	m.begun(i, s.Source)
	if err := m.copy(ctx, i, s); err != nil {
		if errors.Is(err, rdb.ErrUnsupported) {
			err = fmt.Errorf("%w; dump each node with --only-node, which copies data that this version cannot parse", err)
		}
		return fmt.Errorf("node %s: %w", s.Source.Addr, err)
	}
	return nil
}

// begun notes when a node's snapshot began to arrive.
func (m *merge) begun(i int, src Source) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stats.Nodes[i] = src
	if now := time.Now(); m.first.IsZero() {
		m.first = now
	} else {
		m.stats.Span = now.Sub(m.first)
	}
}

func (m *merge) copy(ctx context.Context, i int, s *Snapshot) error {
	scanner := rdb.NewScanner(s, rdb.Options{})
	h := &head{aux: map[string]string{}}
	var e *rdb.Entry
	var err error
	for {
		if e, err = scanner.Next(); err != nil || e.Kind != rdb.AuxEntry {
			break
		}
		if name := string(e.Key); name == "lua" {
			h.scripts = append(h.scripts, string(e.Raw))
		} else {
			h.aux[name] = string(e.Raw)
		}
	}
	if err != nil && err != io.EOF {
		return err
	}
	h.version = scanner.Version()
	if e := m.join(ctx, i, h); e != nil {
		return e
	}
	for at := int64(0); err == nil; at = scanner.Offset() {
		if err = m.write(e, uint64(max(scanner.Offset()-at, 0))); err == nil {
			e, err = scanner.Next()
		}
	}
	if err != io.EOF {
		return err
	}
	if n, err := io.Copy(io.Discard, scanner.Rest()); err != nil || n > 0 {
		return errors.Join(err, fmt.Errorf("%d bytes follow the end of the dump", n))
	}
	return nil
}

// join waits until the head of every node is known, and has the last one write that of the dump.
func (m *merge) join(ctx context.Context, i int, h *head) error {
	m.mu.Lock()
	m.heads[i] = h
	m.missing--
	var err error
	if m.missing == 0 {
		err = m.begin()
		close(m.ready)
	}
	m.mu.Unlock()
	if err != nil {
		return err
	}
	select {
	case <-m.ready:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// begin writes the head of the dump: the newest version, the oldest time, the memory of all.
func (m *merge) begin() (err error) {
	versions := make([]int, len(m.heads))
	var memory, oldest uint64
	scripts := map[string]bool{}
	for i, h := range m.heads {
		versions[i] = h.version
		used, _ := strconv.ParseUint(h.aux["used-mem"], 10, 63)
		memory += used
		if made, err := strconv.ParseUint(h.aux["ctime"], 10, 63); err == nil && (oldest == 0 || made < oldest) {
			oldest = made
		}
		for _, code := range h.scripts {
			scripts[code] = true
		}
	}
	m.stats.Version = slices.Max(versions)
	if m.stats.Version >= 80 && slices.ContainsFunc(versions, func(v int) bool { return v > 11 && v < 80 }) {
		return errors.New("some nodes are Redis and some Valkey, so their dumps cannot be merged; finish the migration first")
	}
	if m.out, err = rdb.NewWriter(m.to, max(m.stats.Version, oldestVersion)); err != nil {
		return err
	}
	aux := [][2]string{
		{"redis-ver", m.heads[0].aux["redis-ver"]}, {"valkey-ver", m.heads[0].aux["valkey-ver"]}, {"redis-bits", m.heads[0].aux["redis-bits"]},
		{"ctime", strconv.FormatUint(oldest, 10)}, {"used-mem", strconv.FormatUint(memory, 10)},
	}
	for code := range scripts {
		aux = append(aux, [2]string{"lua", code})
	}
	for _, a := range aux {
		if a[1] == "" || a[1] == "0" {
			continue
		}
		if err := m.out.Write(&rdb.Entry{Kind: rdb.AuxEntry, Key: []byte(a[0]), Raw: []byte(a[1])}); err != nil {
			return err
		}
	}
	return nil
}

// write takes over one entry of a node.
func (m *merge) write(e *rdb.Entry, size uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stats.Bytes += size
	if now := time.Now(); m.progress != nil && now.Sub(m.shown) > progressEvery {
		m.shown = now
		m.progress(&m.stats)
	}
	switch e.Kind {
	case rdb.KeyEntry:
		m.stats.Keys++
	case rdb.FunctionEntry:
		// Every node has every library.
		name, _, _ := strings.Cut(string(e.Raw), "\n")
		code, known := m.libraries[name]
		if known && code != string(e.Raw) {
			return fmt.Errorf("the function library %q differs between nodes; run FUNCTION LOAD REPLACE with the right one on every master", strings.TrimSpace(name))
		}
		if known {
			return nil
		}
		m.libraries[name] = string(e.Raw)
	case rdb.ModuleAuxEntry:
		data, known := m.modules[e.Module]
		if known && !bytes.Equal(data, e.Raw) {
			m.note("the data of module %q outside of keys differs between nodes; the dump contains that of one node", e.Module)
		}
		if known {
			return nil
		}
		if m.modules == nil {
			m.modules = map[string][]byte{}
		}
		m.modules[e.Module] = bytes.Clone(e.Raw)
	case rdb.AuxEntry, rdb.ResizeEntry: // of one node
		return nil
	}
	return m.out.Write(e)
}

func (m *merge) note(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(m.stats.Notes, text) {
		m.stats.Notes = append(m.stats.Notes, text)
	}
}

// progressEvery is how often progress is reported.
const progressEvery = 100 * time.Millisecond

// ClusterScan reads the keys of every master one by one, as [Scan] does of one server, and refuses and fails as [Cluster]
// does.
func ClusterScan(ctx context.Context, t *redis.Target, w io.Writer, opts Options, progress func(*ClusterStats)) (*ClusterStats, error) {
	stats := &ClusterStats{}
	before, err := readTopology(ctx, t)
	if err != nil {
		return stats, err
	}
	s := newScan(ctx, w, opts, nil)
	told := func(of *ScanStats) {
		stats.Keys, stats.Bytes, stats.Gone = of.Keys, of.Bytes, of.Gone
		if progress != nil {
			progress(stats)
		}
	}
	s.progress = told
	for _, n := range before {
		if err := s.oneNode(t.WithAddr(n.addr).WithDB(0), opts); err != nil {
			return stats, cmp.Or(context.Cause(ctx), err)
		}
		stats.Nodes = append(stats.Nodes, s.stats.Source)
	}
	if err := before.unchanged(ctx, t); err != nil {
		return stats, err
	}
	if err := s.end(); err != nil {
		return stats, err
	}
	told(&s.stats)
	stats.Version, stats.NoFunctions = s.stats.Version, s.stats.NoFunctions
	return stats, nil
}

// oneNode reads the keys of one master. What depends on the server is asked anew.
func (s *scan) oneNode(t *redis.Target, opts Options) error {
	conn, src, err := connect(s.ctx, t, Options{FromMaster: true, IdleTimeout: opts.IdleTimeout})
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(s.ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
	s.conn, s.stats.Source = conn, src
	return s.databases(t.DB)
}
