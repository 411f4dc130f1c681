//! Questions to the address index.

use super::{
    AddressIndex, Addresses, BALANCE, Balance, HISTORY, HistoryItem, IndexError, Key, Place, Rules, Spender,
    Table, Totals, UNSPENT, UnspentItem, damaged, key, spender_key,
};
use crate::index::Row;
use chaincore_consensus::codec::{DecodeError, Reader};
use chaincore_consensus::{Amount, Hash256, OutPoint, Txid};
use chaincore_plugin::BlockRef;

/// The numbers at the end of a key.
fn numbers<const N: usize>(key: &[u8]) -> Result<[u32; N], IndexError> {
    let numbers = key.get(33..).filter(|rest| rest.len() == 4 * N);
    let numbers = numbers
        .ok_or_else(|| IndexError::Damaged { index: Addresses::NAME, what: format!("key {key:02x?}") })?;
    let mut values = [0; N];
    for (value, bytes) in values.iter_mut().zip(numbers.chunks_exact(4)) {
        *value = u32::from_be_bytes(bytes.try_into().expect("chunks of four"));
    }
    Ok(values)
}

fn unspent_item(key: &[u8], value: &[u8]) -> Result<UnspentItem, IndexError> {
    let [height, tx_index, vout] = numbers(key)?;
    let mut reader = Reader::new(value);
    let mut read = || -> Result<_, DecodeError> {
        Ok((Txid(reader.array()?), Amount(reader.i64()?), reader.u8()? != 0))
    };
    let (txid, value, coinbase) = read().map_err(damaged)?;
    Ok(UnspentItem { outpoint: OutPoint { txid, vout }, value, height, tx_index, coinbase })
}

fn history_item((key, value): &Row) -> Result<HistoryItem, IndexError> {
    let [height, tx_index] = numbers(key)?;
    let mut reader = Reader::new(value);
    let mut read = || -> Result<_, DecodeError> { Ok((Txid(reader.array()?), reader.i64()?, reader.i64()?)) };
    let (txid, received, spent) = read().map_err(damaged)?;
    Ok(HistoryItem { txid, height, tx_index, received: Amount(received), spent: Amount(spent) })
}

/// The first key behind everything that begins with `kind` and `script`.
fn end_of(kind: u8, script: &Hash256) -> Key {
    let mut end = key(kind, script, &[]);
    // Numbers behind it are at most ff ff ff ff: longer than any of them.
    end.extend([0xff; 13]);
    end
}

fn start_after(kind: u8, script: &Hash256, after: Option<Place>, with_vout: bool) -> Key {
    let Some(place) = after else { return key(kind, script, &[]) };
    let mut start = if with_vout {
        key(kind, script, &[place.height, place.tx_index, place.vout])
    } else {
        key(kind, script, &[place.height, place.tx_index])
    };
    start.push(0);
    start
}

impl AddressIndex {
    /// What the script with this hash has, at the block that is returned with it.
    pub fn balance(&self, script: &Hash256) -> Result<(Balance, BlockRef), IndexError> {
        let view = self.view();
        let stored = view.get(&key(BALANCE, script, &[]))?;
        let totals =
            stored.map_or(Ok(Totals::default()), |bytes| Totals::from_bytes(&bytes)).map_err(damaged)?;
        let mut immature = 0;
        // A coinbase output of height h can be spent by the block at h + maturity.
        let oldest = (view.at.height + 2).saturating_sub(self.rules().coinbase_maturity);
        let mut from = key(UNSPENT, script, &[oldest]);
        let end = end_of(UNSPENT, script);
        loop {
            let rows = view.range(&from, &end, 1_000)?;
            for (key, value) in &rows {
                let item = unspent_item(key, value)?;
                immature += if item.coinbase { item.value.sat() } else { 0 };
            }
            let Some((last, _)) = rows.last().filter(|_| rows.len() == 1_000) else { break };
            from = last.clone();
            from.push(0);
        }
        let balance = Balance {
            total: Amount(totals.balance),
            immature: Amount(immature),
            unspent: totals.unspent.max(0).unsigned_abs(),
            received: Amount(i64::try_from(totals.received).unwrap_or(i64::MAX)),
            funded: totals.funded.max(0).unsigned_abs(),
            transactions: totals.transactions.max(0).unsigned_abs(),
        };
        Ok((balance, view.at))
    }

    /// Up to `limit` unspent outputs of a script, oldest first, after a place; and the block they are as of.
    pub fn unspent(
        &self,
        script: &Hash256,
        after: Option<Place>,
        limit: usize,
    ) -> Result<(Vec<UnspentItem>, BlockRef), IndexError> {
        let view = self.view();
        let rows = view.range(&start_after(UNSPENT, script, after, true), &end_of(UNSPENT, script), limit)?;
        let items = rows.iter().map(|(key, value)| unspent_item(key, value)).collect::<Result<_, _>>()?;
        Ok((items, view.at))
    }

    /// Up to `limit` transactions of a script, oldest first, after a place; and the block they are as of.
    pub fn history(
        &self,
        script: &Hash256,
        after: Option<Place>,
        limit: usize,
    ) -> Result<(Vec<HistoryItem>, BlockRef), IndexError> {
        let view = self.view();
        let rows =
            view.range(&start_after(HISTORY, script, after, false), &end_of(HISTORY, script), limit)?;
        Ok((rows.iter().map(history_item).collect::<Result<_, IndexError>>()?, view.at))
    }

    /// Up to `limit` transactions of a script, newest first, before a place.
    pub fn history_back(
        &self,
        script: &Hash256,
        before: Option<Place>,
        limit: usize,
    ) -> Result<Vec<HistoryItem>, IndexError> {
        let end = before.map_or_else(
            || end_of(HISTORY, script),
            |place| key(HISTORY, script, &[place.height, place.tx_index]),
        );
        let rows = self.view().range_back(&key(HISTORY, script, &[]), &end, limit)?;
        rows.iter().map(history_item).collect()
    }

    /// What spends an output of a script; `None` if nothing in the chain does.
    pub fn spender(&self, outpoint: &OutPoint, script: &Hash256) -> Result<Option<Spender>, IndexError> {
        let view = self.view();
        let Some(row) = view.get(&spender_key(outpoint))? else { return Ok(None) };
        let what = || IndexError::Damaged {
            index: Addresses::NAME,
            what: format!("the spender {row:02x?} of {outpoint:?}"),
        };
        let mut reader = Reader::new(&row);
        let mut number = || reader.array().map(u32::from_be_bytes).map_err(|_| what());
        let (height, tx_index, vin) = (number()?, number()?, number()?);
        let key = key(HISTORY, script, &[height, tx_index]);
        let item = history_item(&(key.clone(), view.get(&key)?.ok_or_else(what)?))?;
        Ok(Some(Spender { txid: item.txid, vin, height, tx_index }))
    }
}
