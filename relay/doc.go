// Package relay stores the pairs of Snowplow's PII transformation events in a Piinguin server. Decode
// reads one line of the stream into an [Event], which holds pairs of a modified and an original
// value; a [Relay] sends events through the Twirp client.
//
//	r := relay.New(c) // c is a client with the role writer
//	result, err := r.Send(ctx, events)
//
// [Handler] does this for AWS Lambda on a Kinesis stream, [Replay] for files.
//
// It promises:
//
//   - An event is [Finished] only when the server has said of each of its pairs that it is stored,
//     or that a newer one is. Every other event is [Unfinished] or [Refused]. Whoever acknowledges only
//     Finished events, and Refused ones after their quarantine, loses none.
//   - An event that can never be stored does not hold up the others. It is quarantined: counted, and
//     reported by its position and a [Reason] from a closed set.
//   - No error, report or log line holds anything from inside an event. A [Failure] wraps no other
//     error, because what a server, a proxy or a library says may quote the request.
//
// It does not promise that an event is sent once. Kinesis delivers events again, and files may be
// replayed. The server keeps the value that was observed last, so repeating changes nothing.
//
// The package knows no AWS SDK. Places for quarantined records are in package quarantine, and package
// relaytest has a server for tests.
package relay
