package repo

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	mathrand "math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/afero"
)

// recording opens a repository that records its last change. Lines with the word password are secret.
func recording(t testing.TB, fsys afero.Fs) *Repo {
	t.Helper()
	r, err := Open(fsys, Options{Secret: func(_ string, text []byte, from, to int) bool {
		return bytes.Contains(text[from:to], []byte("password"))
	}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func undoLast(t testing.TB, fsys afero.Fs) error {
	t.Helper()
	r := recording(t, fsys)
	last, err := r.LastChange()
	if err != nil {
		return err
	}
	if last == nil {
		return errors.New("no record")
	}
	return r.Undo(last)
}

// userFiles is a snapshot without the folder of the journal.
func userFiles(t testing.TB, fsys afero.Fs) map[string]string {
	t.Helper()
	all := snapshot(t, fsys)
	for name := range all {
		if name == ".redis-gitops" || strings.HasPrefix(name, ".redis-gitops/journal") || strings.HasPrefix(name, ".git/redis-gitops") {
			delete(all, name)
		}
	}
	return all
}

func TestUndo(t *testing.T) {
	for name, store := range stores {
		t.Run(name, func(t *testing.T) {
			fsys := store(t)
			if err := fsys.MkdirAll("applications/old/nothing", 0o750); err != nil { // goes with its parent
				t.Fatal(err)
			}
			before := snapshot(t, fsys)
			if err := recording(t, fsys).Apply("generate resource", sampleChanges()); err != nil {
				t.Fatal(err)
			}
			if name != "disk+git" {
				if src, err := afero.ReadFile(fsys, workTreeJournal+"/.gitignore"); err != nil || string(src) != "*\n" {
					t.Errorf("Git sees the record: %q, %v", src, err)
				}
			}
			if recovery, err := Recover(fsys); recovery != nil || err != nil {
				t.Errorf("there is something to recover after success: %+v, %v", recovery, err)
			}
			last, err := recording(t, fsys).LastChange()
			if err != nil || last == nil || last.Command != "generate resource" || len(last.Files) != len(sampleChanges()) {
				t.Fatalf("got %+v, %v", last, err)
			}
			if err := undoLast(t, fsys); err != nil {
				t.Fatal(err)
			}
			if d := difference(snapshot(t, fsys), before); name != "disk+git" && d != "" { // nothing of the tool's own is left either
				t.Error(d)
			}
			if d := difference(userFiles(t, fsys), before); name == "disk+git" && d != "" {
				t.Error(d)
			}
			if err := undoLast(t, fsys); err == nil || err.Error() != "no record" {
				t.Errorf("a second time: %v", err)
			}
		})
	}
}

// TestUndoRefuses: somebody has touched the files, or their old content is not recorded. Nothing is written then.
func TestUndoRefuses(t *testing.T) {
	large := bytes.Repeat([]byte("0123456789abcde\n"), MaxFileSize/16)
	for _, tt := range []struct {
		name    string
		changes []Change
		touch   func(fsys afero.Fs) error
		want    string
	}{
		{"changed and removed", sampleChanges(), func(fsys afero.Fs) error {
			return errors.Join(afero.WriteFile(fsys, "applications/shop/values.yaml", []byte("mine\n"), 0o644), fsys.Remove("applications/shop/templates/redis.yaml"),
				afero.WriteFile(fsys, "applications/shop/templates/old.yaml", []byte("mine\n"), 0o644))
		}, "applications/shop/templates/old.yaml: has changed since; take back that change first, or undo both with git restore; nothing was changed\n" +
			"applications/shop/templates/redis.yaml: was removed since; restore it first, or undo the change with git restore; nothing was changed\n" +
			"applications/shop/values.yaml: has changed since; take back that change first, or undo both with git restore; nothing was changed"},
		{"a secret was replaced", []Change{{Path: "auth.yaml", Old: []byte("user: x\npassword: hunter2\n"), New: []byte("user: x\n")}, {Path: "new", New: []byte("x")}}, nil,
			"auth.yaml: the replaced lines contained a secret, which is not recorded; undo the change with git restore; nothing was changed"},
		{"a secret was removed", []Change{{Path: "auth.yaml", Old: []byte("user: x\npassword: hunter2\n")}}, nil,
			"auth.yaml: the replaced lines contained a secret, which is not recorded; undo the change with git restore; nothing was changed"},
		{"too large", []Change{{Path: "1", Old: large}, {Path: "2", Old: large}, {Path: "3", Old: large}}, nil,
			"3: the replaced content was too large to be recorded; undo the change with git restore; nothing was changed"},
	} {
		for name, store := range stores {
			t.Run(tt.name+"/"+name, func(t *testing.T) {
				fsys := store(t)
				for _, c := range tt.changes {
					if c.Old != nil {
						if err := afero.WriteFile(fsys, c.Path, c.Old, 0o644); err != nil {
							t.Fatal(err)
						}
					}
				}
				if err := recording(t, fsys).Apply("x", tt.changes); err != nil {
					t.Fatal(err)
				}
				if tt.touch != nil {
					if err := tt.touch(fsys); err != nil {
						t.Fatal(err)
					}
				}
				before := snapshot(t, fsys)
				for name, text := range before {
					if strings.Contains(text, "hunter2") {
						t.Errorf("%s still has the secret", name)
					}
				}
				checkError(t, undoLast(t, fsys), tt.want)
				if d := difference(snapshot(t, fsys), before); d != "" {
					t.Error(d)
				}
			})
		}
	}
}

// TestUndoOfWriter takes a change back for whom made it and still has it: also what the record lacks because of a secret, and only if
// it is the last change and nobody has touched the files.
func TestUndoOfWriter(t *testing.T) {
	secret := Change{Path: "auth.yaml", Old: []byte("user: x\npassword: hunter2\n"), New: []byte("user: x\n")}
	same := Change{Path: "README.md", Old: []byte("The shop.\n"), New: []byte("The shop.\n")}
	made := append(sampleChanges(), secret, same)
	with := func(change func(changes []Change) []Change) []Change { return change(slices.Clone(made)) }
	for _, tt := range []struct {
		name    string
		changes []Change // that the writer asks for; nil: those that it made
		later   []Change // that somebody else makes then
		touch   string   // a file that somebody edits
		matches bool
		want    string
	}{
		{name: "as it was", matches: true},
		{name: "another later", later: []Change{{Path: "b", New: []byte("b")}}},
		{name: "one file less", changes: with(func(c []Change) []Change { return c[1:] })},
		{name: "one file more", changes: with(func(c []Change) []Change { return append(c, Change{Path: "b", New: []byte("b")}) })},
		{name: "other new content", changes: with(func(c []Change) []Change { c[1].New = []byte("x"); return c })},
		{name: "other old content", changes: with(func(c []Change) []Change { c[len(c)-2].Old = []byte("password: other\n"); return c })},
		{name: "edited", touch: "auth.yaml", matches: true, want: "auth.yaml: has changed since; take back that change first, or undo both with git restore; nothing was changed"},
	} {
		for name, store := range stores {
			t.Run(tt.name+"/"+name, func(t *testing.T) {
				fsys := store(t)
				if err := afero.WriteFile(fsys, secret.Path, secret.Old, 0o600); err != nil {
					t.Fatal(err)
				}
				before := userFiles(t, fsys)
				if err := recording(t, fsys).Apply("x", made); err != nil {
					t.Fatal(err)
				}
				if tt.later != nil {
					if err := recording(t, fsys).Apply("y", tt.later); err != nil {
						t.Fatal(err)
					}
				}
				if tt.touch != "" {
					if err := afero.WriteFile(fsys, tt.touch, []byte("mine\n"), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				r := recording(t, fsys)
				last, err := r.LastChange()
				if err != nil {
					t.Fatal(err)
				}
				asked := tt.changes
				if asked == nil {
					asked = made
				}
				if got := last.Matches(asked); got != tt.matches {
					t.Fatalf("matches: %v", got)
				}
				if !tt.matches {
					return
				}
				now := snapshot(t, fsys)
				if err := r.Undo(last); tt.want != "" {
					checkError(t, err, tt.want)
					if d := difference(snapshot(t, fsys), now); d != "" {
						t.Error(d)
					}
				} else if err != nil {
					t.Fatal(err)
				} else if d := difference(userFiles(t, fsys), before); d != "" {
					t.Error(d)
				}
			})
		}
	}
}

// A secret elsewhere in a file is neither recorded nor in the way.
func TestUndoBesideASecret(t *testing.T) {
	for name, store := range stores {
		t.Run(name, func(t *testing.T) {
			fsys := store(t)
			old := []byte("a: 1\nb: 1\npassword: hunter2\nc: 1\n")
			if err := afero.WriteFile(fsys, "auth.yaml", old, 0o644); err != nil {
				t.Fatal(err)
			}
			if err := recording(t, fsys).Apply("x", []Change{{Path: "auth.yaml", Old: old, New: []byte("a: 2\npassword: hunter2\nc: 2\nd: 2\n")}}); err != nil {
				t.Fatal(err)
			}
			for name, text := range snapshot(t, fsys) {
				if name != "auth.yaml" && strings.Contains(text, "hunter2") {
					t.Errorf("%s has the secret: %s", name, text)
				}
			}
			if err := undoLast(t, fsys); err != nil {
				t.Fatal(err)
			}
			if src, err := afero.ReadFile(fsys, "auth.yaml"); err != nil || !bytes.Equal(src, old) {
				t.Errorf("got %q, %v", src, err)
			}
		})
	}
}

// twice makes an earlier change and then the sample.
func twice(t *testing.T, fsys, broken afero.Fs) error {
	t.Helper()
	if err := recording(t, fsys).Apply("earlier", []Change{{Path: "README.md", Old: []byte("The shop.\n"), New: []byte("The shop!\n")}}); err != nil {
		t.Fatal(err)
	}
	return recording(t, broken).Apply("later", sampleChanges())
}

// TestUndoAfterEveryStep fails and kills an Apply at every step. What is undone afterwards is the change that was made last, or
// nothing where its record could not be written.
func TestUndoAfterEveryStep(t *testing.T) {
	for name, store := range stores {
		for _, killed := range []bool{false, true} {
			if name == "disk" && killed || name == "disk+git" && !killed {
				continue // what is left differs little from the others
			}
			t.Run(fmt.Sprint(name, killed), func(t *testing.T) {
				t.Parallel()
				fsys := store(t)
				initial := userFiles(t, fsys)
				if err := twice(t, fsys, fsys); err != nil {
					t.Fatal(err)
				}
				after := userFiles(t, fsys)
				if err := undoLast(t, fsys); err != nil {
					t.Fatal(err)
				}
				between := userFiles(t, fsys)
				undone := map[string]int{}
				for n := 0; ; n++ {
					fsys := store(t)
					broken := &failing{Fs: fsys, at: n, killed: killed}
					twice(t, fsys, broken)
					Recover(&failing{Fs: fsys, at: n % 5, killed: true}) // killed again
					if _, err := Recover(fsys); err != nil {
						t.Fatalf("step %d: %v", n, err)
					}
					r := recording(t, fsys)
					last, err := r.LastChange()
					if err != nil {
						t.Fatalf("step %d: %v", n, err)
					}
					now := userFiles(t, fsys)
					made := difference(now, after) == ""
					if !made && difference(now, between) != "" {
						t.Fatalf("step %d: half done: %s", n, difference(now, after))
					}
					if last == nil {
						undone["nothing"]++
						if !made {
							t.Errorf("step %d: the record of the earlier change is lost", n)
						}
					} else {
						undone[last.Command]++
						want := initial
						if made {
							want = between
						}
						if (last.Command == "later") != made {
							t.Errorf("step %d: %q is the last change, made %v", n, last.Command, made)
						}
						if err := r.Undo(last); err != nil {
							t.Errorf("step %d: %v", n, err)
						}
						if d := difference(userFiles(t, fsys), want); d != "" {
							t.Errorf("step %d: %s", n, d)
						}
					}
					if broken.steps <= n {
						break
					}
				}
				if undone["later"] == 0 || undone["earlier"] == 0 || undone["nothing"] > 1 {
					t.Errorf("undone %v", undone)
				}
			})
		}
	}
}

// TestUndoFailsAtEveryStep fails and kills an undo at every step: all of it is done or nothing, and what is not done can be tried
// again.
func TestUndoFailsAtEveryStep(t *testing.T) {
	for name, store := range stores {
		for _, killed := range []bool{false, true} {
			if name == "disk" && killed || name == "disk+git" && !killed {
				continue // what is left differs little from the others
			}
			t.Run(fmt.Sprint(name, killed), func(t *testing.T) {
				t.Parallel()
				before := userFiles(t, store(t))
				outcomes := map[string]int{}
				for n := 0; ; n++ {
					fsys := store(t)
					if err := recording(t, fsys).Apply("x", sampleChanges()); err != nil {
						t.Fatal(err)
					}
					after := userFiles(t, fsys)
					broken := &failing{Fs: fsys, at: n, killed: killed}
					err := undoLast(t, broken)
					Recover(&failing{Fs: fsys, at: n % 5, killed: true})
					if _, err := Recover(fsys); err != nil {
						t.Fatalf("step %d: %v", n, err)
					}
					switch now := userFiles(t, fsys); {
					case difference(now, before) == "":
						outcomes["undone"]++
						if again := undoLast(t, fsys); again == nil || again.Error() != "no record" {
							t.Errorf("step %d, %v: undone, and yet there is a record: %v", n, err, again)
						}
					case difference(now, after) == "":
						outcomes["as it was"]++
						if err := undoLast(t, fsys); err != nil {
							t.Errorf("step %d: %v", n, err)
						}
						if d := difference(userFiles(t, fsys), before); d != "" {
							t.Errorf("step %d: %s", n, d)
						}
					default:
						t.Fatalf("step %d: half done: %s", n, difference(now, before))
					}
					if broken.steps <= n {
						break
					}
				}
				if outcomes["undone"] == 0 || outcomes["as it was"] == 0 {
					t.Errorf("%v", outcomes)
				}
			})
		}
	}
}

// A pull request may bring a record, and a record may say anything.
func TestUndoTrustsNothing(t *testing.T) {
	const mine = `{"Version":1,"Command":"x","Files":[{"Path":"README.md","Old":"OLD","New":"NEW","Hunks":[{"Offset":0,"Length":10,"Was":"ZXZpbAo="}]}]}`
	for _, tt := range []struct {
		name, record string
		mode         fs.FileMode
		want         string
	}{
		{"committed", mine, 0o644, `.redis-gitops/journal/last.json: was not written by redis-gitops in this directory; delete the file ".redis-gitops/journal/last.json"`},
		{"other version", strings.Replace(mine, "1", "2", 1), 0o400, `.redis-gitops/journal/last.json: was written by an incompatible version of redis-gitops; delete the file ".redis-gitops/journal/last.json"`},
		{"no JSON", "{", 0o400, `.redis-gitops/journal/last.json: was written by an incompatible version of redis-gitops; delete the file ".redis-gitops/journal/last.json"`},
		{"outside", strings.Replace(mine, "README.md", "../README.md", 1), 0o400, `"../README.md" is not a path inside the repository; use a relative path with "/" and without ".."; delete the file ".redis-gitops/journal/last.json"`},
		{"Git's", strings.Replace(mine, "README.md", ".git/hooks/pre-commit", 1), 0o400, `.git/hooks/pre-commit: belongs to Git; refusing to write it; delete the file ".redis-gitops/journal/last.json"`},
		{"a folder outside", strings.Replace(mine, `"Files"`, `"Emptied":[{"Path":"../x"}],"Files"`, 1), 0o400, `"../x" is not a path inside the repository; use a relative path with "/" and without ".."; delete the file ".redis-gitops/journal/last.json"`},
		{"other content", strings.Replace(mine, "ZXZpbAo=", "b3RoZXIK", 1), 0o400, `README.md: does not match the record of the change; undo it with git restore; nothing was changed`},
		{"a part that is not there", strings.Replace(mine, `"Length":10`, `"Length":1000`, 1), 0o400, `README.md: does not match the record of the change; undo it with git restore; nothing was changed`},
	} {
		for _, name := range []string{"memory", "disk"} {
			t.Run(tt.name+"/"+name, func(t *testing.T) {
				fsys := stores[name](t)
				record := strings.NewReplacer("OLD", sum([]byte("evil\n")), "NEW", sum([]byte("The shop.\n"))).Replace(tt.record)
				if err := errors.Join(fsys.MkdirAll(workTreeJournal, 0o755), afero.WriteFile(fsys, workTreeJournal+"/last.json", []byte(record), tt.mode)); err != nil {
					t.Fatal(err)
				}
				before := snapshot(t, fsys)
				checkError(t, undoLast(t, fsys), tt.want)
				if d := difference(snapshot(t, fsys), before); d != "" {
					t.Error(d)
				}
			})
		}
	}
}

// The record of a change from before git init is undone, and is not left behind by the next change.
func TestUndoBeforeGit(t *testing.T) {
	for _, undo := range []bool{true, false} {
		fsys := stores["disk"](t)
		before := snapshot(t, fsys)
		change := Change{Path: "a/b", New: []byte("x")}
		if err := recording(t, fsys).Apply("x", []Change{change}); err != nil {
			t.Fatal(err)
		}
		if err := fsys.Mkdir(".git", 0o755); err != nil {
			t.Fatal(err)
		}
		before[".git"] = before["applications"]
		if !undo {
			if err := recording(t, fsys).Apply("y", []Change{{Path: "c", New: []byte("x")}}); err != nil {
				t.Fatal(err)
			}
			last, err := recording(t, fsys).LastChange()
			if err != nil || last == nil || last.Command != "y" {
				t.Errorf("got %+v, %v", last, err)
			}
			if _, err := fsys.Stat(".redis-gitops"); err == nil {
				t.Error("the record in the work tree is left")
			}
			continue
		}
		if err := undoLast(t, fsys); err != nil {
			t.Fatal(err)
		}
		if d := difference(snapshot(t, fsys), before); d != "" {
			t.Error(d)
		}
	}
}

// A change that is not recorded makes the one before it no longer the last.
func TestUndoUnrecorded(t *testing.T) {
	fsys := stores["disk+git"](t)
	if err := recording(t, fsys).Apply("x", []Change{{Path: "a", New: []byte("x")}}); err != nil {
		t.Fatal(err)
	}
	if err := apply(t, fsys, []Change{{Path: "b", New: []byte("x")}}); err != nil {
		t.Fatal(err)
	}
	if err := undoLast(t, fsys); err == nil || err.Error() != "no record" {
		t.Errorf("got %v", err)
	}
}

// TestUndoRandom makes random edits of random lines: what was replaced comes back to the byte.
func TestUndoRandom(t *testing.T) {
	random := mathrand.New(mathrand.NewPCG(31, 32))
	text := func() []byte {
		var b []byte
		for range random.IntN(30) {
			b = append(b, strings.Repeat(string(rune('a'+random.IntN(3))), random.IntN(4))...)
			b = append(b, []string{"\n", "\n", "\r\n", "ö\n"}[random.IntN(4)]...)
		}
		if random.IntN(3) == 0 {
			b = append(b, "no end"...)
		}
		return append([]byte{}, b...)
	}
	fsys := stores["memory"](t)
	for i := range 300 {
		var changes []Change
		for f := range 1 + random.IntN(4) {
			name := path.Join("random", fmt.Sprint(random.IntN(2)), fmt.Sprint(f))
			c := Change{Path: name, New: text(), Mode: []fs.FileMode{0, 0o600, 0o755}[random.IntN(3)]}
			if src, err := afero.ReadFile(fsys, name); err == nil {
				c.Old = append([]byte{}, src...)
				if random.IntN(3) == 0 {
					c.New, c.Mode, c.Prune = nil, 0, "random"
				}
			}
			changes = append(changes, c)
		}
		before := userFiles(t, fsys)
		if err := recording(t, fsys).Apply("x", changes); err != nil {
			t.Fatal(err)
		}
		after := userFiles(t, fsys)
		if difference(before, after) == "" {
			continue
		}
		if random.IntN(2) == 0 {
			continue
		}
		if err := undoLast(t, fsys); err != nil {
			t.Fatalf("round %d: %v", i, err)
		}
		if d := difference(userFiles(t, fsys), before); d != "" {
			t.Fatalf("round %d: %s", i, d)
		}
	}
}
