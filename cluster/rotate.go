package cluster

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/instance"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// A Rotation is what the servers and sentinels of a Redis know of two passwords: the old one in the Secret From, the new one in To.
type Rotation struct {
	*Redis
	From, To  string
	Servers   []*Credentials
	Sentinels []*Credentials // those that ask for a password, and those that do not
	Users     []string       // pods beside those of the Redis that have the old Secret
	Behind    []string       // pods of the Redis that have it

	old, new Login
	oldErr   error // why the old password is not known
	newErr   error
	usersErr error
}

// Credentials is what one of them accepts.
type Credentials struct {
	Pod      *Pod
	Err      error
	Version  string // of Redis
	Old, New bool   // it accepts the password
	Open     bool   // it accepts commands without one
	Other    bool   // it accepts a third one
	Follows  bool   // a server: it would authenticate to its master with the new password

	server bool // else a sentinel
}

// String names it: "pod rfr-shop-0".
func (c *Credentials) String() string {
	if c.server {
		return "pod " + c.Pod.Name
	}
	return "sentinel " + c.Pod.Name
}

// several reports whether it can have more than one password at a time (ACL, since Redis 6.0).
func (c *Credentials) several() bool { return instance.AtLeast(c.Version, "6") }

// Accepts describes them: "both passwords".
func (c *Credentials) Accepts() string {
	switch {
	case c.Err != nil:
		return "no response"
	case c.Open:
		return "no password"
	case c.Old && c.New:
		return "both passwords"
	case c.New:
		return "the new password"
	}
	return "the old password"
}

// Rotation asks servers and sentinels which of two passwords they accept, and which pods have the old one. The key of both Secrets is
// that of the Redis.
func (c *Cluster) Rotation(ctx context.Context, r *Redis, from, to string) (*Rotation, error) {
	auth := instance.Auth{Key: "password"}
	if r.Auth != nil {
		auth = *r.Auth
	}
	if auth.UsernameKey != "" {
		return nil, fmt.Errorf("%s has a user with a name in its Secret; the rotation is only for the password of the default user", r)
	}
	ro := &Rotation{Redis: r, From: from, To: to}
	login := func(secret string) (Login, error) {
		named := auth
		named.Secret = secret
		return c.Login(ctx, r.Namespace, &named)
	}
	ro.old, ro.oldErr = login(from)
	ro.new, ro.newErr = login(to)
	for _, err := range []error{ro.oldErr, ro.newErr} {
		var none *NotFound
		if err != nil && !errors.As(err, &none) {
			return nil, err
		}
	}
	ro.Servers, ro.Sentinels = make([]*Credentials, len(r.Pods)), make([]*Credentials, len(r.Watchers))
	each(len(r.Pods)+len(r.Watchers), func(i int) {
		if i < len(r.Pods) {
			ro.Servers[i] = c.credentials(ctx, ro, r.Pods[i], true)
			return
		}
		i -= len(r.Pods)
		ro.Sentinels[i] = c.credentials(ctx, ro, r.Watchers[i], false)
	})
	ro.usersErr = c.usersOf(ctx, ro)
	return ro, context.Cause(ctx)
}

// either connects with the password that is accepted.
func (c *Cluster) either(ctx context.Context, ro *Rotation, pod *Pod) (conn *redis.Conn, open bool, err error) {
	err = ro.newErr
	for _, l := range []Login{ro.new, ro.old} {
		if l.Password == "" {
			continue
		}
		if conn, open, err = c.connect(ctx, ro.Redis, pod, l); !errors.Is(err, redis.ErrWrongPassword) {
			return conn, open, err
		}
	}
	return nil, false, err
}

