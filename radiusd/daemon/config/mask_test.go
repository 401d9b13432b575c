package config

import (
	"strings"
	"testing"
)

// Holds S17 for the lines that errors show.
func TestMask(t *testing.T) {
	for line, want := range map[string]string{
		`secret = "hunter2"`:                    `secret = "[secret]"`,
		`  secret="hunter2" # for the wlc`:      `  secret="[secret]" # for the wlc`,
		`password = 'hunter2'`:                  `password = "[secret]"`,
		`secret = "hunter2`:                     `secret = "[secret]"`,
		`secret = hunter2`:                      `secret = "[secret]"`,
		`secret = "hun\"ter2" `:                 `secret = "[secret]" `,
		`secret = "hun"ter2"`:                   `secret = "[secret]"`,
		`secret = """hunter2"""`:                `secret = "[secret]"`,
		`secret = ["hunter2"]`:                  `secret = "[secret]"`,
		`secret = 1234567890`:                   `secret = "[secret]"`,
		`secret = "cred:wlc"`:                   `secret = "cred:wlc"`,
		`secret = 'file:/etc/radiusd/wlc'`:      `secret = 'file:/etc/radiusd/wlc'`,
		`secret = "CRED:hunter2"`:               `secret = "[secret]"`,
		`secret =`:                              `secret =`,
		`secret = # none`:                       `secret = # none`,
		`secert = "hunter2"`:                    `secert = "[secret]"`,
		`Secret = "hunter2"`:                    `Secret = "[secret]"`,
		`shared_secret = "hunter2"`:             `shared_secret = "[secret]"`,
		`passwd = "hunter2"`:                    `passwd = "[secret]"`,
		`psk = "hunter2"`:                       `psk = "[secret]"`,
		`"secret" = "hunter2"`:                  `"secret" = "[secret]"`,
		`site.controller.secret = "hunter2"`:    `site.controller.secret = "[secret]"`,
		`a = { secret = "hunter2", name = "x"}`: `a = { secret = "[secret]", name = "x"}`,
		`s = [{ secret = "hunter2" }, { address = "a", secret = "hunter2" }]`: `s = [{ secret = "[secret]" }, { address = "a", secret = "[secret]" }]`,
		`vlan = "clinical"`:                          `vlan = "clinical"`,
		`weak_secret = true`:                         `weak_secret = true`,
		`secret: "hunter2"`:                          `secret: "[secret]"`,
		`secret "hunter2"`:                           `secret "[secret]"`,
		`# the secret stays`:                         `# the secret stays`,
		`{ secret = "hunter2", weak_secret = true }`: `{ secret = "[secret]", weak_secret = true }`,
		`#secret = "hunter2"`:                        `#secret = "[secret]"`,
		`name = "x" secret = "hunter2`:               `name = "x" secret = "[secret]"`,
	} {
		got, _, _ := mask(line, 0, 0)
		if got != want {
			t.Errorf("%s\nis shown as %s\nexpected    %s", line, got, want)
		}
	}
}

// The caret stays under what it is about.
func TestMaskMovesTheCaret(t *testing.T) {
	line := `servers = [{ secret = "hunter2-hunter2-hunter2", addrss = "192.0.2.10" }]`
	for _, word := range []string{"servers", "secret", "addrss", `"192.0.2.10"`} {
		at := strings.Index(line, word)
		shown, from, to := mask(line, at, at+len(word))
		if shown[from:to] != word {
			t.Errorf("the caret of %s is under %s", word, shown[from:to])
		}
	}
	at := strings.Index(line, `"hunter2`)
	if shown, from, to := mask(line, at, at+len(`"hunter2-hunter2-hunter2"`)); shown[from:to] != masked {
		t.Errorf("the caret of the secret is under %s", shown[from:to])
	}
}

func TestSecretsOverSeveralLines(t *testing.T) {
	for _, text := range []string{
		"secret = \"\"\"\nhunter2\\q\n\"\"\"\n",
		"secret = '''\nhunter2\x01\n'''\n",
		"name = \"x\"\npassword = \"\"\"hunter2\nhunter2\\q",
	} {
		_, err := LoadBytes("radiusd.toml", []byte("version = 1\n"+text), nil, SecretsRequired)
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s\n%v", text, err)
		}
	}
}
