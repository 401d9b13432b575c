package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"causeway/certs"
)

// A filler puts the tree that the TOML decoder made into a File. The decoder could
// fill structs itself, but it stops at the first wrong type, and an admin wants all
// mistakes at once.
type filler struct {
	file     *File
	tree     map[string]any
	partial  bool // a file is missing: what is absent may be in it
	secrets  Secrets
	reveal   func(ref string) (certs.Secret, certs.Source, error)
	problems Problems
	missed   []missed
	tables   []table // from the top of the file to the one being filled
}

// A table is a struct on the way down.
type table struct {
	path string
	kind reflect.Type
}

var (
	secretType = reflect.TypeFor[certs.Secret]()
	listType   = reflect.TypeFor[List]()
	timeType   = reflect.TypeFor[time.Time]()
	spanType   = reflect.TypeFor[Span]()
)

func (f *filler) all() {
	f.table(reflect.ValueOf(f.file).Elem(), f.tree, "")
	f.warnMissed()
}

func (f *filler) problem(key, text, fix string) {
	f.problems = append(f.problems, f.file.Place(key, text, fix))
}

// atKey is problem with the caret under the key, not under its value.
func (f *filler) atKey(key, text, fix string) {
	f.problems = append(f.problems, f.file.placeKey(key, text, fix))
}

// last is the problem that was added last.
func (f *filler) last() *Problem { return &f.problems[len(f.problems)-1] }

// value fills v with data. A value of the wrong type is a problem and leaves v as
// it is.
func (f *filler) value(v reflect.Value, data any, path string) {
	switch v.Type() {
	case secretType:
		if text, ok := f.text(data, path); ok {
			v.SetString(f.secret(text, path).Reveal())
		}
		return
	case listType:
		if text, one := data.(string); one {
			v.Set(reflect.ValueOf(List{text}))
			return
		}
		if number, one := data.(int64); one && pattern(path) == "ssid[].rule[].vlan" {
			f.mismatch(path, "text", number) // which VLAN that is, it knows
			return
		}
	case timeType:
		if day, ok := f.day(data, path); ok {
			v.Set(reflect.ValueOf(day))
		}
		return
	case landingType:
		if landing, ok := f.landing(data, path); ok {
			v.SetString(string(landing))
		}
		return
	case spanType:
		if span, ok := f.span(data, path); ok {
			v.SetInt(int64(span))
		}
		return
	}
	if _, isTable := data.(map[string]any); v.Type() == siteVLANType && !isTable {
		f.number(v.FieldByName("ID"), data, path)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		if t, ok := data.(map[string]any); ok {
			f.table(v, t, path)
			return
		}
		f.mismatch(path, "a table", data)
	case reflect.Map:
		f.named(v, data, path)
	case reflect.Slice:
		f.list(v, data, path)
	case reflect.Pointer:
		before := len(f.problems)
		to := reflect.New(v.Type().Elem())
		f.value(to.Elem(), data, path)
		if v.Type().Elem().Kind() == reflect.Struct || len(f.problems) == before {
			v.Set(to)
		}
	case reflect.String:
		if text, ok := f.text(data, path); ok {
			v.SetString(text)
		}
	case reflect.Bool:
		if b, ok := data.(bool); ok {
			v.SetBool(b)
			return
		}
		f.mismatch(path, "true or false", data)
	case reflect.Int, reflect.Uint8, reflect.Uint16:
		f.number(v, data, path)
	default:
		panic("config: a field of type " + v.Type().String()) // a mistake of ours; the tests load every field
	}
}

// table fills a struct.
func (f *filler) table(v reflect.Value, t map[string]any, path string) {
	f.tables = append(f.tables, table{path, v.Type()})
	defer func() { f.tables = f.tables[:len(f.tables)-1] }()
	fields := keysOf(v.Type())
	for _, key := range slices.Sorted(maps.Keys(t)) {
		if _, known := fields[key]; !known {
			f.unknown(under(path, key), key, t[key])
		}
	}
	for _, key := range ordered(v.Type()) {
		field := fields[key]
		data, present := t[key]
		switch {
		case !present:
			f.absent(v.FieldByIndex(field.Index), field, path, key)
		case !f.later(under(path, key), data):
			f.value(v.FieldByIndex(field.Index), data, under(path, key))
			f.finish(v.FieldByIndex(field.Index), field, data, under(path, key))
		}
	}
}

// absent fills in a default or reports a compulsory key.
func (f *filler) absent(v reflect.Value, field reflect.StructField, path, key string) {
	if f.partial {
		return
	}
	setDefaults(v, field)
	if field.Tag.Get("need") != "yes" {
		return
	}
	f.atKey(path, fmt.Sprintf("%s has no %s", f.called(path), key), f.example(path, key))
}

// called is what a message calls the table at path.
func (f *filler) called(path string) string {
	if path == "" {
		return "the file"
	}
	return f.file.places.called(path)
}

