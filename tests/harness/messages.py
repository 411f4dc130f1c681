"""The P2P messages (BIPs 31, 37, 130, 133, 144, 152, 155, 157, 339) and their framing."""

import ipaddress
import struct

from codec import (
    BOOL, BYTES, HASH, I32, I64, PORT, REST, SIZE, TEXT, U8, U32, U64, Codec, DecodeError, Record, compact_size,
    listed, raw_hash, sha256, sha256d, siphash, struct_of,
)
from objects import TX, Block, Header

MAGIC = bytes.fromhex("fabfb5da")
PROTOCOL = 70016
NETWORK, BLOOM, WITNESS, COMPACT_FILTERS, NETWORK_LIMITED, P2P_V2 = 1, 4, 8, 64, 1024, 2048
MSG_TX, MSG_BLOCK, MSG_FILTERED_BLOCK, MSG_CMPCT_BLOCK, MSG_WTX = 1, 2, 3, 4, 5
WITNESS_FLAG = 1 << 30


class Ip(Codec):
    """An address in 16 bytes, IPv4 mapped into IPv6."""

    def __init__(self):
        super().__init__(self._write, self._read)

    @staticmethod
    def _write(text):
        parsed = ipaddress.ip_address(text)
        return bytes(10) + b"\xff\xff" + parsed.packed if parsed.version == 4 else parsed.packed

    @staticmethod
    def _read(reader):
        data = reader.take(16)
        return str(ipaddress.ip_address(data[12:] if data[:12] == bytes(10) + b"\xff\xff" else data))


IP = Ip()


class Address(Record):
    """An address without a time, as `version` has it."""

    fields = (("services", U64, 0), ("ip", IP, "0.0.0.0"), ("port", PORT, 0))


class TimedAddress(Record):
    """An entry of `addr`."""

    fields = (("time", U32, 0), ("services", U64, NETWORK | WITNESS), ("ip", IP, "0.0.0.0"), ("port", PORT, 18444))


class AddressV2(Record):
    """An entry of `addrv2` (BIP155): `network` 1 is IPv4, 2 IPv6, 4 Tor v3, 5 I2P, 6 CJDNS."""

    fields = (("time", U32, 0), ("services", SIZE, 9), ("network", U8, 1), ("address", BYTES, bytes(4)), ("port", PORT, 18444))


class Inventory(Record):
    """What kind of thing, and its hash."""

    fields = (("kind", U32, 0), ("hash", HASH, "00" * 32))

    def __init__(self, kind=0, hash="00" * 32):
        super().__init__(kind=kind, hash=hash)


class PrefilledTx(Record):
    """A transaction of a compact block, its place counted from the one before."""

    fields = (("index", SIZE, 0), ("tx", TX, None))


def _write_headers(headers):
    return compact_size(len(headers)) + b"".join(Header.encode(header) + b"\x00" for header in headers)


def _read_headers(reader):
    headers = []
    for _ in range(reader.size()):
        headers.append(Header.read(reader))
        if reader.size():
            raise DecodeError("a header in a headers message has transactions")
    return headers


BARE_HEADERS = Codec(_write_headers, _read_headers)
SHORT_ID = Codec(lambda number: struct.pack("<Q", number)[:6], lambda reader: int.from_bytes(reader.take(6), "little"))


class Message(Record):
    """A message; the type is the command of the class."""

    command = ""


KINDS = {}


def message(command, *fields):
    """Makes the class of a message type and enters it in the table of known types."""
    kind = type(command, (Message,), {"command": command, "fields": fields, "__doc__": f"`{command}`."})
    KINDS[command] = kind
    return kind


_INVENTORY = (("items", listed(struct_of(Inventory)), ()),)
_LOCATOR = (("version", U32, PROTOCOL), ("locator", listed(HASH), ()), ("stop", HASH, "00" * 32))

