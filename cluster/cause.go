package cluster

import (
	"fmt"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/finding"
)

// A Problem is something that is wrong with a running Redis.
type Problem struct {
	ID       string           `json:"id"`    // what kind of problem it is: CHECK/NAME
	Check    string           `json:"check"` // the first part of ID
	Severity finding.Severity `json:"severity"`
	Message  string           `json:"message"`            // what is wrong, and what to do
	Help     string           `json:"help,omitempty"`     // the page of the rule that prevents it, where there is one
	Details  []string         `json:"details,omitempty"`  // what was seen: events, exit codes, lines of logs
	CausedBy string           `json:"causedBy,omitempty"` // the ID of the problem above it in the report that explains this one

	pods []string // that it is about; none: the whole Redis
}

// The kinds of problems, causes before what follows from them.
const (
	operatorDown    = "operator/down"
	operatorMissing = "operator/not-found"
	nameTooLong     = "reconciled/name-too-long"
	nameClash       = "reconciled/shared-config-map"
	hookMissing     = "reconciled/shutdown-config-map"
	secretMissing   = "password/secret"
	passwordUnsafe  = "password/characters"
	passwordBlank   = "password/white-space"
	renamedCommand  = "reconciled/renamed-command"
	conditionFalse  = "reconciled/condition"
	noPods          = "pods/none"
	podDown         = "pods/down"
	podSilent       = "pods/silent"
	passwordUnknown = "password/unknown"
	passwordWrong   = "password/refused"
	passwordOpen    = "password/off"
	starting        = "pods/starting"
	podCount        = "reconciled/pod-count"
	imageOld        = "reconciled/image"
	generationOld   = "reconciled/generation"
	bootstrapPort   = "replication/bootstrap-port"
	bootstrapLink   = "replication/bootstrap"
	bootstrapOn     = "replication/bootstrap-on"
	deadlock        = "roles/deadlock"
	severalMasters  = "roles/several-masters"
	configStopped   = "config/stopped"
	configSkipped   = "config/skipped"
	foreignMaster   = "foreign/master"
	foreignSentinel = "foreign/sentinel"
	foreignReplica  = "foreign/replica"
	foreignWatched  = "foreign/watched"
	foreignName     = "foreign/name"
	sentinelNone    = "sentinels/none"
	sentinelDown    = "sentinels/down"
	sentinelQuorum  = "sentinels/quorum"
	noMaster        = "roles/no-master"
	unappointed     = "roles/not-appointed" // as noMaster, before the operator has made the first one
	waitsForMaster  = "replication/waits"
	goneMaster      = "replication/gone"
	chained         = "replication/chained"
	linkDown        = "replication/link"
	noReplicas      = "replication/none"
	copied          = "copied/replica"
	lagging         = "replication/lag"
	podUnready      = "pods/unready"
	sentinelUntold  = "sentinels/no-master"
	sentinelSplit   = "sentinels/disagree"
	sentinelWrong   = "sentinels/wrong-master"
	sentinelGone    = "sentinels/gone-master"
	remembered      = "sentinels/remembered"
	sentinelCount   = "reconciled/sentinel-count"
	labelWrong      = "labels/wrong"
	labelMissing    = "labels/missing"
	podsOld         = "reconciled/old-pods"
	configOff       = "config/not-in-force"
	serviceNone     = "service/none"
	serviceMissing  = "service/missing"
	serviceSelector = "service/selector"
	servicePort     = "service/port"
	serviceUnready  = "service/not-ready"
	serviceWrong    = "service/wrong-pod"
	authMissing     = "password/none"
	memoryNearMax   = "memory/near-max"
	memoryNearLimit = "memory/near-limit"
	memoryNoMax     = "memory/no-max"
	memoryMaxLimit  = "memory/max-at-limit"
	memoryKilled    = "memory/killed"
	podRestarted    = "pods/restarted"
	savingFailed    = "persistence/failed"
	graceShort      = "shutdown/grace"
	diskFilling     = "disk/full"
	volumesLeft     = "disk/left"
	oneNode         = "pods/one-node"
	operatorError   = "operator/error"
)