// setDefaults gives an absent field, and all that a table would hold, its default.
func setDefaults(v reflect.Value, field reflect.StructField) {
	if text, has := field.Tag.Lookup("default"); has {
		setDefault(v, text)
	} else if v.Kind() == reflect.Struct && v.Type() != timeType {
		for _, inner := range keysOf(v.Type()) {
			setDefaults(v.FieldByIndex(inner.Index), inner)
		}
	}
}

func setDefault(v reflect.Value, text string) {
	if v.Type() == spanType {
		span, err := time.ParseDuration(text)
		if err != nil {
			panic("config: default " + text + " is no length of time")
		}
		v.SetInt(int64(span))
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(text == "true")
	case reflect.Int:
		n, err := strconv.Atoi(text)
		if err != nil {
			panic("config: default " + text + " is no number")
		}
		v.SetInt(int64(n))
	case reflect.String:
		v.SetString(text)
	default:
		v.Set(reflect.ValueOf(List{text}))
	}
}

// finish does what the tags of a field ask once it is filled.
func (f *filler) finish(v reflect.Value, field reflect.StructField, data any, path string) {
	text, isText := data.(string)
	if field.Type == listType && field.Tag.Get("ref") != "" {
		f.references(v, field.Tag.Get("ref"), isText, path)
		return
	}
	if !isText {
		return
	}
	switch {
	case text == "" && (field.Tag.Get("need") == "yes" || field.Tag.Get("ref") != "" || field.Tag.Get("path") != "" || field.Type == secretType):
		f.problem(path, lastKey(path)+" is empty", strings.Replace(f.example(parent(path), lastKey(path)), "add ", "write ", 1))
	case field.Tag.Get("ref") != "":
		v.SetString(f.reference(text, path))
	case field.Tag.Get("path") != "":
		v.SetString(f.path(text, path, field.Tag.Get("path") == "read"))
	}
}

// named fills a map, whose keys are the admin's own names.
func (f *filler) named(v reflect.Value, data any, path string) {
	t, ok := data.(map[string]any)
	if !ok {
		f.mismatch(path, "a table", data)
		return
	}
	v.Set(reflect.MakeMapWithSize(v.Type(), len(t)))
	for _, name := range slices.Sorted(maps.Keys(t)) {
		elem := reflect.New(v.Type().Elem()).Elem()
		f.value(elem, t[name], under(path, name))
		v.SetMapIndex(reflect.ValueOf(name), elem)
	}
}

// list fills a slice. An empty list is not nil: for some keys it differs from none.
func (f *filler) list(v reflect.Value, data any, path string) {
	var elements []any
	switch d := data.(type) {
	case []any:
		elements = d
	case []map[string]any:
		for _, t := range d {
			elements = append(elements, t)
		}
	default:
		want := "a list"
		if v.Type() == listType {
			want = "text" // which is what most people write there
		}
		f.mismatch(path, want, data)
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(elements), len(elements)))
	for i, data := range elements {
		f.value(v.Index(i), data, at(path, i))
	}
}

func (f *filler) text(data any, path string) (string, bool) {
	text, ok := data.(string)
	if !ok {
		f.mismatch(path, "text", data)
	}
	return text, ok
}

func (f *filler) number(v reflect.Value, data any, path string) {
	n, ok := data.(int64)
	if !ok {
		f.mismatch(path, "a number", data)
		return
	}
	if v.Kind() == reflect.Int {
		v.SetInt(n)
		return
	}
	if n < 0 || v.OverflowUint(uint64(n)) {
		f.problem(path, fmt.Sprintf("%s is %d", lastKey(path), n), rangeOf(path))
		return
	}
	v.SetUint(uint64(n))
}

func rangeOf(path string) string {
	if lastKey(path) == "tag" {
		return "a tag is 0 to 31 (RFC 2868)"
	}
	return "a VLAN number is 1 to 4094"
}

// day takes a TOML date without a time.
func (f *filler) day(data any, path string) (time.Time, bool) {
	t, ok := data.(time.Time)
	if !ok || t.Location().String() != "date-local" {
		f.mismatch(path, "a date", data)
		return time.Time{}, false
	}
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.Local), true
}

// span takes the length of a time.
func (f *filler) span(data any, path string) (time.Duration, bool) {
	text, ok := f.text(data, path)
	if !ok {
		return 0, false
	}
	span, err := time.ParseDuration(strings.TrimSpace(text))
	if err != nil || span < 0 {
		f.problem(path, fmt.Sprintf("%q is not a length of time", text), `write a number and its unit, as "8h", "30m" or "1s"`)
		return 0, false
	}
	return span, true
}

// keysOf returns the fields of a struct by their TOML key.
func keysOf(t reflect.Type) map[string]reflect.StructField {
	fields := map[string]reflect.StructField{}
	for i := range t.NumField() {
		if key := t.Field(i).Tag.Get("toml"); key != "" && key != "-" {
			fields[key] = t.Field(i)
		}
	}
	return fields
}