Version = message(
    "version", ("version", I32, PROTOCOL), ("services", U64, NETWORK | WITNESS), ("time", I64, 0),
    ("receiver", struct_of(Address), Address()), ("sender", struct_of(Address), Address()), ("nonce", U64, 0),
    ("user_agent", TEXT, "/harness:0.1/"), ("height", I32, -1), ("relay", BOOL, True),
)
Verack = message("verack")
WtxidRelay = message("wtxidrelay")
SendAddrV2 = message("sendaddrv2")
SendHeaders = message("sendheaders")
SendCmpct = message("sendcmpct", ("high_bandwidth", BOOL, False), ("version", U64, 2))
SendTxRcncl = message("sendtxrcncl", ("version", U32, 1), ("salt", U64, 0))
FeeFilter = message("feefilter", ("rate", I64, 0))
Ping = message("ping", ("nonce", U64, 0))
Pong = message("pong", ("nonce", U64, 0))
GetAddr = message("getaddr")
Addr = message("addr", ("addresses", listed(struct_of(TimedAddress)), ()))
AddrV2 = message("addrv2", ("addresses", listed(struct_of(AddressV2)), ()))
Inv = message("inv", *_INVENTORY)
GetData = message("getdata", *_INVENTORY)
NotFound = message("notfound", *_INVENTORY)
GetHeaders = message("getheaders", *_LOCATOR)
GetBlocks = message("getblocks", *_LOCATOR)
Headers = message("headers", ("headers", BARE_HEADERS, ()))
BlockMessage = message("block", ("block", struct_of(Block), None))
TxMessage = message("tx", ("tx", TX, None))
Mempool = message("mempool")
CmpctBlock = message(
    "cmpctblock", ("header", struct_of(Header), None), ("nonce", U64, 0), ("short_ids", listed(SHORT_ID), ()),
    ("prefilled", listed(struct_of(PrefilledTx)), ()),
)
GetBlockTxn = message("getblocktxn", ("block_hash", HASH, "00" * 32), ("gaps", listed(SIZE), ()))
BlockTxn = message("blocktxn", ("block_hash", HASH, "00" * 32), ("transactions", listed(TX), ()))
GetCFilters = message("getcfilters", ("kind", U8, 0), ("start", U32, 0), ("stop", HASH, "00" * 32))
CFilter = message("cfilter", ("kind", U8, 0), ("block_hash", HASH, "00" * 32), ("filter", BYTES, b""))
GetCFHeaders = message("getcfheaders", ("kind", U8, 0), ("start", U32, 0), ("stop", HASH, "00" * 32))
CFHeaders = message(
    "cfheaders", ("kind", U8, 0), ("stop", HASH, "00" * 32), ("previous", HASH, "00" * 32), ("hashes", listed(HASH), ()),
)
GetCFCheckpt = message("getcfcheckpt", ("kind", U8, 0), ("stop", HASH, "00" * 32))
CFCheckpt = message("cfcheckpt", ("kind", U8, 0), ("stop", HASH, "00" * 32), ("headers", listed(HASH), ()))
FilterLoad = message("filterload", ("filter", BYTES, b""), ("functions", U32, 1), ("tweak", U32, 0), ("flags", U8, 0))
FilterAdd = message("filteradd", ("data", BYTES, b""))
FilterClear = message("filterclear")
MerkleBlock = message(
    "merkleblock", ("header", struct_of(Header), None), ("total", U32, 0), ("hashes", listed(HASH), ()), ("bits", BYTES, b""),
)
Feature = message("feature", ("payload", REST, b""))


def frame(command, payload, magic=MAGIC):
    """A whole message in v1 framing."""
    name = command.encode() if isinstance(command, str) else command
    return magic + name.ljust(12, b"\0") + struct.pack("<I", len(payload)) + sha256d(payload)[:4] + payload


def framed(sent, magic=MAGIC):
    return frame(sent.command, sent.encode(), magic)


def take_frame(data):
    """The type and the payload of the first whole message of `data` and the length of both, or None."""
    if len(data) < 24:
        return None
    if data[:4] != MAGIC:
        raise DecodeError(f"wrong magic {bytes(data[:4]).hex()}")
    size = struct.unpack("<I", data[16:20])[0]
    if len(data) < 24 + size:
        return None
    payload = bytes(data[24 : 24 + size])
    if sha256d(payload)[:4] != data[20:24]:
        raise DecodeError("wrong checksum")
    return bytes(data[4:16]).rstrip(b"\0").decode("ascii"), payload, 24 + size


def decode(command, payload):
    """A received message; types that a node must never send are an error."""
    if command not in KINDS:
        raise DecodeError(f"the node sent a message of type {command!r}")
    return KINDS[command].decode(payload)


def short_ids(header, nonce, transactions, witness=True):
    """BIP152's short ids of transactions in a block."""
    key = sha256(Header.encode(header) + struct.pack("<Q", nonce))
    keys = struct.unpack("<QQ", key[:16])
    ids = [tx.wtxid if witness else tx.txid for tx in transactions]
    return [siphash(*keys, raw_hash(text)) & 0xFFFFFFFFFFFF for text in ids]


def compact(block, nonce=0, prefilled=(0,)):
    """The compact form of a block, with the transactions at these places written out."""
    places = sorted(prefilled)
    gaps = [place - before - 1 for before, place in zip([-1, *places], places)]
    rest = [tx for place, tx in enumerate(block.transactions) if place not in places]
    return CmpctBlock(
        header=block.header, nonce=nonce, short_ids=short_ids(block.header, nonce, rest),
        prefilled=[PrefilledTx(index=gap, tx=block.transactions[place]) for gap, place in zip(gaps, places)],
    )


def places(gaps):
    """The places that differences stand for."""
    at, result = -1, []
    for gap in gaps:
        at += gap + 1
        result.append(at)
    return result

