"""Transactions, headers and blocks (BIP144 for the witness form)."""

from codec import (
    BYTES, HASH, I32, I64, U32, Reader, Record, compact_size, listed, sha256d, shown, struct_of,
)

COIN = 100_000_000


class TxIn(Record):
    """A spent output: `txid`, `index`; the witness is written apart."""

    fields = (("txid", HASH, "00" * 32), ("index", U32, 0xFFFFFFFF), ("script", BYTES, b""), ("sequence", U32, 0xFFFFFFFF))

    def __init__(self, txid="00" * 32, index=0xFFFFFFFF, script=b"", sequence=0xFFFFFFFF, witness=()):
        super().__init__(txid=txid, index=index, script=script, sequence=sequence)
        self.witness = list(witness)


class TxOut(Record):
    """`value` satoshis locked by `script`."""

    fields = (("value", I64, 0), ("script", BYTES, b""))

    def __init__(self, value=0, script=b""):
        super().__init__(value=value, script=script)


INPUTS, OUTPUTS, WITNESS = listed(struct_of(TxIn)), listed(struct_of(TxOut)), listed(BYTES)


class Transaction:
    """A transaction; ids are computed anew each time, as everything in it may be changed."""

    def __init__(self, inputs=(), outputs=(), version=2, locktime=0):
        self.version = version
        self.inputs = list(inputs)
        self.outputs = list(outputs)
        self.locktime = locktime

    def has_witness(self):
        return any(spent.witness for spent in self.inputs)

    def encode(self, witness=True):
        body = INPUTS.write(self.inputs) + OUTPUTS.write(self.outputs)
        if witness and self.has_witness():
            stacks = b"".join(WITNESS.write(spent.witness) for spent in self.inputs)
            body = b"\x00\x01" + body + stacks
        return U32.write(self.version) + body + U32.write(self.locktime)

    @classmethod
    def read(cls, reader):
        made = cls(version=U32.read(reader))
        made.inputs = INPUTS.read(reader)
        segwit = not made.inputs and reader.left() and reader.data[reader.at] == 1
        if segwit:
            reader.take(1)
            made.inputs = INPUTS.read(reader)
        made.outputs = OUTPUTS.read(reader)
        if segwit:
            for spent in made.inputs:
                spent.witness = WITNESS.read(reader)
        made.locktime = U32.read(reader)
        return made

    @classmethod
    def from_hex(cls, text):
        reader = Reader(bytes.fromhex(text))
        made = cls.read(reader)
        reader.finish()
        return made

    @property
    def hex(self):
        return self.encode().hex()

    @property
    def txid(self):
        return shown(sha256d(self.encode(witness=False)))

    @property
    def wtxid(self):
        return shown(sha256d(self.encode()))

    @property
    def weight(self):
        return 3 * len(self.encode(witness=False)) + len(self.encode())

    @property
    def vsize(self):
        return (self.weight + 3) // 4

    def __repr__(self):
        return f"Transaction({self.txid})"

    def __eq__(self, other):
        return isinstance(other, Transaction) and self.encode() == other.encode()


TX = struct_of(Transaction)


class Header(Record):
    """A block's 80 bytes."""

    fields = (
        ("version", I32, 0x20000000), ("prev", HASH, "00" * 32), ("merkle_root", HASH, "00" * 32),
        ("time", U32, 0), ("bits", U32, 0x207FFFFF), ("nonce", U32, 0),
    )

    @property
    def hash(self):
        return shown(sha256d(Header.encode(self)))

    def target(self):
        size, digits = self.bits >> 24, self.bits & 0x7FFFFF
        return digits << 8 * (size - 3) if size >= 3 else digits >> 8 * (3 - size)

    def solves(self):
        return int(self.hash, 16) <= self.target()

    def solve(self):
        """Looks for a nonce from the present one on."""
        while not self.solves():
            self.nonce += 1
        return self


def merkle_root(hashes):
    """The root over shown hashes."""
    level = [bytes.fromhex(text)[::-1] for text in hashes]
    while len(level) > 1:
        if len(level) % 2:
            level.append(level[-1])
        level = [sha256d(level[at] + level[at + 1]) for at in range(0, len(level), 2)]
    return shown(level[0])


class Block(Header):
    """A header with its transactions."""

    def __init__(self, transactions=(), **header):
        super().__init__(**header)
        self.transactions = list(transactions)

    @property
    def header(self):
        return Header(**{name: getattr(self, name) for name, _, _ in Header.fields})

    def encode(self, witness=True):
        count = compact_size(len(self.transactions))
        return Header.encode(self) + count + b"".join(tx.encode(witness) for tx in self.transactions)

    @classmethod
    def read(cls, reader):
        header = Header.read(reader)
        made = cls(**{name: getattr(header, name) for name, _, _ in Header.fields})
        made.transactions = listed(TX).read(reader)
        return made

    @classmethod
    def from_hex(cls, text):
        return cls.decode(bytes.fromhex(text))

    @property
    def hex(self):
        return self.encode().hex()

    @property
    def weight(self):
        return 3 * len(self.encode(witness=False)) + len(self.encode())

    def set_merkle_root(self):
        self.merkle_root = merkle_root([tx.txid for tx in self.transactions])

    def witness_root(self):
        return merkle_root(["00" * 32] + [tx.wtxid for tx in self.transactions[1:]])

    def __repr__(self):
        return f"Block({self.hash})"

