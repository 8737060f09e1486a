// Package importbench measures import against what the server itself can do: make bench-import.
//
// The peers of this field cannot be run beside it: neither github.com/tair-opensource/RedisShake nor
// github.com/hdt3213/rdb is to be had from the module proxy. For them stand the ratios that were measured once, on two
// cores and redis-server 7.0.15, for a file of the same size and mix: RedisShake 4.2 took 9.7 times as long as ready-made
// RESTORE commands, HDT3213/rdb (through an append-only file and redis-cli --pipe) 4.3 times, rmt 3.2 times.
package importbench
