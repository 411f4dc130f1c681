//! Opcodes that calculate.

use super::super::error::ScriptError;
use super::super::op::*;
use super::super::stack::Item;
use super::Machine;

impl Machine<'_, '_> {
    /// Operands have at most four bytes, so no result overflows.
    pub(super) fn arithmetic(&mut self, op: u8) -> Result<(), ScriptError> {
        match op {
            OP_1ADD | OP_1SUB | OP_NEGATE | OP_ABS | OP_NOT | OP_0NOTEQUAL => {
                let n = self.number(0)?;
                self.stack.drop_top(1)?;
                self.stack.push(Item::from_num(unary(op, n)));
                Ok(())
            }
            OP_ADD | OP_SUB | OP_BOOLAND..=OP_MAX => {
                self.stack.need(2)?;
                let result = binary(op, self.number(1)?, self.number(0)?);
                self.stack.drop_top(2)?;
                if op == OP_NUMEQUALVERIFY {
                    return self.push_verdict(result != 0, true, ScriptError::NumEqualVerify);
                }
                self.stack.push(Item::from_num(result));
                Ok(())
            }
            OP_WITHIN => {
                self.stack.need(3)?;
                let (n, min, max) = (self.number(2)?, self.number(1)?, self.number(0)?);
                self.stack.drop_top(3)?;
                self.stack.push(Item::from_bool((min..max).contains(&n)));
                Ok(())
            }
            _ => Err(ScriptError::BadOpcode),
        }
    }
}

fn unary(op: u8, n: i64) -> i64 {
    match op {
        OP_1ADD => n + 1,
        OP_1SUB => n - 1,
        OP_NEGATE => -n,
        OP_ABS => n.abs(),
        OP_NOT => i64::from(n == 0),
        _ => i64::from(n != 0),
    }
}

fn binary(op: u8, a: i64, b: i64) -> i64 {
    match op {
        OP_ADD => a + b,
        OP_SUB => a - b,
        OP_BOOLAND => i64::from(a != 0 && b != 0),
        OP_BOOLOR => i64::from(a != 0 || b != 0),
        OP_NUMEQUAL | OP_NUMEQUALVERIFY => i64::from(a == b),
        OP_NUMNOTEQUAL => i64::from(a != b),
        OP_LESSTHAN => i64::from(a < b),
        OP_GREATERTHAN => i64::from(a > b),
        OP_LESSTHANOREQUAL => i64::from(a <= b),
        OP_GREATERTHANOREQUAL => i64::from(a >= b),
        OP_MIN => a.min(b),
        _ => a.max(b),
    }
}
