package main

import "strings"

// signature says how to call a function so that it works: the kinds of its arguments (see kinds.go; `*` for none to three
// of one), what kind comes out, and for what is random or unordered a form, with `@` for the call, that is neither.
type signature struct {
	name      string
	arguments []string
	result    string
	form      string
}

// signatureTable has the functions that are called alike on one line: `names: arguments > result : form`.
const signatureTable = `
and or: any any any* > any
not empty: any > bool
all any: any* > bool
eq ne: str str > bool
lt le gt ge: int int > bool
len: str > small
len: list > small
index: list0 zero > any
index: deep inner inner > any
print println html js urlquery: any any* > str
printf: format > str
call: any > str : or 1 (@)
hello: > str
abbrev: small str > str
abbrevboth: small small str > str
trunc: small str > str
trim upper lower title untitle nospace initials swapcase snakecase camelcase kebabcase regexQuoteMeta: str > str
b64enc b32enc sha1sum sha256sum sha512sum adler32sum: str > str
b64dec b32dec hexdec: encoded > str
substr: zero small str > str
repeat indent nindent: small str > str
trimall trimAll trimSuffix trimPrefix: str str > str
wrap: small str > str
wrapWith: small str str > str
contains hasPrefix hasSuffix: str str > bool
quote squote cat: any* > str
replace: str str str > str
plural: str str small > str
toString: any > str
toStrings: any > list
join: str list > str
sortAlpha: list > list
split: str str > dict : deepCopy (@)
splitn: str small str > str : @ | toJson
splitList: str str > list
randAlphaNum randAlpha randAscii randNumeric: small > small : @ | len
randBytes: small > small : @ | b64dec | len
randInt: zero ten > str : @ | typeOf
uuidv4: > small : @ | len
shuffle: str > str : @ | splitList "" | sortAlpha | join ""
atoi: str > int
int: any > int
int64: any > int
float64: any > float
toDecimal: any > int
add mul max biggest min: int int int* > int
add1: int > int
sub: int int > int
div mod: int positive > int
add1f: float > float
addf subf mulf maxf minf: float float float* > float
divf: float positive > float
ceil floor: float > float
round: float small > float
until: small > list
untilStep: zero small positive > list
seq: zero small > str
now: > time
ago: time > str
date: layout time > str
dateInZone date_in_zone: layout time zone > str
dateModify date_modify mustDateModify must_date_modify: duration time > time
duration: int > str
durationRound: duration > str
htmlDate: time > str
htmlDateInZone: time zone > str
toDate: layout date > time
mustToDate: isodate isotext > time
unixEpoch: time > str
default: any any > any
coalesce: any* any > any
compact mustCompact uniq mustUniq: list > list
ternary: any any bool > any
fail: str > str : or 1 (@)
deepCopy mustDeepCopy: any > any
fromJson mustFromJson: json > any
toJson toPrettyJson toRawJson mustToJson mustToPrettyJson mustToRawJson: any > str
typeOf kindOf: any > str
typeIs typeIsLike: typename any > bool
kindIs: kindname any > bool
deepEqual: any any > bool
base dir clean ext osBase osDir osClean osExt: path > str
isAbs osIsAbs: path > bool
dict: key any key any > dict
get: dict key > any
set: dict key any > dict
unset: dict key > dict
hasKey: dict key > bool
pluck: key dict dict* > list
keys: dict dict* > list : @ | sortAlpha
values: dict > list : @ | sortAlpha
pick omit: dict key key > dict
merge mergeOverwrite: dict dict dict* > dict : deepCopy (@)
mustMerge mustMergeOverwrite: dict dict > dict : deepCopy (@)
dig: key any dict > any
dig: inner inner any deep > any
list tuple: any* > list
append push mustAppend mustPush prepend mustPrepend: list any > list
first last mustFirst mustLast: list > any
rest initial reverse mustRest mustInitial mustReverse: list > list
without mustWithout: list any any* > list
has mustHas: any list > bool
slice mustSlice: list0 zero > list : concat (@)
concat: list list* > list
chunk mustChunk: positive list > str : @ | toJson
bcrypt: str > str : @ | trunc 7
htpasswd: user str algorithm > small : @ | len
genPrivateKey: keytype > str : @ | trunc 20
derivePassword: positive passwordtype str str str > str
buildCustomCert: cert64 key64 > str : (@).Cert | sha256sum
genCA: str small > str : (@).Cert | trunc 27
genCAWithKey: str small eckey > str : (@).Key
genSelfSignedCert: str ips names small > str : (@).Cert | certSANs | join ","
genSelfSignedCertWithKey: str ips names small eckey > str : (@).Cert | certSANs | join ","
genSignedCert: str ips names small authority > str : (@).Cert | certSANs | join ","
genSignedCertWithKey: str ips names small authority eckey > str : (@).Cert | certSANs | join ","
encryptAES: str str > small : @ | b64dec | len
decryptAES: aeskey aestext > str
semver: version > str : (@).String
semverCompare: constraint version > bool
regexMatch mustRegexMatch: regex str > bool
regexFind mustRegexFind: regex str > str
regexFindAll mustRegexFindAll: regex str small > list
regexReplaceAll mustRegexReplaceAll: regex str replacement > str
regexReplaceAllLiteral mustRegexReplaceAllLiteral: regex str str > str
regexSplit mustRegexSplit: regex str small > list
urlParse: url > dict
urlJoin: urldict > str
pkcs12key pkcs12cert: openstore > str
pkcs12keyPass pkcs12certPass: secret store > str
pemToPkcs12 fullPemToPkcs12: certs privatekey > str : @ | b64dec | pkcs12cert
pemToPkcs12Pass fullPemToPkcs12Pass: certs privatekey secret > str : @ | b64dec | pkcs12keyPass "secret"
pemTruststoreToPKCS12: certs > bool : @ | regexMatch "^[A-Za-z0-9+/]+=*$"
pemTruststoreToPKCS12Pass: certs str > bool : @ | regexMatch "^[A-Za-z0-9+/]+=*$"
filterPEM: blocktype pem > str
filterCertChain: chainpart certs > str
certSANs: certs > list
jwkPublicKeyPem: publicjwk > str
jwkPrivateKeyPem: privatejwk > str
toYaml: any > str
fromYaml: yaml > dict
rsaDecrypt: scheme digest hidden rsakey > str
`

func signatures() []signature {
	var out []signature
	for _, line := range strings.Split(strings.TrimSpace(signatureTable), "\n") {
		names, rest, _ := strings.Cut(line, ":")
		arguments, rest, _ := strings.Cut(rest, ">")
		result, form, _ := strings.Cut(rest, ":")
		if form = strings.TrimSpace(form); form == "" {
			form = "@"
		}
		for _, name := range strings.Fields(names) {
			out = append(out, signature{name, strings.Fields(arguments), strings.TrimSpace(result), form})
		}
	}
	return out
}
