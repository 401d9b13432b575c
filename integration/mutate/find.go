package main

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"strconv"
	"strings"
)

// The finder walks one function, or the value of one variable, and notes every change.
type finder struct {
	*pkg
	file  *file
	in    string
	twice map[string]int
}

// messages are the functions whose arguments are words for people: a change of a word is
// no change of a decision, and none is made in there.
var messages = map[string]bool{
	"Errorf": true, "Sprintf": true, "Sprint": true, "Sprintln": true, "Fprintf": true, "New": true,
	"refuse": true, "mention": true, "suggest": true, "malformed": true, "missing": true, "alarm": true,
}

func (p *pkg) find(files []string) {
	for _, f := range p.files {
		twice := map[string]int{}
		for _, d := range f.tree.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				v := &finder{p, f, functionName(d), twice}
				if d.Body == nil || !named(files, f.path, v.in) {
					continue
				}
				v.atOnce(d)
				ast.PreorderStack(d.Body, []ast.Node{d}, v.visit)
			case *ast.GenDecl:
				for _, s := range d.Specs {
					spec, is := s.(*ast.ValueSpec)
					if !is || d.Tok != token.VAR || !named(files, f.path, spec.Names[0].Name) {
						continue
					}
					v := &finder{p, f, spec.Names[0].Name, twice}
					for _, value := range spec.Values {
						ast.PreorderStack(value, []ast.Node{spec}, v.visit)
					}
				}
			}
		}
	}
}

func functionName(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return d.Name.Name
	}
	of := types.ExprString(d.Recv.List[0].Type)
	if strings.HasPrefix(of, "*") {
		of = "(" + of + ")"
	}
	return of + "." + d.Name.Name
}

// add notes a change. Two that read alike in one function are told apart by their number.
func (v *finder) add(what string, edits ...edit) {
	what = strings.Join(strings.Fields(what), " ")
	key := v.in + ": " + what
	if v.twice[key]++; v.twice[key] > 1 {
		what += fmt.Sprintf(" (%d)", v.twice[key])
	}
	v.mutants = append(v.mutants, &mutant{id: len(v.mutants) + 1, file: v.file.path, in: v.in, what: what, edits: edits})
}

func (v *finder) at(p token.Pos) int { return v.fset.Position(p).Offset }

func (v *finder) text(n ast.Node) string { return v.file.src[v.at(n.Pos()):v.at(n.End())] }

// short is the text of a node as a line of the list has it.
func (v *finder) short(n ast.Node) string {
	text := []rune(strings.Join(strings.Fields(v.text(n)), " "))
	if len(text) > 100 {
		return string(text[:100]) + "…"
	}
	return string(text)
}

func (v *finder) around(n ast.Node, write func(on, inner string) string) edit {
	return edit{start: v.at(n.Pos()), end: v.at(n.End()), write: write}
}

// typeText writes a type as it is called in the file.
func (v *finder) typeText(t types.Type) (string, bool) {
	ok := true
	text := types.TypeString(types.Default(t), func(other *types.Package) string {
		if other == v.types {
			return ""
		}
		for _, i := range v.file.tree.Imports {
			if path, _ := strconv.Unquote(i.Path.Value); path == other.Path() {
				if i.Name != nil {
					return i.Name.Name
				}
				return other.Name()
			}
		}
		ok = false
		return other.Name()
	})
	return text, ok
}

// instead puts another value in an expression's place.
func (v *finder) instead(e ast.Expr, what, other string) {
	if t, ok := v.typeText(v.info.TypeOf(e)); ok {
		v.add(what, v.around(e, func(on, inner string) string {
			return fmt.Sprintf(" /*%s*/ func() %s { if %s { return %s }; return %s }()", on, t, on, other, inner)
		}))
	}
}

// atOnce lets a function return nothing at once.
func (v *finder) atOnce(d *ast.FuncDecl) {
	if len(d.Body.List) == 0 || len(d.Body.List) == 1 && v.returnsNothing(d.Body.List[0]) {
		return
	}
	var zeros []string
	if d.Type.Results != nil {
		for _, r := range d.Type.Results.List {
			for range max(1, len(r.Names)) {
				zeros = append(zeros, "*new("+v.text(r.Type)+")")
			}
		}
	}
	at := v.at(d.Body.Lbrace) + 1
	v.add("returns nothing at once", edit{start: at, end: at, write: func(on, _ string) string {
		return fmt.Sprintf(" if %s { return %s }; ", on, strings.Join(zeros, ", "))
	}})
}

