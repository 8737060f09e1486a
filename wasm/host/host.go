// Package host serves the built page on this machine for one repository.
//
// Everything stands below a path with a random token, so that no other page in the browser and no other user of the machine
// can read the repository or write to it. Host and Origin are checked as well: a name that somebody else's DNS points here is
// refused.
package host

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"io/fs"
	"mime"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/afero"

	"github.com/redis-gitops/redis-gitops/repo"
)

// Options describes what to serve. Page, Read, Apply and Undo are required.
type Options struct {
	Port int   // 0 takes a free one
	Page fs.FS // the built page: what `make web` puts into wasm/web/dist
	Name string
	// Read opens the repository's file system for one answer.
	Read func() (afero.Fs, io.Closer, error)
	// Apply makes changes that the user has confirmed on the page: all or none.
	Apply func(command string, changes []repo.Change) error
	// Undo takes back what Apply made of the same changes: all or nothing, and only if it is the last change.
	Undo func(command string, changes []repo.Change) error
	// Patience is how long the reading of a request may take; 0 stands for 30 s.
	Patience time.Duration
}

const (
	headerTimeout  = 10 * time.Second
	requestTimeout = 30 * time.Second
	answerTimeout  = 2 * time.Minute
)

// Server listens. Serve answers.
type Server struct {
	URL string // with the token

	options  Options
	token    string
	listener net.Listener
	index    []byte
}

// Limits of a repository that is sent to the page, as in package wasm.
const (
	maxFiles = 20_000
	maxBytes = 64 << 20
)

// Listen begins to listen on 127.0.0.1. The error says what is wrong with the page or the port.
func Listen(o Options) (*Server, error) {
	index, err := fs.ReadFile(o.Page, "index.html")
	if err != nil {
		return nil, fmt.Errorf("the page is not there: %w", err)
	}
	if _, err := fs.Stat(o.Page, "core.json"); err != nil {
		return nil, fmt.Errorf("the page has no program: %w", err)
	}
	s := &Server{options: o, index: []byte(strings.Replace(string(index), "<head>", "<head>\n    <meta name=\"redis-gitops-local\" content=\"1\" />", 1))}
	secret := make([]byte, 24)
	if _, err := rand.Read(secret); err != nil {
		return nil, err
	}
	s.token = base64.RawURLEncoding.EncodeToString(secret)
	if s.listener, err = net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(o.Port))); err != nil {
		return nil, err
	}
	s.URL = "http://" + s.listener.Addr().String() + "/" + s.token + "/"
	return s, nil
}

// Serve answers until ctx is done.
func (s *Server) Serve(ctx context.Context) error {
	server := &http.Server{
		Handler: s, MaxHeaderBytes: 16 << 10,
		// On one machine 64 MiB take less than a second: who takes longer only holds the connection.
		ReadHeaderTimeout: headerTimeout, ReadTimeout: cmp.Or(s.options.Patience, requestTimeout), WriteTimeout: answerTimeout, IdleTimeout: answerTimeout,
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self'; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	_, port, _ := net.SplitHostPort(s.listener.Addr().String())
	if r.Host != "127.0.0.1:"+port && r.Host != "localhost:"+port {
		http.Error(w, "this address is not served; use the one that redis-gitops printed", http.StatusMisdirectedRequest)
		return
	}
	origin := r.Header.Get("Origin")
	if origin != "" && origin != "http://"+r.Host {
		http.Error(w, "requests of other pages are refused", http.StatusForbidden)
		return
	}
	token, name, ok := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if !ok || subtle.ConstantTimeCompare([]byte(token), []byte(s.token)) != 1 {
		http.Error(w, "open the whole address that redis-gitops printed, with its last part", http.StatusNotFound)
		return
	}
	switch {
	case (name == "api/apply" || name == "api/undo") && r.Method == http.MethodPost:
		if media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); origin == "" || media != "application/json" {
			http.Error(w, "only the page itself may write", http.StatusForbidden)
			return
		}
		change := s.options.Apply
		if name == "api/undo" {
			change = s.options.Undo
		}
		answer(w, r, change)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		http.Error(w, "the method is not known here", http.StatusMethodNotAllowed)
	case name == "api/repository":
		s.repository(w)
	case name == "" || name == "index.html":
		h.Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(s.index)
	default:
		s.file(w, name)
	}
}

