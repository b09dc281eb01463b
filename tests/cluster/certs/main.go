// Command certs writes the keys of one local control plane into a directory: ca.crt and ca.key (signs the API server's
// certificate and the client certificates that tests mint), server.crt and server.key, sa.pub and sa.key (service account
// tokens). Everything is valid for a day: a control plane never lives longer, and a leaked key is worth nothing after it.
package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: certs DIRECTORY")
		os.Exit(2)
	}
	if err := writeAll(os.Args[1], time.Now()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func writeAll(dir string, now time.Time) error {
	ca, caKey, err := writeCA(dir, now)
	if err != nil {
		return err
	}
	if err := writeServer(dir, now, ca, caKey); err != nil {
		return err
	}
	key, err := writeKey(dir, "sa")
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	return writePEM(dir, "sa.pub", "PUBLIC KEY", public)
}

func writeCA(dir string, now time.Time) (*x509.Certificate, crypto.Signer, error) {
	key, err := writeKey(dir, "ca")
	if err != nil {
		return nil, nil, err
	}
	template := certificate("keyferry local control plane", now)
	template.IsCA = true
	template.BasicConstraintsValid = true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature
	der, err := sign(dir, "ca", template, template, key, key)
	if err != nil {
		return nil, nil, err
	}
	ca, err := x509.ParseCertificate(der)
	return ca, key, err
}

func writeServer(dir string, now time.Time, ca *x509.Certificate, caKey crypto.Signer) error {
	key, err := writeKey(dir, "server")
	if err != nil {
		return err
	}
	template := certificate("kube-apiserver", now)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	template.DNSNames = []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"}
	template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(10, 0, 0, 1)}
	_, err = sign(dir, "server", template, ca, key, caKey)
	return err
}

func certificate(name string, now time.Time) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    now.Add(-time.Minute),
		NotAfter:     now.Add(24 * time.Hour),
	}
}

func sign(dir, name string, template, parent *x509.Certificate, key, parentKey crypto.Signer) ([]byte, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
	if err != nil {
		return nil, err
	}
	return der, writePEM(dir, name+".crt", "CERTIFICATE", der)
}

func writeKey(dir, name string) (crypto.Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, writePEM(dir, name+".key", "PRIVATE KEY", der)
}

func writePEM(dir, name, kind string, der []byte) error {
	text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	return os.WriteFile(filepath.Join(dir, name), text, 0o600)
}
