package flags

import (
	"testing"

	"github.com/spf13/cobra"
)

func TestExclusive(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
	}{
		{nil, ""},
		{[]string{"--b"}, ""},
		{[]string{"--b", "--a"}, "--a and --b cannot be used together"},
		{[]string{"--c", "--b", "--a"}, "--a, --b and --c cannot be used together"},
	} {
		c := &cobra.Command{PreRunE: func(c *cobra.Command, _ []string) error { return Exclusive(c) }, RunE: func(*cobra.Command, []string) error { return nil }}
		c.SilenceErrors, c.SilenceUsage = true, true
		for _, name := range []string{"a", "b", "c"} {
			c.Flags().Bool(name, false, "")
		}
		c.MarkFlagsMutuallyExclusive("a", "b", "c")
		c.SetArgs(append([]string{}, tt.args...))
		got := ""
		if err := c.Execute(); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.args, got, tt.want)
		}
	}
}
