//! Whose blocks are whose: rules from the tables `pools` and `pool_rules`, applied to what the coinbase says. When the
//! rules change the blocks are judged again; nothing else of them changes.

use crate::error::MirrorError;
use sqlx::PgConnection;

/// A rule: a text in the coinbase's script or an address that it pays.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    /// Its number in `pool_rules`.
    pub rule_id: i32,
    /// Whose block it is then.
    pub pool_id: i32,
    /// What the coinbase's script has in it.
    pub pattern: Option<Vec<u8>>,
    /// Whom the coinbase pays most.
    pub address: Option<String>,
}

/// The rules, in the order in which they are tried.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Rules {
    version: i32,
    rules: Vec<Rule>,
}

impl Rules {
    /// The rules of a version. An address says more than a text that anybody can write, and a long text more than a
    /// short one; then the older rule goes first.
    pub fn new(version: i32, mut rules: Vec<Rule>) -> Self {
        rules.retain(|rule| {
            rule.address.is_some() || rule.pattern.as_ref().is_some_and(|text| !text.is_empty())
        });
        rules.sort_by_key(|rule| {
            let text = rule.pattern.as_ref().map_or(0, Vec::len);
            (rule.address.is_none(), std::cmp::Reverse(text), rule.rule_id)
        });
        Self { version, rules }
    }

    /// Their version, which is stored with every block that they judged.
    pub fn version(&self) -> i32 {
        self.version
    }

    /// Whose block has this coinbase.
    pub fn judge(&self, coinbase_script: &[u8], coinbase_address: Option<&str>) -> Option<i32> {
        let matches = |rule: &&Rule| {
            let by_address = rule.address.as_deref().is_some_and(|address| Some(address) == coinbase_address);
            by_address || rule.pattern.as_ref().is_some_and(|text| contains(coinbase_script, text))
        };
        self.rules.iter().find(matches).map(|rule| rule.pool_id)
    }
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    !text.is_empty() && bytes.windows(text.len()).any(|window| window == text)
}

/// Number, version, pool, pattern, address.
type RuleRow = (i32, i32, i32, Option<Vec<u8>>, Option<String>);

/// Reads the rules.
pub async fn read(connection: &mut PgConnection) -> Result<Rules, MirrorError> {
    let rows: Vec<RuleRow> =
        sqlx::query_as("SELECT rule_id, version, pool_id, pattern, address FROM chaincore.pool_rules")
            .fetch_all(connection)
            .await
            .map_err(MirrorError::during("cannot read the rules of pools"))?;
    let version = rows.iter().map(|row| row.1).max().unwrap_or(0);
    let rules = rows.into_iter().map(|(rule_id, _, pool_id, pattern, address)| Rule {
        rule_id,
        pool_id,
        pattern,
        address,
    });
    Ok(Rules::new(version, rules.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(rule_id: i32, pattern: &str, address: Option<&str>) -> Rule {
        let pattern = (!pattern.is_empty()).then(|| pattern.as_bytes().to_vec());
        Rule { rule_id, pool_id: rule_id, pattern, address: address.map(Into::into) }
    }

    #[test]
    fn addresses_go_before_texts_and_long_texts_before_short_ones() {
        let rules = Rules::new(
            3,
            vec![
                rule(1, "/pool", None),
                rule(2, "/pool/two/", None),
                rule(3, "", Some("addr")),
                rule(4, "", None),
            ],
        );
        assert_eq!(rules.judge(b"\x01\0x/pool/two/y", None), Some(2));
        assert_eq!(rules.judge(b"\x01\0x/pool/one/y", None), Some(1));
        assert_eq!(rules.judge(b"/pool/two/", Some("addr")), Some(3));
        assert_eq!(rules.judge(b"nothing", Some("other")), None);
        assert_eq!(rules.judge(b"", None), None);
        assert_eq!(rules.version(), 3);
    }
}