// returnsNothing is true of "return nil" and its like, which no early return can change.
func (v *finder) returnsNothing(s ast.Stmt) bool {
	r, is := s.(*ast.ReturnStmt)
	if !is {
		return false
	}
	for _, e := range r.Results {
		tv := v.info.Types[e]
		zero := tv.IsNil() || tv.Value != nil && (tv.Value.ExactString() == "0" || tv.Value.ExactString() == `""` || tv.Value.ExactString() == "false")
		if c, is := e.(*ast.CompositeLit); !zero && (!is || len(c.Elts) > 0) {
			return false
		}
	}
	return true
}

func (v *finder) visit(n ast.Node, stack []ast.Node) bool {
	parent := stack[len(stack)-1]
	switch n := n.(type) {
	case *ast.GenDecl:
		return n.Tok == token.VAR
	case *ast.ArrayType, *ast.MapType, *ast.StructType, *ast.FuncType, *ast.InterfaceType:
		return false
	case ast.Stmt:
		if inList(n, parent) {
			v.statement(n, stack)
		}
		v.branches(n, stack)
	case ast.Expr:
		return v.expression(n, parent)
	}
	return true
}

// inList tells whether a statement stands in a list, where others may stand beside it.
func inList(s ast.Stmt, parent ast.Node) bool {
	switch p := parent.(type) {
	case *ast.BlockStmt:
		return true
	case *ast.CaseClause, *ast.CommClause:
		c, is := p.(*ast.CommClause)
		return !is || c.Comm != s
	}
	return false
}

// statement leaves a statement out, or turns its arithmetic round.
func (v *finder) statement(s ast.Stmt, stack []ast.Node) {
	drop := func() {
		v.add("drop: "+v.short(s), v.around(s, func(on, inner string) string { return "if !" + on + " { " + inner + " }" }))
	}
	turned := func(other string) {
		v.add(v.short(s)+" -> "+other, v.around(s, func(on, inner string) string {
			return fmt.Sprintf("if %s { %s } else { %s }", on, other, inner)
		}))
	}
	switch s := s.(type) {
	case *ast.ExprStmt:
		if call, is := s.X.(*ast.CallExpr); is && calls(call) == "panic" {
			return
		}
		drop()
	case *ast.AssignStmt:
		if s.Tok == token.DEFINE || len(s.Lhs) == 1 && v.text(s.Lhs[0]) == "_" {
			return
		}
		drop()
		if other, ok := opposite[assigned[s.Tok]]; ok && !v.isText(s.Lhs[0]) {
			turned(v.text(s.Lhs[0]) + " " + other.String() + "= " + v.text(s.Rhs[0]))
		}
	case *ast.IncDecStmt:
		drop()
		turned(v.text(s.X) + map[token.Token]string{token.INC: "--", token.DEC: "++"}[s.Tok])
	case *ast.BranchStmt:
		if s.Tok != token.GOTO && s.Tok != token.FALLTHROUGH {
			drop()
		}
	case *ast.GoStmt, *ast.DeferStmt, *ast.SendStmt:
		drop()
	case *ast.ReturnStmt:
		v.returned(s, stack)
	case *ast.IfStmt, *ast.ForStmt, *ast.RangeStmt, *ast.SwitchStmt, *ast.TypeSwitchStmt, *ast.SelectStmt, *ast.LabeledStmt:
		if !isLast(s, stack) {
			drop()
		}
	}
}

// returned leaves out a return without a result, and an error that is returned.
func (v *finder) returned(s *ast.ReturnStmt, stack []ast.Node) {
	if len(s.Results) == 0 {
		if !isLast(s, stack) {
			v.add("drop: return", v.around(s, func(on, inner string) string { return "if !" + on + " { " + inner + " }" }))
		}
		return
	}
	results := resultsOf(stack)
	last := s.Results[len(s.Results)-1]
	if results == nil || v.info.Types[last].IsNil() || len(s.Results) < results.NumFields() {
		return
	}
	if t := v.info.TypeOf(results.List[len(results.List)-1].Type); t == nil || t.String() != "error" {
		return
	}
	other := "return "
	for _, r := range s.Results[:len(s.Results)-1] {
		other += v.text(r) + ", "
	}
	v.add(v.short(s)+" -> "+other+"nil", v.around(s, func(on, inner string) string {
		return fmt.Sprintf("if %s { %snil }; %s", on, other, inner)
	}))
}

