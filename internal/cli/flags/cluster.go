package flags

import "github.com/spf13/cobra"

// Cluster says which cluster, as those of kubectl do.
type Cluster struct {
	Kubeconfig, Context, Namespace string
	All                            bool
	TLS                            TLS
}

// Add adds the flags of a command that asks about one Redis.
func (f *Cluster) Add(c *cobra.Command) {
	set := c.Flags()
	File(set, &f.Kubeconfig, "kubeconfig", "kubeconfig file (default: $KUBECONFIG, ~/.kube/config, or the in-cluster configuration)")
	set.StringVar(&f.Context, "context", "", "kubeconfig context (default: the current context)")
	set.StringVarP(&f.Namespace, "namespace", "n", "", "namespace (default: from the repository, or of the current context)")
	if set.Lookup("tls-ca") == nil { // import and dump have them, also for URLs
		f.TLS.add(c)
	}
	Register(c, "namespace", cobra.NoFileCompletions)
	Register(c, "context", cobra.NoFileCompletions)
}

// AddAll adds those of a command that asks about all of them.
func (f *Cluster) AddAll(c *cobra.Command) {
	f.Add(c)
	c.Flags().BoolVarP(&f.All, "all-namespaces", "A", false, "all namespaces")
	c.MarkFlagsMutuallyExclusive("namespace", "all-namespaces")
}
