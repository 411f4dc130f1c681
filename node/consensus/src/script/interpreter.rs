//! The stack machine that runs scripts (Core's `EvalScript`).

mod arithmetic;
mod checksig;
mod stack_ops;

use super::builder::push_prefix;
use super::checker::{SigVersion, SignatureChecker, TaprootContext};
use super::classify::is_minimal_push;
use super::error::ScriptError;
use super::flags::VerifyFlags;
use super::instruction::read_instruction;
use super::num;
use super::op::*;
use super::stack::{Item, Stack};
use super::{MAX_OPS_PER_SCRIPT, MAX_SCRIPT_ELEMENT_SIZE, MAX_SCRIPT_SIZE, MAX_STACK_SIZE};
use crate::hash::{hash160, sha256, sha256d};
use ripemd::Ripemd160;
use sha1::Sha1;
use sha2::Digest;

/// How many bytes a lock time on the stack may have: numbers are signed, and times outgrow 31 bits.
const LOCK_TIME_MAX_LEN: usize = 5;

/// The bit of an `OP_CHECKSEQUENCEVERIFY` argument that makes the opcode do nothing.
const SEQUENCE_LOCKTIME_DISABLE_FLAG: i64 = 1 << 31;

/// What a tapscript run starts from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TapscriptRun {
    /// The annex and the leaf.
    pub(crate) context: TaprootContext,
    /// What is left for signature checks, in weight units.
    pub(crate) weight_left: i64,
}

/// Under which rules a script runs.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Rules {
    Base,
    WitnessV0,
    Tapscript(TapscriptRun),
}

impl Rules {
    fn is_base(&self) -> bool {
        matches!(self, Self::Base)
    }

    fn is_tapscript(&self) -> bool {
        matches!(self, Self::Tapscript(_))
    }

    /// The version of signatures in scripts before tapscript.
    fn ecdsa_version(&self) -> SigVersion {
        if self.is_base() { SigVersion::Base } else { SigVersion::WitnessV0 }
    }
}

/// Nested `OP_IF`s. All that counts is how deep they are and which is the first whose branch does not run: below it
/// nothing runs, whatever the conditions are.
#[derive(Default)]
struct Conditions {
    depth: usize,
    first_false: Option<usize>,
}

impl Conditions {
    fn all_true(&self) -> bool {
        self.first_false.is_none()
    }

    fn push(&mut self, value: bool) {
        if self.all_true() && !value {
            self.first_false = Some(self.depth);
        }
        self.depth += 1;
    }

    fn pop(&mut self) -> Result<(), ScriptError> {
        self.depth = self.depth.checked_sub(1).ok_or(ScriptError::UnbalancedConditional)?;
        if self.first_false == Some(self.depth) {
            self.first_false = None;
        }
        Ok(())
    }

    fn toggle(&mut self) -> Result<(), ScriptError> {
        let top = self.depth.checked_sub(1).ok_or(ScriptError::UnbalancedConditional)?;
        match self.first_false {
            None => self.first_false = Some(top),
            Some(at) if at == top => self.first_false = None,
            Some(_) => {}
        }
        Ok(())
    }
}

struct Machine<'a, 'm> {
    stack: &'m mut Stack<'a>,
    alt_stack: Stack<'a>,
    script: &'a [u8],
    conditions: Conditions,
    op_count: usize,
    /// Where the code that signatures cover begins: after the last executed `OP_CODESEPARATOR`.
    code_at: usize,
    flags: VerifyFlags,
    minimal: bool,
    rules: Rules,
    checker: &'m dyn SignatureChecker,
}

/// Runs `script` on `stack`. What is left on it is for the caller to judge.
pub(crate) fn run<'a>(
    stack: &mut Stack<'a>,
    script: &'a [u8],
    flags: VerifyFlags,
    rules: Rules,
    checker: &dyn SignatureChecker,
) -> Result<(), ScriptError> {
    if !rules.is_tapscript() && script.len() > MAX_SCRIPT_SIZE {
        return Err(ScriptError::ScriptSize);
    }
    Machine {
        stack,
        alt_stack: Stack::default(),
        script,
        conditions: Conditions::default(),
        op_count: 0,
        code_at: 0,
        flags,
        minimal: flags.contains(VerifyFlags::MINIMALDATA),
        rules,
        checker,
    }
    .run()
}

