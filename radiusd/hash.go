package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"causeway/certs"
	"causeway/realms/directory"
)

// runHash turns a password on standard input into what a users file holds. It
// is never taken from the command line, where every process could read it.
func runHash(args []string, out, errs io.Writer) int {
	f := flags("hash", errs)
	nt := f.Bool("nt", false, "an NT hash, for MSCHAPv2; the default is Argon2id, for PAP")
	words, code, ok := parse(f, args)
	if !ok {
		return code
	}
	if len(words) > 0 {
		fmt.Fprintln(errs, "radiusd hash: give the password on standard input, not on the command line")
		return exitUsage
	}
	password, err := firstLine(os.Stdin)
	if err != nil {
		fmt.Fprintf(errs, "radiusd hash: %v\n", err)
		return exitUsage
	}
	if *nt {
		hash := directory.NTHash(password)
		fmt.Fprintf(out, "nt_hash = \"%x\"\n", hash[:])
		return exitGood
	}
	fmt.Fprintf(out, "password = %q\n", directory.HashPassword(password))
	return exitGood
}

// firstLine reads a password.
func firstLine(from io.Reader) (certs.Secret, error) {
	line, err := bufio.NewReader(from).ReadString('\n')
	password := strings.TrimRight(line, "\r\n")
	if password == "" && err == nil {
		err = errors.New("the line is empty")
	}
	if password == "" {
		return "", fmt.Errorf("no password on standard input: %w", err)
	}
	return certs.Secret(password), nil
}
