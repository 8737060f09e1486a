package scaffoldcmd

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/inspect"
	"github.com/redis-gitops/redis-gitops/scaffold"
)

const sizeHelp = `Compute the memory, maxmemory, volume size, replica buffers and time limits of
a Redis from an RDB file, and write memory and disk to values.yaml.

used_memory after loading the dump is estimated like in rdb info, and multiplied
by --growth: 1.5 leaves room for half as much data again. maxmemory must hold
that and the replication backlog; it is 75 % of the memory of the pod, or the
maxmemoryPercent of the resource. The volume has twice the memory, for snapshots
and rewrites. Memory is rounded up to 64Mi, 256Mi from 1Gi, and 1Gi from 4Gi.

Without --for, the sizes are only printed. With --for, memory and disk of the
resource are changed in values.yaml; everything else in there stays. A resource
that does not exist is generated. A volume is never made smaller, because
Kubernetes cannot shrink one; --dry-run prints the patch.

Examples:
  redis-gitops size dump.rdb
  redis-gitops size dump.rdb --growth 3 --output json
  redis-gitops size dump.rdb.gz redis-cache --for shop --dry-run`

// Inspector counts what is in a dump.
type Inspector func(ctx context.Context, e *env.Env, name string, opts inspect.Options) (*inspect.Info, error)

// sizeOptions are those of size.
type sizeOptions struct {
	planOptions
	inspect Inspector
	app     string
	growth  float64
}

// NewSize returns the command that sizes a Redis by a dump.
func NewSize(e *env.Env, inspect Inspector) *cobra.Command {
	o := &sizeOptions{planOptions: planOptions{Env: e}, inspect: inspect}
	c := &cobra.Command{
		Use:   "size DUMP [NAME]",
		Short: "Size a Redis by an RDB file",
		Long:  sizeHelp,
		Args:  flags.FromUse,
		RunE: func(c *cobra.Command, args []string) error {
			return o.run(c.Context(), args[0], append(args, "redis")[1], len(args) > 1)
		},
	}
	o.plan.AddCommon(c)
	c.Flags().StringVar(&o.app, "for", "", "application whose resource NAME gets the size (default NAME: redis)")
	c.Flags().Float64Var(&o.growth, "growth", 1.5, "factor by which the data may grow")
	flags.Register(c, "for", e.CompleteFlag(e.AppNames))
	return c
}

const (
	maxGrowth = 1000
	mebi      = 1 << 20
)

func (o *sizeOptions) run(ctx context.Context, dump, name string, named bool) error {
	switch {
	case !(o.growth >= 1 && o.growth <= maxGrowth):
		return fmt.Errorf("--growth %v: must be between 1 and %d", o.growth, maxGrowth)
	case o.app == "" && named:
		return errors.New("a resource was named without its application; add --for APP")
	case o.app == "" && o.plan.DryRun:
		return errors.New("--dry-run prints a patch of values.yaml; add --for APP")
	}
	info, err := o.inspect(ctx, o.Env, dump, inspect.Options{Now: o.Now})
	if err != nil {
		return err
	}
	if o.app == "" {
		return o.print(info)
	}
	ctx, end := o.LimitReading(ctx)
	defer end()
	r, err := o.Open(ctx, !o.plan.DryRun)
	if err != nil {
		return err
	}
	defer r.FS.Close()
	p, err := scaffold.PlanSize(ctx, r.Repo, r.Config, scaffold.Deps{Random: o.Random, Now: o.Now}, scaffold.SizeRequest{
		App: o.app, Name: name,
		Size: func(operator *cue.Operator, values map[string]any) ([]scaffold.SizeValue, []string, error) {
			return o.values(info, operator, values)
		},
	})
	return o.finish(ctx, r, p, err)
}

// sized is what a dump needs. Its JSON names are stable.
type sized struct {
	Keys       uint64  `json:"keys"`
	UsedMemory uint64  `json:"usedMemory"` // of a server that has loaded the dump, in bytes
	Growth     float64 `json:"growth"`
	Needed     uint64  `json:"needed"` // bytes of data that maxmemory has to hold
	Memory     string  `json:"memory"` // of each pod
	Disk       string  `json:"disk"`   // of each pod
	Percent    int     `json:"maxmemoryPercent"`
	cue.Sizes          // in MiB and seconds
}

