package identity

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/piinguin/piinguin/internal/durable"
	"github.com/piinguin/piinguin/server/policy"
)

// AppendToken adds a line of FormatToken to the end of a token file. It makes the file, with mode
// 0600, if it does not exist. The other lines, comments, the mode and the owner stay as they are; if
// path is a symbolic link, the file that it leads to is changed.
//
// A crash leaves the file as it was or with the whole new line. Of several processes that add a
// token at the same time one succeeds, and the others get an error: no line is lost. The error
// names the line of a file that ParseTokens refuses, before or after the new line, and never quotes
// it. The file is then as it was.
func AppendToken(path, line string) error {
	path, err := tokenFile(path)
	if err != nil {
		return err
	}
	err = durable.Edit(path, 0o600, func(next *os.File) error {
		text, err := readTokens(path, next)
		if err != nil {
			return err
		}
		text = append(text, line...)
		if _, err := parseTokens(bytes.NewReader(text), given{}); err != nil { // the new line may contradict others
			return err
		}
		_, err = next.Write(text)
		return err
	})
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("identity: %s.new exists: another process is adding a token, or was killed while it did; in that case remove the file", path)
	}
	return err
}

// tokenFile follows links, which would be replaced otherwise. It refuses a link to nothing, and what
// is no file: reading a pipe would wait for ever.
func tokenFile(path string) (string, error) {
	target, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(path); err == nil {
			return "", fmt.Errorf("identity: %s is a link to a file that does not exist", path)
		}
		return path, nil
	}
	if err != nil {
		return "", err
	}
	info, err := os.Stat(target)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("identity: %s is not a regular file", path)
	}
	return target, err
}

// readTokens returns the content of a valid token file, which ends with a newline if there is any,
// and gives the file's mode and owner to the one that will replace it.
func readTokens(path string, next *os.File) ([]byte, error) {
	text, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if _, err := parseTokens(bytes.NewReader(text), given{}); err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if len(text) > 0 && text[len(text)-1] != '\n' {
		text = append(text, '\n')
	}
	return text, errors.Join(next.Chmod(info.Mode().Perm()), keepOwner(next, info))
}

// TokenInfo is what a line of a token file says, without its hash.
type TokenInfo struct {
	Name    string
	Roles   []policy.Role
	Expires time.Time // the first moment at which the token is unknown; zero is never
}

// ListTokens returns the tokens of a file, in its order. Errors name a line, never what it holds.
func ListTokens(path string) ([]TokenInfo, error) {
	text, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	known, err := parseTokens(bytes.NewReader(text), given{})
	if err != nil {
		return nil, err
	}
	var all []TokenInfo
	for _, t := range known {
		all = append(all, TokenInfo{t.caller.Name, t.caller.Roles, t.expires})
	}
	return all, nil
}
