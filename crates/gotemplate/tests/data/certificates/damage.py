"""Keys and certificates with single numbers changed. recipe.sh runs it in this folder."""

import base64
import math
import pathlib
import random

RSA = bytes.fromhex("06092a864886f70d0101010500")
EC = bytes.fromhex("06072a8648ce3d0201")
CURVES = {
    "P-224": bytes.fromhex("06052b81040021"),
    "P-256": bytes.fromhex("06082a8648ce3d030107"),
    "P-521": bytes.fromhex("06052b81040023"),
    "secp224k1": bytes.fromhex("06052b81040020"),
}
ORDERS = {
    "P-224": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFF16A2E0B8F03E13DD29455C5C2A3D,
    "P-256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "P-521": (1 << 521) - (6 << 256) + 0x51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409,
}


def element(tag, content):
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + content


def sequence(*parts):
    return element(0x30, b"".join(parts))


def integer(number):
    return element(2, number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True))


def parts(content):
    """The tags and contents of the elements."""
    found = []
    while content:
        length, start = content[1], 2
        if length & 0x80:
            start += length & 0x7F
            length = int.from_bytes(content[2:start], "big")
        found.append((content[0], content[start : start + length]))
        content = content[start + length :]
    return found


def read(name):
    lines = pathlib.Path(name).read_text().splitlines()
    return base64.b64decode("".join(line for line in lines if not line.startswith("-----")))


def write(name, kind, der):
    text = base64.b64encode(der).decode()
    lines = [text[i : i + 64] for i in range(0, len(text), 64)]
    pathlib.Path(name).write_text("\n".join([f"-----BEGIN {kind}-----", *lines, f"-----END {kind}-----", ""]))


FIELDS = ["version", "n", "e", "d", "p", "q", "dp", "dq", "qi"]


class Rsa:
    """The numbers of a key; a number that is None is left out."""

    def __init__(self, name=None, **numbers):
        self.further, self.behind = None, b""
        if name:
            *numbers_, last = parts(parts(read(name))[0][1])
            if last[0] == 0x30:
                self.further = [[int.from_bytes(each, "big") for _, each in parts(of)] for _, of in parts(last[1])]
            else:
                numbers_.append(last)
            numbers = dict(zip(FIELDS, (int.from_bytes(number, "big") for _, number in numbers_)))
        self.__dict__.update(numbers)

    def changed(self, **numbers):
        other = Rsa()
        other.__dict__.update(self.__dict__)
        other.__dict__.update(numbers)
        return other

    def der(self):
        numbers = [integer(getattr(self, field)) for field in FIELDS if getattr(self, field) is not None]
        further = b""
        if isinstance(self.further, bytes):
            further = self.further
        elif self.further is not None:
            further = sequence(*(sequence(*map(integer, each)) for each in self.further))
        return sequence(*numbers, further) + self.behind

    def write(self, name):
        write(f"{name}.key", "RSA PRIVATE KEY", self.der())


def is_prime(number):
    odd = number - 1
    twos = (odd & -odd).bit_length() - 1
    odd >>= twos
    for base in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37):
        if number % base == 0:
            return number == base
        power = pow(base, odd, number)
        if power not in (1, number - 1) and all(pow(power, 1 << i, number) != number - 1 for i in range(1, twos)):
            return False
    return True


def prime(bits=None, after=None):
    while True:
        number = after + 2 if after else random.getrandbits(bits) | 3 << bits - 2 | 1
        if is_prime(number) and (number - 1) % 65537:
            return number
        after = number if after else None


def whole(p, q, e=65537, n=None, d=None):
    """A key of two numbers, with d by their least common multiple."""
    d = d or pow(e, -1, math.lcm(p - 1, q - 1))
    return Rsa(version=0, n=n or p * q, e=e, d=d, p=p, q=q, dp=d % (p - 1), dq=d % (q - 1), qi=pow(q, -1, p))


def without_remainders(key):
    return key.changed(dp=None, dq=None, qi=None)


