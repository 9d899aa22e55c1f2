// load calls a gRPC or HTTP server as fast as it answers, for a fixed time, and tells the rate and the latencies.
//
// It reads one plan as JSON from stdin and writes one result as JSON to stdout. Messages are bytes that the caller
// encoded: nothing is encoded or decoded here, so that what is measured is the server.
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

// Plan says what to call, how many at a time, and for how long.
type Plan struct {
	// Each connection has one call under way at any moment.
	Connections int `json:"connections"`
	WarmUpMs    int `json:"warm_up_ms"`
	DurationMs  int `json:"duration_ms"`
	// One round is all steps, one after the other; a round is what is counted and timed.
	Steps []Step `json:"steps"`
	// Instead of calls: this many open streams of the first step, until the server ends them.
	Subscribers int `json:"subscribers"`
}

// Step is one call of a round: of gRPC, or where the address begins with http://, a GET of HTTP.
type Step struct {
	Address  string            `json:"address"`
	Path     string            `json:"path"`
	Metadata map[string]string `json:"metadata"`
	// In base64. The rounds take them in turn.
	Messages [][]byte `json:"messages"`
}

// Result is what was measured.
type Result struct {
	Rounds     int     `json:"rounds"`
	Failures   int     `json:"failures"`
	FirstError string  `json:"first_error"`
	Rate       float64 `json:"rate"`
	P50Ms      float64 `json:"p50_ms"`
	P99Ms      float64 `json:"p99_ms"`
	// Subscribers only: when each message came, in milliseconds since 1970.
	ArrivalsMs []float64 `json:"arrivals_ms,omitempty"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func run() error {
	var plan Plan
	if err := json.NewDecoder(os.Stdin).Decode(&plan); err != nil {
		return fmt.Errorf("the plan cannot be read: %w", err)
	}
	if plan.Connections < 1 || len(plan.Steps) == 0 {
		return fmt.Errorf("a plan needs a connection and a step")
	}
	measure := callRounds
	if plan.Subscribers > 0 {
		measure = subscribe
	}
	result, err := measure(plan)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}
