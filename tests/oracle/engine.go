package main

import (
	"maps"
	"strings"
	"text/template"
	"unicode"
	"unicode/utf8"
)

// question is one case: a template and what it is rendered with. A missing name is "case", a missing missingkey "error".
type question struct {
	ID         string            `json:"id"`
	Name       string            `json:"name,omitempty"`
	Text       string            `json:"text,omitempty"`
	TextBytes  []byte            `json:"text_b64,omitempty"` // instead, if it is not UTF-8
	Data       map[string][]byte `json:"data,omitempty"`
	Files      map[string]string `json:"files,omitempty"` // in recorded cases: data that stands in a file
	Delims     []string          `json:"delims,omitempty"`
	MissingKey string            `json:"missingkey,omitempty"`
	Builtins   bool              `json:"builtins,omitempty"` // text/template's own functions are not replaced: slice
	Now        int64             `json:"now,omitempty"`
	Reads      string            `json:"reads,omitempty"` // the text is no template but a document, read into this: see documents.go
}

// answer is what a case renders to, or the text of the error that ended it.
type answer struct {
	ID    string  `json:"id"`
	Out   *[]byte `json:"out_b64,omitempty"`
	Error string  `json:"error,omitempty"`
}

func (a answer) out() []byte {
	if a.Out == nil {
		return nil
	}
	return *a.Out
}

func (q question) text() string {
	if q.TextBytes != nil {
		return string(q.TextBytes)
	}
	return q.Text
}

// withText keeps the text, as bytes if it is not UTF-8.
func (q question) withText(text string) question {
	q.Text, q.TextBytes = text, nil
	if !utf8.ValidString(text) {
		q.Text, q.TextBytes = "", []byte(text)
	}
	return q
}

func (q question) name() string {
	if q.Name == "" {
		return "case"
	}
	return q.Name
}

func (q question) answer() answer {
	if q.Reads != "" {
		return q.read()
	}
	all := functionsAt(q.Now)
	if q.Builtins {
		all = maps.Clone(all)
		delete(all, "slice")
	}
	return q.answerWith(all)
}

func (q question) answerWith(functions template.FuncMap) answer {
	out, err := q.render(functions)
	if err != nil {
		return answer{ID: q.ID, Error: err.Error()}
	}
	rendered := []byte(out)
	return answer{ID: q.ID, Out: &rendered}
}

// render is empty with an error: what was written before it is never looked at.
func (q question) render(functions template.FuncMap) (string, error) {
	parsed, err := q.parse(functions)
	if err != nil {
		return "", err
	}
	return q.execute(parsed)
}

func (q question) execute(parsed *template.Template) (string, error) {
	dot := map[string]string{}
	for key, value := range q.Data {
		dot[key] = string(value)
	}
	var out strings.Builder
	if err := parsed.Execute(&out, dot); err != nil {
		return "", err
	}
	return out.String(), nil
}

func (q question) parse(functions template.FuncMap) (*template.Template, error) {
	missing := q.MissingKey
	if missing == "" {
		missing = "error"
	}
	empty := template.New(q.name()).Option("missingkey=" + missing).Funcs(q.named(functions))
	if len(q.Delims) == 2 {
		empty.Delims(q.Delims[0], q.Delims[1])
	}
	return empty.Parse(q.text())
}

// named are those of the functions whose names stand in the text: Go looks at each that it is given.
func (q question) named(functions template.FuncMap) template.FuncMap {
	out := template.FuncMap{}
	isOther := func(letter rune) bool { return letter != '_' && !unicode.IsLetter(letter) && !unicode.IsDigit(letter) }
	for _, word := range strings.FieldsFunc(q.text(), isOther) {
		if function, ok := functions[word]; ok {
			out[word] = function
		}
	}
	return out
}
