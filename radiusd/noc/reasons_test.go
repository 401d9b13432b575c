package noc

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Every reason that a room can give has a row: the constants of realms and vlan,
// and what the daemon says of conversations that stopped half-way.
func TestEveryReasonHasARow(t *testing.T) {
	codes := slices.Concat(
		constants(t, "../../realms/reasons.go"),
		constants(t, "../../vlan/reasons.go"),
		conversions(t, "../.."),
		abandonments(t, "../daemon"),
	)
	if len(codes) < 60 {
		t.Fatalf("only %d reasons were found: has a file moved?", len(codes))
	}
	for _, code := range codes {
		if _, ok := Explain(code); !ok {
			t.Errorf("reason %q has no row in reasons.go", code)
		}
	}
}

// constants returns the values of the constants of type Reason in a file.
func constants(t *testing.T, path string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var codes []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "Reason" {
			for _, v := range spec.Values {
				codes = append(codes, literal(t, v)...)
			}
		}
		return false
	})
	if len(codes) == 0 {
		t.Fatalf("%s has no constant of type Reason", path)
	}
	return codes
}

// conversions returns the codes that are made on the spot, as realms.Reason("…"),
// anywhere in the house but in tests.
func conversions(t *testing.T, root string) []string {
	t.Helper()
	var codes []string
	for _, path := range sources(t, root) {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Logf("%s: %v", path, err) // the compiler will say it better
			continue
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) != 1 {
				return true
			}
			switch f := call.Fun.(type) {
			case *ast.SelectorExpr:
				ok = f.Sel.Name == "Reason"
			case *ast.Ident:
				ok = f.Name == "Reason"
			default:
				ok = false
			}
			if ok {
				codes = append(codes, literal(t, call.Args[0])...)
			}
			return true
		})
	}
	return codes
}

var abandonment = regexp.MustCompile(`"(abandoned-[a-z-]+)"`)

func abandonments(t *testing.T, dir string) []string {
	t.Helper()
	var codes []string
	for _, path := range sources(t, dir) {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range abandonment.FindAllStringSubmatch(string(b), -1) {
			codes = append(codes, m[1])
		}
	}
	return codes
}

func sources(t *testing.T, root string) []string {
	t.Helper()
	var paths []string
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && strings.HasPrefix(d.Name(), "."):
			return filepath.SkipDir
		case !d.IsDir() && strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go"):
			paths = append(paths, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func literal(t *testing.T, e ast.Expr) []string {
	t.Helper()
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return nil
	}
	s, err := strconv.Unquote(lit.Value)
	if err != nil {
		t.Fatal(err)
	}
	if s == "" {
		return nil
	}
	return []string{s}
}

var codeForm = regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)

func TestReasonsReadWell(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range reasons {
		if seen[r.Code] {
			t.Errorf("%s has two rows", r.Code)
		}
		seen[r.Code] = true
		if !codeForm.MatchString(r.Code) {
			t.Errorf("%s: a code is words with hyphens", r.Code)
		}
		if !slices.Contains([]string{User, Device, Ours, Theirs, Network}, r.Fault) {
			t.Errorf("%s: fault %q", r.Code, r.Fault)
		}
		for _, s := range []string{r.Sentence, r.Next} {
			if !strings.HasSuffix(s, ".") || s[0] < 'A' || s[0] > 'Z' {
				t.Errorf("%s: %q is no sentence", r.Code, s)
			}
			if string(appendEscaped(nil, s)) != s {
				t.Errorf("%s: %q needs escaping", r.Code, s)
			}
		}
		if len(r.Sentence) > 110 {
			t.Errorf("%s: the sentence is too long for a line", r.Code)
		}
	}
	if _, ok := Explain("no such reason"); ok {
		t.Error("an unknown code is explained")
	}
}

// Each row has its heading in docs/runbook.md, under which the night shift finds
// what it sees, why, what to do and whom to ring; and each heading its row.
func TestRunbookIsTied(t *testing.T) {
	b, err := os.ReadFile("../../docs/runbook.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{}
	for _, part := range strings.Split(string(b), "\n### ")[1:] {
		head, body, _ := strings.Cut(part, "\n")
		code := strings.Trim(head, "` ")
		if _, twice := sections[code]; twice {
			t.Errorf("runbook: %s stands twice", code)
		}
		body, _, _ = strings.Cut(body, "\n## ")
		sections[code] = body
	}
	for _, r := range reasons {
		body, ok := sections[r.Code]
		if !ok {
			t.Errorf("runbook: there is no heading for %s", r.Code)
			continue
		}
		for _, label := range []string{"**What you see.**", "**Likely causes.**", "**What to do.**", "**Who to ring.**"} {
			if strings.Count(body, label) != 1 {
				t.Errorf("runbook: %s needs %s once", r.Code, label)
			}
		}
		if !strings.Contains(body, r.Sentence) {
			t.Errorf("runbook: %s does not say %q", r.Code, r.Sentence)
		}
		if !strings.Contains(body, "Fault: "+r.Fault+".") {
			t.Errorf("runbook: %s does not say whose fault it is (Fault: %s.)", r.Code, r.Fault)
		}
	}
	for _, code := range slices.Sorted(maps.Keys(sections)) {
		if _, ok := Explain(code); !ok {
			t.Errorf("runbook: the heading %s belongs to no reason", code)
		}
	}
}

func docText(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
