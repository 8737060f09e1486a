package finding

// Violation is one thing that a check has against plain data. It has no place in a file: package lint finds that.
type Violation struct {
	Path    []string // of the value; keys, and indexes of lists as decimal numbers
	Message string   // as in [Problem]
	Key     bool     // the key that ends Path is wrong, not its value
	Missing bool     // nothing is at Path
}
