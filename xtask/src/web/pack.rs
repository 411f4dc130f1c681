//! Packs a module: equal functions become one, and like ones stand side by side, where compression finds them.
//!
//! A generic function is compiled once for every type, and many of the copies are the same or nearly so. Linkers keep
//! them, and the bindings' writer orders functions by size; gzip looks back 32 kB. Nothing else of the module changes.

use std::collections::HashMap;

use anyhow::{Result, ensure};
use wasm_encoder::reencode::{self, Reencode, utils};
use wasm_encoder::{CodeSection, FunctionSection, Module};
use wasmparser::{
    CodeSectionReader, FunctionBody, FunctionSectionReader, KnownCustom, Name, Parser, Payload, TypeRef,
    Validator,
};

/// The packed module, without its names.
pub fn pack(module: &[u8]) -> Result<Vec<u8>> {
    let read = Read::new(module)?;
    let merged = read.merge()?;
    let order = read.order(&merged);
    let mut packed = Module::new();
    let mut writer = Writer { read: &read, new: read.numbers(&merged, &order), order: &order };
    writer
        .parse_core_module(&mut packed, Parser::new(0), module)
        .map_err(|error| anyhow::anyhow!("the module can't be packed: {error}"))?;
    let packed = packed.finish();
    Validator::new().validate_all(&packed)?;
    Ok(packed)
}

/// What is to be known of a module.
struct Read<'a> {
    /// How many functions are imported: they have the first numbers.
    imported: u32,
    /// The types of its own functions.
    types: Vec<u32>,
    bodies: Vec<FunctionBody<'a>>,
    names: HashMap<u32, &'a str>,
}

impl<'a> Read<'a> {
    fn new(module: &'a [u8]) -> Result<Self> {
        let mut read = Self { imported: 0, types: Vec::new(), bodies: Vec::new(), names: HashMap::new() };
        for payload in Parser::new(0).parse_all(module) {
            match payload? {
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        read.imported += u32::from(matches!(import?.ty, TypeRef::Func(_)));
                    }
                }
                Payload::FunctionSection(section) => {
                    read.types = section.into_iter().collect::<Result<_, _>>()?;
                }
                Payload::CodeSectionEntry(body) => read.bodies.push(body),
                Payload::CustomSection(section) => {
                    let KnownCustom::Name(names) = section.as_known() else { continue };
                    for name in names {
                        let Name::Function(functions) = name? else { continue };
                        for function in functions {
                            let function = function?;
                            read.names.insert(function.index, function.name);
                        }
                    }
                }
                _ => {}
            }
        }
        ensure!(!read.names.is_empty(), "the module has no names to order its functions by");
        Ok(read)
    }

    /// For every function of the module's own the first that is equal to it, calls included.
    fn merge(&self) -> Result<Vec<usize>> {
        let mut merged: Vec<usize> = (0..self.bodies.len()).collect();
        loop {
            let mut first = HashMap::new();
            let mut next = Vec::with_capacity(merged.len());
            for (at, body) in self.bodies.iter().enumerate() {
                let called = |number: u32| match number.checked_sub(self.imported) {
                    Some(own) => self.imported + merged[own as usize] as u32,
                    None => number,
                };
                let content = (self.types[at], written(body, called)?);
                next.push(*first.entry(content).or_insert(at));
            }
            // What is equal now may make those equal that call it.
            if next == merged {
                return Ok(merged);
            }
            merged = next;
        }
    }

    /// The functions that stay, in their new order: by name without type parameters, then by size.
    fn order(&self, merged: &[usize]) -> Vec<usize> {
        let mut order: Vec<usize> = (0..merged.len()).filter(|at| merged[*at] == *at).collect();
        order.sort_by_cached_key(|at| {
            let name = self.names.get(&(self.imported + *at as u32)).copied().unwrap_or_default();
            (plain(name), self.bodies[*at].range().len())
        });
        order
    }

    /// The new number of every function, imported ones first.
    fn numbers(&self, merged: &[usize], order: &[usize]) -> Vec<u32> {
        let mut places = vec![0; merged.len()];
        for (place, at) in (self.imported..).zip(order) {
            places[*at] = place;
        }
        (0..self.imported).chain(merged.iter().map(|at| places[*at])).collect()
    }
}

/// A function's name without type parameters, and without the hash at its end.
fn plain(name: &str) -> String {
    let name = name.rsplit_once("::h").map_or(name, |(name, _)| name);
    let mut depth = 0_usize;
    let mut plain = String::with_capacity(name.len());
    for character in name.chars() {
        match character {
            '<' => depth += 1,
            '>' => depth = depth.saturating_sub(1),
            character if depth == 0 => plain.push(character),
            _ => {}
        }
    }
    plain
}

