package main

import (
	"os"
	"strings"

	"github.com/rs/zerolog"
)

// warnOfOpenFiles logs which files other users of this machine can read or change: the database holds originals,
// the certificate's key is a secret, and whoever changes the files of callers makes one. A container's mounts may
// be open with nobody there to read them, so the server starts all the same. The ledger's key has no such
// excuse: openKey refuses it. The files are not opened: closing the database would drop SQLite's locks.
func (o *serveFlags) warnOfOpenFiles(log zerolog.Logger) {
	database, isSQLite := strings.CutPrefix(o.store.engine, sqlitePrefix)
	if !isSQLite {
		database = ""
	}
	for _, f := range []struct{ setting, path string }{
		{"--store", database}, {"--server-key", o.access.listen.key},
		{"--tokens", o.access.tokens}, {"--callers", o.access.callersFile},
	} {
		info, err := os.Stat(f.path)
		if err == nil && openToOthers(info) {
			log.Warn().Str("setting", f.setting).Msg("the file is open to other users than its owner: chmod 600 it")
		}
	}
}

// openToOthers tells a file that others than its owner may read, change or run.
func openToOthers(info os.FileInfo) bool { return info.Mode().Perm()&0o077 != 0 }
