"""Blocks handed in by RPC: what is answered, what is logged, which branch is chosen."""

import copy
import time

from chain import (
    GENESIS, block_of, coinbase, commit_to_witness, make_block, make_chain, next_block, next_blocks, submit, subsidy,
)
from objects import COIN, Header, Transaction, TxIn, TxOut
from scenario import equal, has, refused, scenario
from script import ANYONE_WITNESS, OP_CHECKSIG, OP_CLTV, OP_CSV, OP_DROP, OP_TRUE, SINK_ADDRESS, number, p2wsh, script


@scenario()
def submitblock_answers(stage):
    """Every kind of answer that BIP22 knows."""
    node = stage.node
    block = next_block(node)
    equal(node.submitblock(hexdata=block.hex), None)
    equal(node.submitblock(block.hex), "duplicate")
    equal(node.submitblock(node.getblock(GENESIS, 0)), "duplicate")
    fork = next_blocks(node, 1, on=block.prev, extra=b"fork")[0]
    equal(node.submitblock(fork.hex), "inconclusive")
    equal(node.submitblock(fork.hex), "duplicate")
    orphan = make_block("11" * 32, 5, int(time.time()))
    equal(node.submitblock(orphan.hex), "prev-blk-not-found")
    refused(-22, "Block decode failed", node.submitblock, "00")
    refused(-22, "Block decode failed", node.submitblock, block.hex[:-2])
    bad = next_block(node, coinbase=coinbase(202, value=subsidy(202) + 1))
    equal(node.submitblock(bad.hex), "bad-cb-amount")
    equal(node.submitblock(bad.hex), "duplicate-invalid")
    child = make_block(bad.hash, 203, bad.time + 1)
    equal(node.submitblock(child.hex), "bad-prevblk")
    equal(node.getbestblockhash(), block.hash)


def spoiled(node):
    """Blocks that break one rule each, and what is said of them."""
    tip = node.getblockheader(node.getbestblockhash())
    height, when = tip["height"] + 1, tip["time"] + 1

    def block(transactions=(), **more):
        return make_block(tip["hash"], height, more.pop("time", when), transactions, **more)

    wrong = block()
    wrong.merkle_root = "22" * 32
    yield wrong.solve(), "bad-txnmrklroot"
    doubled = block()
    pay = Transaction([TxIn("33" * 32, 0)], [TxOut(1, b"")])
    doubled.transactions += [Transaction([TxIn("44" * 32, 0)], [TxOut(1, b"")]), pay, pay]
    doubled.set_merkle_root()
    yield doubled.solve(), "bad-txns-duplicate"
    unsolved = block()
    unsolved.nonce = 0
    while unsolved.solves():
        unsolved.nonce += 1
    yield unsolved, "high-hash"
    yield block(bits=0x207FFFFE), "bad-diffbits"
    yield block(time=node.getblockheader(tip["hash"])["mediantime"]), "time-too-old"
    yield block(time=int(time.time()) + 7200 + 600), "time-too-new"
    yield block(version=1), "bad-version(0x00000001)"
    yield block(coinbase=coinbase(height + 1)), "bad-txns-nonfinal"
    yield block(coinbase=coinbase(height - 1)), "bad-cb-height"
    headless = block()
    headless.transactions = [pay]
    headless.set_merkle_root()
    yield headless.solve(), "bad-cb-missing"
    yield block([coinbase(height, extra=b"two")]), "bad-cb-multiple"
    long = coinbase(height)
    long.inputs[0].script += bytes(100)
    yield block(coinbase=long), "bad-cb-length"
    yield block([Transaction([TxIn("33" * 32, 0)], [])]), "bad-txns-vout-empty"
    yield block([Transaction([TxIn("33" * 32, 0), TxIn("33" * 32, 0)], [TxOut(1, b"")])]), "bad-txns-inputs-duplicate"
    yield block([Transaction([TxIn("33" * 32, 0)], [TxOut(-1, b"")])]), "bad-txns-vout-negative"
    yield block([Transaction([TxIn("33" * 32, 0)], [TxOut(21_000_001 * COIN, b"")])]), "bad-txns-vout-toolarge"
    yield block([Transaction([TxIn("33" * 32, 0)], [TxOut(1, b"")])]), "bad-txns-inputs-missingorspent"
    late = Transaction([TxIn("33" * 32, 0, sequence=0)], [TxOut(1, b"")], locktime=height + 5)
    yield block([late]), "bad-txns-nonfinal"
    checks = Transaction([TxIn("33" * 32, 0)], [TxOut(1, bytes([OP_CHECKSIG]) * 20_001)])
    yield block([checks]), "bad-blk-sigops"
    big = Transaction([TxIn("33" * 32, 0)], [TxOut(1, bytes(1_000_000))])
    yield block([big]), "bad-blk-length"
    seen = Transaction([TxIn("33" * 32, 0, witness=[b"x"])], [TxOut(2, b"")])
    yield block([seen], commit=False), "unexpected-witness"
    broken = block([seen])
    broken.transactions[0].inputs[0].witness = [bytes(31)]
    yield broken, "bad-witness-nonce-size"
    other = block([seen])
    other.transactions[1].inputs[0].witness = [b"y"]
    yield other, "bad-witness-merkle-match"


