package verify

import (
	"context"

	"github.com/redis-gitops/redis-gitops/rdb/importer/account"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// Check compares values, as many as the options say, and then counts keys. What differs is in the report.
func (c *Verifier) Check(ctx context.Context) error {
	r := c.Ledger.Report
	r.Verified, r.Differing, r.Differences, r.Doubts = 0, 0, nil, nil
	if err := Settle(ctx, c.Link); err != nil {
		return err
	}
	c.Progress.Stage("verifying", c.Dump.Size)
	v := &verifier{Verifier: c, report: r, plain: c.Server.NoDump}
	defer v.close()
	if err := v.values(ctx); err != nil {
		return err
	}
	if err := c.SameServer(ctx); err != nil {
		return err
	}
	if err := v.audit(ctx); err != nil {
		return err
	}
	return v.checkLibraries(ctx)
}

// checkLibraries makes sure that the libraries of functions are in every node.
func (v *verifier) checkLibraries(ctx context.Context) error {
	names := v.Ledger.Libraries()
	if len(names) == 0 {
		return nil
	}
	nodes, err := v.Nodes(ctx)
	if err != nil {
		return err
	}
	for _, node := range nodes {
		var have map[string][]string
		err := v.On(ctx, node, func(conn *redis.Conn) (_ bool, err error) {
			have, err = server.Libraries(ctx, conn)
			return false, err
		})
		if redis.Code(err) == "NOPERM" {
			return nil
		}
		if err != nil {
			return err
		}
		for _, name := range names {
			if name != "" && have[name] == nil {
				v.Ledger.Report.Differing++
				v.Ledger.Report.Differences = append(v.Ledger.Report.Differences, account.Difference{Key: name, Type: server.FunctionRow, Reason: "missing"})
			}
		}
	}
	return nil
}
