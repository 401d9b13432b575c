package vlan

import (
	"os"
	"strings"
	"testing"
)

// docs/controllers.md has the table of vendors as the code has it.
func TestControllersAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/controllers.md")
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	for i, row := range append([][]string{Columns}, Table()...) {
		table.WriteString("| " + strings.Join(row, " | ") + " |\n")
		if i == 0 {
			table.WriteString(strings.Repeat("|---", len(row)) + "|\n")
		}
	}
	if !strings.Contains(string(page), table.String()) {
		t.Errorf("docs/controllers.md has another table; it is\n%s", &table)
	}
}