func (c *Cluster) credentials(ctx context.Context, ro *Rotation, pod *Pod, server bool) *Credentials {
	cr := &Credentials{Pod: pod, server: server}
	cr.Err = c.plainEnd(func() error {
		ctx, cancel := c.bounded(ctx)
		defer cancel()
		conn, open, err := c.either(ctx, ro, pod)
		if err != nil {
			return err
		}
		defer conn.Close()
		info, err := conn.Info(ctx, "server")
		if err != nil {
			return err
		}
		cr.Version, cr.Open = info["redis_version"], open
		if cr.Open || !cr.several() {
			return nil
		}
		user, err := conn.List(ctx, "ACL", "GETUSER", "default")
		if err != nil {
			return fmt.Errorf("the passwords of the default user are not known: %w", err)
		}
		cr.passwords(user, ro)
		if !server {
			return nil
		}
		config, err := conn.List(ctx, "CONFIG", "GET", "masterauth")
		if err != nil {
			return fmt.Errorf("masterauth is not known: %w", err)
		}
		cr.Follows = ro.new.Password != "" && pairs(config)["masterauth"] == ro.new.Password
		return nil
	}())
	return cr
}

// passwords reads the answer to ACL GETUSER.
func (cr *Credentials) passwords(user []any, ro *Rotation) {
	for i := 0; i+1 < len(user); i += 2 {
		list, _ := user[i+1].([]any)
		for _, item := range list {
			switch text, _ := item.(string); {
			case user[i] == "flags" && text == "nopass":
				cr.Open = true
			case user[i] != "passwords":
			case ro.old.Password != "" && text == hashOf(ro.old):
				cr.Old = true
			case ro.new.Password != "" && text == hashOf(ro.new):
				cr.New = true
			default:
				cr.Other = true
			}
		}
	}
}

// hashOf is how ACL SETUSER and GETUSER write a password, so that no command has it in plain text.
func hashOf(l Login) string {
	sum := sha256.Sum256([]byte(l.Password))
	return hex.EncodeToString(sum[:])
}

// usersOf finds the pods of the namespace that have the old Secret, by their specification.
func (c *Cluster) usersOf(ctx context.Context, ro *Rotation) error {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	pods, err := c.api.List(ctx, podKind, ro.Namespace, "")
	if err != nil {
		return err
	}
	for _, pod := range pods {
		if phase := at(pod, "status", "phase"); phase == "Succeeded" || phase == "Failed" || !namesSecret(at(pod, "spec"), ro.From) {
			continue
		}
		own := func(p *Pod) bool { return p.Name == nameOf(pod) }
		if slices.ContainsFunc(ro.Pods, own) || slices.ContainsFunc(ro.Watchers, own) {
			ro.Behind = append(ro.Behind, nameOf(pod))
			continue
		}
		ro.Users = append(ro.Users, nameOf(pod))
	}
	slices.Sort(ro.Users)
	slices.Sort(ro.Behind)
	return nil
}

// namesSecret looks for a Secret in the specification of a pod.
func namesSecret(v any, secret string) bool {
	switch v := v.(type) {
	case map[string]any:
		for key, field := range v {
			switch key {
			case "secretKeyRef", "secretRef", "secret":
				if at(field, "name") == secret || at(field, "secretName") == secret {
					return true
				}
			}
			if namesSecret(field, secret) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, func(item any) bool { return namesSecret(item, secret) })
	}
	return false
}

// guarded are the sentinels that ask for a password.
func (ro *Rotation) guarded() []*Credentials {
	if ro.Sentinel == nil || ro.Sentinel.Auth == nil {
		return nil
	}
	return ro.Sentinels
}

// The stages of a rotation that the servers know of; see scaffold.Rotate.
const (
	rotateAccept  = 2
	rotateClients = 3
	rotateRedis   = 4
	rotateRefuse  = 5
	rotateRemove  = 6
)

