// Package clientcheck runs the client code that `url` and `sentinel-url` print with the real client libraries, against real
// servers and sentinels on loopback that fail over. It is a module of its own because of go-redis, and has tests only.
package clientcheck
