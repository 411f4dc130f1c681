"""Scripts, and the addresses of the harness (BIP173, BIP341, BIP350)."""

import struct

from codec import sha256, tagged_hash, var_bytes

OP_0, OP_1NEGATE, OP_TRUE, OP_16 = 0x00, 0x4F, 0x51, 0x60
OP_NOP, OP_RETURN, OP_DROP, OP_DUP = 0x61, 0x6A, 0x75, 0x76
OP_EQUAL, OP_CHECKSIG, OP_CHECKMULTISIG = 0x87, 0xAC, 0xAE
OP_CLTV, OP_CSV = 0xB1, 0xB2


def push(data):
    """The shortest push of data that is no small number."""
    if len(data) < 0x4C:
        return bytes([len(data)]) + data
    if len(data) <= 0xFF:
        return b"\x4c" + bytes([len(data)]) + data
    if len(data) <= 0xFFFF:
        return b"\x4d" + struct.pack("<H", len(data)) + data
    return b"\x4e" + struct.pack("<I", len(data)) + data


def number(value):
    """The shortest push of a number."""
    if value == 0:
        return bytes([OP_0])
    if -1 <= value <= 16:
        return bytes([OP_TRUE - 1 + value])
    size = abs(value).bit_length() // 8 + 1
    data = abs(value).to_bytes(size, "little")
    if value < 0:
        data = data[:-1] + bytes([data[-1] | 0x80])
    return push(data)


def script(*parts):
    """A script of opcodes (integers) and ready pieces (bytes)."""
    return b"".join(bytes([part]) if isinstance(part, int) else part for part in parts)


def witness_program(version, program):
    return number(version) + push(program)


def p2wsh(inner):
    return witness_program(0, sha256(inner))


# secp256k1, as far as tweaking a public key needs it.

FIELD = 2**256 - 2**32 - 977
GENERATOR = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)


def add_points(one, other):
    if one is None or other is None:
        return one or other
    if one[0] == other[0]:
        if one[1] != other[1]:
            return None
        slope = 3 * one[0] ** 2 * pow(2 * one[1], -1, FIELD)
    else:
        slope = (other[1] - one[1]) * pow(other[0] - one[0], -1, FIELD)
    x = (slope * slope - one[0] - other[0]) % FIELD
    return x, (slope * (one[0] - x) - one[1]) % FIELD


def multiply(point, factor):
    sum_ = None
    while factor:
        if factor & 1:
            sum_ = add_points(sum_, point)
        point = add_points(point, point)
        factor >>= 1
    return sum_


def lift_x(x):
    """The point with this x and an even y."""
    y = pow(x**3 + 7, (FIELD + 1) // 4, FIELD)
    if y * y % FIELD != (x**3 + 7) % FIELD:
        raise ValueError("no point has this x")
    return x, y if y % 2 == 0 else FIELD - y


def taproot_leaf(internal_key, leaf):
    """The output script and the control block of a tree with one leaf script."""
    leaf_hash = tagged_hash("TapLeaf", b"\xc0" + var_bytes(leaf))
    tweak = int.from_bytes(tagged_hash("TapTweak", internal_key + leaf_hash), "big")
    point = add_points(lift_x(int.from_bytes(internal_key, "big")), multiply(GENERATOR, tweak))
    control = bytes([0xC0 | point[1] & 1]) + internal_key
    return witness_program(1, point[0].to_bytes(32, "big")), control


# Bech32 addresses.

ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def _checksum(values):
    generators = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
    state = 1
    for value in values:
        top = state >> 25
        state = (state & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(generators):
            if top >> bit & 1:
                state ^= generator
    return state


def address(version, program, prefix="bcrt"):
    """The address of a witness program."""
    bits = "".join(f"{byte:08b}" for byte in program)
    bits += "0" * (-len(bits) % 5)
    values = [version] + [int(bits[at : at + 5], 2) for at in range(0, len(bits), 5)]
    spread = [ord(char) >> 5 for char in prefix] + [0] + [ord(char) & 31 for char in prefix]
    final = 0x2BC830A3 if version else 1
    check = _checksum([*spread, *values, 0, 0, 0, 0, 0, 0]) ^ final
    values += [check >> 5 * (5 - at) & 31 for at in range(6)]
    return prefix + "1" + "".join(ALPHABET[value] for value in values)


# The output that anyone can spend: a taproot output whose one leaf is OP_TRUE.

INTERNAL_KEY = (1).to_bytes(32, "big")
LEAF = bytes([OP_TRUE])
ANYONE_SCRIPT, ANYONE_CONTROL = taproot_leaf(INTERNAL_KEY, LEAF)
ANYONE_ADDRESS = address(1, ANYONE_SCRIPT[2:])
ANYONE_WITNESS = [LEAF, ANYONE_CONTROL]
RAW_TRUE = bytes([OP_TRUE])
# An output that nobody needs to spend: a witness program with a hash of nothing in particular.
SINK_SCRIPT = witness_program(0, bytes(range(20)))
SINK_ADDRESS = address(0, bytes(range(20)))
