package main

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	"software.sslmate.com/src/go-pkcs12"
)

func pemOf(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func pemOfAll(certificates []*x509.Certificate) string {
	var out strings.Builder
	for _, certificate := range certificates {
		out.WriteString(pemOf("CERTIFICATE", certificate.Raw))
	}
	return out.String()
}

func pkcs12key(password, store string) (string, error) {
	key, _, _, err := pkcs12.DecodeChain([]byte(store), password)
	if err != nil {
		return "", fmt.Errorf("unable to decode pkcs12 with password: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return pemOf("PRIVATE KEY", der), err
}

func pkcs12cert(password, store string) (string, error) {
	_, leaf, authorities, err := pkcs12.DecodeChain([]byte(store), password)
	if err != nil {
		return "", fmt.Errorf("unable to decode pkcs12 certificate with password: %w", err)
	}
	found := append([]*x509.Certificate{leaf}, authorities...)
	if ordered, err := chain(found); err == nil {
		found = ordered
	}
	return pemOfAll(found), nil
}

// pemToPkcs12 panics on text without PEM, which becomes an error of the template as in ESO.
func pemToPkcs12(certificate, key, password string) (string, error) {
	block, _ := pem.Decode([]byte(certificate))
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return "", err
	}
	return encodeStore(leaf, nil, key, password)
}

func fullPemToPkcs12(certificates, key, password string) (string, error) {
	block, rest := pem.Decode([]byte(certificates))
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return "", err
	}
	authorities, err := parseAll(rest)
	if err != nil {
		return "", err
	}
	return encodeStore(leaf, authorities, key, password)
}

func pemTruststoreToPKCS12(certificates, password string) (string, error) {
	all, err := parseAll([]byte(certificates))
	if err != nil {
		return "", err
	}
	store, err := pkcs12.Modern2023.EncodeTrustStore(all, password)
	return base64.StdEncoding.EncodeToString(store), err
}

// parseAll wants nothing but certificates: anything after the last block panics.
func parseAll(rest []byte) (all []*x509.Certificate, err error) {
	for len(rest) > 0 {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		all = append(all, certificate)
	}
	return all, nil
}

func encodeStore(leaf *x509.Certificate, authorities []*x509.Certificate, key, password string) (string, error) {
	block, _ := pem.Decode([]byte(key))
	parsed, err := parseKey(block.Bytes)
	if err != nil {
		return "", err
	}
	store, err := pkcs12.Modern2023.Encode(parsed, leaf, authorities, password)
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(store), nil
}

// fromFirstBlock drops what stands before the first block.
func fromFirstBlock(text string) []byte {
	return []byte(text[max(0, strings.Index(text, "-----BEGIN")):])
}

func filterPEM(kind, text string) (string, error) {
	var out strings.Builder
	rest := fromFirstBlock(text)
	for {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		if block == nil {
			break
		}
		if strings.EqualFold(block.Type, kind) {
			if err := pem.Encode(&out, block); err != nil {
				return "", err
			}
		}
	}
	if out.Len() == 0 && len(rest) > 0 {
		return "", errors.New("error filtering pem: found junk")
	}
	return out.String(), nil
}

func certSANs(text string) ([]string, error) {
	block, _ := pem.Decode(fromFirstBlock(text))
	if block == nil {
		return nil, errors.New("failed to decode PEM block")
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("failed to parse certificate: %w", err)
	}
	names := append([]string{}, certificate.DNSNames...)
	for _, address := range certificate.IPAddresses {
		names = append(names, address.String())
	}
	names = append(names, certificate.EmailAddresses...)
	for _, uri := range certificate.URIs {
		names = append(names, uri.String())
	}
	return names, nil
}

func filterCertChain(want, text string) (string, error) {
	var found []*x509.Certificate
	for block, rest := pem.Decode([]byte(text)); block != nil; block, rest = pem.Decode(rest) {
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return "", err
		}
		found = append(found, certificate)
	}
	ordered, err := chain(found)
	if err != nil {
		return "", err
	}
	last := len(ordered) - 1
	switch {
	case want == "leaf" && !selfIssued(ordered[0]):
		return pemOfAll(ordered[:1]), nil
	case want == "intermediate":
		return pemOfAll(ordered[1:afterLeaf(ordered)]), nil
	case want == "root" && selfIssued(ordered[last]):
		return pemOfAll(ordered[last:]), nil
	}
	return "", nil
}

// afterLeaf is where the first root after the leaf stands, or the end.
func afterLeaf(ordered []*x509.Certificate) int {
	root := slices.IndexFunc(ordered[1:], selfIssued)
	if root < 0 {
		return len(ordered)
	}
	return root + 1
}

func selfIssued(certificate *x509.Certificate) bool {
	return certificate.AuthorityKeyId == nil || bytes.Equal(certificate.AuthorityKeyId, certificate.SubjectKeyId)
}

// chain orders certificates from the one that signed none to the root. Key ids decide, signatures are not looked at.
func chain(found []*x509.Certificate) ([]*x509.Certificate, error) {
	issuer := make([]int, len(found))
	leaves := make([]bool, len(found))
	for i := range found {
		leaves[i] = true
	}
	for i, certificate := range found {
		issuer[i] = slices.IndexFunc(found, func(other *x509.Certificate) bool {
			return other != certificate && bytes.Equal(certificate.AuthorityKeyId, other.SubjectKeyId)
		})
		if issuer[i] >= 0 {
			leaves[issuer[i]] = false
		}
	}
	leaf := slices.Index(leaves, true)
	if leaf < 0 {
		return nil, errors.New("no leaf certificate found")
	}
	if slices.Contains(leaves[leaf+1:], true) {
		return nil, errors.New("found multiple leaf or disjunct certificates")
	}
	var ordered []*x509.Certificate
	for at := leaf; at >= 0; at = issuer[at] {
		if len(ordered) == len(found) {
			return nil, errors.New("constructing chain resulted in cycle")
		}
		ordered = append(ordered, found[at])
	}
	return ordered, nil
}
