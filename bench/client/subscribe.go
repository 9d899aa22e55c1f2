package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// subscribe opens the streams, says `ready` on stderr once each has had its first message, and ends when all have.
func subscribe(plan Plan) (*Result, error) {
	step := plan.Steps[0]
	connections := make([]*grpc.ClientConn, plan.Connections)
	for i := range connections {
		connection, err := connect(step.Address)
		if err != nil {
			return nil, err
		}
		connections[i] = connection
	}
	ctx := metadata.NewOutgoingContext(context.Background(), metadata.New(step.Metadata))
	var first, all sync.WaitGroup
	var lock sync.Mutex
	result := &Result{}
	first.Add(plan.Subscribers)
	for i := range plan.Subscribers {
		all.Go(func() {
			heard := sync.OnceFunc(first.Done)
			defer heard()
			arrivals, err := readStream(ctx, connections[i%len(connections)], step, heard)
			lock.Lock()
			defer lock.Unlock()
			result.ArrivalsMs = append(result.ArrivalsMs, arrivals...)
			if err != nil {
				result.Failures++
				result.FirstError = err.Error()
			}
		})
	}
	first.Wait()
	fmt.Fprintln(os.Stderr, "ready")
	all.Wait()
	return result, nil
}

func readStream(ctx context.Context, connection *grpc.ClientConn, step Step, heard func()) ([]float64, error) {
	stream, err := connection.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, step.Path)
	if err != nil {
		return nil, err
	}
	if err := stream.SendMsg(&step.Messages[0]); err != nil {
		return nil, err
	}
	if err := stream.CloseSend(); err != nil {
		return nil, err
	}
	var arrivals []float64
	for {
		var message []byte
		if err := stream.RecvMsg(&message); errors.Is(err, io.EOF) {
			return arrivals, nil
		} else if err != nil {
			return arrivals, err
		}
		arrivals = append(arrivals, float64(time.Now().UnixMicro())/1000)
		heard()
	}
}
