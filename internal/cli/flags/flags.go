// Package flags has the flags and arguments that several commands share: one type and one validator for each kind.
package flags