// size finds the smallest memory whose maxmemory holds the data and the backlog of the replicas.
func (o *sizeOptions) size(info *inspect.Info, operator *cue.Operator, percent int) (s sized, memory float64, err error) {
	s = sized{Keys: info.Total.Keys, UsedMemory: info.UsedMemory, Growth: o.growth, Percent: percent}
	s.Needed = uint64(math.Ceil(float64(info.UsedMemory) * o.growth))
	for need := float64(s.Needed) / mebi * 100 / float64(percent); ; need = memory + 1 {
		memory = roundUp(need)
		if s.Sizes, err = operator.Sizes(memory, percent); err != nil || s.Maxmemory-s.Backlog >= float64(s.Needed)/mebi {
			break
		}
	}
	s.Memory = fmt.Sprintf("%.0fMi", memory)
	if math.Mod(memory, 1024) == 0 {
		s.Memory = fmt.Sprintf("%.0fGi", memory/1024)
	}
	s.Disk = fmt.Sprintf("%.0fGi", max(1, math.Ceil(2*memory/1024)))
	return s, memory, err
}

// roundUp rounds MiB up to a size that people write.
func roundUp(n float64) float64 {
	step := 64.0
	switch {
	case n > 4096:
		step = 1024
	case n > 1024:
		step = 256
	}
	return max(step, math.Ceil(n/step)*step)
}

// defaultPercent is the maxmemoryPercent of a resource that sets none.
const defaultPercent = 75

// values are what a resource gets, from the values that it has.
func (o *sizeOptions) values(info *inspect.Info, operator *cue.Operator, values map[string]any) (set []scaffold.SizeValue, notes []string, err error) {
	percent := defaultPercent
	if n, ok := values["maxmemoryPercent"].(int); ok && n >= 25 && n <= 100 { // less would not even hold the backlog
		percent = n
	}
	s, memory, err := o.size(info, operator, percent)
	if err != nil {
		return nil, nil, err
	}
	notes = []string{fmt.Sprintf("the dump needs about %s of used_memory, and %s with growth %v; maxmemory is %v MiB, the buffer of each replica %v MiB",
		rdb.FormatBytes(s.UsedMemory), rdb.FormatBytes(s.Needed), s.Growth, s.Maxmemory, s.ReplicaBuffer)}
	set = []scaffold.SizeValue{{Key: "memory", Value: s.Memory}}
	if have, ok := mebibytes(values["memory"]); ok && have > memory {
		notes = append(notes, fmt.Sprintf("memory shrinks from %v to %s", values["memory"], s.Memory))
	}
	disk, has := values["disk"]
	have, ok := mebibytes(disk)
	switch {
	case disk == "": // it has no volume
	case ok && have >= 2*memory:
		if have > math.Ceil(2*memory/1024)*1024 {
			notes = append(notes, fmt.Sprintf("the volume size stays %v, because volumes cannot shrink; %s would do", disk, s.Disk))
		}
	default:
		if has {
			notes = append(notes, "volumes that exist only grow if their StorageClass has allowVolumeExpansion, and the PersistentVolumeClaims are changed too")
		}
		set = append(set, scaffold.SizeValue{Key: "disk", Value: s.Disk})
	}
	return set, notes, nil
}

// mebibytes reads a quantity of values.yaml.
func mebibytes(v any) (float64, bool) {
	text, _ := v.(string)
	for unit, factor := range map[string]float64{"Mi": 1, "Gi": 1024, "Ti": 1024 * 1024} {
		if digits, ok := strings.CutSuffix(text, unit); ok {
			n, err := strconv.ParseFloat(digits, 64)
			return n * factor, err == nil
		}
	}
	return 0, false
}

// print prints the sizes for the default operator.
func (o *sizeOptions) print(info *inspect.Info) error {
	operator, err := cue.OperatorNamed(cue.DefaultOperator())
	if err != nil {
		return err
	}
	s, _, err := o.size(info, operator, defaultPercent)
	if err != nil {
		return err
	}
	if o.plan.Output == "json" {
		return o.JSON(s)
	}
	t := o.Table(0)
	t.Row("keys\t%d", s.Keys)
	t.Row("used_memory\tabout %s after loading, %s with growth %v", rdb.FormatBytes(s.UsedMemory), rdb.FormatBytes(s.Needed), s.Growth)
	t.Row("memory\t%s for each pod", s.Memory)
	t.Row("maxmemory\t%v MiB, %d %% of the memory", s.Maxmemory, s.Percent)
	t.Row("disk\t%s for each pod", s.Disk)
	t.Row("replication backlog\t%v MiB, part of maxmemory", s.Backlog)
	t.Row("replica buffer\t%v MiB, or %v MiB for a minute", s.ReplicaBuffer, s.SoftReplicaBuffer)
	t.Row("loading\t%v s, for which startup probes wait", s.LoadSeconds)
	t.Row("grace period\t%v s", s.GraceSeconds)
	return t.Flush()
}
