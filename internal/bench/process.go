package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// children are the servers that a run has started. They stay up until its end: one that nobody
// calls takes no CPU time.
type children []*child

// child is a server in a process of its own.
type child struct {
	name string
	url  string
	pid  int
	log  *os.File // its standard error
	end  func()
}

// stop ends all of them, those that call others before the others.
func (c children) stop() {
	for _, server := range slices.Backward(c) {
		server.end()
	}
}

// server returns the server of a name, and starts it when it is asked for first.
func (b *bench) server(name string, command func() (*exec.Cmd, error)) (*child, error) {
	if i := slices.IndexFunc(b.children, func(c *child) bool { return c.name == name }); i >= 0 {
		return b.children[i], nil
	}
	cmd, err := command()
	if err != nil {
		return nil, err
	}
	c, err := b.start(cmd)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	c.name = name
	b.children = append(b.children, c)
	return c, nil
}

var listens = regexp.MustCompile(`listens on (http://\S+)`)

// start starts a server and waits until it says where it listens.
func (b *bench) start(cmd *exec.Cmd) (*child, error) {
	log, err := os.OpenFile(filepath.Join(b.folder, fmt.Sprintf("server-%d.log", len(b.children))), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	cmd.Stderr = log
	stdin, err := cmd.StdinPipe() // whoever reads it knows when this process is gone
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := &child{pid: cmd.Process.Pid, log: log, end: func() {
		_ = stdin.Close()
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		_ = log.Close()
	}}
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if m := listens.FindStringSubmatch(lines.Text()); m != nil {
			c.url = m[1]
			go func() { _, _ = io.Copy(io.Discard, stdout) }()
			return c, nil
		}
	}
	text, _ := os.ReadFile(log.Name())
	c.end()
	return nil, fmt.Errorf("it ended: %s", strings.TrimSpace(string(text)))
}

// self is a command of this very program.
func self(ctx context.Context, args ...string) (*exec.Cmd, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return exec.CommandContext(ctx, program, args...), nil //nolint:gosec // this program
}

// program is one of the built programs.
func (b *bench) program(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(b.programs, name), args...) //nolint:gosec // the programs that are measured
	cmd.Dir = b.folder
	return cmd
}

// load has a load generator call a server.
func (b *bench) load(ctx context.Context, to *child, o order) (sample, error) {
	o.URL, o.PID, o.Length, o.Keys = to.url, to.pid, b.length, cmp.Or(o.Keys, records)
	if o.Call == "batch" {
		o.Length *= 2 // few calls end in a second
	}
	text, err := json.Marshal(o)
	if err != nil {
		return sample{}, err
	}
	cmd, err := self(ctx, "load", string(text))
	if err != nil {
		return sample{}, err
	}
	cmd.Stderr = b.log
	out, err := cmd.Output()
	if err != nil {
		return sample{}, fmt.Errorf("the load generator: %w", err)
	}
	var s sample
	if err := json.Unmarshal(out, &s); err != nil {
		return sample{}, err
	}
	return s, to.log.Truncate(0) // it grows by megabytes a second
}

// ticks is how many parts of a second /proc counts CPU time in, on every Linux.
const ticks = 100

// cpuTime returns the CPU time of a process so far.
func cpuTime(pid int) (time.Duration, error) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(text), ") ") // the name before may hold spaces
	fields := strings.Fields(after)
	if len(fields) < 13 {
		return 0, errors.New("/proc/PID/stat is not as it should be")
	}
	var sum int64
	for _, field := range fields[11:13] { // utime and stime
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return time.Duration(sum) * time.Second / ticks, nil
}
