package main

import "fmt"

// ratio compares two rows, or states one number of a row.
type ratio struct {
	what   string
	of, to string // names of rows; without to it is a number of its own
	value  func(sample) float64
	goal   string // what Piinguin is meant to reach
}

func rate(s sample) float64 { return s.Rate }

func cpu(s sample) float64 { return s.CPU }

func p50(s sample) float64 { return s.P50 }

func p99(s sample) float64 { return s.P99 }

// more returns a number that only some rows have.
func more(name string) func(sample) float64 {
	return func(s sample) float64 { return s.More[name] }
}

// ratiosOf returns what is compared. Whatever was not measured is left out of the report.
func ratiosOf(connections []int, size int) []ratio {
	goals := map[string]string{
		named(readSQLite, 32) + " / " + echoed: "0.44", named(readSQLite, 128) + " / " + echoed: "0.58",
		"server CPU of " + named(readSQLite, 32) + " / " + echoed: "3.2", "server CPU of " + named(readSQLite, 128) + " / " + echoed: "2.7",
		named(readDynamo, 1) + " / " + naiveRead: "0.85", named(readDynamo, 32) + " / " + naiveRead: "2.0", named(readDynamo, 128) + " / " + naiveRead: "3.3",
		named(createDynamo, 32) + " / " + naiveCreate: "1.2", named(createDynamo, 128) + " / " + naiveCreate: "1.8",
	}
	var all []ratio
	compare := func(of, to string) {
		for _, n := range connections {
			what := named(of, n) + " / " + to
			all = append(all, ratio{what, named(of, n), named(to, n), rate, goals[what]})
		}
	}
	compare(readSQLite, echoed)
	for _, n := range connections {
		what := "server CPU of " + named(readSQLite, n) + " / " + echoed
		all = append(all, ratio{what, named(readSQLite, n), named(echoed, n), cpu, goals[what]})
	}
	compare(readSQLite, groupSQLite)
	all = append(all,
		ratio{"p50 of " + named(readSQLite, 1) + " / " + echoedSynced, named(readSQLite, 1), named(echoedSynced, 1), p50, "1.4"},
		ratio{"p99 of " + halfRead + " / " + halfGroup, halfRead, halfGroup, p99, "2"},
		ratio{appended + ", entries a second", appended, "", rate, "80,000"},
		ratio{appended + ", us of the writer an entry", appended, "", more(writerTime), "12"},
		ratio{verified32 + ", entries a second", verified32, "", rate, "300,000"},
		ratio{verified1 + ", entries a second", verified1, "", rate, ""})
	compare(readDynamo, naiveRead)
	compare(createDynamo, naiveCreate)
	all = append(all,
		ratio{named(batchDynamo, batchCallers) + " / " + naiveBatch, named(batchDynamo, batchCallers), named(naiveBatch, batchCallers), rate, "0.8"},
		ratio{named(readSlow, halfCallers) + " / naive", named(readSlow, halfCallers), named(naiveSlow, halfCallers), rate, ""},
		ratio{named(readSlow, slowCallers) + " / naive", named(readSlow, slowCallers), named(naiveSlow, slowCallers), rate, "3.5"},
		ratio{named(createSlow, slowCallers) + " / naive", named(createSlow, slowCallers), named(naiveNew, slowCallers), rate, ""},
		ratio{named(readSlow, slowCallers) + ", write units a read", named(readSlow, slowCallers), "", more(writeUnitsEach), ""},
		ratio{appended32 + " an entry", appended32, "", more(writeUnitsEach), "0.47"})
	return append(all, longRatios(size)...)
}

// longRatios returns what a long run compares.
func longRatios(size int) (all []ratio) {
	for _, by := range []string{"subject", "caller", "reference"} {
		name := listed + by + ", SQLite, entries: "
		all = append(all, ratio{
			fmt.Sprintf("p50 of a list by %s of %d entries / of %d", by, size/2, smallLedger),
			ofSize(name, size/2), ofSize(name, smallLedger), p50, "",
		})
	}
	return append(all,
		ratio{verifiedAll + " / " + verifiedSome, verifiedAll, verifiedSome, rate, ""},
		ratio{indexed + ", us", indexed, "", cpu, "5"},
		ratio{appendedLong + ", an entry", appendedLong, "", more(writeUnitsEach), "0.47"},
		ratio{fmt.Sprintf("audited read, SQLite, %d records and entries / %d", size, smallStore), ofSize(grown, size), ofSize(grown, smallStore), rate, "0.8"})
}
