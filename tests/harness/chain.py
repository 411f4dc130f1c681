"""Blocks made without the node's help."""

from codec import raw_hash, sha256d
from objects import COIN, Block, Transaction, TxIn, TxOut
from script import OP_0, OP_RETURN, OP_TRUE, number, push, script

HALVING = 150
GENESIS = "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206"
COMMITMENT = bytes.fromhex("aa21a9ed")


def subsidy(height):
    """What a block of regtest may create."""
    return (50 * COIN) >> (height // HALVING)


def coinbase(height, value=None, fees=0, extra=b"", output_script=bytes([OP_TRUE])):
    """A coinbase transaction; `extra` sets apart what would be the same."""
    begin = number(height)
    sig = begin + (push(extra) if extra else b"") + (bytes([OP_0]) if len(begin) < 2 and not extra else b"")
    amount = subsidy(height) + fees if value is None else value
    return Transaction([TxIn(script=sig, sequence=0xFFFFFFFE)], [TxOut(amount, output_script)], locktime=height - 1)


def commit_to_witness(block):
    """Puts BIP141's commitment into the coinbase and sets the merkle root."""
    first = block.transactions[0]
    first.inputs[0].witness = [bytes(32)]
    first.outputs = [out for out in first.outputs if out.script[2:6] != COMMITMENT]
    digest = sha256d(raw_hash(block.witness_root()) + bytes(32))
    first.outputs.append(TxOut(0, script(OP_RETURN, push(COMMITMENT + digest))))
    block.set_merkle_root()
    return block


def make_block(prev, height, time, transactions=(), *, commit=None, solve=True, fees=0, extra=b"", **header):
    """A block on `prev`. The commitment is there if a transaction has a witness, or as `commit` says."""
    first = header.pop("coinbase", None) or coinbase(height, fees=fees, extra=extra)
    block = Block([first, *transactions], prev=prev, time=time, **header)
    if commit if commit is not None else any(tx.has_witness() for tx in transactions):
        commit_to_witness(block)
    block.set_merkle_root()
    return block.solve() if solve else block


def make_chain(prev, height, time, count, extra=b""):
    """So many empty blocks on `prev`, the first at `height`, one second apart."""
    blocks = []
    for at in range(count):
        blocks.append(make_block(prev, height + at, time + at, extra=extra))
        prev = blocks[-1].hash
    return blocks


def next_block(node, transactions=(), **more):
    """A block on a node's tip, a second after it."""
    tip = node.getblockheader(node.getbestblockhash())
    return make_block(tip["hash"], tip["height"] + 1, tip["time"] + 1, transactions, **more)


def next_blocks(node, count, on=None, extra=b""):
    """So many blocks on a node's tip, or on a block of it."""
    tip = node.getblockheader(on or node.getbestblockhash())
    return make_chain(tip["hash"], tip["height"] + 1, tip["time"] + 1, count, extra)


def submit(node, *blocks):
    """Hands blocks in that must become the tip."""
    for block in blocks:
        said = node.submitblock(block.hex)
        if said not in (None, "inconclusive"):
            raise AssertionError(f"block {block.hash}: {said}")
    if node.getbestblockhash() != blocks[-1].hash:
        raise AssertionError(f"{blocks[-1].hash} did not become the tip")


def block_of(node, block_hash):
    """A block that a node has."""
    return Block.from_hex(node.getblock(block_hash, 0))
