package main

import (
	"regexp"
	"strings"
)

// breakingTable has arguments that functions refuse by themselves, or that break them: `names: arguments | arguments`. `@kind`
// is any of a kind.
const breakingTable = `
fail: @str
call: nil
eq ne: (list) @int | 1 1.5 | @str @int | @dict @float | 1 (list) | true @str
lt le gt ge: @str @int | true false | @list @list | 1 1.5 | @dict @dict
len: @int | true | nil | 1.5 | now
index: @list0 99 | @list0 -1 | @list0 @str | @int 1 | @str 9999 | nil 1 | (dict "a" 1) 1 | @list0 nil
slice mustSlice: @int 0 | true 0 | @list0 9 99 | @list0 2 1 | @list0 -1 | @dict 1
substr: 10 5 @str | 3 1 @str | 4000 5000 @str | 1 9999 @str
repeat indent nindent: -1 @str | -99 @str | -9223372036854775808 @str
div mod: @int 0 | @int (int "x") | @int ""
divf: @float 0 | @float "x" | (float64 "NaN") 1.0 | (float64 "-Inf") 2
addf subf mulf: (float64 "NaN") @float | @float (float64 "Inf") | @float @float (float64 "-Inf")
add1f: (float64 "NaN") | (float64 "Inf") | "-inf"
randBytes: -1 | -1000
randInt: 5 5 | 9 @small 3 | 1 -4
mustDateModify must_date_modify: "x" now | "" now | "1" @time | "1h 2m" @time
mustToDate: @layout @date | "2006-01-02" @date | @layout @isotext
set: nil @key @any | (coalesce nil) @str @any | (fromJson "null") @key @int
merge mergeOverwrite mustMerge mustMergeOverwrite: (dict "a" (split "," "x")) (dict "a" (dict "_0" @str "z" @int)) | (dict "a" (dict "b" (split "," @str))) (dict "a" (dict "b" (dict "_0" 1 "_9" @any))) | nil @dict
chunk mustChunk: 0 @list | 2 @int | 2 true | 3 @str | @small nil
append push prepend mustAppend mustPush mustPrepend: @int @any | true 1 | @str @any | nil 1 | @dict 1
without mustWithout: @int @any | @str 1 | true 1 | nil 1
has mustHas: @any @int | 1 true | "x" @str | 1 @dict
concat: @int | @list @str | nil @list | true
compact mustCompact uniq mustUniq first last mustFirst mustLast rest initial reverse mustRest mustInitial mustReverse: @int | true | @str | 1.5 | @dict | now
dig: "a" | "a" @dict | "a" "b" @dict | "a" "b" "c" (dict "a" (dict "b" 1)) | "a" "b" "c" (dict "a" 1)
deepCopy mustDeepCopy: (dict "a" (fromYaml "null")) | (coalesce nil)
mustToJson mustToPrettyJson mustToRawJson toRawJson: 1i | (float64 "NaN") | (list @str (float64 "-Inf")) | (dict "a" (float64 "Inf")) | (dict "a" 2i)
mustFromJson: "" | "{" | "[1,]" | "nul" | "01" | @yaml | @str
mustRegexMatch mustRegexFind regexFind: @badregex @str
mustRegexFindAll mustRegexSplit regexFindAll regexSplit: @badregex @str @small
mustRegexReplaceAll mustRegexReplaceAllLiteral regexReplaceAll regexReplaceAllLiteral: @badregex @str @replacement
semver: "" | "x" | "1.2.3.4" | "01.2.3" | "1.2.3-01" | "1.2.3-" | "99999999999999999999.1" | @str | "1.2.3+_"
semverCompare: @str @version | "" "1.2.3" | ">>1" "1.2.3" | @constraint @str | "^1" "x" | "1.2.3 - " @version
urlParse: "%zz" | "1http://x" | "http://[::1" | "http://a b/" | "http://h:port" | "\x7f" | ":" | "http://u:p w@h"
urlJoin: (dict "scheme" 1) | (dict "host" true) | (dict "query" nil) | (dict "userinfo" "%zz" "host" "h") | (dict "path" @int) | (dict "opaque" 1) | (dict "fragment" (list))
decryptAES: "k" "!!" | "k" "YWJj" | @str @encoded | "k" "" | @str "aGVsbG8gd29ybGQhIQ==" | @aeskey @aestext
genCA: @str 3000000 | "\xff" 1 | "a" 99999999
genCAWithKey: @str 1 @str | "a" 1 @certs | "a" 3000000 @eckey | "a" 1 @eckey
genSelfSignedCert: @str (list 1) nil 1 | "a" (list "bad") nil 1 | "a" nil (list 1) 1 | "a" nil (list "ü") 1 | @str @ips @names 3000000
genSelfSignedCertWithKey: "a" (list @str) nil 1 @eckey | "a" nil (list nil) 1 @eckey | "a" nil (list "ü") 1 @eckey | @str nil nil 1 @str | "a" nil nil 1 @eckey
genSignedCert: "a" (list "1.2.3") nil 1 @authority | "a" nil (list @int) 1 @authority | @str @ips @names 9999999 @authority
genSignedCertWithKey: "a" (list "1.2.3") nil 1 @authority @eckey | @str nil nil 1 @authority @str | "a" nil nil 1 @authority @eckey
buildCustomCert: "!!" "!!" | @cert64 "!!" | @cert64 "" | "" "" | @encoded @key64 | @cert64 @cert64 | @cert64 @key64 | @key64 @cert64
pkcs12key pkcs12cert: @str | @store | "" | @certs | @openstore
pkcs12keyPass pkcs12certPass: @str @store | "ü☃" @store | "secret" @str | "😀" @store | @secret @store
pemToPkcs12 fullPemToPkcs12: @str @privatekey | @certs @str | @privatekey @certs | @certs @privatekey
pemToPkcs12Pass fullPemToPkcs12Pass: @certs @privatekey "😀" | @str @privatekey "x" | @certs @str "x" | @certs @privatekey @str
pemTruststoreToPKCS12: @str | @privatekey | @certs
pemTruststoreToPKCS12Pass: @certs "😀" | @str @str | @privatekey @str | @certs @str
filterPEM: @blocktype "junk" | @blocktype @json | "X" "-----BEGIN X-----" | @blocktype @store | @str @pem
filterCertChain: @chainpart "" | @chainpart @str | @chainpart @privatekey | @chainpart @certs
certSANs: @str | "" | @privatekey | @certs
jwkPublicKeyPem: @json | "" | @str | @publicjwk
jwkPrivateKeyPem: @json | "" | @privatejwk | @publicjwk
rsaDecrypt: "x" "SHA256" @hidden @rsakey | "RSA-OAEP" "SHA1" @hidden @rsakey | "RSA-OAEP" @digest @str @rsakey | "RSA-OAEP" "SHA256" @hidden @certs | "RSA-OAEP" "SHA256" @hidden @rsakey
`