@scenario()
def reject_reasons(stage):
    """Each broken rule has its name, in the answer and in the log."""
    node = stage.node
    tip = node.getbestblockhash()
    for block, reason in spoiled(node):
        with node.logs(reason):
            equal((node.submitblock(block.hex), reason), (reason, reason))
        equal(node.getbestblockhash(), tip)
    first = next_block(node)
    equal(node.submitblock(first.hex), None)


@scenario()
def script_failures(stage):
    """A block with a spend that fails names the script error."""
    node = stage.node
    coin = stage.wallet().take()
    spend = Transaction([TxIn(coin.txid, coin.index)], [TxOut(coin.value, bytes([OP_TRUE]))])
    for witness, said in (
        ([], "Witness program was passed an empty witness"),
        ([bytes([OP_TRUE]), bytes(32)], "Invalid Taproot control block size"),
        ([b"\x00" * 64], "Invalid Schnorr signature"),
        ([bytes([0]), ANYONE_WITNESS[1]], "Witness program hash mismatch"),
    ):
        spend.inputs[0].witness = witness
        block = next_block(node, [spend], commit=True)
        reason = f"block-script-verify-flag-failed ({said})"
        with node.logs(f"Block validation error: {reason}"):
            has(node.submitblock(block.hex), reason)
    spend.inputs[0].witness = ANYONE_WITNESS
    submit(node, next_block(node, [spend]))
    again = next_block(node, [spend])
    equal(node.submitblock(again.hex), "bad-txns-BIP30")
    more = Transaction([TxIn(spend.txid, 0)], [TxOut(coin.value + 1, bytes([OP_TRUE]))])
    equal(node.submitblock(next_block(node, [more]).hex), "bad-txns-in-belowout")
    young = node.getblock(node.getbestblockhash(), 1)["tx"][0]
    early = Transaction([TxIn(young, 0)], [TxOut(1, bytes([OP_TRUE]))])
    equal(node.submitblock(next_block(node, [early]).hex), "bad-txns-premature-spend-of-coinbase")


@scenario()
def invalidate_and_reconsider(stage):
    """A branch that is called bad is left, and taken again when it is not."""
    node = stage.node
    base = node.getbestblockhash()
    long = next_blocks(node, 3)
    submit(node, *long)
    short = next_blocks(node, 2, on=base, extra=b"short")
    for block in short:
        equal(node.submitblock(block.hex), "inconclusive")
    node.invalidateblock(long[1].hash)
    equal(node.getbestblockhash(), short[1].hash)
    equal(node.submitblock(long[1].hex), "duplicate-invalid")
    extra = make_block(long[2].hash, 204, long[2].time + 1)
    equal(node.submitblock(extra.hex), "bad-prevblk")
    node.invalidateblock(blockhash=short[0].hash)
    equal(node.getbestblockhash(), long[0].hash)
    node.reconsiderblock(long[2].hash)
    equal(node.getbestblockhash(), long[2].hash)
    node.reconsiderblock(short[0].hash)
    equal(node.getbestblockhash(), long[2].hash)
    refused(-5, "Block not found", node.invalidateblock, "00" * 32)
    refused(-5, "Block not found", node.reconsiderblock, "00" * 32)
    refused(-8, "blockhash must be of length 64 (not 3, for 'foo')", node.invalidateblock, "foo")
    node.invalidateblock(long[0].hash)
    node.restart()
    equal(node.getbestblockhash(), short[1].hash)
    equal({tip["status"] for tip in node.getchaintips()}, {"active", "invalid"})


