//go:build !unix

package git

// nonblock is for named pipes, which only Unix has among its files.
const nonblock = 0