// breakingArguments are the table's by function.
var breakingArguments = func() map[string][]string {
	out := map[string][]string{}
	for _, line := range strings.Split(strings.TrimSpace(breakingTable), "\n") {
		names, arguments, _ := strings.Cut(line, ":")
		for _, name := range strings.Fields(names) {
			out[name] = strings.Split(strings.TrimSpace(arguments), " | ")
		}
	}
	return out
}()

var kindIn = regexp.MustCompile(`\B@[a-z0-9]+`)

// breaking is a case in which the function itself is to fail.
func (g *generator) breaking(s signature) question {
	asked := g.started()
	g.harm = hostile
	if g.Intn(100) == 0 {
		// Where the message speaks of a node, such a name may put an address into it: no more than a few.
		asked.Name = g.one("100%d", "a %s", "%%", "5%!")
	}
	if known := breakingArguments[s.name]; len(known) > 0 && g.Intn(4) > 0 {
		filled := kindIn.ReplaceAllStringFunc(g.one(known...), func(kind string) string { return g.expression(kind[1:], 0) })
		return g.shown(asked, s, []string{filled})
	}
	return g.shown(asked, s, g.arguments(s, 0))
}

// neverItselfTable has the functions that give no error of their own: `reason: names`.
const neverItselfTable = `
any text will do: abbrev abbrevboth adler32sum b64enc b32enc base camelcase clean contains dir ext hasPrefix hasSuffix html initials isAbs js kebabcase lower nospace osBase osClean osDir osExt osIsAbs plural regexQuoteMeta replace sha1sum sha256sum sha512sum shuffle snakecase split splitList splitn swapcase title trim trimAll trimPrefix trimSuffix trimall trunc untitle upper urlquery wrap wrapWith
any values will do: all and any cat coalesce deepEqual default dict empty join kindIs kindOf list not or print printf println quote sortAlpha squote ternary toString toStrings tuple typeIs typeIsLike typeOf
any dict will do, none too: get hasKey keys omit pick pluck unset values
takes no argument: hello now uuidv4
what is no number counts as 0: add add1 atoi biggest ceil float64 floor int int64 max maxf min minf mul round sub toDecimal
ranges that end nowhere are empty: seq until untilStep
too short is empty: randAlpha randAlphaNum randAscii randNumeric
what is no date is now or the zero time, and other zones are UTC: ago date dateInZone dateModify date_in_zone date_modify htmlDate htmlDateInZone toDate unixEpoch
what is no duration is 0: duration durationRound
the error is the result: b32dec b64dec bcrypt derivePassword fromYaml genPrivateKey hexdec htpasswd
keys are padded or cut: encryptAES
the error is dropped: fromJson regexMatch toJson toPrettyJson toYaml
`

// neverItself are these functions by name, with the reason.
var neverItself = func() map[string]string {
	out := map[string]string{}
	for _, line := range strings.Split(strings.TrimSpace(neverItselfTable), "\n") {
		reason, names, _ := strings.Cut(line, ": ")
		for _, name := range strings.Fields(names) {
			out[name] = reason
		}
	}
	return out
}()
