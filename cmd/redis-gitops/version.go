package main

import (
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is what the next release will be called: builds from source have no other name.
const version = "0.1.0-dev"

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			commit := ""
			if info, ok := debug.ReadBuildInfo(); ok {
				for _, s := range info.Settings {
					if s.Key == "vcs.revision" {
						commit = " (" + s.Value + ")"
					}
				}
			}
			a.say("redis-gitops %s%s", version, commit)
			return nil
		},
	}
}
