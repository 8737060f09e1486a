package render

import (
	"sort"
	"unicode/utf8"
)

// markAt returns the number of the mark that an offset belongs to, or -1.
func (f *renderedFile) markAt(offset int) int {
	return sort.Search(len(f.marks), func(i int) bool { return int(f.marks[i].offset) > offset }) - 1
}

// offset returns the place of a line and column in the text.
func (f *renderedFile) offset(line, column int) int {
	starts := f.lines()
	if line < 1 || line > len(starts) {
		return len(f.text)
	}
	at := starts[line-1]
	for range column - 1 {
		if at >= len(f.text) {
			break
		}
		_, size := utf8.DecodeRune(f.text[at:])
		at += size
	}
	return at
}

func (f *renderedFile) lines() []int {
	f.once.Do(func() { f.starts = newSource("", "", string(f.text)).starts })
	return f.starts
}

// lineAt returns the line, from 1, that an offset is in.
func (f *renderedFile) lineAt(offset int) int {
	return sort.Search(len(f.lines()), func(i int) bool { return f.lines()[i] > offset })
}
