package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
)

// Where a message holds this text (a legal slug), each round has a number of its own in its place, as long as the text: so that the
// lengths that protobuf writes stay true.
var roundMark = []byte("round-number-000")

const callTimeout = 20 * time.Second

// A worker has a connection to each address of the plan and makes one round after the other.
type worker struct {
	plan        Plan
	connections map[string]*grpc.ClientConn
	contexts    []context.Context
	http        *http.Client
	took        []time.Duration
	failures    int
	firstError  string
}

func newWorker(plan Plan) (*worker, error) {
	w := &worker{
		plan:        plan,
		connections: map[string]*grpc.ClientConn{},
		http:        &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}},
	}
	for _, step := range plan.Steps {
		w.contexts = append(w.contexts, metadata.NewOutgoingContext(context.Background(), metadata.New(step.Metadata)))
		if isHTTP(step.Address) || w.connections[step.Address] != nil {
			continue
		}
		connection, err := connect(step.Address)
		if err != nil {
			return nil, err
		}
		w.connections[step.Address] = connection
	}
	return w, nil
}

func isHTTP(address string) bool {
	return strings.HasPrefix(address, "http://")
}

func connect(address string) (*grpc.ClientConn, error) {
	return grpc.NewClient("passthrough:///"+address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(rawBytes{}), grpc.MaxCallRecvMsgSize(16<<20)))
}

func (w *worker) round(number uint64) error {
	for i, step := range w.plan.Steps {
		ctx, cancel := context.WithTimeout(w.contexts[i], callTimeout)
		err := w.step(ctx, step, number)
		cancel()
		if err != nil {
			return fmt.Errorf("%s: %w", step.Path, err)
		}
	}
	return nil
}

func (w *worker) step(ctx context.Context, step Step, number uint64) error {
	if isHTTP(step.Address) {
		return get(ctx, w.http, step)
	}
	request := step.Messages[number%uint64(len(step.Messages))]
	if bytes.Contains(request, roundMark) {
		request = bytes.ReplaceAll(request, roundMark, fmt.Appendf(nil, "%016x", number))
	}
	var answer []byte
	return w.connections[step.Address].Invoke(ctx, step.Path, &request, &answer)
}

// work makes rounds until the end and keeps the times of those that began and ended within the measured time.
func (w *worker) work(next *atomic.Uint64, begin, end time.Time) {
	for {
		started := time.Now()
		if !started.Before(end) {
			return
		}
		err := w.round(next.Add(1))
		ended := time.Now()
		if err != nil {
			w.failures++
			if w.firstError == "" {
				w.firstError = err.Error()
			}
			// A server that refuses at once must not be drowned in calls.
			time.Sleep(time.Millisecond)
		} else if started.After(begin) && ended.Before(end) {
			w.took = append(w.took, ended.Sub(started))
		}
	}
}

func callRounds(plan Plan) (*Result, error) {
	workers := make([]*worker, plan.Connections)
	for i := range workers {
		w, err := newWorker(plan)
		if err != nil {
			return nil, err
		}
		workers[i] = w
	}
	// A second run against the same server must not repeat the numbers of the first.
	var next atomic.Uint64
	next.Store(uint64(time.Now().UnixMicro()) << 8)
	begin := time.Now().Add(time.Duration(plan.WarmUpMs) * time.Millisecond)
	end := begin.Add(time.Duration(plan.DurationMs) * time.Millisecond)
	var running sync.WaitGroup
	for _, w := range workers {
		running.Go(func() { w.work(&next, begin, end) })
	}
	running.Wait()
	return summarize(workers, end.Sub(begin)), nil
}

func summarize(workers []*worker, duration time.Duration) *Result {
	result := &Result{}
	var took []time.Duration
	for _, w := range workers {
		took = append(took, w.took...)
		result.Failures += w.failures
		if result.FirstError == "" {
			result.FirstError = w.firstError
		}
	}
	slices.Sort(took)
	result.Rounds = len(took)
	result.Rate = float64(len(took)) / duration.Seconds()
	result.P50Ms = percentile(took, 0.50)
	result.P99Ms = percentile(took, 0.99)
	return result
}

func percentile(sorted []time.Duration, share float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return float64(sorted[min(int(share*float64(len(sorted))), len(sorted)-1)].Microseconds()) / 1000
}

// rawBytes is a codec that passes bytes on.
type rawBytes struct{}

func (rawBytes) Name() string { return "proto" }

func (rawBytes) Marshal(message any) ([]byte, error) {
	switch m := message.(type) {
	case *[]byte:
		return *m, nil
	default:
		return nil, fmt.Errorf("%T is not bytes", message)
	}
}

func (rawBytes) Unmarshal(data []byte, into any) error {
	switch m := into.(type) {
	case *[]byte:
		*m = data
		return nil
	default:
		return fmt.Errorf("%T is not bytes", into)
	}
}