impl<'a> Machine<'a, '_> {
    fn run(mut self) -> Result<(), ScriptError> {
        let mut at = 0;
        let mut position = 0;
        while at < self.script.len() {
            let instruction = read_instruction(self.script, &mut at).ok_or(ScriptError::BadOpcode)?;
            self.step(instruction.op, instruction.data, at, position)?;
            if self.stack.len() + self.alt_stack.len() > MAX_STACK_SIZE {
                return Err(ScriptError::StackSize);
            }
            position += 1;
        }
        if self.conditions.depth > 0 {
            return Err(ScriptError::UnbalancedConditional);
        }
        Ok(())
    }

    /// One instruction; `next` is where the following one stands, `position` how many came before.
    fn step(
        &mut self,
        op: u8,
        data: Option<&'a [u8]>,
        next: usize,
        position: u32,
    ) -> Result<(), ScriptError> {
        if data.is_some_and(|data| data.len() > MAX_SCRIPT_ELEMENT_SIZE) {
            return Err(ScriptError::PushSize);
        }
        if op > OP_16 && !self.rules.is_tapscript() {
            self.count_ops(1)?;
        }
        if is_disabled(op) {
            return Err(ScriptError::DisabledOpcode);
        }
        if op == OP_CODESEPARATOR
            && self.rules.is_base()
            && self.flags.contains(VerifyFlags::CONST_SCRIPTCODE)
        {
            return Err(ScriptError::OpCodeSeparator);
        }
        let executes = self.conditions.all_true();
        if !executes && !(OP_IF..=OP_ENDIF).contains(&op) {
            return Ok(());
        }
        match data {
            Some(data) => {
                if self.minimal && !is_minimal_push(op, data) {
                    return Err(ScriptError::MinimalData);
                }
                self.stack.push(Item::Borrowed(data));
                Ok(())
            }
            None => self.execute(op, executes, next, position),
        }
    }

    fn count_ops(&mut self, count: usize) -> Result<(), ScriptError> {
        self.op_count += count;
        if self.op_count > MAX_OPS_PER_SCRIPT { Err(ScriptError::OpCount) } else { Ok(()) }
    }

    fn execute(&mut self, op: u8, executes: bool, next: usize, position: u32) -> Result<(), ScriptError> {
        match op {
            OP_1NEGATE | OP_1..=OP_16 => {
                self.stack.push(Item::from_num(i64::from(op) - i64::from(OP_1 - 1)));
                Ok(())
            }
            OP_NOP => Ok(()),
            OP_IF | OP_NOTIF => self.begin_if(op, executes),
            OP_ELSE => self.conditions.toggle(),
            OP_ENDIF => self.conditions.pop(),
            OP_VERIFY => self.verify_top(ScriptError::Verify),
            OP_RETURN => Err(ScriptError::OpReturn),
            OP_CHECKLOCKTIMEVERIFY => self.check_lock_time(),
            OP_CHECKSEQUENCEVERIFY => self.check_sequence(),
            OP_NOP1 | OP_NOP4..=OP_NOP10 => {
                if self.flags.contains(VerifyFlags::DISCOURAGE_UPGRADABLE_NOPS) {
                    return Err(ScriptError::DiscourageUpgradableNops);
                }
                Ok(())
            }
            OP_TOALTSTACK..=OP_TUCK | OP_SIZE => self.stack_op(op),
            OP_EQUAL | OP_EQUALVERIFY => {
                let equal = self.stack.peek(1)?.as_slice() == self.stack.peek(0)?.as_slice();
                self.stack.drop_top(2)?;
                self.push_verdict(equal, op == OP_EQUALVERIFY, ScriptError::EqualVerify)
            }
            OP_1ADD..=OP_WITHIN => self.arithmetic(op),
            OP_RIPEMD160..=OP_HASH256 => self.hash(op),
            OP_CODESEPARATOR => {
                self.code_at = next;
                if let Rules::Tapscript(run) = &mut self.rules {
                    run.context.code_separator = position;
                }
                Ok(())
            }
            OP_CHECKSIG | OP_CHECKSIGVERIFY => self.check_sig(op == OP_CHECKSIGVERIFY),
            OP_CHECKSIGADD => self.check_sig_add(),
            OP_CHECKMULTISIG | OP_CHECKMULTISIGVERIFY => self.check_multisig(op == OP_CHECKMULTISIGVERIFY),
            _ => Err(ScriptError::BadOpcode),
        }
    }

    /// Pops the top if it is true, fails with `error` if not.
    fn verify_top(&mut self, error: ScriptError) -> Result<(), ScriptError> {
        if !self.stack.peek(0)?.is_true() {
            return Err(error);
        }
        self.stack.drop_top(1)
    }

    /// Ends an opcode that pushes its verdict, or with `verify` fails with `error` unless it is true.
    fn push_verdict(&mut self, verdict: bool, verify: bool, error: ScriptError) -> Result<(), ScriptError> {
        match (verify, verdict) {
            (true, false) => return Err(error),
            (true, true) => {}
            (false, _) => self.stack.push(Item::from_bool(verdict)),
        }
        Ok(())
    }

    fn begin_if(&mut self, op: u8, executes: bool) -> Result<(), ScriptError> {
        let mut value = false;
        if executes {
            let top = self.stack.peek(0)?;
            if !matches!(top.as_slice(), [] | [1]) {
                match self.rules {
                    Rules::Tapscript(_) => return Err(ScriptError::TapscriptMinimalIf),
                    Rules::WitnessV0 if self.flags.contains(VerifyFlags::MINIMALIF) => {
                        return Err(ScriptError::MinimalIf);
                    }
                    _ => {}
                }
            }
            value = top.is_true() == (op == OP_IF);
            self.stack.drop_top(1)?;
        }
        self.conditions.push(value);
        Ok(())
    }

    /// The lock time on top, which stays there.
    fn lock_time(&self) -> Result<i64, ScriptError> {
        let n = num::decode(self.stack.peek(0)?.as_slice(), self.minimal, LOCK_TIME_MAX_LEN)?;
        if n < 0 { Err(ScriptError::NegativeLocktime) } else { Ok(n) }
    }

    fn check_lock_time(&self) -> Result<(), ScriptError> {
        if !self.flags.contains(VerifyFlags::CHECKLOCKTIMEVERIFY) {
            return Ok(());
        }
        let reached = self.checker.check_lock_time(self.lock_time()?);
        if reached { Ok(()) } else { Err(ScriptError::UnsatisfiedLocktime) }
    }

    fn check_sequence(&self) -> Result<(), ScriptError> {
        if !self.flags.contains(VerifyFlags::CHECKSEQUENCEVERIFY) {
            return Ok(());
        }
        let sequence = self.lock_time()?;
        let reached = sequence & SEQUENCE_LOCKTIME_DISABLE_FLAG != 0 || self.checker.check_sequence(sequence);
        if reached { Ok(()) } else { Err(ScriptError::UnsatisfiedLocktime) }
    }

    fn hash(&mut self, op: u8) -> Result<(), ScriptError> {
        let top = self.stack.pop()?;
        let data = top.as_slice();
        let hash = match op {
            OP_RIPEMD160 => Item::made(&Ripemd160::digest(data)),
            OP_SHA1 => Item::made(&Sha1::digest(data)),
            OP_SHA256 => Item::made(&sha256(data)),
            OP_HASH160 => Item::made(&hash160(data)),
            _ => Item::made(&sha256d(data)),
        };
        self.stack.push(hash);
        Ok(())
    }

    /// The number at `depth`, by the rule that opcodes read numbers by.
    fn number(&self, depth: usize) -> Result<i64, ScriptError> {
        num::decode(self.stack.peek(depth)?.as_slice(), self.minimal, num::DEFAULT_MAX_LEN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::NoTransaction;

    fn eval(script: &[u8], rules: Rules) -> Result<Vec<Vec<u8>>, ScriptError> {
        let mut stack = Stack::default();
        run(&mut stack, script, VerifyFlags::NONE, rules, &NoTransaction)?;
        Ok((0..stack.len()).rev().map(|depth| stack.peek(depth).unwrap().as_slice().to_vec()).collect())
    }

    #[test]
    fn branches() {
        let script =
            [OP_1, OP_IF, OP_0, OP_IF, OP_RETURN, OP_ELSE, OP_2, OP_ENDIF, OP_ELSE, OP_RETURN, OP_ENDIF];
        assert_eq!(eval(&script, Rules::Base), Ok(vec![vec![2]]));
        assert_eq!(eval(&[OP_1, OP_IF], Rules::Base), Err(ScriptError::UnbalancedConditional));
        assert_eq!(eval(&[OP_ENDIF], Rules::Base), Err(ScriptError::UnbalancedConditional));
        assert_eq!(eval(&[OP_0, OP_IF, OP_VERIF, OP_ENDIF], Rules::Base), Err(ScriptError::BadOpcode));
    }

    #[test]
    fn limits() {
        assert_eq!(eval(&[OP_NOP; 202], Rules::Base), Err(ScriptError::OpCount));
        assert_eq!(eval(&[OP_1; 1001], Rules::WitnessV0), Err(ScriptError::StackSize));
        assert_eq!(eval(&[OP_1; 10_001], Rules::Base), Err(ScriptError::ScriptSize));
        assert_eq!(eval(&[OP_0, OP_IF, OP_CAT, OP_ENDIF], Rules::Base), Err(ScriptError::DisabledOpcode));
    }
}
