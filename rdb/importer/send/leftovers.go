package send

import "sync"

// leftovers are temporary keys that may be left where a connection broke.
type leftovers struct {
	mu    sync.Mutex
	names map[leftover]bool
}

type leftover struct {
	db   int
	name string
}

func (l *leftovers) add(db int, name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.names == nil {
		l.names = map[leftover]bool{}
	}
	l.names[leftover{db, name}] = true
}

func (l *leftovers) remove(db int, name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.names, leftover{db, name})
}
