#!/bin/sh
# Makes the files of this folder again, with the OpenSSL command line alone: certificates, keys and stores for the tests.
# TEST KEYS: they are public and guard nothing. A new run makes new ones; record the cases again after it.
set -eu
cd "$(dirname "$0")"
find . -type f ! -name recipe.sh ! -name damage.py ! -name README.md -delete
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
days=36500

cat >"$work/plain.cnf" <<'END'
[req]
distinguished_name = name
prompt = no
[name]
CN = plain.example
[ca]
default_ca = expired
[expired]
database = index
serial = serial
new_certs_dir = .
policy = any
default_md = sha256
[any]
commonName = supplied
END

# authority NAME: a self-signed authority with key ids.
authority() {
    openssl req -x509 -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.crt" -days $days -subj "/CN=$1" -config "$work/plain.cnf" \
        -addext basicConstraints=critical,CA:TRUE -addext subjectKeyIdentifier=hash -addext authorityKeyIdentifier=keyid
}

# signed NAME ISSUER EXTENSIONS: a certificate for NAME.key.
signed() {
    openssl req -new -key "$1.key" -subj "/CN=$1" -config "$work/plain.cnf" -out "$work/$1.csr"
    printf 'subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n%b\n' "$3" >"$work/$1.ext"
    openssl x509 -req -in "$work/$1.csr" -CA "$2.crt" -CAkey "$2.key" -CAcreateserial -CAserial "$work/$2.srl" -days $days \
        -extfile "$work/$1.ext" -out "$1.crt"
}

authority root
authority other-root
for name in intermediate leaf bare; do
    openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out $name.key
done
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ec.key
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out p384.key
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521 -out p521.key
openssl genpkey -algorithm ED25519 -out ed25519.key
openssl genpkey -algorithm X25519 -out x25519.key
signed intermediate root 'basicConstraints=critical,CA:TRUE'
signed leaf intermediate 'subjectAltName=DNS:leaf.example,DNS:*.leaf.example,IP:192.0.2.7,IP:2001:db8::7,email:leaf@example.com,URI:spiffe://example/leaf'
signed ec intermediate 'subjectAltName=DNS:ec.example'
signed ed25519 root 'subjectAltName=URI:https://example.com/a?b=c'
signed p384 root ''
openssl req -x509 -key bare.key -out bare.crt -days $days -config "$work/plain.cnf"

# An expired certificate: only `ca` takes the dates.
openssl req -new -key leaf.key -subj /CN=expired -config "$work/plain.cnf" -out "$work/expired.csr"
(
    here=$(pwd)
    cd "$work"
    : >index
    echo 01 >serial
    printf 'subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\nsubjectAltName=DNS:expired.example\n' >expired.ext
    openssl ca -batch -notext -config plain.cnf -cert "$here/intermediate.crt" -keyfile "$here/intermediate.key" -in expired.csr \
        -startdate 20200101000000Z -enddate 20210101000000Z -extfile expired.ext -out "$here/expired.crt"
)

# Keys on P-224 and of more than two primes, and what is wrong in many ways.
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-224 -out p224.key
openssl pkey -in p224.key -traditional -out p224-sec1.key
signed p224 root 'subjectAltName=DNS:p224.example'
openssl req -x509 -key p224.key -out p224-authority.crt -days $days -subj /CN=p224-authority -config "$work/plain.cnf" \
    -addext basicConstraints=critical,CA:TRUE -addext subjectKeyIdentifier=hash
for primes in 3:2048 4:4096; do
    name=primes${primes%:*}
    openssl genrsa -primes "${primes%:*}" -out "$name.key" "${primes#*:}"
    openssl pkey -in "$name.key" -traditional -out "$name-pkcs1.key"
    signed "$name" intermediate "subjectAltName=DNS:$name.example"
done
# This takes minutes.
openssl genrsa -traditional -out rsa-17000.key 17000