// resultsOf are the results of the function that a node is in.
func resultsOf(stack []ast.Node) *ast.FieldList {
	for i := len(stack) - 1; i >= 0; i-- {
		switch f := stack[i].(type) {
		case *ast.FuncDecl:
			return f.Type.Results
		case *ast.FuncLit:
			return f.Type.Results
		}
	}
	return nil
}

// isLast tells whether a statement is one by which a function with a result ends: what is
// left out there does not compile.
func isLast(s ast.Stmt, stack []ast.Node) bool {
	if resultsOf(stack) == nil {
		return false
	}
	var n ast.Node = s
	for i := len(stack) - 1; i >= 0; i-- {
		switch p := stack[i].(type) {
		case *ast.BlockStmt:
			if len(p.List) == 0 || n != p && p.List[len(p.List)-1] != n && !isClause(n) {
				return false
			}
		case *ast.CaseClause:
			if p.Body[len(p.Body)-1] != n {
				return false
			}
		case *ast.CommClause:
			if p.Body[len(p.Body)-1] != n {
				return false
			}
		case *ast.FuncDecl, *ast.FuncLit:
			return true
		case *ast.ForStmt, *ast.RangeStmt:
			return false
		}
		n = stack[i]
	}
	return true
}

func isClause(n ast.Node) bool {
	switch n.(type) {
	case *ast.CaseClause, *ast.CommClause:
		return true
	}
	return false
}

// branches takes out the branches of an if and of a switch.
func (v *finder) branches(s ast.Stmt, stack []ast.Node) {
	switch s := s.(type) {
	case *ast.IfStmt:
		v.condition(s.Cond)
		if block, is := s.Else.(*ast.BlockStmt); is && !isLast(s, stack) && len(block.List) > 0 {
			at := edit{start: v.at(block.Lbrace) + 1, end: v.at(block.Rbrace), write: func(on, inner string) string { return " if !" + on + " { " + inner + " }; " }}
			v.add("drop: else "+v.short(block), at)
		}
	case *ast.ForStmt:
		if s.Cond != nil {
			v.condition(s.Cond)
		}
	case *ast.SwitchStmt:
		for _, c := range s.Body.List {
			v.clause(s, c.(*ast.CaseClause), isLast(s, stack))
		}
	case *ast.TypeSwitchStmt:
		for _, c := range s.Body.List {
			v.emptied(c, c.(*ast.CaseClause).Body, v.clauseText(c.(*ast.CaseClause)), isLast(s, stack))
		}
	}
}

func (v *finder) clauseText(c *ast.CaseClause) string {
	if c.List == nil {
		return "default"
	}
	var list []string
	for _, e := range c.List {
		list = append(list, v.short(e))
	}
	return "case " + strings.Join(list, ", ")
}

// clause takes a case out of a switch: none of its values fits.
func (v *finder) clause(s *ast.SwitchStmt, c *ast.CaseClause, last bool) {
	if c.List == nil {
		v.emptied(c, c.Body, "default", last)
		return
	}
	var edits []edit
	for _, e := range c.List {
		if s.Tag == nil {
			edits = append(edits, v.around(e, func(on, inner string) string { return "!" + on + " && (" + inner + ")" }))
			continue
		}
		t, ok := v.typeText(v.info.TypeOf(s.Tag))
		other := v.unlike(s.Tag)
		if !ok || other == "" {
			v.emptied(c, c.Body, v.clauseText(c), last)
			return
		}
		edits = append(edits, v.around(e, func(on, inner string) string {
			return fmt.Sprintf(" /*%s*/ func() %s { if %s { return %s }; return %s }()", on, t, on, other, inner)
		}))
	}
	v.add("drop: "+v.clauseText(c), edits...)
	if s.Tag == nil {
		for _, e := range c.List {
			v.condition(e)
		}
	}
}

