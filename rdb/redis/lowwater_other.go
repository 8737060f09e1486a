//go:build !linux

package redis

import "net"

// A lowWater would let a reader sleep until many bytes have come. Only Linux has one that its pollers heed.
type lowWater struct{ net.Conn }

func newLowWater(net.Conn) *lowWater { return nil }

func (l *lowWater) await(int) error { return nil }
