package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A package is one target, read and understood.
type pkg struct {
	dir      string // from the root of the module
	root     string
	name     string
	exports  map[string]string // compiled packages, by path
	fset     *token.FileSet
	files    []*file
	info     *types.Info
	types    *types.Package
	mutants  []*mutant
	unusable int // changes that do not compile
}

type file struct {
	path string // vlan/gate.go
	src  string
	tree *ast.File
}

// load reads a package and finds every change of it that compiles.
func load(root string, t target) (*pkg, error) {
	p := &pkg{dir: t.dir, root: root, exports: map[string]string{}}
	names, err := p.list()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		src, err := os.ReadFile(filepath.Join(root, t.dir, name))
		if err != nil {
			return nil, err
		}
		p.files = append(p.files, &file{path: t.dir + "/" + name, src: string(src)})
	}
	if err := p.understand(); err != nil {
		return nil, err
	}
	p.find(t.files)
	return p, p.dropUnusable()
}

// list asks the go command for the package's files, and for what they and the switch import.
func (p *pkg) list() (files []string, err error) {
	cmd := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Export,GoFiles,Name", "./"+p.dir, "os", "strconv", "sync/atomic")
	cmd.Dir, cmd.Stderr = p.root, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list ./%s: %w", p.dir, err)
	}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var one struct {
			ImportPath, Export, Name string
			GoFiles                  []string
		}
		if err := d.Decode(&one); errors.Is(err, io.EOF) {
			return files, nil
		} else if err != nil {
			return nil, err
		}
		p.exports[one.ImportPath] = one.Export
		if strings.HasSuffix(one.ImportPath, "/"+p.dir) {
			files, p.name = one.GoFiles, one.Name
		}
	}
}

func (p *pkg) understand() error {
	p.fset = token.NewFileSet()
	trees := make([]*ast.File, len(p.files))
	for i, f := range p.files {
		tree, err := parser.ParseFile(p.fset, f.path, f.src, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		f.tree, trees[i] = tree, tree
	}
	p.info = &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}}
	var err error
	p.types, err = p.config(nil).Check(p.dir, p.fset, trees, p.info)
	return err
}

func (p *pkg) config(hear func(error)) *types.Config {
	open := func(path string) (io.ReadCloser, error) { return os.Open(p.exports[path]) }
	return &types.Config{Importer: importer.ForCompiler(p.fset, "gc", open), Error: hear}
}

// dropUnusable leaves out the changes that do not compile: a type that cannot be named
// where the change stands, a function that would end without a result.
func (p *pkg) dropUnusable() error {
	for range 50 {
		fset := token.NewFileSet()
		var trees []*ast.File
		written := map[string]string{}
		for _, f := range p.files {
			written[f.path] = p.rewrite(f)
			tree, err := parser.ParseFile(fset, f.path, written[f.path], parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			trees = append(trees, tree)
		}
		tree, err := parser.ParseFile(fset, switchFile, p.switches(), parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		bad := map[int]bool{}
		var lost error
		q := &pkg{fset: fset, exports: p.exports}
		_, _ = q.config(func(err error) { // each error is heard
			var e types.Error
			if !errors.As(err, &e) {
				lost = err
				return
			}
			at := fset.Position(e.Pos)
			if id := lastSwitch(written[at.Filename], at.Offset); id != 0 {
				bad[id] = true
			} else {
				lost = err
			}
		}).Check(p.dir, fset, append(trees, tree), nil)
		if len(bad) == 0 {
			return lost
		}
		p.unusable += len(bad)
		p.mutants = slices.DeleteFunc(p.mutants, func(m *mutant) bool { return bad[m.id] })
	}
	return fmt.Errorf("%s: the changes do not come to compile", p.dir)
}

var switchCall = regexp.MustCompile(`mutant\((\d+)\)`)

// lastSwitch is the change in whose text an error most likely stands: the nearest before it.
func lastSwitch(text string, offset int) int {
	if text == "" {
		return 0
	}
	all := switchCall.FindAllStringSubmatch(text[:min(len(text), offset+12)], -1)
	if len(all) == 0 {
		return 0
	}
	id, _ := strconv.Atoi(all[len(all)-1][1])
	return id
}

// named tells whether a function is among those that a target names of a file.
func named(files []string, path, function string) bool {
	base := path[strings.LastIndexByte(path, '/')+1:]
	return len(files) == 0 || slices.Contains(files, base) || slices.Contains(files, base+"#"+bare(function))
}

// bare is a function's name without its receiver.
func bare(function string) string { return function[strings.LastIndexByte(function, '.')+1:] }