@scenario()
def preciousblock(stage):
    """Of branches with the same work the one is taken that somebody asks for."""
    node = stage.node
    base = node.getbestblockhash()
    one, two = (next_blocks(node, 2, on=base, extra=name) for name in (b"one", b"two"))
    for block in [*one, *two]:
        node.submitblock(block.hex)
    equal(node.getbestblockhash(), one[1].hash)
    node.preciousblock(two[1].hash)
    equal(node.getbestblockhash(), two[1].hash)
    node.preciousblock(one[1].hash)
    equal(node.getbestblockhash(), one[1].hash)
    node.preciousblock(two[0].hash)
    equal(node.getbestblockhash(), one[1].hash)
    refused(-5, "Block not found", node.preciousblock, "00" * 32)


@scenario()
def chain_tips(stage):
    """All branches are listed, with what is known of them."""
    node = stage.node
    base = node.getblockcount()
    submit(node, *next_blocks(node, 3))
    tip = node.getbestblockhash()
    fork = next_blocks(node, 2, on=node.getblockhash(base), extra=b"fork")
    for block in fork:
        node.submitblock(block.hex)
    ahead = next_blocks(node, 4, on=node.getblockhash(base), extra=b"ahead")
    for block in ahead:
        equal(node.submitheader(block.header.encode().hex()), None)
    shown = {entry["hash"]: entry for entry in node.getchaintips()}
    equal(shown[tip], {"height": base + 3, "hash": tip, "branchlen": 0, "status": "active"})
    equal((shown[fork[1].hash]["branchlen"], shown[fork[1].hash]["status"]), (2, "valid-headers"))
    equal((shown[ahead[3].hash]["branchlen"], shown[ahead[3].hash]["status"]), (4, "headers-only"))
    node.invalidateblock(fork[0].hash)
    shown = {entry["hash"]: entry for entry in node.getchaintips()}
    equal(shown[fork[1].hash]["status"], "invalid")
    equal(node.getblockchaininfo()["headers"], base + 4)
    submit(node, *ahead)
    shown = {entry["hash"]: entry for entry in node.getchaintips()}
    equal((shown[tip]["branchlen"], shown[tip]["status"]), (3, "valid-fork"))


@scenario()
def submitheader(stage):
    """Headers can come before their blocks."""
    node = stage.node
    blocks = next_blocks(node, 2)
    refused(-25, "Must submit previous header", node.submitheader, blocks[1].header.encode().hex())
    equal(node.submitheader(hexdata=blocks[0].header.encode().hex()), None)
    equal(node.submitheader(blocks[1].header.encode().hex()), None)
    header = node.getblockheader(blocks[1].hash)
    equal((header["height"], header["confirmations"], header["nTx"]), (202, -1, 0))
    refused(-1, "Block not available (not fully downloaded)", node.getblock, blocks[1].hash)
    refused(-22, "Block header decode failed", node.submitheader, "ff" * 79)
    bad = copy.copy(blocks[1].header)
    bad.time = 1
    bad.solve()
    refused(-25, "time-too-old", node.submitheader, bad.encode().hex())
    equal(node.submitblock(blocks[1].hex), "inconclusive")
    equal(node.submitblock(blocks[0].hex), None)
    equal(node.getbestblockhash(), blocks[1].hash)


