package client_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/twitchtv/twirp"

	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// Store what a file holds, line by line, in as few calls as may be.
func ExampleClient_CreateStream() {
	c, end := exampleClient()
	defer end()

	file := strings.NewReader("7d8a4beae5bc9d31 jane@example.com\n 203.0.113.7\n0c2ab4fe81d2c011 john@example.com\n")
	records := func(yield func(*piinguinv1.PiiRecord, error) bool) {
		lines := bufio.NewScanner(file)
		for lines.Scan() {
			modified, original, _ := strings.Cut(lines.Text(), " ")
			if !yield(&piinguinv1.PiiRecord{ModifiedValue: modified, OriginalValue: original}, nil) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(nil, err)
		}
	}

	line := 0
	for result, err := range c.CreateStream(context.Background(), nil, records) {
		line++
		if err != nil {
			fmt.Printf("line %d: %v\n", line, err)
			continue // or leave the loop: that cancels what is under way
		}
		fmt.Printf("line %d: stored, superseded %t\n", line, result.GetSuperseded())
	}
	// Output:
	// line 1: stored, superseded false
	// line 2: twirp error invalid_argument: the server refused this item: modified_value_required
	// line 3: stored, superseded false
}

// Read many records for one reason. Each is an audit entry of its own.
func ExampleClient_ReadStream() {
	c, end := exampleClient("a", "c")
	defer end()

	values := []string{"a", "b", "c"}
	why := &piinguinv1.ReadPiiRecordsRequest{
		ProcessingBasis: piinguinv1.LawfulBasisForProcessing_LEGITIMATE_INTERESTS,
		Purpose:         "investigate the fraud of March",
		Reference:       "CASE-7",
	}
	i := 0
	for result, err := range c.ReadStream(context.Background(), why, all(values)) {
		var failure twirp.Error
		switch {
		case err == nil:
			fmt.Println(values[i], "is", result.GetPiiRecord().GetOriginalValue())
		case errors.As(err, &failure) && failure.Code() == twirp.NotFound:
			fmt.Println(values[i], "is not there")
		default:
			fmt.Println(err)
			return
		}
		i++
	}
	// Output:
	// a is original of a
	// b is not there
	// c is original of c
}

// Erase everything of a list.
func ExampleClient_DeleteStream() {
	c, end := exampleClient("a", "c")
	defer end()

	gone, erased := 0, 0
	why := &piinguinv1.DeletePiiRecordsRequest{Purpose: "the customer left", Reference: "request 2026-17"}
	for result, err := range c.DeleteStream(context.Background(), why, all([]string{"a", "b", "c"})) {
		if err != nil {
			fmt.Println(err)
			return
		}
		gone++
		if result.GetErased() {
			erased++
		}
	}
	fmt.Println(gone, "are gone,", erased, "of them now")
	// Output: 3 are gone, 2 of them now
}

// all is the input of a stream that does not fail.
func all(values []string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, value := range values {
			if !yield(value, nil) {
				return
			}
		}
	}
}
