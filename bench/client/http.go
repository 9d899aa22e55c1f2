package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
)

// get makes a step of an HTTP server, for figures beside which another system stands. Each worker keeps one connection.
func get(ctx context.Context, client *http.Client, step Step) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, step.Address+step.Path, nil)
	if err != nil {
		return err
	}
	for name, value := range step.Metadata {
		request.Header.Set(name, value)
	}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("HTTP %d", answer.StatusCode)
	}
	return nil
}