@scenario()
def block_forms(stage):
    """A block and its header in all forms."""
    node = stage.node
    payment = stage.wallet().send(fee=5000)
    block_hash = node.generatetoaddress(1, SINK_ADDRESS)[0]
    block = block_of(node, block_hash)
    equal(block.hash, block_hash)
    equal(Header.decode(bytes.fromhex(node.getblockheader(block_hash, False))), block.header)
    for verbosity, shape in ((1, str), (2, dict), (3, dict)):
        shown = node.getblock(block_hash, verbosity)
        assert all(isinstance(tx, shape) for tx in shown["tx"])
        equal((shown["size"], shown["weight"]), (len(block.encode()), block.weight))
        equal((shown["strippedsize"], shown["nTx"]), (len(block.encode(witness=False)), 2))
        equal((shown["height"], shown["confirmations"]), (201, 1))
    equal(node.getblock(block_hash, True), node.getblock(block_hash))
    equal(node.getblock(block_hash, False), block.hex)
    tx = node.getblock(block_hash, 2)["tx"][1]
    equal((tx["txid"], tx["hash"], str(tx["fee"])), (payment.txid, payment.wtxid, "0.00005000"))
    before = node.getblock(block_hash, 3)["tx"][1]["vin"][0]["prevout"]
    equal((before["generated"], before["scriptPubKey"]["type"]), (True, "witness_v1_taproot"))
    equal(node.getrawtransaction(payment.txid, 0, block_hash), payment.hex)
    equal(node.getrawtransaction(txid=payment.txid, verbose=True, blockhash=block_hash)["confirmations"], 1)
    refused(-5, "Block not found", node.getblock, "00" * 32)
    refused(-8, "Block height out of range", node.getblockhash, 1000)
    refused(-8, "blockhash must be hexadecimal string (not '" + "Z" * 64 + "')", node.getblock, "Z" * 64)


@scenario(chain="empty", args=[f"-testactivationheight={name}@{height}" for name, height in (
    ("bip34", 2), ("dersig", 5), ("cltv", 7), ("csv", 9), ("segwit", 11))])
def activation_heights(stage):
    """Rules begin at the heights that they are given."""
    node = stage.node
    info = node.getdeploymentinfo()["deployments"]
    heights = {name: info[name]["height"] for name in ("bip34", "bip66", "bip65", "csv", "segwit")}
    equal(heights, {"bip34": 2, "bip66": 5, "bip65": 7, "csv": 9, "segwit": 11})
    # The first block and a version 1.
    for height in range(1, 12):
        least = 2 if height >= 2 else 1
        least = 3 if height >= 5 else least
        least = 4 if height >= 7 else least
        if least > 1:
            old = next_block(node, version=least - 1)
            said = f"bad-version(0x{least - 1:08x})"
            with node.logs(f"{old.hash}, {said}"):
                equal(node.submitblock(old.hex), said)
        submit(node, next_block(node, version=least, commit=height >= 11))
        active = {name: entry["active"] for name, entry in node.getdeploymentinfo()["deployments"].items()}
        for name, at in heights.items():
            equal((height, name, active[name]), (height, name, height + 1 >= at))


@scenario()
def lock_times(stage):
    """BIP65, BIP68 and BIP112 hold in blocks."""
    node = stage.node
    wallet = stage.wallet()
    coin = wallet.send().coin
    wallet.mine()
    height = node.getblockcount()
    for how, said in (
        ({"sequence": 2}, "bad-txns-nonfinal"),
        ({"sequence": 0xFFFFFFFE, "locktime": height + 2}, "bad-txns-nonfinal"),
        ({"sequence": 1 << 22 | 10}, "bad-txns-nonfinal"),
        ({"sequence": 1}, None),
    ):
        payment = wallet.create(coin, **how)
        equal((how, node.submitblock(next_block(node, [payment.tx]).hex)), (how, said))
    # Outputs that only their own height or age opens.
    for inner, how, opens in (
        (script(number(height), OP_CLTV, OP_DROP, OP_TRUE), {"sequence": 0}, {"sequence": 0, "locktime": height}),
        (script(number(3), OP_CSV, OP_DROP, OP_TRUE), {"sequence": 1}, None),
    ):
        locked = wallet.create(extra_outputs=[TxOut(10_000, p2wsh(inner))])
        submit(node, next_block(node, [locked.tx]))
        spend = TxIn(locked.txid, 1, sequence=how["sequence"], witness=[inner])
        tx = Transaction([spend], [TxOut(9_000, bytes([OP_TRUE]))])
        has(node.submitblock(next_block(node, [tx]).hex), "(Locktime requirement not satisfied)")
        if opens:
            tx.locktime = opens["locktime"]
            submit(node, next_block(node, [tx]))