def damage_two():
    key = Rsa("leaf-pkcs1.key")
    for name, numbers in {
        "n-even": {"n": key.n + 1},
        "n-one": {"n": 1},
        "n-other": {"n": key.n + 2},
        "e-one": {"e": 1},
        "e-even": {"e": 65536},
        "e-three": {"e": 3},
        "e-negative": {"e": -65537},
        "e-long": {"e": 1 << 31 | 1},
        "e-longer": {"e": 1 << 80 | 1},
        "d-other": {"d": key.d + 2},
        "d-long": {"d": key.n + 5},
        "d-longer": {"d": key.n << 64},
        "d-zero": {"d": 0},
        "p-one": {"p": 1},
        "p-two": {"p": 2},
        "p-even": {"p": key.p + 1},
        "p-other": {"p": key.p + 2},
        "p-long": {"p": key.n + 2},
        "q-one": {"q": 1},
        "q-two": {"q": 2},
        "q-negative": {"q": -key.q},
        "p-twice": {"q": key.p},
        "dp-other": {"dp": key.dp + 2},
        "dp-long": {"dp": key.dp + key.p - 1},
        "dq-other": {"dq": key.dq + 2},
        "qi-other": {"qi": key.qi + 2},
        "qi-long": {"qi": key.qi + key.p},
        "qi-longer": {"qi": key.qi + (key.p << 64)},
        "qi-zero": {"qi": 0},
        "version-one": {"version": 1},
        "version-two": {"version": 2},
        "version-negative": {"version": -1},
        "swapped": {"p": key.q, "q": key.p, "dp": key.dq, "dq": key.dp, "qi": pow(key.p, -1, key.q)},
        "behind": {"behind": b"\0"},
        "further-none": {"further": []},
    }.items():
        key.changed(**numbers).write(f"rsa-{name}")
    bare = without_remainders(key)
    for name, numbers in {
        "bare": {},
        "bare-dp": {"dp": key.dp + 2},
        "bare-p-two": {"p": 2},
        "bare-p-even": {"p": key.p + 1},
        "bare-p-long": {"p": key.n + 2},
        "bare-p-other": {"p": key.p + 2},
        "bare-e-three": {"e": 3},
        "bare-d-other": {"d": key.d + 2},
        "bare-swapped": {"p": key.q, "q": key.p},
    }.items():
        bare.changed(**numbers).write(f"rsa-{name}")
    write("rsa-behind-pkcs8.key", "PRIVATE KEY", key.der() + b"\0")


def damage_shape():
    """Keys whose numbers fit, but are not those of other keys."""
    close = prime(512)
    whole(prime(after=close), close).write("rsa-close")
    whole(prime(300), prime(1748)).write("rsa-uneven")
    whole(prime(1748), prime(300)).write("rsa-uneven-other")
    small = whole(61, 53, e=17)
    small.write("rsa-tiny")
    small.changed(e=413, d=17, dp=17, dq=17).write("rsa-tiny-d")
    small.changed(e=17 + 780 * 10).write("rsa-tiny-e")
    whole(prime(250), prime(250)).write("rsa-500")
    # What is taken for a prime is a product of two.
    while True:
        composite, other = prime(512) * prime(512), prime(1024)
        if math.gcd(65537, composite - 1) == 1:
            break
    composed = whole(composite, other)
    composed.write("rsa-composed")
    without_remainders(composed).write("rsa-composed-bare")
    # What are taken for the primes make a multiple of the modulus.
    for factor, name in [(3, "multiple"), (2, "multiple-even")]:
        while True:
            p, q = prime(1024) * factor, prime(1024)
            n = p // factor * q
            if p < n and math.gcd(65537, math.lcm(p - 1, q - 1)) == 1:
                key = whole(p, q, n=n)
                if key.d < n:
                    break
        key.write(f"rsa-{name}")


