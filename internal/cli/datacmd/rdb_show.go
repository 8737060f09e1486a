package datacmd

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/rdb"
)

const rdbShowHelp = `Print a key of an RDB file with its value: one element per line, with scores,
field expiry, and the groups, consumers and pending entries of a stream. Memory
use is bounded, whatever the size of the value.

` + dumpFileHelp + ` KEY is the exact name.

Examples:
  redis-gitops rdb show dump.rdb user:17
  redis-gitops rdb show dump.rdb queue:jobs --db 2 --limit 0 --output jsonl`

// showOptions are those of rdb show.
type showOptions struct {
	*env.Env
	db     string
	limit  int
	output string
}

func newShow(e *env.Env) *cobra.Command {
	o := &showOptions{Env: e}
	c := &cobra.Command{
		Use:   "show FILE KEY",
		Short: "Print a key with its value",
		Long:  rdbShowHelp,
		Args:  flags.FromUse,
		RunE:  func(c *cobra.Command, args []string) error { return o.run(c.Context(), args[0], args[1]) },
	}
	c.Flags().StringVar(&o.db, "db", "0", "database of the key")
	c.Flags().IntVar(&o.limit, "limit", 100, "maximum number of elements to print; 0 for all")
	flags.AddOutput(c, &o.output, "text", "jsonl")
	return c
}

// errEnough ends the reading of a value of which enough is printed.
var errEnough = errors.New("enough")

func (o *showOptions) run(ctx context.Context, name, key string) error {
	db, err := rdb.ParseDB(o.db)
	if err != nil {
		return fmt.Errorf("--db: %w", err)
	}
	if o.limit < 0 {
		return fmt.Errorf("--limit %d: must be a number of elements, or 0 for all", o.limit)
	}
	return scanDump(ctx, o.Env, name, func(s *rdb.Scanner) error {
		for {
			e, err := s.Next()
			if errors.Is(err, io.EOF) {
				return fmt.Errorf("key %q not found in database %d; list the keys with redis-gitops rdb keys", key, db)
			}
			if err != nil {
				return err
			}
			if e.Kind == rdb.KeyEntry && e.DB == db && string(e.Key) == key {
				return o.show(e)
			}
		}
	})
}

func (o *showOptions) show(e *rdb.Entry) error {
	out := &lines{write: func(p []byte) error { _, err := o.Out.Write(p); return err }}
	if o.output == "jsonl" {
		out.write = o.JSONText
	} else {
		fmt.Fprintf(&out.text, "%s, %s\n", e.Type, expiryText(e.Expiry))
	}
	n := 0
	err := rdb.Decode(e, func(el *rdb.Element) error {
		if n++; o.limit > 0 && n > o.limit {
			return errEnough
		}
		if o.output == "jsonl" {
			return out.json(elementJSON(el))
		}
		out.text.WriteString(elementText(el) + "\n")
		return out.flush(linesBuffer)
	})
	more := errors.Is(err, errEnough)
	if more {
		err = nil
	}
	if e := out.flush(0); err == nil {
		err = e
	}
	if err == nil && more {
		o.PrintErrf("only the first %d elements are printed; --limit 0 prints all\n", o.limit)
	}
	return err
}

func expiryText(at int64) string {
	if at == 0 {
		return "does not expire"
	}
	return "expires at " + time.UnixMilli(at).UTC().Format(time.RFC3339)
}

// quote returns text as it is where it is one line of plain text, and quoted otherwise.
func quote(p []byte) string {
	text := string(p)
	if utf8.Valid(p) && oneLine(text) == text && text != "" {
		return text
	}
	return strconv.Quote(text)
}

func elementText(el *rdb.Element) string {
	switch el.Kind {
	case rdb.ZSetMember:
		return strconv.FormatFloat(el.Score, 'g', -1, 64) + " " + quote(el.Bytes)
	case rdb.HashField:
		text := quote(el.Bytes) + ": " + quote(el.Value)
		if el.Expiry != 0 {
			text += " (" + expiryText(el.Expiry) + ")"
		}
		return text
	case rdb.StreamItem:
		text := el.ID.String()
		for i := 0; i+1 < len(el.Fields); i += 2 {
			text += " " + quote(el.Fields[i]) + "=" + quote(el.Fields[i+1])
		}
		return text
	case rdb.StreamState:
		return fmt.Sprintf("length %d, last ID %s, %d added", el.Stream.Length, el.Stream.Last, el.Stream.Added)
	case rdb.StreamGroup:
		return fmt.Sprintf("group %s, last delivered %s", quote(el.Bytes), el.ID)
	case rdb.StreamConsumer:
		return fmt.Sprintf("  consumer %s, last seen %s", quote(el.Bytes), time.UnixMilli(el.Seen).UTC().Format(time.RFC3339))
	case rdb.StreamPending:
		return fmt.Sprintf("    pending %s, delivered %s", el.ID, finding.Count(el.Deliveries, "time"))
	}
	return quote(el.Bytes)
}

// shownElement is an element in JSON. Bytes that are not UTF-8 are in base64.
type shownElement struct {
	Kind   string   `json:"kind"`
	Text   *string  `json:"text,omitempty"`
	Base64 string   `json:"base64,omitempty"`
	Value  *string  `json:"value,omitempty"`
	Binary string   `json:"valueBase64,omitempty"`
	Score  string   `json:"score,omitempty"` // as text, because of inf
	ID     string   `json:"id,omitempty"`
	Fields []string `json:"fields,omitempty"`
	Expiry int64    `json:"expiry,omitempty"`
	Count  uint64   `json:"deliveries,omitempty"`
}

func elementJSON(el *rdb.Element) shownElement {
	kinds := [...]string{"string", "item", "member", "member", "field", "entry", "state", "group", "consumer", "pending"}
	out := shownElement{Kind: kinds[el.Kind], Expiry: el.Expiry, Count: el.Deliveries}
	put := func(p []byte, text **string, binary *string) {
		if !utf8.Valid(p) {
			*binary = base64.StdEncoding.EncodeToString(p)
			return
		}
		s := string(p)
		*text = &s
	}
	switch el.Kind {
	case rdb.StreamItem, rdb.StreamPending:
		out.ID = el.ID.String()
	case rdb.StreamState:
		out.ID, out.Count = el.Stream.Last.String(), 0
		return out
	case rdb.StreamGroup:
		out.ID = el.ID.String()
	case rdb.ZSetMember:
		out.Score = strconv.FormatFloat(el.Score, 'g', -1, 64)
	case rdb.HashField:
		put(el.Value, &out.Value, &out.Binary)
	}
	for _, f := range el.Fields {
		out.Fields = append(out.Fields, quote(f))
	}
	if el.Kind != rdb.StreamItem && el.Kind != rdb.StreamPending {
		put(el.Bytes, &out.Text, &out.Base64)
	}
	return out
}
