"""The cached chain: an oracle by itself, as everything in it follows from the calls that make it."""

from cache import BLOCK_1, MUHASH_199, TIP_199
from scenario import equal, scenario


@scenario(start=False)
def cached_chain(stage):
    """Mining is deterministic to the bit, and the folder can be copied."""
    node = stage.node
    node.start()
    equal(node.getblockhash(1), BLOCK_1)
    equal((node.getblockcount(), node.getbestblockhash()), (199, TIP_199))
    equal(node.gettxoutsetinfo("muhash")["muhash"], MUHASH_199)
    header = node.getblockheader(TIP_199)
    equal(header["versionHex"], "30000000")
    first = node.getblock(TIP_199, 2)["tx"][0]
    equal(first["vin"][0]["coinbase"], "02c700")
    equal((first["version"], first["locktime"], first["vin"][0]["sequence"]), (2, 198, 0xFFFFFFFE))
    equal(first["vin"][0]["txinwitness"], ["00" * 32])
    equal(node.getblockchaininfo()["initialblockdownload"], True)
    stage.extend_cached_chain()
