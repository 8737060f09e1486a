package cli

import (
	"cmp"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
)

// version is what the next release will be called: builds from source have no other name. Those of a release are linked with
// theirs (scripts/release.sh).
var version = "0.1.0-dev"

const versionHelp = `Print the version, the commit and date of the build, and the Go version. Include
it in bug reports.

Examples:
  redis-gitops version
  redis-gitops version -q    # the version alone`

func newVersion(e *env.Env) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Long:  versionHelp,
		Args:  flags.FromUse,
		RunE: func(*cobra.Command, []string) error {
			info, _ := debug.ReadBuildInfo()
			e.Printf("%s\n", e.Block(versionText(info, e.Quiet)))
			return nil
		},
	}
}

// versionText describes what info knows: `go install` knows the module's version, a build in a work tree its commit.
func versionText(info *debug.BuildInfo, short bool) string {
	v, commit, day, dirty := version, "", "", ""
	if info != nil {
		if m := info.Main.Version; m != "" && m != "(devel)" {
			v = m
		}
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				commit = s.Value[:min(len(s.Value), 12)]
			case s.Key == "vcs.time":
				day = s.Value[:min(len(s.Value), len("2006-01-02"))]
			case s.Key == "vcs.modified" && s.Value == "true":
				dirty = ", changed since"
			}
		}
	}
	if short {
		return v
	}
	text := "redis-gitops " + v
	if commit != "" {
		text += " (commit " + commit + ", " + cmp.Or(day, "unknown date") + dirty + ")"
	}
	return text + " " + runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH
}
