package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// image is what stands for one of an image that is more than its name.
type image struct {
	layer   string   // files over those of the machine; "" for none
	command []string // of a container that names none
}

// loadImages reads the folder of -images: registry+name is the layer of an image, and registry+name.command what it runs. The layers are
// copied to a tmpfs, since overlayfs wants none that lies in another.
func loadImages(dir, state string) (map[string]image, error) {
	if dir == "" {
		return nil, nil
	}
	memory := filepath.Join(state, "images")
	if err := os.MkdirAll(memory, 0o755); err != nil {
		return nil, err
	}
	if err := unix.Mount("tmpfs", memory, "tmpfs", 0, "mode=755"); err != nil {
		return nil, fmt.Errorf("mount tmpfs: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	out := map[string]image{}
	for _, e := range entries {
		name := e.Name()
		if !e.IsDir() {
			continue
		}
		i := image{layer: filepath.Join(memory, name)}
		if err := checkLinks(filepath.Join(dir, name)); err != nil {
			return nil, err
		}
		if err := os.CopyFS(i.layer, os.DirFS(filepath.Join(dir, name))); err != nil {
			return nil, err
		}
		words, err := os.ReadFile(filepath.Join(dir, name+".command"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		i.command = strings.Fields(string(words))
		if err := checkCommand(i.command); err != nil {
			return nil, fmt.Errorf("%s.command: %w", name, err)
		}
		out[name] = i
	}
	return out, nil
}

// checkLinks refuses the files of an image that a container would not find: links to where it has folders of its own.
func checkLinks(layer string) error {
	return filepath.WalkDir(layer, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type() != fs.ModeSymlink {
			return err
		}
		target, err := os.Readlink(path)
		if err == nil && hidden(target) {
			err = fmt.Errorf("%s: a container has its own %s and cannot follow this link to %s; copy the file", path, strings.Join(ownDirs, " and "), target)
		}
		return err
	})
}

// checkCommand refuses the command of an image that names a program which a container would not find.
func checkCommand(words []string) error {
	for _, word := range words {
		if info, err := os.Stat(word); err == nil && info.Mode().IsRegular() && hidden(word) {
			return fmt.Errorf("a container has its own %s and cannot run %s; copy it into the folder of the image", strings.Join(ownDirs, " and "), word)
		}
	}
	return nil
}

// checkValkey runs the program for images of Valkey as a container does, and fails if that cannot.
func checkValkey(program, state string, start func(*exec.Cmd) error) error {
	dir := filepath.Join(state, "check")
	c := container{
		Command: []string{program, "--version"}, Env: []string{"PATH=/usr/bin:/bin"}, Hostname: "check",
		Scratch: filepath.Join(dir, "scratch"), Bin: filepath.Join(state, "bin"), Servers: filepath.Dir(program),
	}
	if err := os.MkdirAll(c.Scratch, 0o755); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd, err := c.run(start, log)
	if err != nil {
		return err
	}
	if err := cmd.Wait(); err != nil {
		said, _ := os.ReadFile(log.Name())
		return fmt.Errorf("%s does not run in a container: %w: %s; run scripts/rdb-servers.sh for the folder %s", program, err, strings.TrimSpace(string(said)), filepath.Dir(program))
	}
	return os.RemoveAll(dir)
}

// imageName is the name of an image in the folder of -images: the last two parts without tag and digest, or the only one.
func imageName(reference string) string {
	reference, _, _ = strings.Cut(reference, "@")
	parts := strings.Split(reference, "/")
	parts = parts[max(0, len(parts)-2):]
	last := &parts[len(parts)-1]
	*last, _, _ = strings.Cut(*last, ":")
	return strings.Join(parts, "+")
}
