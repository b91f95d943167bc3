package main

import (
	"context"
	"errors"
)

// The names of rows, without their number of connections.
const (
	echoed       = "bare echo"
	echoedSynced = "echo and one fdatasync"
	readSQLite   = "audited read, SQLite"
	groupSQLite  = "bare group commit, SQLite"
	createSQLite = "create, SQLite"
	halfRead     = "audited read at half load, SQLite"
	halfGroup    = "bare group commit at that rate, SQLite"
	appended     = "append alone, 128 appenders, SQLite"
	verified32   = "verify, 32 entries a page, SQLite"
	verified1    = "verify, 1 entry a page, SQLite"
	readDynamo   = "audited read, DynamoDB Local"
	naiveRead    = "naive read, DynamoDB Local"
	createDynamo = "create, DynamoDB Local"
	naiveCreate  = "naive create, DynamoDB Local"
	batchDynamo  = "create in batches of 500, DynamoDB Local"
	naiveBatch   = "parallel bare PutItems, DynamoDB Local"
	readSlow     = "audited read, " + getWait + " a get and " + putWait + " a put"
	naiveSlow    = "naive read, " + getWait + " a get and " + putWait + " a put"
	createSlow   = "create, " + getWait + " a get and " + putWait + " a put"
	naiveNew     = "naive create, " + getWait + " a get and " + putWait + " a put"
	appended32   = "append in pages of 32, write units of DynamoDB"
	replaySQLite = "replay of events, SQLite"
	replayDynamo = "replay of events, DynamoDB Local"
)

// Connections of rows that do not take them from the flag.
const (
	halfCallers  = 32
	slowCallers  = 256
	batchCallers = 4
)

// starter returns the server of a row.
type starter func(ctx context.Context, b *bench) (*child, error)

// called is a row whose load generator makes calls to a server on some connections.
func called(name, call string, connections int, server starter) row {
	return row{name: named(name, connections), run: func(ctx context.Context, b *bench) (sample, error) {
		to, err := server(ctx, b)
		if err != nil {
			return sample{}, err
		}
		return b.load(ctx, to, order{Call: call, Connections: connections})
	}}
}

// rowsOf returns the usual rows. Those that are compared stand side by side, so that they are
// measured at nearly the same time.
func rowsOf(connections []int) []row {
	rows := []row{called(echoedSynced, "read", 1, startSynced)}
	for _, n := range connections {
		rows = append(rows,
			called(echoed, "read", n, startEcho),
			called(readSQLite, "read", n, startSQLite),
			called(groupSQLite, "read", n, startGroup))
	}
	for _, n := range connections {
		rows = append(rows, called(createSQLite, "create", n, startSQLite))
	}
	rows = append(rows,
		row{name: halfRead, run: atHalfLoad(startSQLite)},
		row{name: halfGroup, run: atHalfLoad(startGroup)},
		row{name: appended, run: appendAlone},
		row{name: verified32, run: verify(32, 200_000)},
		row{name: verified1, run: verify(1, 20_000)},
		row{name: replaySQLite, run: replay(startSQLite)})
	for _, n := range connections {
		rows = append(rows,
			called(naiveRead, "read", n, local.naive),
			called(readDynamo, "read", n, local.piinguin))
	}
	for _, n := range connections {
		rows = append(rows,
			called(naiveCreate, "create", n, local.naive),
			called(createDynamo, "create", n, local.piinguin))
	}
	return append(rows,
		called(naiveBatch, "batch", batchCallers, local.naive),
		called(batchDynamo, "batch", batchCallers, local.piinguin),
		row{name: replayDynamo, run: replay(local.piinguin)},
		metered(naiveSlow, "read", halfCallers, slow.naive),
		metered(readSlow, "read", halfCallers, slow.piinguin),
		metered(naiveSlow, "read", slowCallers, slow.naive),
		metered(readSlow, "read", slowCallers, slow.piinguin),
		metered(naiveNew, "create", slowCallers, slow.naive),
		metered(createSlow, "create", slowCallers, slow.piinguin),
		row{name: appended32, run: unitsOfPages(32, 32_768), once: true})
}

// atHalfLoad measures a server at half of the rate that audited reads reached in this round.
func atHalfLoad(server starter) func(ctx context.Context, b *bench) (sample, error) {
	return func(ctx context.Context, b *bench) (sample, error) {
		full := called(readSQLite, "read", halfCallers, startSQLite)
		b.one(ctx, full)
		to, err := server(ctx, b)
		if err != nil {
			return sample{}, err
		}
		at := b.samples[full.name][b.round].Rate
		if at == 0 {
			return sample{}, errors.New("the full load was not measured")
		}
		return b.load(ctx, to, order{Call: "read", Connections: halfCallers, Rate: at / 2})
	}
}

// metered is a row in front of the slow engine, which counts what each call costs.
func metered(name, call string, connections int, server starter) row {
	r := called(name, call, connections, server)
	run := r.run
	r.run = func(ctx context.Context, b *bench) (sample, error) {
		endpoint, err := slow.engine(ctx, b)
		if err != nil {
			return sample{}, err
		}
		if _, err := server(ctx, b); err != nil { // what it does at its start does not count
			return sample{}, err
		}
		before, err := meterOf(endpoint)
		if err != nil {
			return sample{}, err
		}
		s, err := run(ctx, b)
		if err != nil {
			return s, err
		}
		after, err := meterOf(endpoint)
		s.More = after.since(before).each(s.More[callsMade])
		return s, err
	}
	return r
}
