// Package forge keeps the comment of the tool on a pull request of GitHub or a merge request of GitLab up to date.
//
// Source: docs.github.com, "REST API endpoints for issue comments"; docs.gitlab.com, "Notes API", merge requests.
package forge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// A Place is where a comment goes.
type Place struct {
	API        string // base URL, such as https://api.github.com or https://gitlab.com/api/v4
	Repository string // OWNER/NAME of GitHub, the ID or path of a project of GitLab
	Number     int    // of the pull or merge request
	Token      string // with the right to write comments
}

// A Forge is a hosting service.
type Forge struct {
	place  Place
	kind   *kind
	client *http.Client
	wait   func(context.Context, time.Duration) error
}

// kind is what is different between the services.
type kind struct {
	limit        int // bytes of a comment
	header       func(token string) (name, value string)
	list, create func(Place) string // paths
	update       func(p Place, id int64) string
	updateMethod string
	botName      string // the author of comments with a token that has no user
	rights       string // what a token needs
}

var gitHub = &kind{
	limit:        65_536,
	header:       func(token string) (string, string) { return "Authorization", "Bearer " + token },
	list:         func(p Place) string { return fmt.Sprintf("/repos/%s/issues/%d/comments", p.Repository, p.Number) },
	create:       func(p Place) string { return fmt.Sprintf("/repos/%s/issues/%d/comments", p.Repository, p.Number) },
	update:       func(p Place, id int64) string { return fmt.Sprintf("/repos/%s/issues/comments/%d", p.Repository, id) },
	updateMethod: http.MethodPatch,
	botName:      "github-actions[bot]",
	rights:       "the permission pull-requests: write",
}

var gitLab = &kind{
	limit:  1_000_000,
	header: func(token string) (string, string) { return "PRIVATE-TOKEN", token },
	list: func(p Place) string {
		return fmt.Sprintf("/projects/%s/merge_requests/%d/notes", url.PathEscape(p.Repository), p.Number)
	},
	create: func(p Place) string {
		return fmt.Sprintf("/projects/%s/merge_requests/%d/notes", url.PathEscape(p.Repository), p.Number)
	},
	update: func(p Place, id int64) string {
		return fmt.Sprintf("/projects/%s/merge_requests/%d/notes/%d", url.PathEscape(p.Repository), p.Number, id)
	},
	updateMethod: http.MethodPut,
	rights:       "the scope api, and the role Reporter",
}

// GitHub returns the service at GitHub, or GitHub Enterprise.
func GitHub(p Place) (*Forge, error) { return open(p, gitHub) }

// GitLab returns the service at GitLab.
func GitLab(p Place) (*Forge, error) { return open(p, gitLab) }