// unlike is an expression that never equals the tag of a switch.
func (v *finder) unlike(tag ast.Expr) string {
	switch t := v.info.TypeOf(tag).Underlying().(type) {
	case *types.Basic:
		switch {
		case t.Info()&types.IsString != 0:
			return v.text(tag) + ` + "."`
		case t.Info()&types.IsInteger != 0:
			return "(" + v.text(tag) + ") + 1"
		}
	case *types.Pointer:
		if to, ok := v.typeText(t.Elem()); ok {
			return "new(" + to + ")"
		}
	}
	return ""
}

// emptied leaves out what a case does.
func (v *finder) emptied(c ast.Node, body []ast.Stmt, text string, last bool) {
	if len(body) == 0 || last {
		return
	}
	if b, is := body[len(body)-1].(*ast.BranchStmt); is && b.Tok == token.FALLTHROUGH {
		return
	}
	v.add("drop: "+text, edit{start: v.at(body[0].Pos()), end: v.at(body[len(body)-1].End()), write: func(on, inner string) string { return "if !" + on + " { " + inner + " }" }})
}

// condition turns a condition round; comparisons are turned wherever they stand.
func (v *finder) condition(e ast.Expr) {
	for {
		paren, is := e.(*ast.ParenExpr)
		if !is {
			break
		}
		e = paren.X
	}
	if b, is := e.(*ast.BinaryExpr); is && (b.Op == token.LAND || b.Op == token.LOR || flipped[b.Op] != 0) {
		return
	}
	if u, is := e.(*ast.UnaryExpr); is && u.Op == token.NOT {
		return // its operand is a condition, too
	}
	if v.info.Types[e].Value != nil {
		return
	}
	v.add(v.short(e)+" -> !("+v.short(e)+")", v.around(e, func(on, inner string) string { return "(" + on + " != (" + inner + "))" }))
}

var (
	flipped = map[token.Token]token.Token{
		token.EQL: token.NEQ, token.NEQ: token.EQL, token.LSS: token.GEQ, token.GEQ: token.LSS, token.GTR: token.LEQ, token.LEQ: token.GTR,
	}
	bordering = map[token.Token]token.Token{token.LSS: token.LEQ, token.LEQ: token.LSS, token.GTR: token.GEQ, token.GEQ: token.GTR}
	opposite  = map[token.Token]token.Token{
		token.ADD: token.SUB, token.SUB: token.ADD, token.MUL: token.QUO, token.QUO: token.MUL, token.REM: token.MUL,
		token.SHL: token.SHR, token.SHR: token.SHL, token.AND: token.OR, token.OR: token.AND, token.XOR: token.OR, token.AND_NOT: token.AND,
	}
	assigned = map[token.Token]token.Token{
		token.ADD_ASSIGN: token.ADD, token.SUB_ASSIGN: token.SUB, token.MUL_ASSIGN: token.MUL, token.QUO_ASSIGN: token.QUO, token.REM_ASSIGN: token.REM,
		token.SHL_ASSIGN: token.SHL, token.SHR_ASSIGN: token.SHR, token.AND_ASSIGN: token.AND, token.OR_ASSIGN: token.OR, token.XOR_ASSIGN: token.XOR, token.AND_NOT_ASSIGN: token.AND_NOT,
	}
)

func (v *finder) isText(e ast.Expr) bool {
	b, is := v.info.TypeOf(e).Underlying().(*types.Basic)
	return is && b.Info()&types.IsString != 0
}

// expression changes a comparison, a calculation, a constant or a field. It is false
// where nothing below is to be changed.
func (v *finder) expression(e ast.Expr, parent ast.Node) bool {
	if tv, known := v.info.Types[e]; known && tv.Value != nil {
		v.constant(e, tv, parent)
		return false
	}
	switch e := e.(type) {
	case *ast.CallExpr:
		return v.call(e)
	case *ast.UnaryExpr:
		if e.Op == token.NOT {
			v.condition(e.X)
		}
	case *ast.BinaryExpr:
		v.binary(e)
	case *ast.CompositeLit:
		v.fields(e)
	case *ast.Ident:
		return true
	}
	return true
}