// Obstacles describes all that speaks against beginning a stage.
func (ro *Rotation) Obstacles(stage int) (errs []error) {
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if stage < rotateAccept {
		return nil
	}
	switch {
	case ro.newErr != nil:
		add("the new password is not known: %w", ro.newErr)
		return errs
	case ro.oldErr != nil && stage < rotateRefuse:
		add("the old password is not known: %w", ro.oldErr)
		return errs
	case ro.old.Password == ro.new.Password:
		add("the Secrets %q and %q have the same password", ro.From, ro.To)
		return errs
	case ro.traits().BarePassword && strings.ContainsAny(ro.new.Password, unsafeCharacters):
		add("the password in the Secret %q has a space, quote or line end, which its operator writes into redis.conf without quotes; create another one", ro.To)
	case ro.new.Stripped:
		add("the Secret %q has white space around the password, which its operator strips and clients do not; create another one", ro.To)
	}
	if len(ro.Servers) == 0 {
		add("%s has no pods", ro.Redis)
	}
	for _, cr := range slices.Concat(ro.Servers, ro.guarded()) {
		for _, err := range cr.obstacles(stage) {
			add("%s %w", cr, err)
		}
	}
	if ro.guarded() == nil {
		for _, cr := range ro.Sentinels {
			if cr.Err != nil {
				add("%s does not answer: %w", cr, cr.Err)
			}
		}
	}
	if stage < rotateRedis {
		return errs
	}
	if ro.usersErr != nil {
		add("the pods with the old Secret are not known: %w", ro.usersErr)
	}
	if len(ro.Users) > 0 {
		add("the old Secret %q is still in %s; wait until they have restarted, or change what creates them", ro.From, podList(ro.Users))
	}
	if len(ro.Behind) > 0 && stage >= rotateRefuse {
		add("the old Secret %q is still in %s of this Redis; wait until they have restarted", ro.From, podList(ro.Behind))
	}
	return errs
}

func podList(names []string) string {
	const most = 5
	word := "pod "
	if len(names) > 1 {
		word = "pods "
	}
	if more := len(names) - most; more > 0 {
		return fmt.Sprintf("%s%s and %d more", word, strings.Join(names[:most], ", "), more)
	}
	return word + strings.Join(names, ", ")
}

// obstacles describes what speaks against a stage at one of them.
func (c *Credentials) obstacles(stage int) (errs []error) {
	add := func(text string) { errs = append(errs, errors.New(text)) }
	switch {
	case c.Err != nil:
		return []error{fmt.Errorf("does not answer: %w", c.Err)}
	case c.Open:
		add("requires no password")
	case !c.several():
		add("runs Redis " + c.Version + ", which has one password at a time; upgrade to 6 or later first, or rotate in a maintenance window")
	case stage == rotateAccept && !c.Old && !c.New:
		add("accepts neither password")
	case stage > rotateAccept && !c.New:
		add("does not accept the new password; run stage 2 again")
	case (stage == rotateClients || stage == rotateRedis) && !c.Old:
		add("does not accept the old password any more")
	case stage == rotateRemove && c.Old:
		add("still accepts the old password; run stage 5 again")
	case stage == rotateRemove && c.Other:
		add("accepts a third password; run stage 5 again")
	case c.server && stage > rotateAccept && !c.Follows:
		add("would authenticate to its master with another password than the new one; run stage 2 again")
	}
	return errs
}

// RotateOptions are those of AcceptBoth and RefuseOld.
type RotateOptions struct {
	Progress func(text string) // called with each step, from one goroutine
}

func (o RotateOptions) step(format string, args ...any) {
	if o.Progress != nil {
		o.Progress(fmt.Sprintf(format, args...))
	}
}

// ErrNotRotated is the error of a stage that was not begun.
var ErrNotRotated = errors.New("no change")

func (ro *Rotation) refused(stage int) error {
	obstacles := ro.Obstacles(stage)
	if len(obstacles) == 0 {
		return nil
	}
	return fmt.Errorf("%w of %s:\n  %s", ErrNotRotated, ro.Redis, strings.ReplaceAll(errors.Join(obstacles...).Error(), "\n", "\n  "))
}