cat leaf.crt intermediate.crt root.crt >chain.pem
cat root.crt leaf.crt intermediate.crt >shuffled.pem
cat leaf.crt intermediate.crt >without-root.pem
cat intermediate.crt root.crt >authorities.pem
cat leaf.crt other-root.crt >disjunct.pem
cat leaf.crt ec.crt intermediate.crt >two-leaves.pem
cat leaf.key chain.pem >key-and-chain.pem
{ openssl x509 -in leaf.crt -text; echo between; cat intermediate.crt; echo after; } >commented.pem
sed 's/$/\r/' leaf.crt >crlf.pem
openssl crl2pkcs7 -nocrl -certfile chain.pem -out chain.p7b
openssl x509 -in leaf.crt -outform DER -out leaf.der

# Keys in their several encodings.
openssl pkey -in leaf.key -traditional -out leaf-pkcs1.key
openssl pkey -in ec.key -traditional -out ec-sec1.key
openssl pkcs8 -topk8 -in leaf.key -passout pass:secret -v2 aes-256-cbc -out leaf-encrypted.key
openssl rsa -in leaf.key -traditional -aes128 -passout pass:secret -out leaf-encrypted-pkcs1.key
openssl pkey -in leaf.key -pubout -out leaf.pub
openssl pkey -in ed25519.key -pubout -out ed25519.pub
openssl genpkey -genparam -algorithm DSA -pkeyopt dsa_paramgen_bits:2048 -out "$work/dsa.params"
openssl genpkey -paramfile "$work/dsa.params" -out dsa.key
signed dsa root 'subjectAltName=DNS:dsa.example'

# store NAME PASSWORD OPTIONS…: a PKCS#12 store.
store() {
    name=$1 password=$2
    shift 2
    openssl pkcs12 -export -out "$name.p12" -passout "pass:$password" "$@"
}
aes="-keypbe AES-256-CBC -certpbe AES-256-CBC -macalg sha256"
store aes256 secret -inkey leaf.key -in leaf.crt -certfile authorities.pem $aes
store aes256-empty '' -inkey leaf.key -in leaf.crt -certfile authorities.pem $aes
store aes128 secret -inkey leaf.key -in leaf.crt -keypbe AES-128-CBC -certpbe AES-128-CBC -macalg sha512
store triple-des secret -inkey leaf.key -in leaf.crt -certfile authorities.pem -keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg sha1
store legacy secret -inkey leaf.key -in leaf.crt -certfile authorities.pem -legacy
store legacy-empty '' -inkey leaf.key -in leaf.crt -legacy
store plain '' -inkey leaf.key -in leaf.crt -keypbe NONE -certpbe NONE
store without-mac '' -inkey leaf.key -in leaf.crt -keypbe NONE -certpbe NONE -nomac
store shuffled secret -inkey leaf.key -in leaf.crt -certfile shuffled.pem $aes
store disjunct secret -inkey leaf.key -in leaf.crt -certfile other-root.crt $aes
store named secret -inkey leaf.key -in leaf.crt -certfile root.crt -name 'a friendly name' -caname 'the root' $aes
store ec secret -inkey ec.key -in ec.crt -certfile authorities.pem $aes
store p224 secret -inkey p224.key -in p224.crt -certfile root.crt $aes
store primes3 secret -inkey primes3.key -in primes3.crt -certfile authorities.pem $aes
store ed25519 secret -inkey ed25519.key -in ed25519.crt -certfile root.crt $aes
store umlauts 'pässwörd' -inkey leaf.key -in leaf.crt $aes
store without-key secret -nokeys -in chain.pem $aes
store without-certificate secret -nocerts -inkey leaf.key $aes
head -c 900 aes256.p12 >cut.p12
sed 's/leaf.example/LEAF.EXAMPLE/' plain.p12 >wrong-mac.p12