def damage_many():
    key = Rsa("primes3-pkcs1.key")
    [[r, exponent, inverse]] = key.further
    for name, numbers in {
        "third-other": {"further": [[r + 2, exponent, inverse]]},
        "third-zero": {"further": [[0, exponent, inverse]]},
        "third-negative": {"further": [[-r, exponent, inverse]]},
        "third-one": {"further": [[1, exponent, inverse]]},
        "third-two": {"further": [[2, exponent, inverse]]},
        "third-even": {"further": [[r + 1, exponent, inverse]]},
        "third-twice": {"further": [[r, exponent, inverse]] * 2},
        "third-is-p": {"further": [[key.p, exponent, inverse]]},
        "third-long": {"further": [[key.n**2 + 2, exponent, inverse]]},
        "exponent-other": {"further": [[r, 1, 0]]},
        "exponent-negative": {"further": [[r, -1, -inverse]]},
        "version-zero": {"version": 0},
        "version-two": {"version": 2},
        "bare": {"dp": None, "dq": None, "qi": None},
        "remainders-other": {"dp": 1, "dq": 1, "qi": 1},
        "remainder-zero": {"dp": 0},
        "n-other": {"n": key.n + 2},
        "n-even": {"n": key.n + 1},
        "e-other": {"e": 3},
        "e-even": {"e": 4},
        "e-one": {"e": 1},
        "e-long": {"e": 1 << 31 | 1},
        "d-other": {"d": key.d + 2},
        "d-long": {"d": key.n},
        "d-longer": {"d": key.n << 64},
        "p-one": {"p": 1},
        "p-two": {"p": 2},
        "p-is-q": {"p": key.q},
        "swapped": {"p": key.q, "q": key.p},
        "further-none": {"further": []},
        "further-empty-member": {"further": [[]]},
        "further-short-member": {"further": [[r, exponent]]},
        "further-long-member": {"further": [[r, exponent, inverse, 7]]},
        "further-number": {"further": sequence(integer(r))},
        "further-cut": {"further": element(0x30, sequence(integer(r), integer(1), integer(1))[:-1])},
        "further-no-list": {"further": integer(r)},
        "behind": {"behind": b"\0"},
    }.items():
        key.changed(**numbers).write(f"primes3-{name}")
    write("primes3-third-other-pkcs8.key", "PRIVATE KEY", pkcs8(RSA, key.changed(further=[[r + 2, 1, 1]]).der()))
    # Small primes beside the large ones: whatever the modulus is.
    few = [[each, 1, 1] for each in (3, 4, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47)]
    key.changed(further=few).write("primes3-small")


def pkcs8(algorithm, key):
    return sequence(integer(0), sequence(algorithm), element(4, key))


def sec1_head(scalar):
    return integer(1) + element(4, scalar)


def sec1(scalar, curve=None, point=None, version=1):
    return sequence(
        integer(version),
        element(4, scalar),
        element(0xA0, CURVES[curve]) if curve else b"",
        element(0xA1, element(3, b"\0" + point)) if point else b"",
    )


