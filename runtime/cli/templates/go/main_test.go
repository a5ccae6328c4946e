package main

import (
	"encoding/json"
	"testing"
)

// `go test`: no WebAssembly, no server.
func TestALateFlightGoesOutAndOthersDoNot(t *testing.T) {
	var in event
	text := `{"Records":[
		{"kinesis":{"partitionKey":"EWR","sequenceNumber":"1","data":"eyJmbGlnaHQiOiJVQTE1NDUiLCJkZXBfZGVsYXkiOjJ9"}},
		{"kinesis":{"partitionKey":"EWR","sequenceNumber":"2","data":"eyJmbGlnaHQiOiJVQTEiLCJkZXBfZGVsYXkiOm51bGx9"}},
		{"kinesis":{"partitionKey":"EWR","sequenceNumber":"3","data":"e2Jyb2tlbg=="}}]}`
	if err := json.Unmarshal([]byte(text), &in); err != nil {
		t.Fatal(err)
	}
	out := handle(in)
	if got := out.Outputs["default"]; len(got) != 1 || got[0] != (output{"EWR", late{"UA1545", 2}}) {
		t.Errorf("outputs: %v", got)
	}
	if len(out.Failures) != 1 || out.Failures[0].ItemIdentifier != "3" {
		t.Errorf("failures: %v", out.Failures)
	}
}
