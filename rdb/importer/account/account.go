// Package account keeps account of every key of an import: a ledger of what was answered, the report, the progress, what was
// lost by the way keys were written, and which keys may have expired since.
package account

// An Account is all that is counted during one import.
type Account struct {
	Ledger    Ledger
	Progress  Tracker
	Losses    Losses
	Lifetimes Lifetimes
	Sent      OwnCommands // see NewOwnCommands
	Doubtful  Span        // keys that exist in the target, but may be another client's
}
