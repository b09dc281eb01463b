package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// difference is a way in which two answers may differ. Groups that both expressions name must hold the same text.
type difference struct {
	golang, ours *regexp.Regexp
	reason       string
	seen         int
}

// pair is a case and Go's answer.
type pair struct {
	asked question
	right string
}

// diff gives cases to a program that speaks the protocol and prints where its answers are not Go's: random cases, or the
// recorded ones with -recorded.
func diff(arguments []string) error {
	var want wanted
	flags := want.flags()
	flags.IntVar(&want.least, "least", 0, "fail if fewer cases are compared, unless -only asks for few")
	listed := flags.String("differences", "../../crates/gotemplate/tests/data/differences.txt", "where the list of differences lies")
	shown := flags.Int("shown", 40, "how many differences are printed")
	recordedIn := flags.String("recorded", "", "compare the recorded cases of this directory instead")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if flags.NArg() == 0 {
		return errors.New("usage: diff [-seed N] [-each N] [-only NAMES] [-least N] [-shown N] [-differences FILE] [-recorded DIRECTORY] PROGRAM …")
	}
	differences, err := readDifferences(*listed)
	if err != nil {
		return err
	}
	pairs, rare, err := want.pairs(*recordedIn)
	if err != nil {
		return err
	}
	ours, err := ask(pairs, flags.Args())
	if err != nil {
		return err
	}
	return errors.Join(rare, compare(os.Stdout, pairs, ours, differences, *shown), want.tooFew(len(pairs)))
}

func (w wanted) tooFew(compared int) error {
	if w.only == "" && compared < w.least {
		return fmt.Errorf("%d cases compared, at least %d are asked for", compared, w.least)
	}
	return nil
}

// pairs also says what the cases show too rarely.
func (w wanted) pairs(recordedIn string) (out []pair, rare, failure error) {
	if recordedIn != "" {
		out, failure = recordedPairs(recordedIn)
		return out, nil, failure
	}
	covered, err := w.generate(func(asked question, answered answer) error {
		out = append(out, pair{asked, answered.String()})
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	return out, covered.report(os.Stderr, w), nil
}

func recordedPairs(directory string) ([]pair, error) {
	names, err := filepath.Glob(filepath.Join(directory, "*.jsonl"))
	if err != nil {
		return nil, err
	}
	var out []pair
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		for line := range bytes.Lines(content) {
			var read recorded
			if err := json.Unmarshal(line, &read); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			asked, err := read.question.withFiles(filepath.Join(directory, "certificates"))
			if err != nil {
				return nil, err
			}
			asked.ID = strings.TrimSuffix(filepath.Base(name), ".jsonl") + ":" + asked.ID
			out = append(out, pair{asked, read.answer().String()})
		}
	}
	return out, nil
}

func (r recorded) answer() answer {
	switch {
	case r.Out != nil:
		content := []byte(*r.Out)
		return answer{Out: &content}
	case r.OutBytes != nil:
		return answer{Out: &r.OutBytes}
	}
	return answer{Error: r.Error}
}

func (a answer) String() string {
	if a.Out == nil {
		return "error " + a.Error
	}
	return "out " + string(*a.Out)
}

// ask runs the program over all the cases; its answers come in any order.
func ask(pairs []pair, command []string) (map[string]string, error) {
	program := exec.Command(command[0], command[1:]...)
	program.Stderr = os.Stderr
	in, err := program.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := program.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := program.Start(); err != nil {
		return nil, err
	}
	go send(in, pairs)
	answers := map[string]string{}
	decoder := json.NewDecoder(bufio.NewReader(out))
	for {
		var answered answer
		if err := decoder.Decode(&answered); err != nil {
			if waited := program.Wait(); waited != nil {
				fmt.Fprintln(os.Stderr, command[0]+":", waited)
			}
			if err == io.EOF {
				return answers, nil
			}
			return nil, err
		}
		answers[answered.ID] = answered.String()
	}
}

// send stops when the program stops reading; what it did not read is then without an answer.
func send(in io.WriteCloser, pairs []pair) {
	defer in.Close()
	writer := bufio.NewWriter(in)
	encoder := json.NewEncoder(writer)
	encoder.SetEscapeHTML(false)
	for _, each := range pairs {
		if encoder.Encode(each.asked) != nil {
			return
		}
	}
	writer.Flush()
}

func readDifferences(path string) (out []*difference, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		columns := strings.Split(line, "\t")
		if len(columns) != 3 {
			return nil, fmt.Errorf("%s: not three columns: %q", path, line)
		}
		each := &difference{reason: columns[2]}
		for i, compiled := range []**regexp.Regexp{&each.golang, &each.ours} {
			if *compiled, err = regexp.Compile("(?s)^(?:" + columns[i] + ")$"); err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
		}
		out = append(out, each)
	}
	return out, nil
}

// tries is how often Go is asked again where it answers by the order of its maps.
const tries = 50

// isOneOf tells whether Go gives that answer too, if it is asked again.
func isOneOf(answered string, asked question) bool {
	for range tries {
		if asked.answer().String() == answered {
			return true
		}
	}
	return false
}

// compare prints the first of the differences that no line explains, and how often each line did.
func compare(out io.Writer, pairs []pair, ours map[string]string, differences []*difference, shown int) error {
	equal, others, unexplained := 0, 0, 0
	for _, each := range pairs {
		answered, ok := ours[each.asked.ID]
		switch {
		case !ok:
			answered = "no answer"
		case answered == each.right:
			equal++
			continue
		case explained(each.right, answered, differences):
			continue
		case isOneOf(answered, each.asked):
			others++
			continue
		}
		if unexplained++; unexplained <= shown {
			fmt.Fprintf(out, "%s: %q\n    go:   %q\n    ours: %q\n", each.asked.ID, each.asked.text(), each.right, answered)
		}
	}
	for _, each := range differences {
		fmt.Fprintf(out, "%6d %s\n", each.seen, each.reason)
	}
	fmt.Fprintf(out, "%6d cases, %d equal, %d equal to what Go answers if it is asked again, %d differ without a reason\n", len(pairs), equal, others, unexplained)
	if unexplained > 0 {
		return errors.New("the answers differ")
	}
	if others*1000 > len(pairs) {
		return fmt.Errorf("%d of %d answers are Go's only if it is asked again, more than one in a thousand", others, len(pairs))
	}
	return nil
}

func explained(right, answered string, differences []*difference) bool {
	for _, each := range differences {
		if each.explains(right, answered) {
			each.seen++
			return true
		}
	}
	return false
}

func (d *difference) explains(right, answered string) bool {
	golang, ours := d.golang.FindStringSubmatch(right), d.ours.FindStringSubmatch(answered)
	if golang == nil || ours == nil {
		return false
	}
	for i, name := range d.golang.SubexpNames() {
		if at := d.ours.SubexpIndex(name); name != "" && at >= 0 && golang[i] != ours[at] {
			return false
		}
	}
	return true
}