# What RSA-OAEP makes of a text, for each digest, and with a label.
oaep() {
    printf 'the hidden text' | openssl pkeyutl -encrypt -pubin -inkey leaf.pub -pkeyopt rsa_padding_mode:oaep \
        -pkeyopt "rsa_oaep_md:$1" -pkeyopt "rsa_mgf1_md:$1" ${3:+-pkeyopt "rsa_oaep_label:$3"} -out "oaep-$2.bin"
}
for digest in sha1 sha256 sha512; do
    oaep $digest $digest
done
oaep sha256 label 6c6162656c
for name in primes3 primes4; do
    printf 'the hidden text' | openssl pkeyutl -encrypt -inkey $name.key -pkeyopt rsa_padding_mode:oaep \
        -pkeyopt rsa_oaep_md:sha256 -pkeyopt rsa_mgf1_md:sha256 -out "oaep-$name.bin"
done

# JSON web keys, written from the numbers that OpenSSL prints.
url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }
number() { openssl asn1parse -in leaf-pkcs1.key | sed -n "$1s/.*INTEGER *://p" | python3 -c 'import sys; sys.stdout.buffer.write(bytes.fromhex(sys.stdin.read().strip()))' | url; }
printf '{"kty":"RSA","n":"%s","e":"%s"}' "$(number 3)" "$(number 4)" >rsa-public.jwk
printf '{"kty":"RSA","kid":"one","n":"%s","e":"%s","d":"%s","p":"%s","q":"%s","dp":"%s","dq":"%s","qi":"%s"}' "$(number 3)" "$(number 4)" \
    "$(number 5)" "$(number 6)" "$(number 7)" "$(number 8)" "$(number 9)" "$(number 10)" >rsa.jwk
printf '{"kty":"RSA","n":"%s","e":"%s","d":"%s"}' "$(number 3)" "$(number 4)" "$(number 5)" >rsa-without-primes.jwk

# elliptic NAME CURVE BYTES: x and y are the end of the public key, d stands behind 7 or 8 bytes of the SEC 1 form.
elliptic() {
    point=$work/point
    openssl pkey -in "$1.key" -pubout -outform DER | tail -c $((2 * $3)) >"$point"
    x=$(head -c "$3" "$point" | url) y=$(tail -c "$3" "$point" | url)
    d=$(openssl asn1parse -in "$1.key" -strparse "$(openssl asn1parse -in "$1.key" | sed -n 's/^ *\([0-9]*\):.*OCTET STRING.*/\1/p')" |
        sed -n 's/.*OCTET STRING *\[HEX DUMP\]://p' | python3 -c 'import sys; sys.stdout.buffer.write(bytes.fromhex(sys.stdin.read().strip()))' | url)
    printf '{"kty":"EC","crv":"%s","x":"%s","y":"%s"}' "$2" "$x" "$y" >"$1-public.jwk"
    printf '{"kty":"EC","crv":"%s","x":"%s","y":"%s","d":"%s"}' "$2" "$x" "$y" "$d" >"$1.jwk"
}
elliptic ec P-256 32
elliptic p224 P-224 28
elliptic p384 P-384 48
elliptic p521 P-521 66

# octets NAME CURVE
octets() {
    x=$(openssl pkey -in "$1.key" -pubout -outform DER | tail -c 32 | url)
    d=$(openssl pkey -in "$1.key" -outform DER | tail -c 32 | url)
    printf '{"kty":"OKP","crv":"%s","x":"%s"}' "$2" "$x" >"$1-public.jwk"
    printf '{"kty":"OKP","crv":"%s","x":"%s","d":"%s"}' "$2" "$x" "$d" >"$1.jwk"
}
octets ed25519 Ed25519
octets x25519 X25519
printf '{"kty":"oct","k":"%s"}' "$(printf 'a shared key' | url)" >symmetric.jwk
printf '{"keys":[%s,%s]}' "$(cat rsa-public.jwk)" "$(cat ec-public.jwk)" >set.jwk
printf '{"kty":"EC","crv":"P-256","x":"AQ","y":"AQ"}' >off-curve.jwk
python3 damage.py
