package wallclock

import (
	"bufio"
	"bytes"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
)

// clockGettime takes the place of clock_gettime(clock, *timespec). The seconds that it
// adds follow it.
var clockGettime = []byte{
	0xb8, 0xe4, 0x00, 0x00, 0x00, // mov eax, 228: the system call
	0x0f, 0x05, // syscall
	0x85, 0xff, // test edi, edi: CLOCK_REALTIME is 0
	0x75, 0x0a, // jne done
	0x48, 0x8b, 0x0d, 0x06, 0x00, 0x00, 0x00, // mov rcx, [ahead]
	0x48, 0x01, 0x0e, // add [rsi], rcx: the seconds
	0xc3,       // done: ret
	0x90, 0x90, // so that ahead stands at a multiple of eight, and is written at once
}

// Start is cmd.Start with a clock of its own. An error that wraps [ErrCannot] means that
// it cannot be had here, and that nothing runs.
func Start(cmd *exec.Cmd) (c *Clock, err error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Ptrace = true // it stops once it is loaded
	runtime.LockOSThread()        // the kernel takes this thread for the one that traces
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCannot, err)
	}
	pid := cmd.Process.Pid
	defer func() {
		if err != nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}()
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &status, 0, nil); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCannot, err)
	}
	if !status.Stopped() {
		return nil, fmt.Errorf("%w: it does not stop to be traced", ErrCannot)
	}
	if c, err = replace(pid); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCannot, err)
	}
	if err := syscall.PtraceDetach(pid); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCannot, err)
	}
	return c, c.Set(0) // which fails at once where only a tracer may write
}

// replace writes the instructions into a program that is stopped.
func replace(pid int) (*Clock, error) {
	start, end, err := vdso(pid)
	if err != nil {
		return nil, err
	}
	memory, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", pid), os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	image := make([]byte, end-start)
	if _, err = memory.ReadAt(image, start); err == nil {
		var at int64
		if at, err = find(image, len(clockGettime)+8); err == nil {
			_, err = memory.WriteAt(clockGettime, start+at)
			return &Clock{memory, start + at + int64(len(clockGettime))}, err
		}
	}
	_ = memory.Close()
	return nil, err
}

// vdso is where the kernel has mapped it.
func vdso(pid int) (start, end int64, err error) {
	maps, err := os.Open(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = maps.Close() }()
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		if strings.HasSuffix(lines.Text(), "[vdso]") {
			_, err = fmt.Sscanf(lines.Text(), "%x-%x", &start, &end)
			return start, end, err
		}
	}
	return 0, 0, fmt.Errorf("this kernel has no vDSO")
}

// find is where clock_gettime begins, if there is room for so many octets.
func find(image []byte, room int) (int64, error) {
	file, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		return 0, err
	}
	symbols, err := file.DynamicSymbols()
	if err != nil {
		return 0, err
	}
	i := slices.IndexFunc(symbols, func(s elf.Symbol) bool { return s.Name == "__vdso_clock_gettime" })
	if i < 0 || symbols[i].Size < uint64(room) || symbols[i].Value%8 != 0 { //nolint:gosec // no size is negative
		return 0, fmt.Errorf("this kernel's vDSO has another clock_gettime than the known one")
	}
	return int64(symbols[i].Value), nil //nolint:gosec // within the image
}