// kinds has all of them in their order.
var kinds = []string{
	operatorDown, operatorMissing, nameTooLong, nameClash, hookMissing, secretMissing, passwordUnsafe, passwordBlank, renamedCommand, conditionFalse,
	noPods, podDown, podSilent, passwordUnknown, passwordWrong, passwordOpen, starting, podCount, imageOld, generationOld,
	bootstrapPort, bootstrapLink, bootstrapOn, deadlock, severalMasters, configStopped, configSkipped,
	foreignMaster, foreignSentinel, foreignReplica, foreignWatched, foreignName, sentinelNone, sentinelDown, sentinelQuorum, noMaster, unappointed,
	waitsForMaster, goneMaster, chained, linkDown, noReplicas, copied, lagging, podUnready,
	sentinelUntold, sentinelSplit, sentinelWrong, sentinelGone, remembered, sentinelCount, labelWrong, labelMissing, podsOld, configOff,
	serviceNone, serviceMissing, serviceSelector, servicePort, serviceUnready, serviceWrong,
	authMissing, memoryNearMax, memoryNearLimit, memoryNoMax, memoryMaxLimit, memoryKilled, podRestarted, savingFailed, graceShort, diskFilling, volumesLeft, oneNode, operatorError,
}

// Groups of what follows from causes.
var (
	// unreached is what clients and replicas see of a Redis that is not up.
	unreached = []string{noMaster, unappointed, waitsForMaster, goneMaster, chained, linkDown, noReplicas, copied, podUnready, sentinelUntold, sentinelSplit, sentinelWrong, sentinelGone,
		remembered, serviceSelector, serviceUnready, serviceWrong, labelMissing, labelWrong}
	// unhealed is what the operator would have done in a round that it does not finish.
	unhealed = []string{noPods, starting, podCount, imageOld, podsOld, unappointed, waitsForMaster, sentinelUntold, sentinelWrong, remembered, sentinelCount, labelWrong, labelMissing,
		serviceMissing, serviceSelector, serviceWrong, configOff, conditionFalse}
)

// effects describes what follows from what. Only kinds that come later in kinds may follow: so there are no circles.
var effects = map[string][]string{
	operatorDown:    unhealed,
	operatorMissing: unhealed,
	nameTooLong:     append([]string{serviceNone}, unhealed...),
	nameClash:       append([]string{podDown, podUnready, podsOld}, unhealed...),
	hookMissing:     append([]string{podDown}, unhealed...),
	secretMissing:   append([]string{passwordUnknown, podDown}, unhealed...),
	passwordUnsafe:  append([]string{podDown, passwordWrong, passwordUnknown}, unreached...),
	passwordBlank:   {passwordWrong, passwordUnknown},
	renamedCommand:  append([]string{configStopped, podDown}, unhealed...),
	conditionFalse:  append([]string{noPods, podDown, podSilent}, unreached...),
	noPods:          append([]string{starting, podCount, sentinelNone, sentinelCount, sentinelDown, sentinelQuorum, serviceMissing, serviceNone}, unreached...),
	podDown:         append([]string{starting, podCount, podSilent, deadlock, sentinelDown, sentinelNone, sentinelQuorum, sentinelCount, podsOld, imageOld, memoryKilled}, unreached...),
	podSilent:       append([]string{sentinelDown, sentinelQuorum}, unreached...),
	passwordWrong:   append([]string{podUnready}, unreached...),
	passwordUnknown: append([]string{podUnready}, unreached...),
	starting:        append([]string{podCount, sentinelNone, sentinelDown, sentinelQuorum, sentinelCount, serviceMissing, serviceNone, configOff, generationOld, podsOld, bootstrapLink, imageOld}, unreached...),
	podCount:        {noReplicas, copied, remembered},
	bootstrapPort:   {waitsForMaster, podUnready, serviceUnready, serviceSelector, bootstrapLink, bootstrapOn, noMaster, linkDown},
	bootstrapLink:   {bootstrapOn, noMaster, podUnready, serviceUnready, serviceSelector, linkDown},
	bootstrapOn:     {noMaster, serviceSelector},
	deadlock:        append([]string{sentinelQuorum}, unreached...),
	severalMasters:  {sentinelQuorum, labelWrong, labelMissing, sentinelSplit, sentinelWrong, serviceWrong, chained, remembered, configOff, podsOld},
	configStopped:   {configOff, podsOld, sentinelWrong, sentinelUntold, remembered, imageOld},
	configSkipped:   {configOff, memoryNoMax},
	foreignMaster:   {linkDown, noReplicas, serviceUnready, remembered},
	foreignWatched:  {sentinelWrong, sentinelQuorum, foreignMaster},
	sentinelNone:    {sentinelCount, serviceUnready, serviceSelector},
	sentinelDown:    {sentinelQuorum, serviceUnready, sentinelCount},
	noMaster:        {waitsForMaster, goneMaster, chained, linkDown, noReplicas, podUnready, sentinelUntold, sentinelWrong, sentinelGone, serviceSelector, serviceUnready, serviceWrong, labelWrong, labelMissing},
	unappointed:     {waitsForMaster, goneMaster, chained, linkDown, noReplicas, podUnready, sentinelUntold, sentinelWrong, sentinelGone, serviceSelector, serviceUnready, serviceWrong, labelWrong, labelMissing},
	waitsForMaster:  {podUnready, serviceUnready, serviceSelector},
	goneMaster:      {podUnready, serviceUnready},
	linkDown:        {noReplicas, podUnready, serviceUnready},
	podUnready:      {serviceUnready},
	sentinelUntold:  {podUnready, sentinelQuorum},
	labelWrong:      {serviceWrong, serviceSelector},
	labelMissing:    {serviceSelector, serviceWrong},
}

