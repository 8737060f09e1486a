package backup

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/redis-gitops/redis-gitops/internal/inputfile"
)

// Access is how a bucket of S3, or of what speaks its protocol, is reached.
type Access struct {
	Endpoint string // a URL; empty for that of AWS
	Region   string
	// Key, Secret and Session are of a user or a session.
	Key, Secret, Session string
	// Role and TokenFile are what a service account of EKS has instead (IAM roles for service accounts).
	Role, TokenFile string
	CA              []byte // PEM; nil for the system's
}

const (
	awsEndpoint = "https://s3.amazonaws.com"
	// partSize times 10,000, the most parts of an object, is 156 GiB; one part is held in memory at a time.
	partSize = 16 << 20
	retries  = 5
)

// bucket is a store in a part of a bucket.
type bucket struct {
	client       *minio.Client
	name, prefix string // prefix is empty, or ends with a slash
	address      string
}

// Parse returns the store of s3://BUCKET/PREFIX or of a directory.
func Parse(text string, a Access) (Store, error) {
	rest, ok := strings.CutPrefix(text, "s3://")
	if !ok {
		if scheme, _, ok := strings.Cut(text, "://"); ok {
			return nil, fmt.Errorf("unknown scheme %q; use s3://BUCKET/PREFIX or a directory", scheme+"://")
		}
		return directory(text), nil
	}
	name, prefix, _ := strings.Cut(rest, "/")
	if prefix = strings.Trim(prefix, "/"); prefix != "" {
		prefix += "/"
	}
	if name == "" {
		return nil, fmt.Errorf("%q has no bucket; use s3://BUCKET/PREFIX", text)
	}
	at := a.Endpoint
	if at == "" {
		at = awsEndpoint
	}
	u, err := url.Parse(at)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || strings.Trim(u.Path, "/") != "" {
		return nil, errors.New("the endpoint is not a URL such as https://s3.example.com")
	}
	o := &minio.Options{Secure: u.Scheme == "https", Region: a.Region, MaxRetries: retries}
	if o.Creds, err = a.credentials(); err != nil {
		return nil, err
	}
	transport, err := minio.DefaultTransport(o.Secure)
	if err != nil {
		return nil, err
	}
	if a.CA != nil {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(a.CA) {
			return nil, errors.New("the CA file has no certificate")
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	o.Transport = transport
	if a.Endpoint != "" {
		o.BucketLookup = minio.BucketLookupPath // which every server has
	}
	client, err := minio.New(u.Host, o)
	if err != nil {
		return nil, err
	}
	return &bucket{client, name, prefix, strings.TrimSuffix(text, "/")}, nil
}

func (a Access) credentials() (*credentials.Credentials, error) {
	switch {
	case a.Key != "" && a.Secret != "":
		return credentials.NewStaticV4(a.Key, a.Secret, a.Session), nil
	case a.Role != "" && a.TokenFile != "":
		return credentials.NewSTSWebIdentity("https://sts."+a.region()+".amazonaws.com", func() (*credentials.WebIdentityToken, error) {
			token, err := inputfile.Read(a.TokenFile, inputfile.MaxSecret)
			return &credentials.WebIdentityToken{Token: strings.TrimSpace(string(token))}, err
		}, func(i *credentials.STSWebIdentity) { i.RoleARN = a.Role })
	}
	return nil, errors.New("no credentials of the bucket; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
}

func (a Access) region() string {
	if a.Region == "" {
		return "us-east-1"
	}
	return a.Region
}

func (b *bucket) String() string { return b.address }

// Put implements [Store]. What a failed upload leaves, no listing shows; it is removed.
func (b *bucket) Put(ctx context.Context, name string, from io.Reader) error {
	if _, err := b.client.StatObject(ctx, b.name, b.prefix+name, minio.StatObjectOptions{}); err == nil {
		return errExists
	} else if !isMissing(err) {
		return refused(err)
	}
	o := minio.PutObjectOptions{PartSize: partSize, ContentType: "application/octet-stream"}
	o.SetMatchETagExcept("*") // nothing is replaced
	_, err := b.client.PutObject(ctx, b.name, b.prefix+name, untilDone{ctx, from}, -1, o)
	return refused(err)
}

// Open implements [Store].
func (b *bucket) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	object, err := b.client.GetObject(ctx, b.name, b.prefix+name, minio.GetObjectOptions{})
	if err != nil {
		return nil, refused(err)
	}
	return &reading{object}, nil
}

// reading is an object, which is asked for by the first Read.
type reading struct{ *minio.Object }

func (r *reading) Read(p []byte) (int, error) {
	n, err := r.Object.Read(p)
	if err != nil && err != io.EOF {
		err = refused(err)
	}
	return n, err
}

// List implements [Store].
func (b *bucket) List(ctx context.Context) ([]File, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var files []File
	for o := range b.client.ListObjects(ctx, b.name, minio.ListObjectsOptions{Prefix: b.prefix}) {
		if o.Err != nil {
			return nil, fmt.Errorf("cannot list %s: %w", b, refused(o.Err))
		}
		name := strings.TrimPrefix(o.Key, b.prefix)
		if _, ok := begun(name); !ok || strings.Contains(name, "/") {
			continue
		}
		if files = append(files, File{name, o.Size}); len(files) > 2*maxBackups {
			return nil, fmt.Errorf("%s has more than %d backups", b, maxBackups)
		}
	}
	return files, ctx.Err()
}

// Remove implements [Store].
func (b *bucket) Remove(ctx context.Context, name string) error {
	return refused(b.client.RemoveObject(ctx, b.name, b.prefix+name, minio.RemoveObjectOptions{}))
}

func isMissing(err error) bool {
	var answer minio.ErrorResponse
	return errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound && answer.Code != minio.NoSuchBucket
}

// refused says what to do about an answer of the server.
func refused(err error) error {
	var answer minio.ErrorResponse
	if !errors.As(err, &answer) {
		return err
	}
	switch {
	case answer.Code == minio.PreconditionFailed:
		return errExists
	case answer.Code == minio.NoSuchBucket:
		return errors.New("the bucket does not exist; create it")
	case answer.StatusCode == http.StatusForbidden:
		return fmt.Errorf("the server refuses the credentials, or what they are for (%s); allow s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket", answer.Code)
	case answer.StatusCode == http.StatusNotFound:
		return errors.New("it does not exist")
	}
	return fmt.Errorf("the server answers %q (%s)", answer.Message, answer.Code)
}
