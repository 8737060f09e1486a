package flags

import (
	"strings"

	"github.com/spf13/pflag"
)

// Types of flags whose value is the name of something to read. TestHostileFiles gives each of these flags what is neither.
const (
	FileType      = "file"
	DirectoryType = "directory"
)

// File adds a flag with the name of a file that the command reads.
func File(set *pflag.FlagSet, p *string, name, usage string) {
	set.Var(&path{p, FileType}, name, usage)
}

// Directory adds a flag with the name of a directory that the command reads.
func Directory(set *pflag.FlagSet, p *string, name, usage string) {
	set.Var(&path{p, DirectoryType}, name, usage)
}

// Directories adds a flag with the name of a directory that the command reads, which may be repeated.
func Directories(set *pflag.FlagSet, p *[]string, name, usage string) {
	set.Var(&directories{p}, name, usage)
}

type path struct {
	name *string
	kind string
}

func (p *path) String() string {
	if p.name == nil { // pflag compares the default with that of a zero value
		return ""
	}
	return *p.name
}

func (p *path) Set(text string) error {
	*p.name = text
	return nil
}

func (p *path) Type() string { return p.kind }

type directories struct{ names *[]string }

func (d *directories) String() string {
	if d.names == nil {
		return ""
	}
	return strings.Join(*d.names, ", ")
}

func (d *directories) Set(text string) error {
	*d.names = append(*d.names, text)
	return nil
}

func (*directories) Type() string { return DirectoryType }
