package planrules

// op is what an instruction does. The plan has them by number: a change makes it stale.
type op uint8

const (
	opReturn   op = iota // a is the value of the function
	opCall               // c = function fn of args
	opBuiltin            // c = built-in function fn of args
	opDynamic            // c = the function of the path args, of input and data
	opBlock              // blocks one after another; undefined ends one of them
	opBreak              // leaves a blocks
	opDot                // c = a[b]
	opLen                // c = the length of a
	opScan               // the block for each key b and value c of a
	opNot                // undefined if the block is not
	opAssign             // c = a
	opOnce               // c = a, which is what it is already if it is something
	opReset              // c = undefined
	opArray              // c = an array of args, with room for a more
	opObject             // c = an object of the keys and values args
	opSet                // c = a set of args
	opEqual              // a == b
	opNotEqual           // a != b
	opIsArray            // a is one, and so on
	opIsObject
	opIsSet
	opIsDefined
	opIsUndefined
	opAppend     // adds a to the array c
	opInsert     // c[a] = b
	opInsertOnce // c[a] = b, which is what it is already if it is something
	opAdd        // adds a to the set c
	opWith       // the block with a in the place of c, which is input or data, or of what is below it at the path args
	opCount
)

// shapes are the fields of instructions that the plan has: a, b and c, f for fn, x for args and n for blocks.
var shapes = [opCount]string{
	opReturn: "a", opCall: "cfx", opBuiltin: "cfx", opDynamic: "cx", opBlock: "n", opBreak: "a", opDot: "abc", opLen: "ac", opScan: "abcn",
	opNot: "n", opAssign: "ac", opOnce: "ac", opReset: "c", opArray: "acx", opObject: "cx", opSet: "cx", opEqual: "ab", opNotEqual: "ab",
	opIsArray: "a", opIsObject: "a", opIsSet: "a", opIsDefined: "a", opIsUndefined: "a", opAppend: "ac", opInsert: "abc", opInsertOnce: "abc",
	opAdd: "ac", opWith: "acxn",
}

// instr is an instruction. Operands that are not negative are locals, the others constants: ^operand is the index.
type instr struct {
	op      op
	site    uint16 // of an opDot with a constant text: where a machine remembers the place of the key
	a, b, c int32
	x       *extra
}

type extra struct {
	fn     int32
	args   []int32
	blocks [][]instr
	filter *filter // of a scan, if it has one
}

// Locals with a meaning.
const (
	localInput = 0
	localData  = 1
)

// noLocal in the place of the key or value of a scan is one that nobody reads.
const noLocal = -1