def damage_scalars():
    scalar, point = [content for tag, content in parts(parts(read("p224-sec1.key"))[0][1]) if tag in (4, 0xA1)]
    point = parts(point)[0][1][1:]
    off = point[:-1] + bytes([point[-1] ^ 1])
    named = element(0xA0, CURVES["P-224"])
    for name, der in {
        "short": sec1(b"\1" * 27, "P-224"),
        "empty": sec1(b"", "P-224"),
        "long": sec1(b"\1" + scalar, "P-224"),
        "zeros": sec1(b"\0\0" + scalar, "P-224"),
        "zero": sec1(bytes(28), "P-224"),
        "high": sec1(b"\xff" * 28, "P-224"),
        "off": sec1(scalar, "P-224", off),
        "no-curve": sec1(scalar, point=point),
        "other-curve": sec1(scalar, "secp224k1"),
        "larger-curve": sec1(scalar, "P-256"),
        "version": sec1(scalar, "P-224", version=2),
        # What stands within the tags, and how long these say that it is.
        "no-bits": sequence(sec1_head(scalar), named, element(0xA1, element(4, point))),
        "bits-odd": sequence(sec1_head(scalar), named, element(0xA1, bytes.fromhex("03020701"))),
        "no-name": sequence(sec1_head(scalar), element(0xA0, integer(7))),
        "tag-empty": sequence(sec1_head(scalar), element(0xA0, b"")),
        "tag-short": sequence(sec1_head(scalar), b"\xa0\1", CURVES["P-224"]),
        "tag-long": sequence(sec1_head(scalar), b"\xa0\x50", CURVES["P-224"]),
        "tag-plain": sequence(sec1_head(scalar), element(0x80, CURVES["P-224"])),
        "tag-last": sequence(sec1_head(scalar), b"\xa0\x50"),
    }.items():
        write(f"p224-{name}.key", "EC PRIVATE KEY", der)
    write("p224-other-curve-inside.key", "PRIVATE KEY", pkcs8(EC + CURVES["P-224"], sec1(scalar, "P-256")))
    write("p224-curve-inside.key", "PRIVATE KEY", pkcs8(EC + b"\5\0", sec1(scalar, "P-224")))
    write("p224-zero-pkcs8.key", "PRIVATE KEY", pkcs8(EC + CURVES["P-224"], sec1(bytes(28))))
    write("p256-zero.key", "EC PRIVATE KEY", sec1(b"", "P-256"))
    for curve, order in ORDERS.items():
        size = (order.bit_length() + 7) // 8
        name = curve.replace("-", "").lower()
        for how, number in {"order": order, "above": order + 1, "below": order - 1}.items():
            write(f"{name}-{how}.key", "EC PRIVATE KEY", sec1(number.to_bytes(size, "big"), curve))
    write("p521-order-twice.key", "EC PRIVATE KEY", sec1((2 * ORDERS["P-521"]).to_bytes(66, "big"), "P-521"))


def damage_points():
    """Certificates whose public key is another, in the bytes of the first. Nobody looks at their signatures."""
    for name, size in {"p224": 28, "p384": 48, "ec": 32}.items():
        der = read(f"{name}.crt")
        start = der.index(bytes([3, 2 * size + 2, 0, 4])) + 3
        point = der[start : start + 2 * size + 1]
        field = b"\xff" * size
        for how, other in {
            "off": point[:-1] + bytes([point[-1] ^ 1]),
            "high-x": b"\4" + field + point[1 + size :],
            "high-y": point[: 1 + size] + field,
            "compressed": b"\2" + point[1:],
            "zero": b"\4" + bytes(2 * size),
        }.items():
            write(f"{name}-{how}.crt", "CERTIFICATE", der.replace(point, other))
        even = point[:-1] + bytes([point[-1] & 0xFE])
        write(f"{name}-unused-bit.crt", "CERTIFICATE", der.replace(b"\0" + point, b"\1" + even))
    der = read("p224.crt")
    write("p224-larger-curve.crt", "CERTIFICATE", der.replace(CURVES["P-224"], CURVES["P-521"], 1))
    write("p224-other-curve.crt", "CERTIFICATE", der.replace(CURVES["P-224"], CURVES["secp224k1"], 1))
    write("p224-no-name.crt", "CERTIFICATE", der.replace(CURVES["P-224"], CURVES["P-224"][:-1] + b"\x80", 1))


