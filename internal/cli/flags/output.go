package flags

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/redis-gitops/redis-gitops/finding"
)

// outputValue is the form that --output names, one of forms.
type outputValue struct {
	form  *string
	forms []string
}

func (o outputValue) String() string { return *o.form }

func (o outputValue) Type() string { return "string" }

func (o outputValue) Set(form string) error {
	if !slices.Contains(o.forms, form) {
		return fmt.Errorf("must be %s%s", finding.OneOf(o.forms), finding.DidYouMean(form, o.forms))
	}
	*o.form = form
	return nil
}

// AddOutput adds -o, --output to a command, with the first form as the default.
func AddOutput(c *cobra.Command, output *string, forms ...string) {
	AddOutputTo(c, c.Flags(), output, forms...)
}

// AddOutputTo is [AddOutput] to other flags of the command, such as those of the commands below it too.
func AddOutputTo(c *cobra.Command, set *pflag.FlagSet, output *string, forms ...string) {
	*output = forms[0]
	set.VarP(outputValue{output, forms}, "output", "o", "output format: "+listOf(forms))
	Complete(c, "output", forms)
}

func listOf(words []string) string {
	text := words[0]
	for i, w := range words[1:] {
		if i == len(words)-2 {
			text += " or " + w
		} else {
			text += ", " + w
		}
	}
	return text
}
