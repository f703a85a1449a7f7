// A Go program before the gateway: net/http, and github.com/coder/websocket for the engine.
// It takes ORIGIN, COOKIE and APP from the environment and prints what it met as one JSON object.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/coder/websocket"
)

var (
	origin = os.Getenv("ORIGIN")
	cookie = os.Getenv("COOKIE")
	app    = os.Getenv("APP")
	file   = "/api/v1/apps/" + app + "/media/files/go.bin"
	client = &http.Client{Timeout: time.Minute, Transport: &http.Transport{ExpectContinueTimeout: time.Minute}}
)

func main() {
	content := make([]byte, 24<<20)
	must(rand.Read(content))
	met := map[string]any{
		"get":     get(),
		"put":     put(content, bytes.NewReader(content)),
		"chunked": put(content, &counter{Reader: bytes.NewReader(content)}),
		"range":   part(content),
	}
	met["continued"], met["refused"] = expect(content, cookie), expect(content, "")
	for name, mode := range map[string]websocket.CompressionMode{"socket": websocket.CompressionDisabled, "compressed": websocket.CompressionContextTakeover} {
		met[name] = socket(mode)
	}
	if err := json.NewEncoder(os.Stdout).Encode(met); err != nil {
		panic(err)
	}
}

func get() map[string]any {
	answer, body := call(ask("GET", "/api/v1/users/me", nil))
	return map[string]any{"status": answer.StatusCode, "url": answer.Request.URL.String(), "user": json.RawMessage(body)}
}

func put(content []byte, body io.Reader) map[string]any {
	answer, _ := call(ask("PUT", file, body))
	_, back := call(ask("GET", file, nil))
	return map[string]any{"status": answer.StatusCode, "same": bytes.Equal(back, content)}
}

func part(content []byte) map[string]any {
	request := ask("GET", file, nil)
	request.Header.Set("Range", "bytes=1000000-1000999")
	answer, body := call(request)
	return map[string]any{"status": answer.StatusCode, "range": answer.Header.Get("Content-Range"), "same": bytes.Equal(body, content[1000000:1001000])}
}

// How much of a body of unknown length has left before the answer.
func expect(content []byte, cookie string) map[string]any {
	sent := &counter{Reader: bytes.NewReader(content)}
	request := ask("PUT", file, sent)
	request.Header.Set("Cookie", cookie)
	request.Header.Set("Expect", "100-continue")
	answer, _ := call(request)
	return map[string]any{"status": answer.StatusCode, "sent": sent.count}
}

func socket(mode websocket.CompressionMode) map[string]any {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	header := http.Header{"Cookie": {cookie}, "Origin": {origin}}
	engine, _, err := websocket.Dial(ctx, strings.Replace(origin, "http", "ws", 1)+"/app/"+app, &websocket.DialOptions{HTTPHeader: header, CompressionMode: mode})
	if err != nil {
		panic(err)
	}
	engine.SetReadLimit(-1)
	_, first := must2(engine.Read(ctx))
	question := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"handle":-1,"method":"GetDocList","params":[],"padding":%q}`, strings.Repeat("x", 100_000))
	if err := engine.Write(ctx, websocket.MessageText, []byte(question)); err != nil {
		panic(err)
	}
	_, second := must2(engine.Read(ctx))
	// Without an error only after a close frame with the same code.
	code := websocket.StatusNormalClosure
	if err := engine.Close(code, ""); err != nil {
		panic(err)
	}
	return map[string]any{"first": json.RawMessage(first), "answer": json.RawMessage(second), "code": code}
}

// A body whose length http.NewRequest cannot see.
type counter struct {
	io.Reader
	count int
}

func (c *counter) Read(into []byte) (int, error) {
	n, err := c.Reader.Read(into)
	c.count += n
	return n, err
}

func ask(method, path string, body io.Reader) *http.Request {
	request := must(http.NewRequest(method, origin+path, body))
	request.Header.Set("Cookie", cookie)
	request.Header.Set("Origin", origin)
	return request
}

func call(request *http.Request) (*http.Response, []byte) {
	answer := must(client.Do(request))
	defer answer.Body.Close()
	return answer, must(io.ReadAll(answer.Body))
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func must2[T, U any](one T, other U, err error) (T, U) {
	if err != nil {
		panic(err)
	}
	return one, other
}
