package planrules

// groupName is the built-in function in the place of [groupRule].
const groupName = "redis-gitops.group"

// groupRule is the function of the rules' library that groups pairs. In Rego, it makes two objects of each pair before it merges them.
const groupRule = "redisgitops/lib/group/by"

// groupBy returns an object with the set of the values of each key, of an array or set of pairs, or of the pairs that are the values of an
// object. What is no pair is left out.
func groupBy(_ *machine, args []any) any {
	list, ok := elements(args[0])
	if o, isObject := args[0].(*object); isObject {
		for _, p := range o.inOrder() {
			list = append(list, p.value)
		}
	} else if !ok {
		return &object{sorted: true}
	}
	out := &object{}
	for _, e := range list {
		pair, ok := e.(*array)
		if !ok || len(pair.elems) != 2 {
			continue
		}
		key, value := pair.elems[0], pair.elems[1]
		if i := out.index(key); i >= 0 {
			out.pairs[i].value.(*set).add(value)
		} else {
			out.put(key, &set{elems: []any{value}, sorted: true})
		}
	}
	for _, p := range out.inOrder() {
		p.value.(*set).inOrder()
	}
	return out
}
