package sqlitefile

import "zombiezen.com/go/sqlite"

// bind sets a parameter, counted from 1. It reports false if the value has a type that no
// parameter takes.
func bind(s *sqlite.Stmt, at int, value any) bool {
	switch v := value.(type) {
	case nil:
		s.BindNull(at)
	case string:
		s.BindText(at, v)
	case int:
		s.BindInt64(at, int64(v))
	case int64:
		s.BindInt64(at, v)
	case []byte:
		if v == nil {
			s.BindNull(at)
		} else {
			s.BindBytes(at, v)
		}
	default:
		return false
	}
	return true
}

func scanRow(s *sqlite.Stmt, into []any) error {
	if s.ColumnCount() != len(into) {
		return errDriver
	}
	for i, to := range into {
		if !scan(s, i, to) {
			return errDriver
		}
	}
	return nil
}

// scan reports false if the column's value is not of the type that is asked for. SQLite itself would
// make 0 of a word, and a word of NULL.
func scan(s *sqlite.Stmt, column int, to any) bool {
	kind := s.ColumnType(column)
	switch v := to.(type) {
	case **string:
		return scanOptional(kind, v, func(v *string) bool { return scan(s, column, v) })
	case **[]byte:
		return scanOptional(kind, v, func(v *[]byte) bool { return scan(s, column, v) })
	case **int64:
		return scanOptional(kind, v, func(v *int64) bool { return scan(s, column, v) })
	case *string:
		*v = s.ColumnText(column)
		return kind != sqlite.TypeNull
	case *[]byte:
		*v = make([]byte, s.ColumnLen(column))
		s.ColumnBytes(column, *v)
		return kind != sqlite.TypeNull
	case *int64:
		*v = s.ColumnInt64(column)
	case *int:
		*v = s.ColumnInt(column)
	case *bool:
		*v = s.ColumnBool(column)
	default:
		return false
	}
	return kind == sqlite.TypeInteger
}

// scanOptional scans a value that may be NULL.
func scanOptional[T any](kind sqlite.ColumnType, to **T, scan func(*T) bool) bool {
	*to = nil
	if kind == sqlite.TypeNull {
		return true
	}
	*to = new(T)
	return scan(*to)
}