// ordered returns the TOML keys of a struct as they stand in it.
func ordered(t reflect.Type) []string {
	var keys []string
	for i := range t.NumField() {
		if key := t.Field(i).Tag.Get("toml"); key != "" && key != "-" {
			keys = append(keys, key)
		}
	}
	return keys
}

// unknown reports a key that means nothing where it stands.
func (f *filler) unknown(path, key string, data any) {
	if f.later(path, data) {
		return
	}
	here := f.tables[len(f.tables)-1]
	keys := ordered(here.kind)
	f.atKey(path, fmt.Sprintf("unknown key %s in %s", quoteKey(key), f.called(here.path)), "")
	p := f.last()
	if meant := nearest(key, keys); meant != "" {
		p.Meant = f.asWritten(path, under(here.path, meant))
		p.Fix = "correct the name, or take it out"
		return
	}
	if whole, dotted := f.dotted(here, key, data); dotted {
		p.Text = fmt.Sprintf("the dots of %s split it, because it has no quotation marks", whole)
		p.Meant = fmt.Sprintf("[%s.%s]", pathName(parent(here.path)), quoteKey(whole))
		p.Fix = "put a name with dots in quotation marks"
		return
	}
	for _, above := range slices.Backward(f.tables[:len(f.tables)-1]) {
		if _, belongs := keysOf(above.kind)[key]; belongs {
			p.Fix = fmt.Sprintf("%s belongs to %s: write it above the headers of its sub-tables", key, f.called(above.path))
			if above.path == "" {
				p.Fix = fmt.Sprintf("%s belongs to the top of the file: write it above the first header", key)
				if f.isTable(data) {
					p.Fix = fmt.Sprintf("%s is a table of its own: write it as %s", key, section(key))
				}
			}
			return
		}
	}
	p.Fix = fmt.Sprintf("the keys of %s are %s", f.called(here.path), list(keys))
}

// dotted finds the name in [realm.camford.ac.uk], which TOML reads as a table uk in
// a table ac in the realm camford.
func (f *filler) dotted(here table, key string, data any) (name string, is bool) {
	inner, is := data.(map[string]any)
	if !is || !strings.HasSuffix(pattern(here.path), ".*") {
		return "", false
	}
	name = lastKey(here.path) + "." + key
	fields := keysOf(here.kind)
	for len(inner) == 1 {
		for next, below := range inner {
			t, isTable := below.(map[string]any)
			if _, known := fields[next]; known || !isTable {
				return name, true
			}
			name, inner = name+"."+next, t
		}
	}
	return name, true
}

func (f *filler) isTable(data any) bool {
	_, ok := data.(map[string]any)
	return ok
}

// asWritten shows a suggested key as it would stand at the place of path: as a
// header, or as a key.
func (f *filler) asWritten(path, meant string) string {
	p := f.file.places.places[path]
	switch p.kind {
	case arrayHead:
		return "[[" + pathName(meant) + "]]"
	case header, implied:
		return "[" + pathName(meant) + "]"
	}
	return lastKey(meant)
}

// mismatch reports a value of the wrong type.
func (f *filler) mismatch(path, want string, data any) {
	what := kindOf(data)
	if !secretKey(lastKey(path)) {
		what = inWords(data)
	}
	text := fmt.Sprintf("%s is %s, not %s", nameOf(path), what, want)
	f.problem(path, text, f.mending(path, want, data))
	if n, ok := data.(int64); ok && strings.HasSuffix(pattern(path), "ssid[].rule[].vlan") {
		if name := f.vlanOf(n); name != "" {
			f.last().Meant = `"` + name + `"`
			f.last().Fix = fmt.Sprintf("write %s = %q: the VLAN's name; its number stands in [vlan]", lastKey(path), name)
		}
	}
}

// nameOf calls a value by its key, or by its place in a list.
func nameOf(path string) string {
	parts := segments(path)
	if last := parts[len(parts)-1]; last[0] == '[' {
		if n, err := strconv.Atoi(strings.Trim(last, "[]")); err == nil {
			return fmt.Sprintf("number %d of %s", n+1, lastKey(path))
		}
	}
	return lastKey(path)
}

func inWords(data any) string {
	switch d := data.(type) {
	case string:
		if len(d) > 40 {
			return "text"
		}
		return "the text " + strconv.Quote(d)
	case int64:
		return "the number " + strconv.FormatInt(d, 10)
	case bool:
		return strconv.FormatBool(d)
	}
	return kindOf(data)
}

func kindOf(data any) string {
	switch data.(type) {
	case string:
		return "text"
	case int64, float64:
		return "a number"
	case bool:
		return "true or false"
	case time.Time:
		return "a time"
	case map[string]any:
		return "a table"
	}
	return "a list"
}

// vlanOf finds the name of the VLAN with this number.
func (f *filler) vlanOf(id int64) string {
	vlans, _ := f.tree["vlan"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(vlans)) {
		if v, ok := vlans[name].(map[string]any); ok && v["id"] == id {
			return name
		}
	}
	return ""
}
