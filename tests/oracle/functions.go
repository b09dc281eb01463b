package main

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"strings"
	"sync"
	"text/template"
	"time"

	"github.com/Masterminds/sprig/v3"
)

// functions is ESO's function map, at a fixed time: sprig without what reaches out of the process, with the two functions
// that the snapshot after 3.3.0 changed, and ESO's own.
func functions(now time.Time) template.FuncMap {
	all := sprig.TxtFuncMap()
	for _, outside := range []string{"env", "expandenv", "getHostByName"} {
		delete(all, outside)
	}
	maps.Copy(all, template.FuncMap{"hexdec": hexdec, "htpasswd": htpasswd})
	maps.Copy(all, clocked(all, now))
	maps.Copy(all, own)
	return all
}

// functionsBySecond keeps what functions makes.
var functionsBySecond sync.Map

// functionsAt are the functions at a second since 1970. The map is not to be changed.
func functionsAt(second int64) template.FuncMap {
	if known, ok := functionsBySecond.Load(second); ok {
		return known.(template.FuncMap)
	}
	made, _ := functionsBySecond.LoadOrStore(second, functions(time.Unix(second, 0).UTC()))
	return made.(template.FuncMap)
}

// own is what ESO adds to sprig.
var own = template.FuncMap{
	"pkcs12key":                 func(store string) (string, error) { return pkcs12key("", store) },
	"pkcs12keyPass":             pkcs12key,
	"pkcs12cert":                func(store string) (string, error) { return pkcs12cert("", store) },
	"pkcs12certPass":            pkcs12cert,
	"pemToPkcs12":               func(cert, key string) (string, error) { return pemToPkcs12(cert, key, "") },
	"pemToPkcs12Pass":           pemToPkcs12,
	"fullPemToPkcs12":           func(certs, key string) (string, error) { return fullPemToPkcs12(certs, key, "") },
	"fullPemToPkcs12Pass":       fullPemToPkcs12,
	"pemTruststoreToPKCS12":     func(certs string) (string, error) { return pemTruststoreToPKCS12(certs, "") },
	"pemTruststoreToPKCS12Pass": pemTruststoreToPKCS12,
	"filterPEM":                 filterPEM,
	"filterCertChain":           filterCertChain,
	"certSANs":                  certSANs,
	"jwkPublicKeyPem":           jwkPublicKeyPem,
	"jwkPrivateKeyPem":          jwkPrivateKeyPem,
	"rsaDecrypt":                rsaDecrypt,
	"toYaml":                    toYaml,
	"fromYaml":                  fromYaml,
}

// hexdec gives the text of the error as its value, as sprig's other decoders do.
func hexdec(text string) string {
	decoded, err := hex.DecodeString(text)
	if err != nil {
		return err.Error()
	}
	return string(decoded)
}

// hashAlgorithm has a type of its own in sprig too; the type is seen in error texts.
type hashAlgorithm string

var htpasswdOfSprig = sprig.TxtFuncMap()["htpasswd"].(func(user, password string) string)

func htpasswd(user, password string, algorithm hashAlgorithm) string {
	if algorithm != "sha" || strings.Contains(user, ":") {
		return htpasswdOfSprig(user, password)
	}
	sum := sha1.Sum([]byte(password))
	return user + ":{SHA}" + base64.StdEncoding.EncodeToString(sum[:])
}