def damage_dsa():
    """Certificates with other DSA keys, and other parameters of them. Nobody looks at their signatures."""
    (_, body), *signed = parts(parts(read("dsa.crt"))[0][1])
    fields = parts(body)
    (_, algorithm), (_, bits) = parts(fields[6][1])
    (_, oid), (_, parameters) = parts(algorithm)
    p, q, g = (element(2, number) for _, number in parts(parameters))
    key = bits[1:]
    numbers, zero = sequence(p, q, g), integer(0)
    for how, (parameters, key) in {
        "without": (b"", key),
        "null": (element(5, b""), key),
        "no-list": (element(4, p + q + g), key),
        "two": (sequence(p, q), key),
        "more": (sequence(p, q, g, p), key),
        "p-zero": (sequence(zero, q, g), key),
        "q-negative": (sequence(p, integer(-3), g), key),
        "g-zero": (sequence(p, q, zero), key),
        "g-padded": (sequence(p, q, element(2, b"\0\1")), key),
        "y-zero": (numbers, zero),
        "y-negative": (numbers, integer(-3)),
        "y-padded": (numbers, element(2, b"\0\1")),
        "y-no-number": (numbers, element(4, b"\1")),
        "y-none": (numbers, b""),
        "y-behind": (numbers, key + b"\0"),
    }.items():
        fields[6] = (0x30, sequence(element(6, oid), parameters) + element(3, b"\0" + key))
        body = sequence(*(element(*field) for field in fields))
        write(f"dsa-{how}.crt", "CERTIFICATE", sequence(body, *(element(*part) for part in signed)))


def extension(oid, value, is_critical=False):
    critical = element(1, b"\xff") if is_critical else b""
    return sequence(element(6, oid), critical, element(4, value))


def damage_extensions():
    """Certificates with one other extension, or another field. Nobody looks at their signatures."""
    (_, body), *signed = parts(parts(read("leaf.crt"))[0][1])
    fields = parts(body)

    def put(how, place, field):
        changed = [element(*each) for each in fields]
        changed[place] = field
        signature = [element(*part) for part in signed]
        write(f"leaf-{how}.crt", "CERTIFICATE", sequence(sequence(*changed), *signature))

    def standard(number, *parts_):
        return extension(bytes([0x55, 0x1D, number]), sequence(*parts_))

    def names(*all_):
        return standard(17, *(element(tag, name.encode()) for tag, name in all_))

    policy = sequence(element(6, b"\x2a\3"))
    access = bytes([0x2B, 6, 1, 5, 5, 7, 1, 1])
    for how, each in {
        "uris": names((0x86, "HTTP://X/a b"), (0x86, "urn:a b"), (0x86, "http://x/%41?#"), (0x86, "//x/!#%41'")),
        "uri-domain": names((0x86, "https://secret./path")),
        "uri-escape": names((0x86, "http://x/%zz")),
        "no-authority-id": standard(35),
        "empty-authority-id": standard(35, element(0x80, b"")),
        "no-constraint": standard(30),
        "mask-constraint": standard(30, element(0xA0, sequence(element(0x87, b"\x0a\0\0\0\xff\0\1\0")))),
        "mailbox-constraint": standard(30, element(0xA1, sequence(element(0x81, b"a..b@c")))),
        "address-constraint": standard(30, element(0xA1, sequence(element(0x86, b"192.0.2.1")))),
        "policy-twice": standard(32, policy, policy),
        "short-mapping": standard(33, sequence(element(6, b"\x2a\3"))),
        "empty-policy-number": standard(36, element(0x80, b"")),
        "usage-no-oid": standard(37, integer(1)),
        "negative-path": standard(19, element(1, b"\xff"), integer(-1)),
        "point-without-name": standard(31, sequence(element(0xA0, b""))),
        "long-inhibit": extension(b"\x55\x1d\x36", element(2, b"\1" * 9)),
        "critical-access": extension(access, sequence(), True),
        "access-no-oid": extension(access, sequence(sequence(integer(1)))),
    }.items():
        put(how, -1, element(0xA3, sequence(each)))
    late = element(0x17, b"491231235959Z")
    for how, time in {
        "day-30": element(0x17, b"260230120000Z"),
        "hour-24": element(0x18, b"20260101240000Z"),
        "no-seconds": element(0x17, b"2601011200Z"),
        "zone": element(0x18, b"20260101120000+0130"),
        "zone-zero": element(0x17, b"260101120000+0000"),
    }.items():
        put(how, 4, sequence(time, late))
    put("version-behind", 0, element(0xA0, integer(2) + b"\0"))


damage_two()
damage_shape()
damage_many()
damage_scalars()
damage_points()
damage_dsa()
damage_extensions()
