// The oracle of the template engine: the real text/template with the real sprig and YAML modules, for the Rust crate to be
// compared with.
//
//	go run .                  answers the cases on standard input, one JSON object a line
//	go run . record DIR       writes the recorded cases of cases_*.go with Go's answers to DIR/*.jsonl
//	go run . generate         writes random and damaged cases to standard output, their coverage to standard error
//	go run . bench            renders the cases on standard input many times and says how long it took
//	go run . diff PROGRAM …   gives random cases to the oracle and to PROGRAM and prints where they differ
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

func main() {
	time.Local = time.UTC
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "oracle:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if err := useOwnZones(); err != nil {
		return err
	}
	if len(arguments) == 0 {
		return answerAll(os.Stdin, os.Stdout)
	}
	switch arguments[0] {
	case "record":
		if len(arguments) != 2 {
			return errors.New("usage: record DIRECTORY")
		}
		return record(arguments[1])
	case "generate":
		return generate(arguments[1:])
	case "bench":
		return bench(os.Stdin, os.Stdout)
	case "diff":
		return diff(arguments[1:])
	}
	return fmt.Errorf("unknown command %q: record, generate, bench or diff", arguments[0])
}

// answerAll answers one case a line.
func answerAll(in io.Reader, out io.Writer) error {
	decoder := json.NewDecoder(bufio.NewReader(in))
	writer := bufio.NewWriter(out)
	encoder := json.NewEncoder(writer)
	encoder.SetEscapeHTML(false)
	for {
		var asked question
		switch err := decoder.Decode(&asked); err {
		case nil:
		case io.EOF:
			return writer.Flush()
		default:
			return err
		}
		if err := encoder.Encode(asked.answer()); err != nil {
			return err
		}
	}
}
