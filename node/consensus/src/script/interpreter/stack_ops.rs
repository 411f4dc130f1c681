//! Opcodes that move elements around.

use super::super::error::ScriptError;
use super::super::op::*;
use super::super::stack::Item;
use super::Machine;

impl Machine<'_, '_> {
    pub(super) fn stack_op(&mut self, op: u8) -> Result<(), ScriptError> {
        let stack = &mut *self.stack;
        match op {
            OP_TOALTSTACK => {
                let top = stack.pop()?;
                self.alt_stack.push(top);
            }
            OP_FROMALTSTACK => {
                let top = self.alt_stack.pop().map_err(|_| ScriptError::InvalidAltStackOperation)?;
                stack.push(top);
            }
            OP_2DROP => stack.drop_top(2)?,
            OP_2DUP => stack.copy_up(1, 2)?,
            OP_3DUP => stack.copy_up(2, 3)?,
            OP_2OVER => stack.copy_up(3, 2)?,
            OP_2ROT => stack.top_mut(6)?.rotate_left(2),
            OP_2SWAP => stack.top_mut(4)?.rotate_left(2),
            OP_IFDUP => {
                if stack.peek(0)?.is_true() {
                    stack.copy_up(0, 1)?;
                }
            }
            OP_DEPTH => stack.push(Item::from_num(stack.len() as i64)),
            OP_DROP => stack.drop_top(1)?,
            OP_DUP => stack.copy_up(0, 1)?,
            OP_NIP => {
                stack.remove(1)?;
            }
            OP_OVER => stack.copy_up(1, 1)?,
            OP_PICK | OP_ROLL => return self.pick_or_roll(op),
            OP_ROT => stack.top_mut(3)?.rotate_left(1),
            OP_SWAP => stack.top_mut(2)?.rotate_left(1),
            OP_TUCK => {
                stack.need(2)?;
                let top = *stack.peek(0)?;
                stack.insert(2, top)?;
            }
            OP_SIZE => {
                let len = stack.peek(0)?.as_slice().len();
                stack.push(Item::from_num(len as i64));
            }
            _ => return Err(ScriptError::BadOpcode),
        }
        Ok(())
    }

    fn pick_or_roll(&mut self, op: u8) -> Result<(), ScriptError> {
        self.stack.need(2)?;
        let depth = usize::try_from(self.number(0)?).map_err(|_| ScriptError::InvalidStackOperation)?;
        self.stack.drop_top(1)?;
        let item = if op == OP_ROLL { self.stack.remove(depth)? } else { *self.stack.peek(depth)? };
        self.stack.push(item);
        Ok(())
    }
}