@scenario(args=["-rpcthreads=8"])
def waiting(stage):
    """Those who wait for a block are told, and in time if none comes."""
    node = stage.node
    tip, height = node.getbestblockhash(), node.getblockcount()
    equal(node.waitfornewblock(1), {"hash": tip, "height": height})
    equal(node.waitforblockheight(height, 1), {"hash": tip, "height": height})
    equal(node.waitforblock("11" * 32, 1), {"hash": tip, "height": height})
    refused(-1, "Negative timeout", node.waitfornewblock, -1)
    block = next_block(node)
    results = stage.aside(
        lambda client: client.waitfornewblock(60_000),
        lambda client: client.waitforblock(block.hash, 60_000),
        lambda client: client.waitforblockheight(height + 1, 60_000),
        between=lambda: submit(node, block),
        count=4,
    )
    equal(results, [{"hash": block.hash, "height": height + 1}] * 3)


@scenario()
def coins(stage):
    """The set of unspent outputs and what is said of it."""
    node = stage.node
    wallet = stage.wallet()
    info = node.gettxoutsetinfo()
    equal((info["height"], info["txouts"]), (200, 200))
    equal(info["total_amount"], sum(subsidy(height) for height in range(1, 201)) / COIN)
    coin = wallet.take()
    got = node.gettxout(coin.txid, coin.index)
    equal((got["coinbase"], got["confirmations"]), (True, 201 - coin.height))
    payment = wallet.send(coin)
    equal(node.gettxout(coin.txid, coin.index), None)
    assert node.gettxout(coin.txid, coin.index, False)
    equal(node.gettxout(payment.txid, 0)["confirmations"], 0)
    muhash = node.gettxoutsetinfo("muhash")["muhash"]
    tip = wallet.mine()[0]
    assert node.gettxoutsetinfo("muhash")["muhash"] != muhash
    node.invalidateblock(tip)
    equal(node.gettxoutsetinfo("muhash")["muhash"], muhash)
    refused(-8, "'xyz' is not a valid hash_type", node.gettxoutsetinfo, "xyz")


@scenario()
def coins_by_script(stage):
    """scantxoutset finds what a wallet without index needs."""
    node = stage.node
    wallet = stage.wallet()
    plain = f"raw({wallet.script.hex()})"
    found = node.scantxoutset(action="start", scanobjects=[node.getdescriptorinfo(plain)["descriptor"]])
    equal((found["success"], found["height"], found["bestblock"]), (True, 200, node.getbestblockhash()))
    known = {(coin.txid, coin.index): coin for coin in wallet.coins}
    equal({(entry["txid"], entry["vout"]) for entry in found["unspents"]}, set(known))
    for entry in found["unspents"]:
        coin = known[entry["txid"], entry["vout"]]
        equal((entry["height"], entry["coinbase"], int(entry["amount"] * COIN)), (coin.height, True, coin.value))
        equal(entry["scriptPubKey"], wallet.script.hex())


@scenario(chain="empty")
def whole_branch_from_another(stage):
    """A chain made elsewhere is taken block by block, with a header chain ahead of it."""
    node = stage.node
    genesis = node.getblockheader(GENESIS)
    blocks = make_chain(GENESIS, 1, genesis["time"] + 1, 150)
    for block in blocks:
        node.submitheader(block.header.encode().hex())
    equal((node.getblockcount(), node.getblockchaininfo()["headers"]), (0, 150))
    for block in reversed(blocks[1:]):
        node.submitblock(block.hex)
    equal(node.submitblock(blocks[0].hex), None)
    equal(node.getbestblockhash(), blocks[-1].hash)
    equal(node.getblockchaininfo()["initialblockdownload"], True)
    fresh = make_block(blocks[-1].hash, 151, int(time.time()))
    commit_to_witness(fresh).solve()
    submit(node, fresh)
    equal(node.getblockchaininfo()["initialblockdownload"], False)
