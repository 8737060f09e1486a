package account

import "sync"

// A Lifetimes counts the keys that expire soon, by database and second, so that at the end it is known how many are gone by
// right. What expires later than that is not expected to go during an import.
type Lifetimes struct {
	mu   sync.Mutex
	ends map[int]map[int64]uint64
}

const soon = 30 * 24 * 60 * 60 // seconds; so there are few numbers

// Add counts a key that expires at a time, both in Unix milliseconds.
func (l *Lifetimes) Add(db int, expiry, now int64) {
	second := expiry / 1000
	if expiry == 0 || second > now/1000+soon {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ends == nil {
		l.ends = map[int]map[int64]uint64{}
	}
	if l.ends[db] == nil {
		l.ends[db] = map[int64]uint64{}
	}
	l.ends[db][second]++
}

// Over counts those whose time is over, or nearly.
func (l *Lifetimes) Over(db int, now int64) (n uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for second, keys := range l.ends[db] {
		if second <= now/1000+1 {
			n += keys
		}
	}
	return n
}
