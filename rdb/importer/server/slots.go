package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// SlotCount is the number of slots of a cluster.
const SlotCount = 16384

// A SlotMap says which route has which slot of a cluster.
type SlotMap struct {
	Routes []string // addresses of the masters
	Of     [SlotCount]uint8
	tags   map[uint16]string
}

// Slot is that of a key: CRC16 (XMODEM) of it, or of the first part in braces that is not empty.
func Slot(key []byte) uint16 {
	s := string(key)
	if _, after, ok := strings.Cut(s, "{"); ok {
		if tag, _, ok := strings.Cut(after, "}"); ok && tag != "" {
			s = tag
		}
	}
	var crc uint16
	for i := range len(s) {
		crc ^= uint16(s[i]) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return crc % SlotCount
}

// Route returns the index of the route that has the slot of a key.
func (m *SlotMap) Route(key []byte) int { return int(m.Of[Slot(key)]) }

// Tag gives a part in braces that puts a name into the slot of the key, whatever braces the key itself has.
func (m *SlotMap) Tag(key []byte) string { return slotTag(m.tags, Slot(key)) }

func slotTag(tags map[uint16]string, want uint16) string {
	if tag, ok := tags[want]; ok {
		return tag
	}
	for n := 0; ; n++ { // 16384 tries on average
		tag := "{" + strconv.Itoa(n) + "}"
		if Slot([]byte(tag)) == want {
			tags[want] = tag
			return tag
		}
	}
}

// readSlots asks a node which master has which slot.
func readSlots(ctx context.Context, conn *redis.Conn) (*SlotMap, error) {
	list, err := conn.List(ctx, "CLUSTER", "SLOTS")
	if err != nil {
		return nil, err
	}
	m := &SlotMap{tags: map[uint16]string{}}
	covered := 0
	for _, item := range list {
		r, _ := item.([]any)
		if len(r) < 3 {
			return nil, errors.New("unexpected reply to CLUSTER SLOTS; check that it is a Redis or Valkey cluster")
		}
		from, ok1 := r[0].(int64)
		to, ok2 := r[1].(int64)
		node, ok3 := r[2].([]any)
		if !ok1 || !ok2 || !ok3 || len(node) < 2 || from < 0 || to >= SlotCount || from > to {
			return nil, errors.New("unexpected reply to CLUSTER SLOTS; check that it is a Redis or Valkey cluster")
		}
		host, _ := node[0].(string)
		port, _ := node[1].(int64)
		if host == "" || host == "?" { // not known to the node itself: the address that was dialled
			host, _, _ = net.SplitHostPort(conn.Addr())
		}
		addr := net.JoinHostPort(host, strconv.FormatInt(port, 10))
		i := slices.Index(m.Routes, addr)
		if i < 0 {
			i = len(m.Routes)
			m.Routes = append(m.Routes, addr)
		}
		if i > 255 {
			return nil, errors.New("more than 256 masters are not supported")
		}
		for s := from; s <= to; s++ {
			m.Of[s] = uint8(i)
		}
		covered += int(to-from) + 1
	}
	if covered < SlotCount {
		return nil, redis.Error(fmt.Sprintf("CLUSTERDOWN %d of %d slots are not served", SlotCount-covered, SlotCount))
	}
	return m, nil
}

// Slots asks the cluster, until all slots are served or patience is over.
func (l *Link) Slots(ctx context.Context) (*SlotMap, error) {
	began := time.Now()
	for {
		conn, err := l.Connect(ctx, "")
		if err != nil {
			return nil, err
		}
		limited, cancel := context.WithTimeout(ctx, ReplyTimeout)
		m, err := readSlots(limited, conn)
		cancel()
		conn.Close()
		if err == nil {
			return m, nil
		}
		if time.Since(began) > l.Patience || redis.Code(err) != "CLUSTERDOWN" && redis.Code(err) != "LOADING" {
			return nil, Fatal(Advise(err))
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// Nodes returns the addresses of the masters of a cluster, or "" for the one server that is no cluster.
func (l *Link) Nodes(ctx context.Context) ([]string, error) {
	if !l.Server.Cluster {
		return []string{""}, nil
	}
	m, err := l.Slots(ctx)
	if err != nil {
		return nil, err
	}
	return m.Routes, nil
}
