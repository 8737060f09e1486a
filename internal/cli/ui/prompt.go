package cli

import (
	"bufio"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

var errInterrupted = errors.New("interrupted; nothing was changed")

// ask prints a question on the terminal and reads one line. Callers ask only when a person is there and --yes is not given;
// every question has a flag or argument that answers it beforehand.
func (a *app) ask(question string) (string, error) {
	a.errf("%s", a.block(question))
	if a.lines == nil {
		a.lines = bufio.NewReader(a.in)
	}
	// Reading cannot be interrupted, but waiting for it can.
	type answer struct {
		line string
		err  error
	}
	read := make(chan answer, 1)
	go func() {
		line, err := a.lines.ReadString('\n')
		read <- answer{line, err}
	}()
	var line string
	var err error
	select {
	case got := <-read:
		line, err = got.line, got.err
	case <-a.ctx.Done():
		a.errf("\n")
		return "", errInterrupted
	}
	if err != nil && line == "" {
		return "", fmt.Errorf("no reply to %q", strings.TrimSpace(question))
	}
	return strings.TrimSpace(line), nil
}

// choose lets a person pick one of several by its number or name.
func (a *app) choose(question string, options []string) (string, error) {
	for i, o := range options {
		a.errf("%2d. %s\n", i+1, o)
	}
	answer, err := a.ask(question)
	if err != nil {
		return "", err
	}
	if slices.Contains(options, answer) {
		return answer, nil
	}
	n, err := strconv.Atoi(answer)
	if err != nil || n < 1 || n > len(options) {
		return "", fmt.Errorf("invalid choice %q; enter a number from 1 to %d", answer, len(options))
	}
	return options[n-1], nil
}
