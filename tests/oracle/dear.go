package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"maps"
	"math/big"
	"reflect"
	"strings"
	"sync"
	"text/template"
)

// dear are the functions with those that take long made cheaper where random cases are rendered again and again: RSA keys come
// out of a pool, another at each rendering, and what was worked out once is kept. Errors are those of the functions themselves.
type dear struct {
	functions template.FuncMap
	// How many renderings there were, and how many keys in the one at hand.
	renderings, keys int
	passwords        map[[4]string]string
	hashed           map[string]string
}

// pooled is how many keys there are: more than a case makes, as a rule.
const pooled = 11

var pool = sync.OnceValue(func() (out []string) {
	for range pooled {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		out = append(out, pemOf("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)))
	}
	return out
})

func newDear() *dear {
	all := functionsAt(moment)
	d := &dear{functions: maps.Clone(all), passwords: map[[4]string]string{}, hashed: map[string]string{}}
	for _, name := range []string{"genCA", "genSelfSignedCert", "genSignedCert"} {
		withKey := reflect.ValueOf(all[name+"WithKey"])
		d.functions[name] = reflect.MakeFunc(reflect.TypeOf(all[name]), func(arguments []reflect.Value) []reflect.Value {
			return withKey.Call(append(arguments, reflect.ValueOf(d.key())))
		}).Interface()
	}
	derive := all["derivePassword"].(func(uint32, string, string, string, string) string)
	hash := all["bcrypt"].(func(string) string)
	d.functions["bcrypt"] = func(text string) string { return d.hash(hash, text) }
	d.functions["htpasswd"] = func(user, password string, algorithm hashAlgorithm) string {
		if algorithm == "sha" || strings.Contains(user, ":") {
			return htpasswd(user, password, algorithm)
		}
		return user + ":" + d.hash(hash, password)
	}
	d.functions["derivePassword"] = func(counter uint32, kind, password, user, site string) string {
		of := [4]string{fmt.Sprint(counter) + " " + kind, password, user, site}
		if _, isKnown := d.passwords[of]; !isKnown {
			d.passwords[of] = derive(counter, kind, password, user, site)
		}
		return d.passwords[of]
	}
	return d
}

// again is called before each rendering: no call gives the key that it gave in the one before.
func (d *dear) again() {
	d.renderings++
	d.keys = 0
}

func (d *dear) key() string {
	d.keys += 2
	return pool()[(d.renderings+d.keys)%pooled]
}

// alphabet has the letters of a hash of bcrypt.
const alphabet = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// hash gives a text of 72 bytes or fewer other letters each time, as the salt would.
func (d *dear) hash(hash func(string) string, text string) string {
	known, isKnown := d.hashed[text]
	if !isKnown {
		known = hash(text)
		d.hashed[text] = known
	}
	if len(text) > 72 {
		return known
	}
	out := []byte(known)
	for i := len("$2a$10$"); i < len(out); i++ {
		letter, err := rand.Int(rand.Reader, big.NewInt(int64(len(alphabet))))
		if err != nil {
			panic(err)
		}
		out[i] = alphabet[letter.Int64()]
	}
	return string(out)
}
