//go:build !unix

package sqlitefile

import "io/fs"

// links returns 1: here a file's information has no count.
func links(fs.FileInfo) uint64 { return 1 }
