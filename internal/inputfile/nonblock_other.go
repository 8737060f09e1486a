//go:build !unix

package inputfile

// nonblock is for named pipes, which only Unix has among its files.
const nonblock = 0
