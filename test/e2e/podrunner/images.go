package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
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
		if err := os.CopyFS(i.layer, os.DirFS(filepath.Join(dir, name))); err != nil {
			return nil, err
		}
		words, err := os.ReadFile(filepath.Join(dir, name+".command"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		i.command = strings.Fields(string(words))
		out[name] = i
	}
	return out, nil
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
