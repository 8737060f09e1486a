package lint

import (
	"encoding/binary"
	"hash/crc32"
	"maps"
	"slices"
)

// entries are all that is kept of a repository.
type entries struct {
	units      map[string]record // by the hash of the unit's key
	files      map[string]*keptFile
	repository keptViolations
	size       int // that they take about, in bytes
}

// record is an entry: the hashes of what the unit read, a keptUnit, and what seldom anybody asks for: the packed values of its resources
// and of its values files, and the model.KeptFlow of its chart as JSON. The sum is a hash of all that rules about the repository see of the unit.
type record struct {
	reads map[string]string
	unit  []byte
	parts [][]byte
	flow  []byte
	sum   string
}

func (r *record) size() int {
	n := len(r.unit)
	for _, p := range r.parts {
		n += len(p)
	}
	return n
}

// keptFile is what is kept of a file, whatever is rendered from it: nothing of one with something secret, a finding or a suppression.
type keptFile struct {
	sum    string // of its text; "" if it is another one by now
	scan   []byte // a redact.Kept as JSON; nil if that is not known, empty if nothing was found
	silent []byte // the hash of chains that the file mentions none of
	as     string // what else source depends on; "" if that is not known
	source []byte // its documents and its keptTemplate; empty if nothing was found
	anew   bool   // something of it was found in this run
}

// keptViolations are those of the rules about the repository, of one state of all that they see.
type keptViolations struct {
	sum  string
	text []byte // as JSON
}

func newEntries() entries { return entries{units: map[string]record{}, files: map[string]*keptFile{}} }

// castagnoli is of the checksum that processors have.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// encodeEntries writes units, files and violations, each list behind the number of its elements, and a checksum.
func encodeEntries(all entries) []byte {
	w := writing{all: make([]byte, 0, all.size)}
	w.number(len(all.units))
	for _, key := range slices.Sorted(maps.Keys(all.units)) {
		r := all.units[key]
		w.text([]byte(key))
		w.number(len(r.reads))
		for name, hash := range r.reads {
			w.text([]byte(name))
			w.text([]byte(hash))
		}
		w.text(r.unit)
		w.number(len(r.parts))
		for _, p := range r.parts {
			w.text(p)
		}
		w.shared(r.flow)
		w.text([]byte(r.sum))
	}
	w.number(len(all.files))
	for _, name := range slices.Sorted(maps.Keys(all.files)) {
		f := all.files[name]
		w.text([]byte(name))
		w.text([]byte(f.sum))
		if f.scan == nil {
			w.number(0)
		} else {
			w.number(1)
			w.shared(f.scan)
		}
		w.shared(f.silent)
		w.shared([]byte(f.as))
		w.text(f.source)
	}
	w.text([]byte(all.repository.sum))
	w.text(all.repository.text)
	return binary.BigEndian.AppendUint32(w.all, crc32.Checksum(w.all, castagnoli))
}

// decodeEntries gives nothing of what is broken.
func decodeEntries(b []byte) entries {
	n := len(b) - crc32.Size
	if n < 0 || binary.BigEndian.Uint32(b[n:]) != crc32.Checksum(b[:n], castagnoli) {
		return newEntries()
	}
	r := reading{rest: b[:n]}
	all := newEntries()
	all.size = len(b) + len(b)/8
	for n := r.number(); n > 0 && !r.broken; n-- {
		key := string(r.text())
		u := record{reads: map[string]string{}}
		for m := r.number(); m > 0 && !r.broken; m-- {
			name := string(r.text())
			u.reads[name] = string(r.text())
		}
		u.unit = r.text()
		for m := r.number(); m > 0 && !r.broken; m-- {
			u.parts = append(u.parts, r.text())
		}
		u.flow = r.shared()
		u.sum = string(r.text())
		all.units[key] = u
	}
	for n := r.number(); n > 0 && !r.broken; n-- {
		name := string(r.text())
		f := &keptFile{sum: string(r.text())}
		if r.number() > 0 {
			f.scan = r.shared()
		}
		f.silent = r.shared()
		f.as = string(r.shared())
		f.source = r.text()
		all.files[name] = f
	}
	all.repository.sum = string(r.text())
	all.repository.text = r.text()
	if r.broken || len(r.rest) > 0 {
		return newEntries()
	}
	return all
}

// writing puts numbers and texts one behind the other. A text that many have is written once, and then by its number.
type writing struct {
	all   []byte
	known map[string]int
}

func (w *writing) number(n int) { w.all = binary.AppendUvarint(w.all, uint64(n)) }

func (w *writing) text(s []byte) {
	w.number(len(s))
	w.all = append(w.all, s...)
}

func (w *writing) shared(s []byte) {
	if n := w.known[string(s)]; n > 0 {
		w.number(n)
		return
	}
	if w.known == nil {
		w.known = map[string]int{}
	}
	w.known[string(s)] = len(w.known) + 1
	w.number(0)
	w.text(s)
}

// reading reads what encodeEntries wrote.
type reading struct {
	rest   []byte
	known  [][]byte
	broken bool
}

func (r *reading) number() int {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 || n > uint64(len(r.rest)) { // nothing is larger than the rest
		r.broken, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[size:]
	return int(n)
}

func (r *reading) text() []byte {
	n := r.number()
	if n > len(r.rest) {
		r.broken, r.rest = true, nil
		return nil
	}
	s := r.rest[:n:n]
	r.rest = r.rest[n:]
	return s
}

func (r *reading) shared() []byte {
	switch n := r.number(); {
	case n == 0 && !r.broken:
		r.known = append(r.known, r.text())
		return r.known[len(r.known)-1]
	case n > 0 && n <= len(r.known):
		return r.known[n-1]
	}
	r.broken, r.rest = true, nil
	return nil
}