// problems collects what checks find.
type problems []*Problem

func (p *problems) add(severity finding.Severity, id, help, format string, args ...any) *Problem {
	if help != "" {
		help = finding.HelpPage(help)
	}
	check, _, _ := strings.Cut(id, "/")
	problem := &Problem{ID: id, Check: check, Severity: severity, Message: fmt.Sprintf(format, args...), Help: help}
	*p = append(*p, problem)
	return problem
}

func (p *problems) error(id, help, format string, args ...any) *Problem {
	return p.add(finding.Error, id, help, format, args...)
}

func (p *problems) warn(id, help, format string, args ...any) *Problem {
	return p.add(finding.Warning, id, help, format, args...)
}

// about reports which pods a problem is about.
func (p *Problem) about(pods ...string) *Problem {
	p.pods = append(p.pods, pods...)
	return p
}

// saw adds what was seen.
func (p *Problem) saw(details ...string) *Problem {
	p.Details = append(p.Details, details...)
	return p
}

// Failed reports whether one of the problems is an error.
func Failed(all []*Problem) bool {
	return slices.ContainsFunc(all, func(p *Problem) bool { return p.Severity == finding.Error })
}

// explains reports whether one problem follows from another.
func (p *Problem) explains(effect *Problem) bool {
	if !slices.Contains(effects[p.ID], effect.ID) || rank(p.ID) >= rank(effect.ID) {
		return false
	}
	// What is wrong with one pod is no reason for what is wrong with another one alone.
	return len(p.pods) == 0 || len(effect.pods) == 0 || slices.ContainsFunc(effect.pods, func(pod string) bool { return slices.Contains(p.pods, pod) })
}

func rank(id string) int { return slices.Index(kinds, id) }

// ordered sorts problems: the grave ones first, and below each what follows from it.
func ordered(all []*Problem) []*Problem {
	all = slices.SortedStableFunc(slices.Values(all), func(a, b *Problem) int { return rank(a.ID) - rank(b.ID) })
	root := map[*Problem]*Problem{}
	below := map[*Problem][]*Problem{}
	var roots []*Problem
	for i, p := range all {
		cause := slices.IndexFunc(all[:i], func(q *Problem) bool { return q.explains(p) })
		if cause < 0 {
			root[p] = p
			roots = append(roots, p)
			continue
		}
		top := root[all[cause]]
		root[p] = top
		p.CausedBy = top.ID
		below[top] = append(below[top], p)
		top.Severity = min(top.Severity, p.Severity) // the cause of an error is one
	}
	slices.SortStableFunc(roots, func(a, b *Problem) int { return int(a.Severity) - int(b.Severity) })
	var sorted []*Problem
	for _, r := range roots {
		sorted = append(append(sorted, r), below[r]...)
	}
	return sorted
}

// plural returns "1 pod" or "2 pods".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
