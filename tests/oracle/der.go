package main

import "math/rand"

// element is one of DER: its content, or what it holds. A string of octets or bits that holds DER is taken apart too.
type element struct {
	tag     byte
	prefix  []byte // before what a string of bits holds
	content []byte
	inner   []*element
	// longer is added to the length that is written; padded writes it in more octets than it needs.
	longer int
	padded bool
}

// readDER takes text apart; false if it is not DER to the end or has a tag of several octets.
func readDER(text []byte) (out []*element, ok bool) {
	for len(text) > 0 {
		if len(text) < 2 || text[0]&0x1f == 0x1f {
			return nil, false
		}
		length, start := int(text[1]), 2
		if length > 0x80 {
			start += length - 0x80
			if length > 0x83 || len(text) < start {
				return nil, false
			}
			length = 0
			for _, octet := range text[2:start] {
				length = length<<8 | int(octet)
			}
		}
		if length == 0x80 && start == 2 || len(text)-start < length {
			return nil, false
		}
		out = append(out, elementOf(text[0], text[start:start+length]))
		text = text[start+length:]
	}
	return out, true
}

func elementOf(tag byte, content []byte) *element {
	out := &element{tag: tag, content: content}
	held := content
	switch {
	case tag == 0x03 && len(content) > 2 && content[0] == 0:
		out.prefix, held = content[:1], content[1:]
	case tag&0x20 == 0 && (tag != 0x04 || len(content) < 3):
		return out
	}
	if inner, ok := readDER(held); ok {
		out.inner = inner
	}
	return out
}

func (e *element) written() []byte {
	content := e.content
	if e.inner != nil {
		content = append([]byte{}, e.prefix...)
		for _, each := range e.inner {
			content = append(content, each.written()...)
		}
	}
	length := max(0, len(content)+e.longer)
	out := []byte{e.tag}
	switch {
	case length > 0xffff:
		out = append(out, 0x83, byte(length>>16), byte(length>>8), byte(length))
	case length > 0xff || e.padded:
		out = append(out, 0x82, byte(length>>8), byte(length))
	case length > 0x7f:
		out = append(out, 0x81, byte(length))
	default:
		out = append(out, byte(length))
	}
	return append(out, content...)
}

// all is every element with the list that it stands in.
func (e *element) all(visit func(list *element, at int)) {
	for i, each := range e.inner {
		visit(e, i)
		each.all(visit)
	}
}

// damagedDER is DER with one element changed, other bytes with some changed.
func (g *generator) damagedDER(text []byte) []byte {
	inner, ok := readDER(text)
	if !ok || len(inner) == 0 {
		return g.damagedBytes(text)
	}
	root := &element{inner: inner}
	type place struct {
		list *element
		at   int
	}
	var places []place
	root.all(func(list *element, at int) { places = append(places, place{list, at}) })
	chosen, other := places[g.Intn(len(places))], places[g.Intn(len(places))]
	list, at := chosen.list, chosen.at
	hit := list.inner[at]
	switch g.Intn(9) {
	case 0:
		list.inner = append(append([]*element{}, list.inner[:at]...), list.inner[at+1:]...)
	case 1:
		list.inner = append(append([]*element{}, list.inner[:at+1]...), list.inner[at:]...)
	case 2:
		hit.tag = []byte{0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0c, 0x13, 0x16, 0x17, 0x18, 0x1e, 0x30, 0x31, 0x80, 0x81, 0x82, 0x83, 0x86, 0x87, 0xa0, 0xa1, 0xa3, hit.tag ^ 0x20}[g.Intn(24)]
	case 3:
		hit.longer = g.Intn(5) - 2
	case 4:
		hit.padded = true
	case 5:
		list.inner[at] = other.list.inner[other.at].copied()
	case 6:
		next := (at + 1) % len(list.inner)
		list.inner[at], list.inner[next] = list.inner[next], hit
	default:
		g.damageContent(hit)
	}
	var out []byte
	for _, each := range root.inner {
		out = append(out, each.written()...)
	}
	return out
}

// copied is the element as it would be written: it may stand within itself.
func (e *element) copied() *element { return elementOf(e.tag, elementContent(e)) }

func elementContent(e *element) []byte {
	if e.inner == nil {
		return e.content
	}
	out := append([]byte{}, e.prefix...)
	for _, each := range e.inner {
		out = append(out, each.written()...)
	}
	return out
}

// damageContent changes an integer in its sign, its size or by one, and anything else anywhere.
func (g *generator) damageContent(hit *element) {
	content := append([]byte{}, elementContent(hit)...)
	if hit.tag == 0x02 && g.Intn(4) > 0 {
		content = changedInteger(g.Rand, content)
	} else {
		content = g.damagedBytes(content)
	}
	*hit = element{tag: hit.tag, content: content}
}

func changedInteger(chance *rand.Rand, content []byte) []byte {
	last := len(content) - 1
	switch chance.Intn(9) {
	case 0:
		return nil
	case 1:
		return []byte{0}
	case 2:
		return []byte{byte(chance.Intn(4))}
	case 3:
		return []byte{0xff}
	case 4:
		return append([]byte{0}, content...)
	case 5:
		return append([]byte{0xff}, content...)
	case 6:
		return append(content, content...)
	}
	if last < 0 {
		return []byte{1}
	}
	if chance.Intn(2) == 0 {
		content[0] ^= 0x80
	} else {
		content[last] += byte(1 + chance.Intn(2))
	}
	return content
}
