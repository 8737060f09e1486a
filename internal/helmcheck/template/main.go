// Command template is helm template, for the end-to-end suite, which applies what a repository holds as Argo CD does:
// template CHART RELEASE NAMESPACE.
package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"

	"helm.sh/helm/v4/pkg/chart/common"
	chartutil "helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	deputil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/engine"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: template CHART RELEASE NAMESPACE")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(dir, release, namespace string) error {
	c, err := loader.LoadDir(dir)
	if err != nil {
		return err
	}
	if err := deputil.ProcessDependencies(c, common.Values{}); err != nil {
		return err
	}
	options := common.ReleaseOptions{Name: release, Namespace: namespace, Revision: 1, IsInstall: true}
	values, err := chartutil.ToRenderValuesWithSchemaValidation(c, nil, options, nil, true)
	if err != nil {
		return err
	}
	texts, err := engine.Engine{}.RenderWithContext(context.Background(), c, values)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		if ext := path.Ext(name); ext == ".yaml" || ext == ".yml" {
			fmt.Printf("---\n# Source: %s\n%s\n", name, texts[name])
		}
	}
	return nil
}
