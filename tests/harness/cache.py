"""The chain of 199 blocks that most scenarios begin with: made once, then copied."""

import os
from pathlib import Path

from node import Node
from script import ANYONE_ADDRESS

ADDRESSES = [
    "mjTkW3DjgyZck4KbiRusZsqTgaYTxdSz6z",
    "msX6jQXvxiNhx3Q62PKeLPrhrqZQdSimTg",
    "mnonCMyH9TmAsSj3M59DsbH8H63U3RKoFP",
    ANYONE_ADDRESS,
]
BLOCK_1 = "4a31ceeaab3807a7441be5f951d86a4682a217bff37123f34196e2709d852f5e"
TIP_199 = "70561696b71207e34ce30fd728f44836b9a49b391af801d77b4621e3cb16e888"
MUHASH_199 = "36534f06309cd7f54739afe99c2224e39a53a759da8973f057fe257b1b961c79"
KEPT = {"blocks", "chainstate", "indexes"}


def mine_cached_chain(node):
    """Mines the 199 blocks on a new node, the clock standing at the genesis block."""
    node.setmocktime(node.getblockheader(node.getbestblockhash())["time"])
    for at in range(8):
        count = 24 if at == 7 else 25
        node.generatetoaddress(nblocks=count, address=ADDRESSES[at % 4], maxtries=1_000_000)
    assert node.getblockcount() == 199


def strip(chain_dir):
    """Leaves the three folders of data. Everything else must be a plain file, and `wallets` must be empty."""
    os.rmdir(chain_dir / "wallets")
    for entry in os.scandir(chain_dir):
        if entry.name not in KEPT:
            os.remove(entry.path)


def build(directory, binaries, claims):
    """Makes the cache; the folder that `copy_chain` takes."""
    node = Node(0, Path(directory) / "node0", binaries, claims)
    try:
        node.start()
        mine_cached_chain(node)
        node.stop()
    except BaseException:
        print(node.log_tail())
        node.kill()
        raise
    strip(node.chain_dir)
    return node.directory
