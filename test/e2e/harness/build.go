package harness

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// kubernetesVersion is the one of go.mod; without it kubectl cannot read what version the server is.
const kubernetesVersion = "1.36.3"

// programs of this module, as folders of it.
var programs = []string{"controlplane", "podrunner", "operator"}

// Build makes the programs of this module, each once for its sources, and redis-gitops, and says where they are. The first time
// takes minutes: log says so.
func Build(ctx context.Context, log io.Writer) (bin string, err error) {
	module, err := moduleDir()
	if err != nil {
		return "", err
	}
	root := filepath.Dir(filepath.Dir(module))
	bin = filepath.Join(root, ".cache", "e2e", "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return "", err
	}
	for _, name := range programs {
		want, err := stamp(ctx, module, name)
		if err != nil {
			return "", err
		}
		file := filepath.Join(bin, name)
		if have, err := os.ReadFile(file + ".stamp"); err == nil && bytes.Equal(have, want) {
			continue
		}
		fmt.Fprintf(log, "e2e: building %s\n", name)
		v := "-X k8s.io/component-base/version."
		flags := "-s -w " + v + "gitVersion=v" + kubernetesVersion + " " + v + "gitMajor=1 " + v + "gitMinor=" + strings.Split(kubernetesVersion, ".")[1]
		if err := goBuild(ctx, log, module, "-trimpath", "-ldflags", flags, "-o", file, "./"+name); err != nil {
			return "", err
		}
		if err := os.WriteFile(file+".stamp", want, 0o644); err != nil {
			return "", err
		}
	}
	return bin, errors.Join(
		goBuild(ctx, log, root, "-o", filepath.Join(bin, "redis-gitops"), "./cmd/redis-gitops"),
		// helm template, of a module that has Helm in any case.
		goBuild(ctx, log, filepath.Join(root, "internal", "helmcheck"), "-o", filepath.Join(bin, "template"), "./template"),
	)
}

func goBuild(ctx context.Context, log io.Writer, dir string, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", append([]string{"build"}, args...)...)
	cmd.Dir = dir
	// No C compiler is needed, and make builds the tests so too, and with -trimpath: what is built once serves both.
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", cmd, err)
	}
	return nil
}

// stamp identifies a state of a program's sources.
func stamp(ctx context.Context, module, program string) ([]byte, error) {
	version, err := exec.CommandContext(ctx, "go", "version").Output()
	if err != nil {
		return nil, fmt.Errorf("go version: %w", err)
	}
	var files []string
	for _, dir := range []string{program, "spawn"} {
		found, err := filepath.Glob(filepath.Join(module, dir, "*.go"))
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
	}
	hash := sha256.New()
	hash.Write(version)
	for _, file := range append(files, filepath.Join(module, "go.mod"), filepath.Join(module, "go.sum")) {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(hash, "%s %d\n", filepath.Base(file), len(text))
		hash.Write(text)
	}
	return fmt.Appendf(nil, "%x\n", hash.Sum(nil)), nil
}

// moduleDir is the folder test/e2e, from anywhere below it.
func moduleDir() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && bytes.HasPrefix(text, []byte("module github.com/redis-gitops/redis-gitops/test/e2e\n")) {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("run this in the folder test/e2e of the project")
		}
	}
}
