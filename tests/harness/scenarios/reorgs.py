"""What happens when another branch wins."""

from chain import make_block, next_blocks, submit
from scenario import equal, refused, scenario
from script import SINK_ADDRESS


@scenario()
def payments_come_back(stage):
    """What only the losing branch held is unconfirmed again, with what spends it."""
    node = stage.node
    wallet = stage.wallet()
    base = node.getbestblockhash()
    parent = wallet.send()
    middle = node.generatetoaddress(1, SINK_ADDRESS)[0]
    child = wallet.send(parent.coin)
    node.generatetoaddress(1, SINK_ADDRESS)
    waiting = wallet.send(child.coin)
    equal(node.getrawmempool(), [waiting.txid])
    branch = next_blocks(node, 3, on=base, extra=b"other")
    for block in branch:
        node.submitblock(block.hex)
    equal(node.getbestblockhash(), branch[-1].hash)
    equal(set(node.getrawmempool()), {parent.txid, child.txid, waiting.txid})
    equal(node.getmempoolentry(waiting.txid)["ancestorcount"], 3)
    equal(node.getblockheader(middle)["confirmations"], -1)
    block_hash = node.generatetoaddress(1, SINK_ADDRESS)[0]
    equal(node.getblock(block_hash)["tx"][1:], [parent.txid, child.txid, waiting.txid])


@scenario()
def conflicting_payments(stage):
    """What the winning branch spends otherwise is gone for good, with what hangs on it."""
    node = stage.node
    wallet = stage.wallet()
    base = node.getblockheader(node.getbestblockhash())
    coin = wallet.take()
    loser = wallet.send(coin, fee=1000)
    heir = wallet.send(loser.coin)
    other = wallet.send()
    node.generatetoaddress(1, SINK_ADDRESS)
    winner = wallet.create(coin, fee=2000)
    first = make_block(base["hash"], base["height"] + 1, base["time"] + 1, [winner.tx])
    second = make_block(first.hash, base["height"] + 2, base["time"] + 2)
    equal(node.submitblock(first.hex), "inconclusive")
    equal(node.submitblock(second.hex), None)
    equal(node.getrawmempool(), [other.txid])
    refused(-5, "Transaction not in mempool", node.getmempoolentry, heir.txid)
    refused(-25, "bad-txns-inputs-missingorspent", node.sendrawtransaction, loser.hex)


@scenario()
def young_and_locked(stage):
    """Spends of coinbases that are young again, and what is not yet final again, leave the mempool."""
    node = stage.node
    wallet = stage.wallet()
    base = node.getbestblockhash()
    submit(node, *next_blocks(node, 1))
    # The oldest coinbase of the wallet that can just be spent in the next block.
    height = node.getblockcount() + 1
    ripe = max((coin for coin in wallet.coins if height - coin.height >= 100), key=lambda coin: coin.height)
    wallet.coins.remove(ripe)
    final = wallet.send(locktime=height - 1, sequence=0)
    stays = wallet.send()
    equal(set(node.getrawmempool()), {final.txid, stays.txid})
    node.invalidateblock(node.getbestblockhash())
    equal((node.getbestblockhash(), node.getrawmempool()), (base, [stays.txid]))
    node.generatetoaddress(1, SINK_ADDRESS)
    old = wallet.send(ripe)
    for _ in range(3):
        node.invalidateblock(node.getbestblockhash())
    present = old.txid in node.getrawmempool()
    equal(present, node.getblockcount() + 1 - ripe.height >= 100)


@scenario()
def deep(stage):
    """A hundred blocks are exchanged for a hundred and one, and back."""
    node = stage.node
    wallet = stage.wallet()
    base = node.getbestblockhash()
    payments = []
    for _ in range(10):
        payments.append(wallet.send())
        node.generatetoaddress(10, SINK_ADDRESS)
    tip, coins = node.getbestblockhash(), node.gettxoutsetinfo("muhash")["muhash"]
    branch = next_blocks(node, 101, on=base, extra=b"deep")
    for block in branch:
        node.submitblock(block.hex)
    equal(node.getbestblockhash(), branch[-1].hash)
    equal(node.getblockcount(), 301)
    equal(set(node.getrawmempool()), {payment.txid for payment in payments})
    other = node.gettxoutsetinfo("muhash")["muhash"]
    assert other != coins
    node.invalidateblock(branch[0].hash)
    equal((node.getbestblockhash(), node.gettxoutsetinfo("muhash")["muhash"]), (tip, coins))
    equal(node.getrawmempool(), [])
    node.reconsiderblock(branch[0].hash)
    equal((node.getbestblockhash(), node.gettxoutsetinfo("muhash")["muhash"]), (branch[-1].hash, other))
    node.restart()
    equal((node.getbestblockhash(), node.gettxoutsetinfo("muhash")["muhash"]), (branch[-1].hash, other))


@scenario()
def bad_block_in_the_better_branch(stage):
    """A branch with more work that turns out bad half way is left again."""
    node = stage.node
    base = node.getbestblockhash()
    ours = node.generatetoaddress(2, SINK_ADDRESS)
    branch = next_blocks(node, 2, on=base, extra=b"bad")
    branch[1].transactions[0].outputs[0].value += 1
    branch[1].set_merkle_root()
    branch[1].solve()
    third = make_block(branch[1].hash, 203, branch[1].time + 1)
    for block in branch:
        equal(node.submitblock(block.hex), "inconclusive")
    with node.logs("bad-cb-amount"):
        node.submitblock(third.hex)
    equal(node.getbestblockhash(), ours[-1])
    shown = {tip["hash"]: tip["status"] for tip in node.getchaintips()}
    equal((shown[ours[-1]], shown[third.hash]), ("active", "invalid"))
    equal(node.submitblock(third.hex), "duplicate-invalid")


@scenario(nodes=2)
def two_nodes_by_hand(stage):
    """Two nodes that mined apart agree when each is given the other's blocks."""
    one, two = stage.nodes
    stage.wallet().send()
    first = one.generatetoaddress(2, SINK_ADDRESS)
    second = two.generatetoaddress(3, SINK_ADDRESS)
    for block_hash in second:
        one.submitblock(two.getblock(block_hash, 0))
    for block_hash in first:
        two.submitblock(one.getblock(block_hash, 0))
    equal({one.getbestblockhash(), two.getbestblockhash()}, {second[-1]})
    equal(len(one.getrawmempool()), 1)
    equal(one.gettxoutsetinfo("muhash"), two.gettxoutsetinfo("muhash"))