// types of the page's files; the machine's own table may say anything.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".js":
		return "text/javascript"
	case ".css":
		return "text/css"
	case ".json":
		return "application/json"
	case ".svg":
		return "image/svg+xml"
	}
	return "application/octet-stream"
}

func (s *Server) file(w http.ResponseWriter, name string) {
	if !fs.ValidPath(name) {
		http.Error(w, "file not found", http.StatusNotFound)
		return
	}
	data, err := fs.ReadFile(s.options.Page, name)
	if err != nil {
		http.Error(w, "file not found", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", contentType(name))
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	_, _ = w.Write(data)
}

type file struct {
	Path   string `json:"path"`
	Text   string `json:"text,omitempty"`
	Base64 []byte `json:"base64,omitempty"`
}

func (s *Server) repository(w http.ResponseWriter) {
	fsys, closer, err := s.options.Read()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer closer.Close()
	files, err := read(fsys)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"name": s.options.Name, "files": files})
}

// read returns the files that can matter: not Git's, no module of Node, nothing too large, and what links lead to only where
// the file system lets them.
func read(fsys afero.Fs) ([]file, error) {
	files := []file{}
	total := 0
	err := afero.Walk(fsys, ".", func(name string, info fs.FileInfo, err error) error {
		name = filepath.ToSlash(name)
		switch {
		case err != nil:
			if name == "." {
				return err
			}
			return nil // a link that leads out, or a file that may not be read
		case info.IsDir() && (info.Name() == ".git" || info.Name() == "node_modules" || name == ".redis-gitops/journal"):
			return fs.SkipDir
		case !info.Mode().IsRegular() || info.Size() > repo.MaxFileSize:
			return nil
		}
		data, err := repo.ReadBytes(fsys, name, repo.MaxFileSize)
		if err != nil {
			return nil
		}
		if total += len(data); total > maxBytes || len(files) == maxFiles {
			return fmt.Errorf("the repository has more than %d files or %d MiB; serve a part of it with -C", maxFiles, maxBytes>>20)
		}
		f := file{Path: name, Text: string(data)}
		if !utf8.Valid(data) {
			f.Text, f.Base64 = "", data
		}
		files = append(files, f)
		return nil
	})
	return files, err
}

// answer reads changes, and makes them or takes them back.
func answer(w http.ResponseWriter, r *http.Request, change func(command string, changes []repo.Change) error) {
	var request struct {
		Command string `json:"command"`
		Changes []struct {
			Path   string `json:"path"`
			Action string `json:"action"`
			Old    string `json:"old"`
			New    string `json:"new"`
		} `json:"changes"`
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBytes))
	d.DisallowUnknownFields()
	if err := d.Decode(&request); err != nil {
		http.Error(w, "the request cannot be read: "+err.Error(), http.StatusBadRequest)
		return
	}
	var changes []repo.Change
	for _, c := range request.Changes {
		change := repo.Change{Path: c.Path}
		if c.Action != "create" {
			change.Old = []byte(c.Old)
		}
		if c.Action != "remove" {
			change.New = []byte(c.New)
		}
		changes = append(changes, change)
	}
	if err := change(request.Command, changes); err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// OpenBrowser shows an address. It hands the browser a file of the user's own that leads there, because arguments of a
// process can be read by everybody on the machine, and the address holds the token. done removes the file.
func OpenBrowser(address string) (done func(), err error) {
	f, err := os.CreateTemp("", "redis-gitops-*.html")
	if err != nil {
		return nil, err
	}
	done = func() { _ = os.Remove(f.Name()) }
	_, err = fmt.Fprintf(f, "<!doctype html><meta charset=utf-8><meta name=referrer content=no-referrer><meta http-equiv=refresh content=\"0; url=%s\"><title>redis-gitops</title>\n", html.EscapeString(address))
	if err = errors.Join(err, f.Close()); err != nil {
		done()
		return nil, err
	}
	command := []string{"xdg-open", f.Name()}
	switch runtime.GOOS {
	case "darwin":
		command[0] = "open"
	case "windows":
		command = []string{"rundll32", "url.dll,FileProtocolHandler", f.Name()}
	}
	c := exec.Command(command[0], command[1:]...)
	if err := c.Start(); err != nil {
		done()
		return nil, err
	}
	go func() { _ = c.Wait() }()
	return done, nil
}
