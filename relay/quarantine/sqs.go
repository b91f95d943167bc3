package quarantine

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/piinguin/piinguin/relay"
)

// perCall is SQS's limit of messages in one call.
const perCall = 10

// SQS is a queue. It needs sqs:SendMessage. It is safe for concurrent use.
type SQS struct {
	client *sqs.Client
	url    string
}

// Message is the JSON of a message: the place of a record. The stream holds the content until its
// retention ends.
type Message struct {
	Stream         string `json:"stream"`
	Shard          string `json:"shard"`
	SequenceNumber string `json:"sequence_number"`
	// SubSequenceNumber is the place in an aggregated record (KPL), from 0.
	SubSequenceNumber *int       `json:"sub_sequence_number,omitempty"`
	Reason            string     `json:"reason"`               // one of relay's Reasons
	ArrivedAt         *time.Time `json:"arrived_at,omitempty"` // at the stream, approximately
}

// NewSQS returns the queue of a URL. It refuses a FIFO queue, which would need a group and a
// deduplication ID for each message. A record that comes again is a second message.
func NewSQS(client *sqs.Client, url string) (*SQS, error) {
	if client == nil || url == "" || strings.HasSuffix(url, ".fifo") {
		return nil, errors.New("quarantine: a client and the URL of a standard queue are required")
	}
	return &SQS{client, url}, nil
}

// Put implements relay.Quarantine.
func (s *SQS) Put(ctx context.Context, records []relay.Quarantined) error {
	for some := range slices.Chunk(records, perCall) {
		entries := make([]types.SendMessageBatchRequestEntry, len(some))
		for i, r := range some {
			text, err := json.Marshal(messageOf(r))
			if err != nil {
				return errors.New("quarantine: a message cannot be written")
			}
			entries[i] = types.SendMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), MessageBody: aws.String(string(text))}
		}
		out, err := s.client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &s.url, Entries: entries})
		if err != nil {
			return failure(ctx, "SendMessageBatch", err)
		}
		if len(out.Successful) != len(some) { // single messages of a call may fail
			return errors.New("quarantine: SendMessageBatch: the queue did not take all messages")
		}
	}
	return nil
}

func messageOf(r relay.Quarantined) Message {
	m := Message{
		Stream: r.Stream, Shard: r.Shard, SequenceNumber: r.SequenceNumber, SubSequenceNumber: r.SubSequenceNumber, Reason: string(r.Reason),
	}
	if !r.ArrivedAt.IsZero() {
		m.ArrivedAt = aws.Time(r.ArrivedAt.UTC())
	}
	return m
}