/// The bytes of a function whose calls are renumbered.
fn written(body: &FunctionBody<'_>, new: impl Fn(u32) -> u32) -> Result<Vec<u8>> {
    struct Renumber<F>(F);
    impl<F: Fn(u32) -> u32> Reencode for Renumber<F> {
        type Error = std::convert::Infallible;

        fn function_index(&mut self, number: u32) -> Result<u32, reencode::Error> {
            Ok((self.0)(number))
        }
    }
    let mut renumber = Renumber(new);
    let mut write = || -> Result<Vec<u8>, reencode::Error> {
        let mut function = renumber.new_function_with_parsed_locals(body)?;
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            function.instruction(&renumber.parse_instruction(&mut operators)?);
        }
        Ok(function.into_raw_body())
    };
    write().map_err(|error| anyhow::anyhow!("a function can't be read: {error}"))
}

/// Writes a module's functions in another order, under other numbers.
struct Writer<'a> {
    read: &'a Read<'a>,
    new: Vec<u32>,
    order: &'a [usize],
}

impl Reencode for Writer<'_> {
    type Error = anyhow::Error;

    fn function_index(&mut self, number: u32) -> Result<u32, reencode::Error<anyhow::Error>> {
        Ok(self.new[number as usize])
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        _: FunctionSectionReader<'_>,
    ) -> Result<(), reencode::Error<anyhow::Error>> {
        for at in self.order {
            functions.function(self.read.types[*at]);
        }
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        _: CodeSectionReader<'_>,
    ) -> Result<(), reencode::Error<anyhow::Error>> {
        for at in self.order {
            let body = written(&self.read.bodies[*at], |number| self.new[number as usize]);
            code.raw(&body.map_err(reencode::Error::UserError)?);
        }
        Ok(())
    }

    fn parse_custom_section(
        &mut self,
        module: &mut Module,
        section: wasmparser::CustomSectionReader<'_>,
    ) -> Result<(), reencode::Error<anyhow::Error>> {
        match section.as_known() {
            KnownCustom::Name(_) => Ok(()),
            _ => utils::parse_custom_section(self, module, section),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_encoder::{
        ExportKind, ExportSection, Function, IndirectNameMap, Instruction, NameMap, NameSection, TypeSection,
        ValType,
    };

    #[test]
    fn names_without_what_differs() {
        assert_eq!(plain("alloc::vec::Vec<T,A>::push::h0123456789abcdef"), "alloc::vec::Vec::push");
        assert_eq!(plain("<a::B as c::D<e::F<g>>>::run"), "::run");
        assert_eq!(plain("memcpy"), "memcpy");
    }

    /// Two pairs of functions, of which the second pair's call the first's.
    #[test]
    fn what_is_equal_becomes_one() {
        let mut module = Module::new();
        let mut types = TypeSection::new();
        types.ty().function([], [ValType::I32]);
        module.section(&types);
        let mut functions = FunctionSection::new();
        let mut code = CodeSection::new();
        let mut names = NameMap::new();
        for (at, (name, instruction)) in [
            ("z::leaf<u8>", Instruction::I32Const(7)),
            ("b::other", Instruction::I32Const(8)),
            ("z::leaf<u16>", Instruction::I32Const(7)),
            ("y::call<u8>", Instruction::Call(0)),
            ("y::call<u16>", Instruction::Call(2)),
        ]
        .into_iter()
        .enumerate()
        {
            functions.function(0);
            let mut function = Function::new([]);
            function.instruction(&instruction).instruction(&Instruction::End);
            code.function(&function);
            names.append(at as u32, name);
        }
        module.section(&functions);
        let mut exports = ExportSection::new();
        exports.export("call", ExportKind::Func, 4);
        module.section(&exports);
        module.section(&code);
        let mut section = NameSection::new();
        section.functions(&names);
        section.locals(&IndirectNameMap::new());
        module.section(&section);
        let packed = pack(&module.finish()).unwrap();
        // By name: other, call, leaf.
        let (mut calls, mut exported) = (Vec::new(), None);
        for payload in Parser::new(0).parse_all(&packed) {
            match payload.unwrap() {
                Payload::CodeSectionEntry(body) => {
                    let operators = body.get_operators_reader().unwrap();
                    calls.push(format!("{:?}", operators.into_iter().next().unwrap().unwrap()));
                }
                Payload::ExportSection(section) => {
                    exported = Some(section.into_iter().next().unwrap().unwrap().index);
                }
                Payload::CustomSection(section) => panic!("{} is left", section.name()),
                _ => {}
            }
        }
        assert_eq!(exported, Some(1));
        let expected = ["I32Const { value: 8 }", "Call { function_index: 2 }", "I32Const { value: 7 }"];
        assert_eq!(calls, expected);
    }
}
