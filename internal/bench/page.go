package main

import "text/template"

// page is docs/benchmarks.md.
var page = template.Must(template.New("page").Parse(`# Benchmarks

` + "`make bench`" + ` wrote this page. It took {{.Took}} for {{.Rounds}} rounds, in which each row was measured for {{.Length}}.
Numbers of other machines differ; ratios of one run differ less. A ratio is taken within each round. Every cell has the
median of the rounds, and in brackets the least and the greatest.
{{range .Machine}}
- {{.}}{{end}}

## Compared

| | ratio or number | goal |
|---|---|---|
{{range .Ratios}}{{.}}
{{end}}
## Measured

Server and load generator are two processes on this machine. The load generator is a Twirp client in protobuf over kept
HTTP/1.1 connections; each connection makes one call after the other. CPU time is the server's a request, in
microseconds; p50 and p99 are microseconds as the client sees them.

| row | a second | CPU | p50 | p99 | |
|---|---|---|---|---|---|
{{range .Rows}}{{.}}
{{end}}
What the rows are:

- **bare echo** is a Twirp server that answers a read and does nothing else. With **one fdatasync** it overwrites 300 bytes
  of a file and waits for the disk in each request.
- **audited read** is Piinguin's server as it is built and run, with its access log in a file.
- **bare group commit** is a Twirp server that fetches the value from SQLite, and answers when 300 bytes a request are on
  disk; all that wait share one row and one transaction. It has no identity, policy, hash or signature.
- **at half load** offers half of the rate that audited reads reached on 32 connections in the same round. A call
  begins when it is due, so a server that falls behind has slow calls, not fewer.
- **naive** is a Twirp server with the same client of DynamoDB, which for a read does GetItem, then PutItem of a
  300-byte audit item, and for a create two PutItems. **Parallel bare PutItems** writes batches without any audit.
- **3ms a get and 6ms a put** has an engine in a third process, in memory, which waits as AWS does and counts calls
  and capacity units by the sizes of items. The units of a read include all calls of the server in that time.
- **append alone** has 128 goroutines append to a ledger. CPU time is that of all of them.
- **verify** runs the command, its start included, over 200,000 entries with 32 a page, and 20,000 with one a page.
- **replay** has piinguin-relay store a file of 10,000 events, one pair each.
{{if .Long}}- **list by** asks for up to 50 entries, newest first, of a subject, caller or reference at random.
- **index, CPU time** is the difference between appending with and without deriving the index.
{{end}}
Run a part, or a longer one: ` + "`make bench BENCH='-rows SQLite -rounds 3'`, `make bench BENCH=-long`" + `. Inner loops are Go
benchmarks: ` + "`go test -run '^$' -bench . -count 10 ./audit ./server/policy ./server/identity ./server/sqlitestore ./internal/gather`" + `, to be compared by
[benchstat](https://pkg.go.dev/golang.org/x/perf/cmd/benchstat).
`))