func open(p Place, k *kind) (*Forge, error) {
	u, err := url.Parse(p.API)
	if err != nil || u.Host == "" {
		return nil, errors.New("the URL of the API is not valid")
	}
	// The token goes along with every request.
	if u.Scheme != "https" && !isLoopback(u.Hostname()) {
		return nil, fmt.Errorf("the API at %s is not https", u.Host)
	}
	p.API = strings.TrimSuffix(p.API, "/")
	client := &http.Client{Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &Forge{p, k, client, sleep}, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// Limit returns how many bytes a comment may have.
func (f *Forge) Limit() int { return f.kind.limit }

// comment is one of either service.
type comment struct {
	ID     int64  `json:"id"`
	Body   string `json:"body"`
	User   author `json:"user"`   // of GitHub
	Author author `json:"author"` // of GitLab
}

type author struct {
	Login    string `json:"login"`
	Username string `json:"username"`
}

func (c comment) by() string { return c.User.Login + c.Author.Username }

// Put updates the comment that begins with a marker and that the token's user has written, or creates one. What others have written is
// never changed. It reports whether the comment is new.
func (f *Forge) Put(ctx context.Context, marker, body string) (created bool, err error) {
	me, err := f.user(ctx)
	if err != nil {
		return false, err
	}
	id, err := f.find(ctx, marker, me)
	if err != nil {
		return false, err
	}
	content := map[string]string{"body": body}
	if id != 0 {
		return false, f.call(ctx, f.kind.updateMethod, f.kind.update(f.place, id), content, nil)
	}
	return true, f.call(ctx, http.MethodPost, f.kind.create(f.place), content, nil)
}

// user returns who the token belongs to. That of a job of GitHub belongs to no user.
func (f *Forge) user(ctx context.Context) (string, error) {
	var me author
	err := f.call(ctx, http.MethodGet, "/user", nil, &me)
	var refused *statusError
	if errors.As(err, &refused) && f.kind.botName != "" && (refused.code == http.StatusForbidden || refused.code == http.StatusNotFound) {
		return f.kind.botName, nil
	}
	return me.Login + me.Username, err
}

// maxPages bounds the search for the comment: a hundred of them are a page.
const maxPages = 50

func (f *Forge) find(ctx context.Context, marker, me string) (int64, error) {
	for page := 1; page <= maxPages; page++ {
		var all []comment
		if err := f.call(ctx, http.MethodGet, f.kind.list(f.place)+"?per_page=100&page="+strconv.Itoa(page), nil, &all); err != nil {
			return 0, err
		}
		for _, c := range all {
			if c.by() == me && me != "" && strings.HasPrefix(c.Body, marker) {
				return c.ID, nil
			}
		}
		if len(all) < 100 {
			break
		}
	}
	return 0, nil
}

// statusError is a reply that is not what was asked for.
type statusError struct {
	code         int
	method, path string
	text, advice string
}

func (e *statusError) Error() string {
	message := fmt.Sprintf("%s %s: %d %s", e.method, e.path, e.code, http.StatusText(e.code))
	if e.text != "" {
		message += ": " + e.text
	}
	return message + e.advice
}

const (
	maxReply = 16 << 20
	attempts = 3
	maxWait  = 30 * time.Second
)

// call sends a request, and again after an error that goes by.
func (f *Forge) call(ctx context.Context, method, path string, content, into any) error {
	for attempt := 1; ; attempt++ {
		wait, err := f.once(ctx, method, path, content, into)
		if err == nil || wait < 0 || attempt == attempts {
			return err
		}
		if e := f.wait(ctx, min(max(wait, time.Duration(attempt)*time.Second), maxWait)); e != nil {
			return e
		}
	}
}

// once sends a request. It reports how long to wait before the next attempt; negative is never.
func (f *Forge) once(ctx context.Context, method, path string, content, into any) (wait time.Duration, err error) {
	var body io.Reader
	if content != nil {
		text, err := json.Marshal(content)
		if err != nil {
			return -1, err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, f.place.API+path, body)
	if err != nil {
		return -1, err
	}
	name, value := f.kind.header(f.place.Token)
	req.Header.Set(name, value)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "redis-gitops")
	if content != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := f.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	reply, err := io.ReadAll(io.LimitReader(res.Body, maxReply+1))
	switch {
	case err != nil:
		return 0, err
	case len(reply) > maxReply:
		return -1, fmt.Errorf("%s %s: the reply is larger than %d MiB", method, path, maxReply>>20)
	case res.StatusCode/100 == 2:
		if into == nil {
			return -1, nil
		}
		if err := json.Unmarshal(reply, into); err != nil {
			return -1, fmt.Errorf("%s %s: the reply is not what the API returns: %w", method, path, err)
		}
		return -1, nil
	}
	failure := &statusError{code: res.StatusCode, method: method, path: path}
	var said struct{ Message any }
	if json.Unmarshal(reply, &said) == nil && said.Message != nil {
		failure.text = fmt.Sprint(said.Message)
	}
	switch res.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		failure.advice = "; the token needs " + f.kind.rights
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		seconds, _ := strconv.Atoi(res.Header.Get("Retry-After"))
		return time.Duration(max(0, seconds)) * time.Second, failure
	}
	return -1, failure
}