func calls(e *ast.CallExpr) string {
	switch f := e.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

func (v *finder) call(e *ast.CallExpr) bool {
	name := calls(e)
	if messages[name] {
		return false
	}
	if _, builtin := v.info.Types[e.Fun]; builtin && v.info.Types[e.Fun].IsBuiltin() && (name == "min" || name == "max") {
		other := map[string]string{"min": "max", "max": "min"}[name] + v.text(e)[3:]
		v.instead(e, v.short(e)+" -> "+other, other)
	}
	return true
}

func (v *finder) binary(e *ast.BinaryExpr) {
	x, y := v.text(e.X), v.text(e.Y)
	with := func(op token.Token) (what, text string) {
		text = x + " " + op.String() + " " + y
		return v.short(e) + " -> " + text, text
	}
	either := func(text string) edit {
		return v.around(e, func(on, inner string) string { return fmt.Sprintf("(%s && (%s) || !%s && (%s))", on, text, on, inner) })
	}
	switch {
	case e.Op == token.LAND || e.Op == token.LOR:
		v.condition(e.X)
		v.condition(e.Y)
		what, text := with(map[token.Token]token.Token{token.LAND: token.LOR, token.LOR: token.LAND}[e.Op])
		v.add(what, either(text))
	case flipped[e.Op] != 0:
		what, _ := with(flipped[e.Op])
		v.add(what, v.around(e, func(on, inner string) string { return "(" + on + " != (" + inner + "))" }))
		if border, ok := bordering[e.Op]; ok {
			what, text := with(border)
			v.add(what, either(text))
		}
	case !v.isText(e) && opposite[e.Op] != 0:
		what, text := with(opposite[e.Op])
		v.instead(e, what, text)
	}
}

// constant puts 1 in the place of 0, 0 in the place of 1, and one more in the place of any
// other number; true and false change places.
func (v *finder) constant(e ast.Expr, tv types.TypeAndValue, parent ast.Node) {
	switch p := parent.(type) {
	case *ast.CaseClause: // it is taken out as a whole
		return
	case *ast.BinaryExpr: // the comparison is changed
		_, literal := e.(*ast.BasicLit)
		if flipped[p.Op] != 0 && (bordering[p.Op] != 0 || !literal) {
			return
		}
	case *ast.CallExpr:
		if name := calls(p); name == "make" && (len(p.Args) == 3 && p.Args[2] == e || len(p.Args) == 2 && isMap(v.info.TypeOf(p))) {
			return // how much room: nothing that is decided
		}
	case *ast.KeyValueExpr:
		if p.Key == e {
			return
		}
	}
	b, is := types.Default(tv.Type).Underlying().(*types.Basic)
	switch {
	case !is:
	case tv.Value.Kind() == constant.Bool:
		other := strconv.FormatBool(!constant.BoolVal(tv.Value))
		v.instead(e, v.text(e)+" -> "+other, other)
	case tv.Value.Kind() == constant.Int && b.Info()&types.IsInteger != 0:
		n, exact := constant.Uint64Val(tv.Value)
		other := strconv.FormatUint(n+1, 10)
		switch {
		case !exact || n+1 == 0 || v.full(b, n):
			return
		case n == 1:
			other = "0"
		}
		v.instead(e, v.short(e)+" -> "+other, other)
	}
}

// full tells that a number has no next one in its type.
func (v *finder) full(b *types.Basic, n uint64) bool {
	size := (&types.StdSizes{WordSize: 8, MaxAlign: 8}).Sizeof(b)
	return size < 8 && n+1 >= 1<<(8*size-map[bool]int64{true: 0, false: 1}[b.Info()&types.IsUnsigned != 0])
}

func isMap(t types.Type) bool {
	_, is := t.Underlying().(*types.Map)
	return is
}

// fields leaves a field out of a value that is put together.
func (v *finder) fields(e *ast.CompositeLit) {
	if _, is := v.info.TypeOf(e).Underlying().(*types.Struct); !is {
		return
	}
	for _, one := range e.Elts {
		field, is := one.(*ast.KeyValueExpr)
		if !is {
			continue
		}
		tv := v.info.Types[field.Value]
		if tv.IsNil() || tv.Value != nil {
			continue
		}
		if call, is := field.Value.(*ast.CallExpr); is && messages[calls(call)] {
			continue
		}
		if t, ok := v.typeText(tv.Type); ok {
			v.add("drop: "+v.short(field), v.around(field.Value, func(on, inner string) string {
				return fmt.Sprintf(" /*%s*/ func() (mutantNone %s) { if %s { return mutantNone }; return %s }()", on, t, on, inner)
			}))
		}
	}
}
