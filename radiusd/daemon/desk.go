package daemon

import (
	"io"
	"os"
	"sync"

	"causeway/radiusd/daemon/config"
	"causeway/radiusd/noc"
)

// openDesk opens the log that the file names, or the one that the command gave.
func openDesk(file *config.File, opts Options) (*noc.Desk, *logFile, error) {
	if file.Log.File == "" {
		w := opts.Log
		if w == nil {
			w = io.Discard
		}
		return noc.New(noc.Config{Format: file.Log.Format, Writer: w, Now: opts.Now}), nil, nil
	}
	log := &logFile{path: file.Log.File}
	if err := log.reopen(); err != nil {
		return nil, nil, config.Problems{file.Place("log.file", err.Error(), "name a file that this user may write")}
	}
	return noc.New(noc.Config{Format: file.Log.Format, Writer: log, Now: opts.Now}), log, nil
}

// A logFile is a log that logrotate may move away: a reload opens it again under
// its name. The desk's one writer and the reload are all who use it.
type logFile struct {
	path string
	mu   sync.Mutex
	file *os.File
}

func (l *logFile) Write(lines []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file.Write(lines)
}

// reopen opens the file under its name; on an error the old one stays open.
func (l *logFile) reopen() error {
	file, err := os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil {
		_ = l.file.Close() // its lines are with the kernel already
	}
	l.file = file
	return nil
}
