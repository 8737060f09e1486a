// Package s3test runs a server of the S3 API on loopback for tests.
package s3test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/redis-gitops/redis-gitops/internal/redistest"
)

// A Server is reached at a URL with a key and its secret.
type Server struct{ URL, Region, Key, Secret string }

// program returns the server that make s3 builds, in the folder of a test or in one above it; "" where it was not built. The source of this file
// does not say where: it is compiled with -trimpath.
func program() string {
	dir, err := os.Getwd()
	for err == nil {
		file := filepath.Join(dir, ".cache/s3/versitygw")
		if _, err := os.Stat(file); err == nil {
			return file
		}
		if dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	return ""
}

// Built reports whether the server was built.
func Built() bool { return program() != "" }

// Start runs a server until the end of the test. Where it was not built, the test is skipped.
func Start(t testing.TB) *Server {
	t.Helper()
	if !Built() {
		t.Skip("no S3 server; run make s3")
	}
	at := net.JoinHostPort("127.0.0.1", strconv.Itoa(redistest.FreePort(t)))
	s := &Server{URL: "http://" + at, Region: "us-east-1", Key: "backup", Secret: "top-secret-of-a-test"}
	var out strings.Builder
	c := exec.Command(program(), "--quiet", "--port", at, "--region", s.Region, "posix", "--sidecar", t.TempDir(), t.TempDir())
	c.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+s.Key, "ROOT_SECRET_KEY="+s.Secret)
	c.Stdout, c.Stderr = &out, &out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = c.Wait() // killed
		if t.Failed() {
			t.Log(out.String())
		}
	})
	for range 200 {
		if conn, err := net.Dial("tcp", at); err == nil {
			conn.Close()
			return s
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("no S3 server at %s", at)
	return nil
}

// Bucket makes a bucket.
func (s *Server) Bucket(t testing.TB, name string) {
	t.Helper()
	c, err := minio.New(strings.TrimPrefix(s.URL, "http://"), &minio.Options{Creds: credentials.NewStaticV4(s.Key, s.Secret, ""), Region: s.Region})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.MakeBucket(t.Context(), name, minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
}

// Env are the variables of AWS with which a program reaches the server.
func (s *Server) Env() []string {
	return []string{"AWS_ENDPOINT_URL_S3=" + s.URL, "AWS_REGION=" + s.Region, "AWS_ACCESS_KEY_ID=" + s.Key, "AWS_SECRET_ACCESS_KEY=" + s.Secret}
}
