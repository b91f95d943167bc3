package sqlitestore

import "database/sql"

// Writer is the handle of the one connection that writes.
func (s *Store) Writer() *sql.DB { return s.write }
