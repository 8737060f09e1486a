package scaffold

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
	"github.com/redis-gitops/redis-gitops/repo"
	"github.com/redis-gitops/redis-gitops/repo/yamledit"
)

// resourcesKey is where values of resources go in values.yaml, as generators of Reclaim the Stack have it.
const resourcesKey = "resources"

// chooseKey settles the key and rewrites the generator's text for it.
func (s *resource) chooseKey(ctx context.Context) error {
	s.key = resourcesKey
	if s.app.Kind != repo.Chart {
		return nil
	}
	last, err := s.former()
	if err != nil {
		return err
	}
	switch {
	case last != nil:
		s.key = last.valuesKey()
	default:
		if err := s.freeKey(ctx); err != nil {
			return err
		}
	}
	s.text = withKey(s.text, s.key, s.placeholders["camelName"])
	return nil
}

// freeKey finds a key whose values nothing else of the chart renders.
func (s *resource) freeKey(ctx context.Context) error {
	ex, err := parseExample(s.generator.File, s.text)
	if err != nil || ex.key(resourcesKey) == nil {
		return err // the generator puts nothing there
	}
	file := s.app.Path("values.yaml")
	src, err := readIfThere(s.repo, file)
	if err != nil {
		return err
	}
	template := s.app.Path("templates", s.name+".yaml")
	reads, err := readsOf(ctx, s.repo, s.app, template)
	if err != nil {
		return err
	}
	own, err := readIfThere(s.repo, template)
	if err != nil {
		return err
	}
	if own != nil && strings.Contains(string(own), ".Values."+resourcesKey+"."+s.placeholders["camelName"]) {
		return nil // k made it
	}
	all, err := s.all()
	if err != nil {
		return err
	}
	var reasons []string
	for _, key := range cue.ValuesKeys() {
		ours := key == resourcesKey || slices.ContainsFunc(all, func(rec *record) bool { return rec.valuesKey() == key })
		reason, err := s.taken(ctx, key, ours, file, src, reads)
		if err != nil {
			return err
		}
		if reason == "" {
			s.key = key
			if len(reasons) > 0 {
				s.notes = append(s.notes, fmt.Sprintf("the values are under %s.%s, because %s", key, s.placeholders["camelName"], reasons[0]))
			}
			return nil
		}
		reasons = append(reasons, reason)
	}
	if s.req.Conflicts == Refuse {
		return finding.Errorf(finding.Position{File: file}, resourcesKey, "new values would change what the chart renders: %s", strings.Join(reasons, "; ")).
			Flags("; read single values there, or use --force").About(CodeRequest, "onConflict")
	}
	s.notes = append(s.notes, "new values change what the chart renders: "+strings.Join(reasons, "; "))
	return nil
}

// taken explains why a key cannot hold the values; "" when it can.
func (s *resource) taken(ctx context.Context, key string, ours bool, file string, src []byte, reads *valueReads) (string, error) {
	if slices.Contains(reads.subcharts, key) {
		return fmt.Sprintf("%s contains the values of a subchart", key), nil
	}
	have, at := lookup(file, src, key)
	if have != nil {
		if _, ok := have.(map[string]any); !ok {
			return fmt.Sprintf("%s: %s is not a mapping", at, key), nil
		}
		if !ours {
			return fmt.Sprintf("%s: %s is a value of the chart", at, key), nil
		}
	}
	// Who reads all values will look for the resources of a container there, and not for our other keys: there what is
	// rendered decides.
	read := reads.whole(key)
	switch {
	case read != nil && len(read.Path) > 0:
		return fmt.Sprintf("%s renders .Values.%s as a whole", read.At, key), nil
	case read != nil && key == resourcesKey:
		return fmt.Sprintf("%s renders all values", read.At), nil
	}
	// What cannot be seen in the text shows in what is rendered.
	probe := "probe: {sentinels: 3}\n"
	with, _, err := yamledit.AddEntry(src, []string{key}, yamledit.Entry(probe))
	if errors.Is(err, yamledit.ErrUnproven) {
		return fmt.Sprintf("%s: %s cannot be changed without changing another value", at, key), nil
	}
	if err != nil {
		return "", nil // planning the values says what is wrong with the file
	}
	effect, err := effectOf(ctx, s.repo, s.app, map[string][]byte{file: with}, nil, nil)
	if err != nil || effect == nil {
		return "", err
	}
	return fmt.Sprintf("%s renders differently with a new entry of %s", effect.where(), key), nil
}

var (
	valuesResources = lazyregexp.New(`(\.Values\.)resources\b`)
	namedResources  = lazyregexp.New(`((?:index|get)\s+\(?\$?\.Values\)?\s+)"resources"`)
	headerResources = lazyregexp.New(`(?m)^# resources:`)
)

// withKey rewrites an expanded generator so that it reads its values under another key.
func withKey(text, key, camelName string) string {
	if key == resourcesKey {
		return text
	}
	text = valuesResources.ReplaceAllString(text, "${1}"+key)
	text = namedResources.ReplaceAllString(text, "${1}"+`"`+key+`"`)
	text = regexp.MustCompile(`\bresources\.`+regexp.QuoteMeta(camelName)+`\b`).ReplaceAllLiteralString(text, key+"."+camelName)
	at := exampleStart.FindStringIndex(text)
	if at == nil {
		return text
	}
	if line := headerResources.FindStringIndex(text[at[1]:]); line != nil {
		return text[:at[1]+line[0]] + "# " + key + ":" + text[at[1]+line[1]:]
	}
	return text
}

// valuesKey returns the key of values.yaml under which the record's values are.
func (rec *record) valuesKey() string {
	switch {
	case rec.Folder == "deployments":
		return rec.Folder
	case rec.Key == "":
		return resourcesKey
	}
	return rec.Key
}
