package main

import (
	"bufio"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ask prints a question on the terminal and reads one line. Callers ask only when a person is there and --yes is not given;
// every question has a flag or argument that answers it beforehand.
func (a *app) ask(question string) (string, error) {
	fmt.Fprint(a.err, question)
	if a.lines == nil {
		a.lines = bufio.NewReader(a.in)
	}
	line, err := a.lines.ReadString('\n')
	if err != nil && line == "" {
		return "", fmt.Errorf("no answer to %q", strings.TrimSpace(question))
	}
	return strings.TrimSpace(line), nil
}

// choose lets a person pick one of several by its number or name.
func (a *app) choose(question string, options []string) (string, error) {
	for i, o := range options {
		fmt.Fprintf(a.err, "%2d. %s\n", i+1, o)
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
		return "", fmt.Errorf("%q is none of the choices; give a number from 1 to %d", answer, len(options))
	}
	return options[n-1], nil
}