// AcceptBoth makes all servers accept the new password beside the old one, then replicas authenticate to their master with it, then the
// sentinels. Until a pod restarts; run again, it changes nothing but what was lost.
func (c *Cluster) AcceptBoth(ctx context.Context, ro *Rotation, o RotateOptions) (*Rotation, error) {
	if err := ro.refused(rotateAccept); err != nil {
		return nil, err
	}
	hash := "#" + hashOf(ro.new)
	accept := func(all []*Credentials) error {
		for _, cr := range all {
			if cr.New {
				continue
			}
			if err := c.rotateOne(ctx, ro, cr.Pod, []string{"ACL", "SETUSER", "default", hash}); err != nil {
				return fmt.Errorf("%s does not accept the new password: %w", cr, err)
			}
			o.step("%s accepts the new password too", cr)
		}
		return nil
	}
	if err := errors.Join(accept(ro.Servers), accept(ro.guarded())); err != nil {
		return nil, err // nobody uses the new password yet
	}
	for _, cr := range ro.Servers {
		if cr.Follows {
			continue
		}
		if err := c.rotateOne(ctx, ro, cr.Pod, []string{"CONFIG", "SET", "masterauth", ro.new.Password}); err != nil {
			return nil, fmt.Errorf("%s keeps authenticating to its master with the old password: %w", cr, err)
		}
		o.step("%s authenticates to its master with the new password", cr)
	}
	// What they have cannot be read, and the operator may have set the old one since.
	for _, cr := range ro.Sentinels {
		commands := [][]string{{"SENTINEL", "SET", ro.Sentinel.Master, "auth-pass", ro.new.Password}}
		if ro.Sentinel.Auth != nil {
			commands = append(commands, []string{"SENTINEL", "CONFIG", "SET", "sentinel-pass", ro.new.Password})
		}
		if err := c.rotateOne(ctx, ro, cr.Pod, commands...); err != nil {
			return nil, fmt.Errorf("%s keeps the old password: %w", cr, err)
		}
		o.step("%s uses the new password", cr)
	}
	return c.rotatedTo(ctx, ro, rotateClients)
}

// RefuseOld makes servers and sentinels accept the new password only.
func (c *Cluster) RefuseOld(ctx context.Context, ro *Rotation, o RotateOptions) (*Rotation, error) {
	if err := ro.refused(rotateRefuse); err != nil {
		return nil, err
	}
	hash := "#" + hashOf(ro.new)
	for _, cr := range slices.Concat(ro.Servers, ro.guarded()) {
		if cr.Old || cr.Other {
			if err := c.rotateOne(ctx, ro, cr.Pod, []string{"ACL", "SETUSER", "default", "resetpass", hash}); err != nil {
				return nil, fmt.Errorf("%s still accepts the old password: %w", cr, err)
			}
		}
		if err := c.refusesOld(ctx, ro, cr.Pod); err != nil {
			return nil, fmt.Errorf("%s %w", cr, err)
		}
		o.step("%s refuses the old password", cr)
	}
	return c.rotatedTo(ctx, ro, rotateRemove)
}

// refusesOld tries the old password, where that is known.
func (c *Cluster) refusesOld(ctx context.Context, ro *Rotation, pod *Pod) error {
	if ro.old.Password == "" {
		return nil
	}
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	conn, _, err := c.connect(ctx, ro.Redis, pod, ro.old)
	switch {
	case err == nil:
		conn.Close()
		return errors.New("still accepts the old password")
	case errors.Is(err, redis.ErrWrongPassword):
		return nil
	}
	return fmt.Errorf("does not answer: %w", err)
}

// rotatedTo asks everybody again, and wants what the next stage needs of them.
func (c *Cluster) rotatedTo(ctx context.Context, ro *Rotation, stage int) (*Rotation, error) {
	after, err := c.Rotation(ctx, ro.Redis, ro.From, ro.To)
	if err != nil {
		return nil, err
	}
	return after, errors.Join(after.Obstacles(stage)...)
}

// rotateOne sends commands to a server or sentinel. What it answers never has the password: Redis repeats arguments in some errors.
func (c *Cluster) rotateOne(ctx context.Context, ro *Rotation, pod *Pod, commands ...[]string) error {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	conn, _, err := c.either(ctx, ro, pod)
	if err != nil {
		return err
	}
	defer conn.Close()
	for _, command := range commands {
		if _, err := conn.Do(ctx, command...); err != nil {
			return ro.hidden(c.plainEnd(err))
		}
	}
	return nil
}

// hidden is an error without the passwords.
func (ro *Rotation) hidden(err error) error {
	text := err.Error()
	for _, l := range []Login{ro.old, ro.new} {
		if l.Password != "" {
			text = strings.ReplaceAll(text, l.Password, "***")
		}
	}
	if text == err.Error() {
		return err
	}
	return errors.New(text)
}
