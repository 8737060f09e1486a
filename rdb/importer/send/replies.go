package send

import (
	"errors"
	"strings"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/account"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// readKey reads the replies of a key and gives the first one that refuses.
func readKey(conn *redis.Conn, k *keyRef, uses *account.Losses) (redis.Error, error) {
	var refused redis.Error
	for i := range k.replies {
		last := i == k.replies-1
		if k.how == byRestore && last {
			if err := conn.ReadOK(); err != nil && !errors.As(err, &refused) {
				return "", err
			}
			continue
		}
		reply, err := conn.ReadReply()
		var e redis.Error
		switch {
		case errors.As(err, &e):
		case err != nil:
			return "", err
		case k.how == bySet && reply == nil:
			e = "BUSYKEY"
		case k.how == byTransaction && last:
			e = renamed(reply, k.lasting)
			if list, ok := reply.([]any); ok && e == "" {
				for _, r := range list {
					if unclaimed(r) {
						uses.Unclaimed.Add(1)
					}
				}
			}
		}
		if refused == "" {
			refused = e
		}
	}
	return refused, nil
}

// renamed returns what was wrong with a transaction that ends with RENAMENX and UNLINK.
func renamed(reply any, lasting bool) redis.Error {
	list, _ := reply.([]any)
	refused := insideError(reply)
	switch {
	case strings.HasPrefix(string(refused), "ERR no such key") && !lasting:
		return "" // it expired in between
	case refused == "" && len(list) > 1 && list[len(list)-2] == int64(0):
		return "BUSYKEY"
	}
	return refused
}

// insideError returns the first error of an array, such as the reply of EXEC.
func insideError(reply any) redis.Error {
	list, _ := reply.([]any)
	for _, v := range list {
		if e, ok := v.(redis.Error); ok {
			return e
		}
	}
	return ""
}

// unclaimed reports that XCLAIM, the only command sent that answers an array of its own, found no stream entry to claim.
func unclaimed(reply any) bool {
	list, ok := reply.([]any)
	return ok && len(list) == 0
}

func isEmpty(payload []byte) bool {
	e, _, err := rdb.ParseDump(payload)
	if err != nil {
		return false
	}
	return plan.IsEmpty(e)
}
