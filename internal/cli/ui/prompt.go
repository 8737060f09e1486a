package ui

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ErrInterrupted is why a command ends that its user interrupts.
var ErrInterrupted = errors.New("interrupted; nothing was changed")

// Ask prints a question on the terminal and reads one line. Callers ask only when a person is there and --yes is not given;
// every question has a flag or argument that answers it beforehand.
func (u *UI) Ask(ctx context.Context, question string) (string, error) {
	u.PrintErrf("%s", u.Block(question))
	if u.lines == nil {
		u.lines = bufio.NewReader(u.In)
	}
	// Reading cannot be interrupted, but waiting for it can.
	type answer struct {
		line string
		err  error
	}
	read := make(chan answer, 1)
	go func() {
		line, err := u.lines.ReadString('\n')
		read <- answer{line, err}
	}()
	var line string
	var err error
	select {
	case got := <-read:
		line, err = got.line, got.err
	case <-ctx.Done():
		u.PrintErrf("\n")
		return "", ErrInterrupted
	}
	if err != nil && line == "" {
		return "", fmt.Errorf("no reply to %q", strings.TrimSpace(question))
	}
	return strings.TrimSpace(line), nil
}

// Confirm asks a question that y or yes answers; anything else cancels.
func (u *UI) Confirm(ctx context.Context, question string) error {
	answer, err := u.Ask(ctx, question+" [y/N] ")
	if err != nil {
		return err
	}
	if word := strings.ToLower(answer); word != "y" && word != "yes" {
		return errors.New("canceled; nothing was changed")
	}
	return nil
}

// Approve asks whether to do what a verb says: "restart the pods". Without a terminal to ask at it names --yes.
func (u *UI) Approve(ctx context.Context, what string) error {
	if !u.Terminal {
		return fmt.Errorf("would %s; add --yes to confirm (no terminal to prompt)", what)
	}
	return u.Confirm(ctx, fmt.Sprintf("This will %s. Continue?", what))
}

// Choose lets a person pick one of several by its number or name.
func (u *UI) Choose(ctx context.Context, question string, options []string) (string, error) {
	for i, o := range options {
		u.PrintErrf("%2d. %s\n", i+1, o)
	}
	answer, err := u.Ask(ctx, question)
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
