"""The serialization that Bitcoin's objects and messages share, and the hashes over it.

Hashes are text everywhere in the harness, in the byte order in which RPC shows them.
"""

import hashlib
import struct


class DecodeError(Exception):
    """Bytes are not what they should be."""


def sha256(data):
    return hashlib.sha256(data).digest()


def sha256d(data):
    return sha256(sha256(data))


def tagged_hash(tag, data):
    """BIP340's hash with a domain of its own."""
    prefix = sha256(tag.encode())
    return sha256(prefix + prefix + data)


def shown(digest):
    """32 bytes as RPC shows them."""
    return digest[::-1].hex()


def raw_hash(text):
    """The 32 bytes behind a shown hash."""
    data = bytes.fromhex(text)[::-1]
    if len(data) != 32:
        raise ValueError(f"not a hash: {text}")
    return data


def compact_size(number):
    if number < 0xFD:
        return struct.pack("<B", number)
    if number <= 0xFFFF:
        return b"\xfd" + struct.pack("<H", number)
    if number <= 0xFFFFFFFF:
        return b"\xfe" + struct.pack("<I", number)
    return b"\xff" + struct.pack("<Q", number)


def var_bytes(data):
    return compact_size(len(data)) + data


class Reader:
    """Takes values off the front of bytes."""

    def __init__(self, data):
        self.data = data
        self.at = 0

    def take(self, count):
        if self.left() < count:
            raise DecodeError(f"{count} bytes wanted, {self.left()} left")
        self.at += count
        return self.data[self.at - count : self.at]

    def left(self):
        return len(self.data) - self.at

    def unpack(self, form):
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def size(self):
        first = self.unpack("<B")
        forms = {0xFD: "<H", 0xFE: "<I", 0xFF: "<Q"}
        return self.unpack(forms[first]) if first in forms else first

    def var_bytes(self):
        return self.take(self.size())

    def hash(self):
        return shown(self.take(32))

    def finish(self):
        if self.left():
            raise DecodeError(f"{self.left()} bytes too many")


class Codec:
    """How one kind of value is written and read."""

    def __init__(self, write, read):
        self.write = write
        self.read = read


def packed(form):
    return Codec(lambda value: struct.pack(form, value), lambda reader: reader.unpack(form))


U8, U16, U32, U64 = packed("<B"), packed("<H"), packed("<I"), packed("<Q")
I32, I64 = packed("<i"), packed("<q")
PORT = packed(">H")
BOOL = packed("<?")
SIZE = Codec(compact_size, Reader.size)
HASH = Codec(raw_hash, Reader.hash)
BYTES = Codec(var_bytes, Reader.var_bytes)
TEXT = Codec(lambda text: var_bytes(text.encode()), lambda reader: reader.var_bytes().decode())
REST = Codec(bytes, lambda reader: reader.take(reader.left()))


def fixed(count):
    """So many bytes."""

    def write(data):
        if len(data) != count:
            raise ValueError(f"{len(data)} bytes where {count} belong")
        return bytes(data)

    return Codec(write, lambda reader: reader.take(count))


def listed(codec):
    """A count, then that many values."""
    return Codec(
        lambda values: compact_size(len(values)) + b"".join(codec.write(value) for value in values),
        lambda reader: [codec.read(reader) for _ in range(reader.size())],
    )


def struct_of(kind):
    """A class with `encode` and `read`."""
    return Codec(lambda value: value.encode(), kind.read)


class Record:
    """Named fields in a fixed order; `fields` is a sequence of (name, codec, default)."""

    fields = ()

    def __init__(self, **values):
        for name, _, default in self.fields:
            value = values.pop(name, default)
            setattr(self, name, list(value) if isinstance(value, (list, tuple)) else value)
        if values:
            raise TypeError(f"{type(self).__name__} has no {', '.join(values)}")

    def encode(self):
        return b"".join(codec.write(getattr(self, name)) for name, codec, _ in self.fields)

    @classmethod
    def read(cls, reader):
        made = cls()
        for name, codec, _ in cls.fields:
            setattr(made, name, codec.read(reader))
        return made

    @classmethod
    def decode(cls, data):
        reader = Reader(data)
        made = cls.read(reader)
        reader.finish()
        return made

    def __repr__(self):
        inside = ", ".join(f"{name}={getattr(self, name)!r}" for name, _, _ in self.fields)
        return f"{type(self).__name__}({inside})"

    def __eq__(self, other):
        return type(self) is type(other) and self.encode() == other.encode()


def siphash(key0, key1, data):
    """SipHash-2-4 of bytes, which BIP152's short ids are cut from."""
    mask = (1 << 64) - 1

    def turned(value, by):
        return (value << by | value >> (64 - by)) & mask

    a, b = key0 ^ 0x736F6D6570736575, key1 ^ 0x646F72616E646F6D
    c, d = key0 ^ 0x6C7967656E657261, key1 ^ 0x7465646279746573

    def rounds(count, a, b, c, d):
        for _ in range(count):
            a, c = (a + b) & mask, (c + d) & mask
            b, d = turned(b, 13) ^ a, turned(d, 16) ^ c
            a = turned(a, 32)
            c, a = (c + b) & mask, (a + d) & mask
            b, d = turned(b, 17) ^ c, turned(d, 21) ^ a
            c = turned(c, 32)
        return a, b, c, d

    whole = len(data) - len(data) % 8
    last = (len(data) & 0xFF) << 56 | int.from_bytes(data[whole:], "little")
    words = [int.from_bytes(data[at : at + 8], "little") for at in range(0, whole, 8)]
    for word in [*words, last]:
        d ^= word
        a, b, c, d = rounds(2, a, b, c, d)
        a ^= word
    c ^= 0xFF
    a, b, c, d = rounds(4, a, b, c, d)
    return a ^ b ^ c ^ d
