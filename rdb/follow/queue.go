package follow

import (
	"cmp"
	"errors"
	"io"
	"sync"
	"time"
)

// A File is a temporary file that is written and read at the same time.
type File interface {
	io.Writer
	// Open opens what was written, from its beginning.
	Open() (io.ReadSeekCloser, error)
	Remove()
}

// segmentSize is the size in bytes from which another file is begun: one that was carried out can be removed.
const segmentSize = 64 << 20

// A segment is a file of a queue.
type segment struct {
	file    File
	in      io.ReadSeekCloser
	written int64
	read    int64
}

// A queue is the part of a stream that has arrived and was not carried out, in temporary files: the server must not keep it, since it
// ends a link on which too much is waiting.
type queue struct {
	create func() (File, error)
	limit  int64 // of a file; 0 stands for segmentSize

	mu       sync.Mutex
	more     chan struct{} // closed when something was added; made by who waits
	segments []*segment
	waiting  int64 // bytes
	err      error // after them
}

// write adds bytes.
func (q *queue) write(p []byte) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil {
		return q.err
	}
	var last *segment
	if n := len(q.segments); n > 0 {
		last = q.segments[n-1]
	}
	if last == nil || last.written >= cmp.Or(q.limit, segmentSize) {
		file, err := q.create()
		if err != nil {
			return err
		}
		in, err := file.Open()
		if err != nil {
			file.Remove()
			return err
		}
		last = &segment{file: file, in: in}
		q.segments = append(q.segments, last)
	}
	n, err := last.file.Write(p)
	last.written += int64(n)
	q.waiting += int64(n)
	q.wake()
	return err
}

// end has the reader get an error after what was written.
func (q *queue) end(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err == nil {
		q.err = err
	}
	q.wake()
}

func (q *queue) wake() {
	if q.more != nil {
		close(q.more)
		q.more = nil
	}
}

// read returns bytes that were written, and waits for them for so long. 0 bytes and no error are for none.
func (q *queue) read(p []byte, wait time.Duration) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.waiting == 0 && q.err == nil && wait > 0 {
		if q.more == nil {
			q.more = make(chan struct{})
		}
		more := q.more
		q.mu.Unlock()
		timer := time.NewTimer(wait)
		select {
		case <-more:
		case <-timer.C:
		}
		timer.Stop()
		q.mu.Lock()
	}
	if q.waiting == 0 {
		return 0, q.err
	}
	first := q.segments[0]
	for first.read == first.written {
		first.close()
		q.segments = q.segments[1:]
		first = q.segments[0]
	}
	n, err := first.in.Read(p[:min(int64(len(p)), first.written-first.read)])
	first.read += int64(n)
	q.waiting -= int64(n)
	if n == 0 && err != nil {
		return 0, errors.Join(errors.New("cannot read the temporary file of the stream"), err)
	}
	return n, nil
}

// close removes the files.
func (q *queue) close() {
	q.end(errors.New("closed"))
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, s := range q.segments {
		s.close()
	}
	q.segments, q.waiting = nil, 0
}

func (s *segment) close() {
	s.in.Close()
	s.file.Remove()
}
