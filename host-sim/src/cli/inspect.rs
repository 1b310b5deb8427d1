//! `host-sim inspect`: what a module is. Reads its sections; nothing of it runs.

use std::{collections::BTreeMap, io::Write, path::PathBuf};

use host_sim::Plugin;
use serde::Serialize;
use wasmparser::{ExternalKind, KnownCustom, Parser, Payload, TypeRef};

use super::{CliError, read, write_json};

/// Show what a module is: ABI, imports, exports, callbacks, size
#[derive(clap::Args)]
pub(super) struct Inspect {
    /// The module, in its binary or its text form
    module: PathBuf,
    /// Print one JSON document in place of text
    #[arg(long)]
    json: bool,
}

/// What is known of a module.
#[derive(Default, Serialize)]
struct Module {
    size_bytes: usize,
    /// The versions of the proxy-wasm ABI that it says it has.
    abi: Vec<String>,
    /// What made it, such as a compiler, with versions.
    producers: Vec<String>,
    memory: Option<String>,
    /// The callbacks that it takes.
    callbacks: Vec<String>,
    /// What else it exports.
    other_exports: Vec<String>,
    /// What it needs, by the module of the import.
    imports: BTreeMap<String, Vec<String>>,
    /// The size of each section in bytes.
    sections: BTreeMap<String, usize>,
    functions: u32,
    /// Why this host does not take it, if it does not.
    refused: Option<String>,
}

impl Inspect {
    pub(super) fn run(self, out: &mut impl Write) -> Result<bool, CliError> {
        let failed = |reason: String| CliError::Module { path: self.module.clone(), reason };
        let bytes = read(&self.module)?;
        let binary = wat::parse_bytes(&bytes)
            .map_err(|error| failed(format!("not a WebAssembly module: {error}")))?;
        let mut module =
            parse(&binary).map_err(|error| failed(format!("not a WebAssembly module: {error}")))?;
        module.refused = Plugin::load(&bytes).err().map(|error| error.to_string());
        match self.json {
            true => write_json(&module, out)?,
            false => write_text(&module, out)?,
        }
        Ok(true)
    }
}

fn parse(binary: &[u8]) -> wasmparser::Result<Module> {
    let mut module = Module { size_bytes: binary.len(), ..Module::default() };
    for payload in Parser::new(0).parse_all(binary) {
        let payload = payload?;
        if let Some((id, range)) = payload.as_section() {
            let name = match &payload {
                Payload::CustomSection(custom) => format!("custom {:?}", custom.name()),
                _ => section_name(id).to_owned(),
            };
            *module.sections.entry(name).or_default() += range.len();
        }
        match payload {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    let import = import?;
                    let kind = match import.ty {
                        TypeRef::Func(_) | TypeRef::FuncExact(_) => "",
                        _ => " (not a function)",
                    };
                    let names = module.imports.entry(import.module.to_owned()).or_default();
                    names.push(format!("{}{kind}", import.name));
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports {
                    let export = export?;
                    note_export(&mut module, export.name, export.kind);
                }
            }
            Payload::FunctionSection(functions) => module.functions = functions.count(),
            Payload::MemorySection(memories) => {
                for memory in memories {
                    let memory = memory?;
                    let kib = |pages: u64| pages.saturating_mul(64);
                    let most = memory.maximum.map_or_else(
                        || "no maximum".to_owned(),
                        |pages| format!("at most {} KiB", kib(pages)),
                    );
                    module.memory = Some(format!("{} KiB at first, {most}", kib(memory.initial)));
                }
            }
            Payload::CustomSection(custom) => {
                if let KnownCustom::Producers(fields) = custom.as_known() {
                    for field in fields {
                        for value in field?.values {
                            let value = value?;
                            let text = format!("{} {}", value.name, value.version);
                            module.producers.push(text.trim().to_owned());
                        }
                    }
                }
            }
            _ => {}
        }
    }
    for names in module.imports.values_mut() {
        names.sort();
    }
    module.callbacks.sort();
    Ok(module)
}

fn note_export(module: &mut Module, name: &str, kind: ExternalKind) {
    if let Some(version) = name.strip_prefix("proxy_abi_version_") {
        module.abi.push(version.replace('_', "."));
    } else if name.starts_with("proxy_on_")
        && name != "proxy_on_memory_allocate"
        && kind == ExternalKind::Func
    {
        module.callbacks.push(name.to_owned());
    } else {
        module.other_exports.push(name.to_owned());
    }
}

fn section_name(id: u8) -> &'static str {
    match id {
        1 => "types",
        2 => "imports",
        3 => "functions",
        4 => "tables",
        5 => "memory",
        6 => "globals",
        7 => "exports",
        8 => "start",
        9 => "elements",
        10 => "code",
        11 => "data",
        12 => "data count",
        _ => "other",
    }
}

fn write_text(module: &Module, out: &mut impl Write) -> std::io::Result<()> {
    let list = |names: &[String]| {
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    };
    writeln!(out, "ABI        {}", list(&module.abi))?;
    writeln!(out, "size       {} bytes, {} functions", module.size_bytes, module.functions)?;
    writeln!(out, "memory     {}", module.memory.as_deref().unwrap_or("none of its own"))?;
    writeln!(out, "made by    {}", list(&module.producers))?;
    let verdict = match &module.refused {
        None => "yes",
        Some(reason) => reason,
    };
    writeln!(out, "runs here  {verdict}")?;
    write_names(out, &format!("callbacks, {}", module.callbacks.len()), &module.callbacks)?;
    for (from, names) in &module.imports {
        write_names(out, &format!("imports from {from}, {}", names.len()), names)?;
    }
    write_names(out, "other exports", &module.other_exports)?;
    writeln!(out, "\nsections, in bytes:")?;
    module.sections.iter().try_for_each(|(name, bytes)| writeln!(out, "  {bytes:>10}  {name}"))
}

fn write_names(out: &mut impl Write, title: &str, names: &[String]) -> std::io::Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{title}:")?;
    names.iter().try_for_each(|name| writeln!(out, "  {name}"))
}
