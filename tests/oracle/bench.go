package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"text/template"
	"time"
)

// load is a case to be rendered so many times. A text that was there under its ID before is not parsed again.
type load struct {
	question
	Count int `json:"count"`
}

// measured is what came out, and how long all the renderings took.
type measured struct {
	ID    string `json:"id"`
	Out   []byte `json:"out_b64"`
	Nanos int64  `json:"ns"`
}

// prepared is a parsed text with its data.
type prepared struct {
	template *template.Template
	dot      map[string]string
}

// bench renders, on one thread, what it is asked for on standard input, and says how long it took.
func bench(in io.Reader, out io.Writer) error {
	runtime.GOMAXPROCS(1)
	known := map[string]prepared{}
	decoder, encoder := json.NewDecoder(bufio.NewReader(in)), json.NewEncoder(out)
	for {
		var asked load
		switch err := decoder.Decode(&asked); err {
		case nil:
		case io.EOF:
			return nil
		default:
			return err
		}
		each, ok := known[asked.ID]
		if !ok {
			var err error
			if each, err = asked.prepared(); err != nil {
				return err
			}
			known[asked.ID] = each
		}
		answered, err := each.measured(asked.ID, asked.Count)
		if err != nil {
			return fmt.Errorf("%s: %w", asked.ID, err)
		}
		if err := encoder.Encode(answered); err != nil {
			return err
		}
	}
}

func (q question) prepared() (prepared, error) {
	parsed, err := q.parse(functionsAt(q.Now))
	dot := map[string]string{}
	for key, value := range q.Data {
		dot[key] = string(value)
	}
	return prepared{parsed, dot}, err
}

func (p prepared) measured(id string, count int) (measured, error) {
	var out []byte
	began := time.Now()
	for range count {
		var rendered bytes.Buffer
		if err := p.template.Execute(&rendered, p.dot); err != nil {
			return measured{}, err
		}
		out = rendered.Bytes()
	}
	return measured{id, out, time.Since(began).Nanoseconds()}, nil
}
