package sqlitelog

import "database/sql"

// Writer is the handle of the one connection that commits.
func (s *Store) Writer() *sql.DB { return s.write }
