package placement

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A Book is what a file holds while it is being changed.
type Book struct {
	Records []Record
	Now     time.Time
}

// Find is the place of a person in Records, or -1; case does not count.
func (b *Book) Find(user string) int {
	id := Record{User: user}.id()
	for i, r := range b.Records {
		if r.id() == id {
			return i
		}
	}
	return -1
}

// Read reads the file at path; one that is not there has nobody in it. Its error is the
// file system's, or [realms.Problems]: nothing is done with half of a file.
func Read(path string, now time.Time) (*Book, error) {
	text, err := readAll(path)
	if err != nil {
		return nil, err
	}
	records, problems := Parse(text)
	if len(problems) > 0 {
		for i := range problems {
			problems[i].Key = path + ", " + problems[i].Key
		}
		return nil, problems
	}
	return &Book{Records: records, Now: now}, nil
}

func readAll(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return []byte(header + "\n"), nil
	}
	return text, err
}

// Change has change edit what the file at path holds, and writes it: two who change it at
// once wait for each other, whoever reads it finds it before or after the change and never
// between, and the audit is on the disk before the change counts. An error, of change
// too, leaves the file as it was.
func Change(path, what string, by Actor, now time.Time, change func(*Book) error) error {
	unlock, err := lock(path)
	if err != nil {
		return err
	}
	defer unlock()
	before, err := readAll(path)
	if err != nil {
		return err
	}
	book, err := Read(path, now)
	if err != nil {
		return err
	}
	old := append([]Record(nil), book.Records...)
	if err := change(book); err != nil {
		return err
	}
	after, err := written(book.Records)
	if err != nil {
		return err
	}
	if bytes.Equal(before, after) {
		return nil
	}
	entry := Entry{Time: now.UTC().Truncate(time.Second), What: what, By: by, Changes: differences(old, book.Records), File: digest(after)}
	if err := appendAudit(path, digest(before), entry); err != nil {
		return fmt.Errorf("nothing was changed: the audit cannot be written: %w", err)
	}
	return replace(path, after)
}

// written is the whole file; no line of it would be refused.
func written(records []Record) ([]byte, error) {
	text := []byte(header + "\n")
	for _, r := range records {
		line, err := r.line()
		if err != nil {
			return nil, err
		}
		text = append(append(text, line...), '\n')
	}
	if again, problems := Parse(text); len(problems) > 0 {
		return nil, problems
	} else if len(again) != len(records) {
		return nil, errors.New("what would be written is not what would be read")
	}
	return text, nil
}

func digest(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// lock waits for whoever else changes the file. It is a file of its own because the one
// at path is replaced. A process that ends lets go of it.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR|unix.O_NOFOLLOW, 0o600) // root writes here what the folder's owner could have pointed elsewhere
	if err != nil {
		return nil, fmt.Errorf("%w: run this as root, or as the server's account", err)
	}
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	return func() { _ = f.Close() }, nil
}

// replace writes a file under another name and gives it this one, so that nobody reads
// half of it.
func replace(path string, text []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if _, err := f.Write(text); err != nil {
		return err
	}
	if err := belong(f, path); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncFolder(path)
}

// belong gives a file that root has made to whom the one at path belongs, or its folder
// when there is none: the server's account has to read it.
func belong(f *os.File, path string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(path)
	if err != nil {
		info, err = os.Stat(filepath.Dir(path))
	}
	if err != nil {
		return err
	}
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return f.Chown(int(s.Uid), int(s.Gid))
	}
	return nil
}

func syncFolder(path string) error {
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer func() { _ = folder.Close() }()
	return folder.Sync()
}
