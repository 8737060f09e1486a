package datacmd

import (
	"cmp"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/backup"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/internal/inputfile"
)

// storeHelp is part of the help of all commands about backups.
const storeHelp = `STORE is s3://BUCKET/PREFIX, in S3 or a storage with the same API, or a
directory, such as the mount point of a PersistentVolumeClaim. Each Redis needs
its own. Credentials of a bucket come from AWS_ACCESS_KEY_ID and
AWS_SECRET_ACCESS_KEY, or from a service account of EKS (AWS_ROLE_ARN and
AWS_WEB_IDENTITY_TOKEN_FILE).`

// storeFlags say how a store is reached.
type storeFlags struct{ endpoint, region, ca string }

func (f *storeFlags) add(c *cobra.Command) {
	set := c.Flags()
	set.StringVar(&f.endpoint, "endpoint", "", "URL of the S3 API (default: $AWS_ENDPOINT_URL_S3, $AWS_ENDPOINT_URL, or AWS)")
	set.StringVar(&f.region, "region", "", "region of the bucket (default: $AWS_REGION, or found by asking)")
	flags.File(set, &f.ca, "endpoint-ca", "CA certificate file (PEM) to verify the S3 API (default: the system's)")
}

// open returns a store. Nothing is asked of it yet.
func (f *storeFlags) open(e *env.Env, text string) (backup.Store, error) {
	a := backup.Access{
		Endpoint: cmp.Or(f.endpoint, os.Getenv("AWS_ENDPOINT_URL_S3"), os.Getenv("AWS_ENDPOINT_URL")),
		Region:   cmp.Or(f.region, os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION")),
		Key:      os.Getenv("AWS_ACCESS_KEY_ID"), Secret: os.Getenv("AWS_SECRET_ACCESS_KEY"), Session: os.Getenv("AWS_SESSION_TOKEN"),
		Role: os.Getenv("AWS_ROLE_ARN"), TokenFile: os.Getenv("AWS_WEB_IDENTITY_TOKEN_FILE"),
	}
	e.Secrets.Add(a.Secret, a.Session)
	if f.ca != "" {
		var err error
		if a.CA, err = inputfile.Read(f.ca, inputfile.MaxSecret); err != nil {
			return nil, fmt.Errorf("--endpoint-ca: %w", err)
		}
	}
	return backup.Parse(text, a)
}

// parseTime reads the time of --at, which backup list prints.
func parseTime(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, fmt.Errorf("--at: %q is not a time; use one such as 2026-11-30T05:00:00Z", text)
	}
	return t, nil
}

// stale returns an error for a backup that is older than allowed; zero allows any age.
func stale(r backup.Record, now time.Time, limit time.Duration) error {
	if age := now.Sub(r.Time); limit > 0 && age > limit {
		return fmt.Errorf("the newest backup is of %s, %v ago, which is more than %v", r.Time.Format(time.RFC3339), age.Round(time.Second), limit)
	}
	return nil
}
