package forge

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// server is a service with comments, as its API shows them.
type server struct {
	mu       sync.Mutex
	lab      bool
	user     int // status of /user
	comments []map[string]any
	fail     []int // status of the next requests
	requests []string
	tokens   []string
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, r.Method+" "+r.URL.EscapedPath())
	s.tokens = append(s.tokens, r.Header.Get("Authorization")+r.Header.Get("PRIVATE-TOKEN"))
	if len(s.fail) > 0 {
		code := s.fail[0]
		s.fail = s.fail[1:]
		if code != 0 {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(code)
			fmt.Fprint(w, `{"message": "not now"}`)
			return
		}
	}
	switch {
	case r.URL.Path == "/user" && s.user != 0:
		w.WriteHeader(s.user)
		fmt.Fprint(w, `{"message": "Resource not accessible by integration"}`)
	case r.URL.Path == "/user":
		fmt.Fprint(w, `{"login": "me", "username": ""}`)
	case r.Method == http.MethodGet:
		page, _ := strconv.Atoi(r.URL.Query().Get("page"))
		from := min((page-1)*100, len(s.comments))
		_ = json.NewEncoder(w).Encode(s.comments[from:min(from+100, len(s.comments))])
	default:
		var got struct{ Body string }
		text, _ := io.ReadAll(r.Body)
		if err := json.Unmarshal(text, &got); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		if r.Method == http.MethodPost {
			s.add("me", got.Body)
			w.WriteHeader(http.StatusCreated)
			return
		}
		id := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
		for _, c := range s.comments {
			if fmt.Sprint(c["id"]) == id {
				c["body"] = got.Body
			}
		}
	}
}

func (s *server) add(by, body string) {
	c := map[string]any{"id": len(s.comments) + 1, "body": body, "user": map[string]any{"login": by}}
	if s.lab {
		delete(c, "user")
		c["author"] = map[string]any{"username": by}
	}
	s.comments = append(s.comments, c)
}

func (s *server) bodies() (all []string) {
	for _, c := range s.comments {
		all = append(all, c["body"].(string))
	}
	return all
}

func start(t *testing.T, s *server) *Forge {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	f, err := map[bool]func(Place) (*Forge, error){false: GitHub, true: GitLab}[s.lab](Place{API: server.URL + "/", Repository: "team/shop", Number: 7, Token: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	f.wait = func(context.Context, time.Duration) error { return nil }
	return f
}

// TestPut creates one comment and updates it, among those of others and behind a page of them.
func TestPut(t *testing.T) {
	t.Parallel()
	for _, lab := range []bool{false, true} {
		s := &server{lab: lab}
		s.add("someone", "<!-- m -->\nnot ours")
		for range 150 {
			s.add("someone", "hello")
		}
		f := start(t, s)
		for i, text := range []string{"first", "second", "third"} {
			created, err := f.Put(t.Context(), "<!-- m -->", "<!-- m -->\n"+text)
			if err != nil || created != (i == 0) {
				t.Fatalf("%s: %v, %v", text, created, err)
			}
		}
		all := s.bodies()
		if len(all) != 152 || all[0] != "<!-- m -->\nnot ours" || all[151] != "<!-- m -->\nthird" {
			t.Errorf("%d comments: %q, %q", len(all), all[0], all[len(all)-1])
		}
		for _, token := range s.tokens {
			if token != "Bearer secret" && token != "secret" {
				t.Errorf("token %q", token)
			}
		}
		want := map[bool]string{false: "PATCH /repos/team/shop/issues/comments/152", true: "PUT /projects/team%2Fshop/merge_requests/7/notes/152"}[lab]
		if got := s.requests[len(s.requests)-1]; got != want {
			t.Errorf("last request %s, want %s", got, want)
		}
	}
}

// TestBot: the token of a job of GitHub has no user.
func TestBot(t *testing.T) {
	t.Parallel()
	s := &server{user: http.StatusForbidden}
	s.add("github-actions[bot]", "<!-- m -->\nold")
	if created, err := start(t, s).Put(t.Context(), "<!-- m -->", "<!-- m -->\nnew"); err != nil || created {
		t.Errorf("%v, %v", created, err)
	}
	if all := s.bodies(); len(all) != 1 || all[0] != "<!-- m -->\nnew" {
		t.Errorf("%q", all)
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		fail []int
		want string // "" for success
	}{
		{[]int{503, 502, 0}, ""},
		{[]int{0, 429, 0}, ""},
		{[]int{503, 503, 503}, "GET /user: 503 Service Unavailable: not now"},
		{[]int{0, 403}, "GET /repos/team/shop/issues/7/comments?per_page=100&page=1: 403 Forbidden: not now; the token needs the permission pull-requests: write"},
		{[]int{401}, "GET /user: 401 Unauthorized: not now; the token needs the permission pull-requests: write"},
		{[]int{0, 302}, "302 Found"},
	} {
		f := start(t, &server{fail: tt.fail})
		_, err := f.Put(t.Context(), "m", "m")
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%v: %v", tt.fail, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the error has the token: %v", err)
		}
	}
	garbage := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }))
	defer garbage.Close()
	f, err := GitHub(Place{API: garbage.URL})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Put(t.Context(), "m", "m"); err == nil || !strings.Contains(err.Error(), "not what the API returns") {
		t.Error(err)
	}
}

// TestOpen: the token goes to https only, loopback aside.
func TestOpen(t *testing.T) {
	t.Parallel()
	for api, ok := range map[string]bool{"https://api.github.com": true, "http://127.0.0.1:1": true, "http://[::1]:1": true, "http://api.github.com": false, "api.github.com": false, "": false, "http://127.0.0.1.example.com": false} {
		if _, err := GitHub(Place{API: api}); (err == nil) != ok {
			t.Errorf("%q: %v", api, err)
		}
	}
}
