// Flights that left late: the records of a batch in, those of late flights out. A program like any other: the event is on
// standard input, the answer goes to standard output, what it logs to standard error.
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

type event struct {
	Records []struct {
		Kinesis struct {
			PartitionKey   string `json:"partitionKey"`
			SequenceNumber string `json:"sequenceNumber"`
			Data           []byte `json:"data"`
		} `json:"kinesis"`
	}
}

type flight struct {
	Flight   string `json:"flight"`
	DepDelay *int   `json:"dep_delay"`
}

type late struct {
	Flight string `json:"flight"`
	Late   int    `json:"late"`
}

type output struct {
	Key  string `json:"key"`
	Data late   `json:"data"`
}

type failure struct {
	ItemIdentifier string `json:"itemIdentifier"`
	Action         string `json:"action"`
	Kind           string `json:"kind"`
	Reason         string `json:"reason"`
}

type answer struct {
	Outputs  map[string][]output `json:"outputs"`
	Failures []failure           `json:"batchItemFailures"`
}

func handle(in event) answer {
	out := answer{Outputs: map[string][]output{"default": {}}, Failures: []failure{}}
	for _, record := range in.Records {
		var one flight
		if err := json.Unmarshal(record.Kinesis.Data, &one); err != nil {
			out.Failures = append(out.Failures, failure{record.Kinesis.SequenceNumber, "dead-letter", "BadJson", err.Error()})
			continue
		}
		// A cancelled flight has no delay: it is not late.
		if one.DepDelay != nil && *one.DepDelay > 0 {
			data := late{one.Flight, *one.DepDelay}
			out.Outputs["default"] = append(out.Outputs["default"], output{record.Kinesis.PartitionKey, data})
		}
	}
	return out
}

func main() {
	var in event
	if err := json.NewDecoder(os.Stdin).Decode(&in); err != nil {
		fmt.Fprintln(os.Stderr, "read the event:", err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(handle(in)); err != nil {
		fmt.Fprintln(os.Stderr, "write the answer:", err)
		os.Exit(1)
	}
}
