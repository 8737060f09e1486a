package lintcmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/internal/cli/ui"
	"github.com/redis-gitops/redis-gitops/internal/forge"
	"github.com/redis-gitops/redis-gitops/internal/inputfile"
	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
	"github.com/redis-gitops/redis-gitops/redact"
)

const commentHelp = `Write reports in Markdown into one comment on the pull or merge request, and
update that comment the next time.

FILEs are those of lint --format markdown=FILE and diff --output markdown. A
report that is too long for a comment is replaced with a sentence; write the
most important one first.

In GitHub Actions the pull request is that of $GITHUB_REPOSITORY and $GITHUB_REF,
and $GITHUB_TOKEN needs pull-requests: write. In GitLab CI it is that of
$CI_PROJECT_ID and $CI_MERGE_REQUEST_IID, and $GITLAB_TOKEN needs the scope api.
Only the comment that the token's user has written is updated.

Examples:
  redis-gitops comment lint.md diff.md
  redis-gitops comment --pull-request 7 --dry-run lint.md`

// commentOptions are those of comment.
type commentOptions struct {
	*env.Env
	number int
	dryRun bool
}

func newComment(e *env.Env) *cobra.Command {
	o := &commentOptions{Env: e}
	c := &cobra.Command{
		Use: "comment FILE…", Short: "Comment reports on the pull or merge request", Long: commentHelp, Args: flags.FromUse,
		RunE: func(c *cobra.Command, args []string) error { return o.run(c.Context(), args) },
	}
	c.Flags().IntVar(&o.number, "pull-request", 0, "number of the pull or merge request (default: from the CI system)")
	c.Flags().BoolVar(&o.dryRun, "dry-run", false, "print the comment and write nothing")
	return c
}

// commentMarker is the first line of the comment, as package report writes it.
const commentMarker = "<!-- redis-gitops -->"

// maxComment is the size limit of a file that is commented, in bytes.
const maxComment = 4 << 20

func (o *commentOptions) run(ctx context.Context, files []string) error {
	var texts []string
	for _, file := range files {
		text, err := inputfile.Read(file, maxComment)
		if err != nil {
			return err
		}
		texts = append(texts, string(text))
	}
	f, err := o.forge()
	if err != nil {
		return err
	}
	body := commentBody(texts, f.Limit())
	if o.dryRun {
		o.Printf("%s", o.Block(body))
		return nil
	}
	created, err := f.Put(ctx, commentMarker, body)
	if err != nil {
		return fmt.Errorf("cannot comment: %s", redact.Printable(o.Secrets.Foreign(err.Error())))
	}
	verb := map[bool]ui.Trusted{true: "wrote", false: "updated"}[created]
	o.PrintErrf("%s the comment\n", verb)
	return nil
}

var pullRef = lazyregexp.New(`^refs/pull/([0-9]+)/`)

// forge finds the pull or merge request of the CI system.
func (o *commentOptions) forge() (*forge.Forge, error) {
	if os.Getenv("GITHUB_ACTIONS") == "true" {
		if m := pullRef.FindStringSubmatch(os.Getenv("GITHUB_REF")); m != nil && o.number == 0 {
			o.number, _ = strconv.Atoi(m[1])
		}
		return o.open(forge.GitHub, forge.Place{API: os.Getenv("GITHUB_API_URL"), Repository: os.Getenv("GITHUB_REPOSITORY")}, "GITHUB_TOKEN")
	}
	if os.Getenv("GITLAB_CI") == "true" {
		if o.number == 0 {
			o.number, _ = strconv.Atoi(os.Getenv("CI_MERGE_REQUEST_IID"))
		}
		return o.open(forge.GitLab, forge.Place{API: os.Getenv("CI_API_V4_URL"), Repository: os.Getenv("CI_PROJECT_ID")}, "GITLAB_TOKEN")
	}
	return nil, errors.New("neither GitHub Actions nor GitLab CI; run this in a job of one of them")
}

func (o *commentOptions) open(open func(forge.Place) (*forge.Forge, error), place forge.Place, variable string) (*forge.Forge, error) {
	if place.Token = os.Getenv(variable); place.Token == "" && !o.dryRun {
		return nil, fmt.Errorf("$%s is not set; pass a token that can write comments", variable)
	}
	o.Secrets.Add(place.Token)
	if place.Number = o.number; place.Number <= 0 {
		return nil, errors.New("this job is not one of a pull or merge request; use --pull-request")
	}
	if place.Repository == "" {
		return nil, errors.New("the CI system names no repository")
	}
	return open(place)
}

const tooLong = "\n_A report is too long for a comment; see the summary or the artifacts of the job._\n"

// commentBody joins reports under one marker. They end where the limit would be passed.
func commentBody(texts []string, limit int) string {
	var b strings.Builder
	b.WriteString(commentMarker + "\n")
	for i, text := range texts {
		text = withoutMentions(strings.TrimPrefix(strings.TrimPrefix(text, commentMarker), "\n"))
		reserve := 0
		if i < len(texts)-1 {
			reserve = len(tooLong)
		}
		if b.Len()+len(text)+2+reserve > limit {
			b.WriteString(tooLong)
			break
		}
		if i > 0 {
			b.WriteString("\n") // or a heading is part of the HTML before it
		}
		b.WriteString(strings.TrimRight(text, "\n") + "\n")
	}
	return b.String()
}

var mention = lazyregexp.New(`@(\w)`)

// withoutMentions keeps text outside of code blocks from notifying people: a file may be an artifact of a job that ran in a fork.
func withoutMentions(text string) string {
	var b strings.Builder
	fence := ""
	for line := range strings.Lines(text) {
		trimmed := strings.TrimSpace(line)
		switch {
		case fence != "":
			if trimmed == fence {
				fence = ""
			}
		case strings.HasPrefix(trimmed, "```"):
			fence = trimmed[:len(trimmed)-len(strings.TrimLeft(trimmed, "`"))]
		default:
			line = mention.ReplaceAllString(line, "@<!-- -->$1")
		}
		b.WriteString(line)
	}
	return b.String()
}
