package yamledit

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// contentOf parses text and gives what its collection holds; nil when it is no collection of that kind.
func contentOf(text Entry, kind yaml.Kind) []*yaml.Node {
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil || len(doc.Content) != 1 || doc.Content[0].Kind != kind {
		return nil
	}
	return expand(doc.Content[0]).Content
}

// indent puts margin before every line that is not blank.
func indent(text, margin string) string {
	lines := strings.SplitAfter(text, "\n")
	for i, l := range lines {
		if strings.TrimSpace(l) != "" {
			lines[i] = margin + l
		}
	}
	return strings.Join(lines, "")
}

// widen changes indentation by 2 into indentation by step. What a list item holds stays aligned behind its dash.
func widen(text string, step int) string {
	type level struct{ from, to int }
	levels := []level{{0, 0}}
	lines := strings.SplitAfter(text, "\n")
	for i, l := range lines {
		body := strings.TrimLeft(l, " ")
		if strings.TrimSpace(body) == "" {
			continue
		}
		n := len(l) - len(body)
		for len(levels) > 1 && levels[len(levels)-1].from > n {
			levels = levels[:len(levels)-1]
		}
		top := levels[len(levels)-1]
		to := top.to
		if n > top.from {
			to = top.to + step*((n-top.from)/2) + (n-top.from)%2
			levels = append(levels, level{n, to})
		}
		if strings.HasPrefix(body, "- ") {
			levels = append(levels, level{n + 2, to + 2})
		}
		lines[i] = strings.Repeat(" ", to) + body
	}
	return strings.Join(lines, "")
}

// key writes a mapping key, quoted where it must be.
func key(k string) string {
	out, err := yaml.Marshal(k)
	if err != nil {
		return k
	}
	return strings.TrimSuffix(string(out), "\n")
}

// flowText writes entries or items as the inside of a flow collection, without comments.
func flowText(content []*yaml.Node, kind yaml.Kind) (string, error) {
	var flow func(n *yaml.Node)
	flow = func(n *yaml.Node) {
		n.HeadComment, n.LineComment, n.FootComment = "", "", ""
		if n.Kind == yaml.ScalarNode {
			n.Style &^= yaml.LiteralStyle | yaml.FoldedStyle
			return
		}
		n.Style |= yaml.FlowStyle
		for _, c := range n.Content {
			flow(c)
		}
	}
	var parts []string
	step := 1
	if kind == yaml.MappingNode {
		step = 2
	}
	for i := 0; i < len(content); i += step {
		n := &yaml.Node{Kind: kind, Content: content[i : i+step]}
		n = expand(n)
		flow(n)
		var b strings.Builder
		e := yaml.NewEncoder(&b)
		// A flow collection is written on one line only while it is short: each value is written alone.
		if err := e.Encode(n); err != nil {
			return "", err
		}
		text := strings.TrimSpace(b.String())
		text = strings.TrimSpace(text[1 : len(text)-1])
		parts = append(parts, unfold(text))
	}
	return strings.Join(parts, ", "), nil
}

// unfold joins the lines into which the encoder breaks a long flow collection.
func unfold(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.Join(lines, " ")
}
