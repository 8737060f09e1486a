package send

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// function loads a library.
func (p *pass) function(ctx context.Context, e *rdb.Entry) error {
	v := p.Options.Filter.Apply(e)
	row := p.rowFor(0, "function")
	c := p.count(row)
	c.Read++
	if v != rdb.Kept {
		c.Filtered++
		return nil
	}
	policy := "APPEND"
	if p.Options.Existing == plan.Replace || e.Offset < p.uncertain || e.Offset == p.reread {
		policy = "REPLACE"
	}
	payload, err := rdb.AppendFunctions(nil, e)
	if err != nil {
		return err
	}
	for _, r := range p.routes {
		conn, err := p.connOf(ctx, r)
		if err != nil {
			return err
		}
		err = p.Accepted(ctx, func() error {
			limited, cancel := context.WithTimeout(ctx, server.ReplyTimeout)
			defer cancel()
			_, err := conn.Do(limited, "FUNCTION", "RESTORE", string(payload), policy)
			return err
		})
		var refused redis.Error
		switch {
		case err == nil:
		case !errors.As(err, &refused):
			p.drop(r)
			c.Read--
			p.rereadWhy = err
			return errReread
		case p.Options.Existing == plan.Skip && policy == "APPEND":
			c.Skipped++
			return nil
		case p.Source.Once && (server.UnknownCommand(refused) || refused.Code() == "NOPERM"):
			return server.Fatal(fmt.Errorf("function libraries: %w; exclude them with --type", server.Advise(refused)))
		default:
			p.refuse(e, row, server.Advise(refused))
			return nil
		}
	}
	c.Written++
	p.Ledger.AddLibrary(server.ParseLibrary(string(e.Raw)).Name)
	return nil
}
