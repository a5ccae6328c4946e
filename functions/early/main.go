// Flights that left early. A command: the event is on standard input, the answer goes to standard output.
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
	Carrier  string `json:"carrier"`
	Flight   int    `json:"flight"`
	DepDelay *int   `json:"dep_delay"`
}

type record struct {
	Key  string         `json:"key"`
	Data map[string]any `json:"data"`
}

type failure struct {
	ItemIdentifier string `json:"itemIdentifier"`
	Action         string `json:"action"`
	Kind           string `json:"kind"`
	Reason         string `json:"reason"`
}

func main() {
	var in event
	if err := json.NewDecoder(os.Stdin).Decode(&in); err != nil {
		fmt.Fprintln(os.Stderr, "read the event:", err)
		os.Exit(1)
	}
	out, failed := []record{}, []failure{}
	for _, r := range in.Records {
		var one flight
		if err := json.Unmarshal(r.Kinesis.Data, &one); err != nil {
			failed = append(failed, failure{r.Kinesis.SequenceNumber, "dead-letter", "BadJson", err.Error()})
			continue
		}
		if one.DepDelay != nil && *one.DepDelay < 0 {
			data := map[string]any{"flight": fmt.Sprint(one.Carrier, one.Flight), "early": -*one.DepDelay}
			out = append(out, record{r.Kinesis.PartitionKey, data})
		}
	}
	answer := map[string]any{"outputs": map[string]any{"default": out}, "batchItemFailures": failed}
	if err := json.NewEncoder(os.Stdout).Encode(answer); err != nil {
		fmt.Fprintln(os.Stderr, "write the answer:", err)
		os.Exit(1)
	}
}
