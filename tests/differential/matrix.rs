//! Every kind of symbol, in every kind of output, compiled in every way, for every processor.
//!
//! One program has all kinds, so that a link of it tests all of them. If the linkers differ, each kind is linked by
//! itself. What lld refuses must be refused in its words, and is then linked in spite of that.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use crate::Suite;
use crate::link::{Choice, Link, Output};
use crate::linkers::Agreed;
use crate::program::{Entry, Format, Module, Place, Program};
use crate::symbol::{Home, Model, Shape, Style, Symbol, Use, Visibility};

/// Processors, and the options of clang for each.
pub const TARGETS: [(&str, &[&str]); 6] = [
    ("x86-64", &["--target=x86_64-linux-gnu"]),
    ("AArch64", &["--target=aarch64-linux-gnu"]),
    ("RISC-V", &["--target=riscv64-linux-gnu", "-march=rv64gc", "-mabi=lp64d"]),
    ("LoongArch", &["--target=loongarch64-linux-gnu"]),
    ("PowerPC", &["--target=powerpc64le-linux-gnu"]),
    ("ARM", &["--target=arm-linux-gnueabihf", "-march=armv7-a"]),
];

/// How code is compiled.
pub const MODES: [&str; 3] = ["-fPIE", "-fPIC", "-fno-pic"];

/// The modules. The main modules use what the others define.
const MAIN: usize = 0;
const MAIN_CXX: usize = 1;
const OTHER: usize = 2;
const OTHER_CXX: usize = 3;
const NATIVE: usize = 4;
const LIBRARY: usize = 5;

const CALL: &[Style] = &[Style::Plain];
const POINT: &[Style] = &[Style::Address, Style::Table];
const ALL: &[Style] = &[Style::Plain, Style::Address, Style::Write, Style::Table];

/// A kind of symbol: those of it that are in the program.
struct Kinds {
    /// The name of the kind of each symbol.
    names: Vec<&'static str>,
    program: Program,
}

impl Kinds {
    /// Adds a symbol that `users` use in these ways.
    fn add(&mut self, kind: &'static str, symbol: Symbol, users: &[usize], styles: &[Style]) -> usize {
        let number = self.names.len();
        self.names.push(kind);
        self.program.symbols.push(symbol);
        for &user in users {
            let uses = styles.iter().map(|&style| Use { symbol: number, style });
            self.program.modules[user].uses.extend(uses);
        }
        number
    }

    /// All kinds.
    fn all(target: &[&str], mode: &str) -> Self {
        let cxx = Module::thin_cxx;
        let native = Module { format: Format::Native, ..Module::thin() };
        let library =
            Module { place: Place::SharedLibrary, flags: vec!["-fPIC".to_owned()], ..native.clone() };
        let flags = [target, &[mode, "-O2", "-ffreestanding", "-nostdlib", "-fcommon"]].concat();
        let program = Program {
            entry: Entry::Start,
            flags: flags.into_iter().map(str::to_owned).collect(),
            modules: vec![Module::thin(), cxx(), Module::thin(), cxx(), native, library],
            symbols: Vec::new(),
        };
        let mut kinds = Kinds { names: Vec::new(), program };
        kinds.in_modules();
        kinds.thread_local();
        kinds.of_cxx();
        kinds.by_options();
        kinds.outside();
        kinds
    }

    /// What one module defines and another uses.
    fn in_modules(&mut self) {
        let at = |name: &str, shape| Symbol::new(name, shape, Home::Module(OTHER));
        let big = |name: &str, shape| Symbol { noinline: true, ..at(name, shape) };
        let weak = |name: &str, shape| Symbol { weak: true, noinline: true, ..at(name, shape) };
        let nowhere = |name: &str, shape| Symbol { weak: true, ..Symbol::new(name, shape, Home::Nowhere) };
        let seen = |name: &str, shape, visibility| Symbol { visibility, noinline: true, ..at(name, shape) };
        let unsaid = |name: &str, shape| Symbol { declared: false, ..seen(name, shape, Visibility::Hidden) };
        self.add("a function that is called", big("called", Shape::Function), &[MAIN, MAIN_CXX], CALL);
        self.add("a function that is imported", at("imported", Shape::Function), &[MAIN], CALL);
        self.add("a function by its address", big("addressed", Shape::Function), &[MAIN, MAIN_CXX], POINT);
        let data = self.add("data", at("data", Shape::Data), &[MAIN, MAIN_CXX], ALL);
        self.add("a constant", at("constant", Shape::Constant), &[MAIN], ALL);
        self.add("a weak function", weak("weak_function", Shape::Function), &[MAIN], ALL);
        self.add("weak data", weak("weak_data", Shape::Data), &[MAIN], ALL);
        self.add("an undefined weak function", nowhere("no_function", Shape::Function), &[MAIN, OTHER], ALL);
        self.add("undefined weak data", nowhere("no_data", Shape::Data), &[MAIN, OTHER], ALL);
        self.add(
            "a weak definition beside another",
            Symbol { again: Some(MAIN), ..big("twice", Shape::Function) },
            &[MAIN],
            ALL,
        );
        self.add("a common symbol", at("common", Shape::Common), &[MAIN], ALL);
        self.add("an alias of a function", big("function_alias", Shape::FunctionAlias), &[MAIN], ALL);
        self.add("an alias of data", at("data_alias", Shape::DataAlias), &[MAIN], ALL);
        self.add("an ifunc", big("chosen", Shape::Ifunc), &[MAIN], ALL);
        self.add(
            "a hidden function",
            seen("hidden_function", Shape::Function, Visibility::Hidden),
            &[MAIN],
            ALL,
        );
        self.add("hidden data", seen("hidden_data", Shape::Data, Visibility::Hidden), &[MAIN], ALL);
        self.add(
            "a function that only its definition hides",
            unsaid("unsaid", Shape::Function),
            &[MAIN],
            ALL,
        );
        self.add("data that only its definition hides", unsaid("unsaid_data", Shape::Data), &[MAIN], ALL);
        self.add(
            "a protected function",
            seen("protected_function", Shape::Function, Visibility::Protected),
            &[MAIN],
            ALL,
        );
        self.add("protected data", seen("protected_data", Shape::Data, Visibility::Protected), &[MAIN], ALL);
        let uses = vec![Use { symbol: data, style: Style::Address }];
        self.add("a table of data", Symbol { uses, ..at("pointers", Shape::Pointers) }, &[MAIN], ALL);
        self.add("a table of functions", at("functions", Shape::Functions), &[MAIN], ALL);
        self.add("a table of strings", at("strings", Shape::Strings), &[MAIN], ALL);
    }

    fn thread_local(&mut self) {
        let at = |name: &str, model| Symbol::new(name, Shape::ThreadLocal(model), Home::Module(OTHER));
        let styles = &[Style::Plain, Style::Address, Style::Write];
        self.add("thread-local data", at("tls", Model::Unsaid), &[MAIN, MAIN_CXX], styles);
        let weak = Symbol { weak: true, ..at("tls_weak", Model::Unsaid) };
        self.add("weak thread-local data", weak, &[MAIN], styles);
        let hidden = Symbol { visibility: Visibility::Hidden, ..at("tls_hidden", Model::Unsaid) };
        self.add("hidden thread-local data", hidden, &[MAIN], styles);
        let native = Symbol { home: Home::Module(NATIVE), ..at("tls_native", Model::Unsaid) };
        self.add("thread-local data of a native object", native, &[MAIN], styles);
        self.add("global-dynamic data", at("tls_global", Model::GlobalDynamic), &[MAIN], styles);
        let local = Symbol { visibility: Visibility::Hidden, ..at("tls_local", Model::LocalDynamic) };
        self.add("local-dynamic data", local, &[MAIN], styles);
        self.add("initial-exec data", at("tls_initial", Model::InitialExec), &[MAIN], styles);
        self.add(LOCAL_EXEC, at("tls_executable", Model::LocalExec), &[MAIN], styles);
    }

    fn of_cxx(&mut self) {
        let at = |name: &str, shape| Symbol::new(name, shape, Home::Module(OTHER_CXX));
        let users = &[MAIN_CXX, OTHER_CXX];
        let inline = Symbol { noinline: true, ..at("inline_function", Shape::InlineFunction) };
        self.add("a COMDAT function", inline, users, ALL);
        self.add("COMDAT data", at("inline_data", Shape::InlineData), users, ALL);
        self.add("a class", at("shape", Shape::Class), &[MAIN_CXX], ALL);
    }

    /// Symbols that options are about.
    fn by_options(&mut self) {
        let at =
            |name: &str, shape| Symbol { noinline: true, ..Symbol::new(name, shape, Home::Module(OTHER)) };
        self.add(VERSIONS, at("versioned_one", Shape::Function), &[MAIN], ALL);
        self.add(VERSIONS, at("versioned_data", Shape::Data), &[MAIN], ALL);
        self.add(VERSIONS, at("versioned_local", Shape::Function), &[MAIN], ALL);
        self.add(VERSIONS, at("versioned_local_data", Shape::Data), &[MAIN], ALL);
        self.add(DYNAMIC_LIST, at("listed_function", Shape::Function), &[MAIN], ALL);
        self.add(DYNAMIC_LIST, at("listed_data", Shape::Data), &[MAIN], ALL);
        for (shape, name) in [(Shape::Function, "target"), (Shape::Data, "target_data")] {
            let target = self.add("--defsym", at(name, shape), &[OTHER], CALL);
            let other = Symbol::new(format!("{name}_defsym"), shape, Home::Defsym(target));
            self.add("--defsym", other, &[MAIN], ALL);
        }
        let wrapped = Symbol { wrapper: Some(OTHER), ..at("wrapped", Shape::Function) };
        self.add("--wrap", wrapped, &[MAIN], ALL);
        let wrapped = Symbol { wrapper: Some(MAIN), ..at("wrapped_by_main", Shape::Function) };
        self.add("--wrap", wrapped, &[MAIN, OTHER], ALL);
    }

    /// Symbols of and for what is not bitcode.
    fn outside(&mut self) {
        let at = |name: &str, shape, home| Symbol {
            noinline: true,
            ..Symbol::new(name, shape, Home::Module(home))
        };
        let native = "symbols of a native object";
        self.add(native, at("native_function", Shape::Function, NATIVE), &[MAIN, OTHER], ALL);
        self.add(native, at("native_data", Shape::Data, NATIVE), &[MAIN], ALL);
        self.add(native, at("native_strings", Shape::Strings, NATIVE), &[MAIN], ALL);
        let weak = Symbol { weak: true, ..at("native_weak", Shape::Data, NATIVE) };
        self.add(native, weak, &[MAIN], ALL);
        let for_native = "symbols that a native object uses";
        self.add(for_native, at("for_native", Shape::Function, OTHER), &[MAIN, NATIVE], ALL);
        self.add(for_native, at("data_for_native", Shape::Data, OTHER), &[MAIN, NATIVE], ALL);
        let library = "symbols of a shared library";
        self.add(library, at("library_function", Shape::Function, LIBRARY), &[MAIN, OTHER], ALL);
        self.add(library, at("library_data", Shape::Data, LIBRARY), &[MAIN], &[Style::Plain, Style::Write]);
        self.add(library, at("library_pointers", Shape::Pointers, LIBRARY), &[MAIN], CALL);
        let for_library = "symbols that a shared library uses";
        self.add(for_library, at("for_library", Shape::Function, OTHER), &[MAIN, LIBRARY], ALL);
        self.add(for_library, at("data_for_library", Shape::Data, OTHER), &[MAIN, LIBRARY], ALL);
    }
}

const LOCAL_EXEC: &str = "local-exec data";
const VERSIONS: &str = "symbols of a version script";
const DYNAMIC_LIST: &str = "symbols of a dynamic list";

/// A column of the matrix: an output, what is asked for beside it, and whether there is a dynamic list.
struct Column {
    output: Output,
    options: &'static [&'static str],
    dynamic_list: bool,
}

/// A dynamic list changes all symbols of a shared library, so it has a column of its own there.
fn columns() -> Vec<Column> {
    let column = |output, options, dynamic_list| Column { output, options, dynamic_list };
    let mut columns: Vec<Column> =
        Output::ALL.iter().map(|&output| column(output, &[][..], output.is_executable())).collect();
    columns.push(column(Output::Shared, &[], true));
    columns.push(column(Output::Pie, &["--gc-sections", "--icf=all", "--export-dynamic"], false));
    columns
}

impl Column {
    fn link(&self) -> Link {
        let mut link = Link::new(self.output);
        if !self.options.is_empty() {
            link.options.push(Choice::of(self.options));
        }
        if self.output != Output::Relocatable {
            let versions = "V1 { global: versioned_o*; versioned_d*; local: versioned_local*; };\n";
            link.options.push(Choice::with_file("--version-script=", "versions", versions.to_owned()));
        }
        if self.dynamic_list {
            let list = "{ listed_*; };\n".to_owned();
            link.options.push(Choice::with_file("--dynamic-list=", "list", list));
        }
        link
    }

    fn name(&self) -> String {
        let list = if self.dynamic_list && !self.output.is_executable() { " --dynamic-list" } else { "" };
        format!("{} {}{list}", self.output.args().join(" "), self.options.join(" ")).trim_end().to_owned()
    }

    /// Whether lld is known to refuse that kind here, so that it must not spoil the link of all.
    fn refuses(&self, kind: &str, mode: &str) -> bool {
        let library = matches!(self.output, Output::Shared | Output::Symbolic);
        let native_is_fixed =
            mode == "-fno-pic" && !matches!(self.output, Output::NoPie | Output::Relocatable);
        let native_is_executable = library && mode != "-fPIC";
        match kind {
            LOCAL_EXEC => library,
            _ => kind.contains("native") && (native_is_fixed || native_is_executable),
        }
    }
}

/// How many links of a row were made, and how many refused.
#[derive(Default)]
pub struct Counted {
    linked: usize,
    refused: usize,
}

/// All columns of the matrix for a processor and a way to compile.
///
/// # Errors
/// The linkers differ. The error names the columns and the kinds of symbols.
pub fn row(suite: &Suite, dir: &Path, target: &[&str], mode: &str) -> Result<()> {
    let kinds = Kinds::all(target, mode);
    let mut counted = Counted::default();
    let mut differences = String::new();
    for column in columns() {
        let link = column.link();
        let accepted = kinds.program.with_symbols(|symbol| !column.refuses(kinds.names[symbol], mode));
        let mut outcome = compare(suite, dir, &accepted, &link, &mut counted);
        let others_are_refused = accepted.symbols.len() < kinds.names.len();
        if matches!(outcome, Ok(Agreed::Linked)) && others_are_refused {
            outcome = compare(suite, dir, &kinds.program, &link, &mut counted);
        }
        if matches!(outcome, Ok(Agreed::Refused)) {
            outcome = compare(suite, dir, &kinds.program, &link.forced(), &mut counted);
        }
        let Err(error) = outcome else { continue };
        let _ = writeln!(differences, "{}: {error:#}", column.name());
        for kind in kinds.names.iter().copied().collect::<BTreeSet<_>>() {
            let program = kinds.program.with_symbols(|symbol| kinds.names[symbol] == kind);
            let alone = compare(suite, dir, &program, &link, &mut counted)
                .and_then(|_| compare(suite, dir, &program, &link.forced(), &mut counted));
            if let Err(error) = alone {
                let _ = writeln!(differences, "{}, {kind} alone: {error:#}", column.name());
            }
        }
    }
    if !differences.is_empty() {
        bail!("in {}:\n{differences}", dir.display());
    }
    ensure!(counted.linked >= columns().len(), "only {} links were made", counted.linked);
    suite.tally.add(counted.linked, counted.refused);
    Ok(())
}

/// Compiles and links one program.
fn compare(
    suite: &Suite,
    dir: &Path,
    program: &Program,
    link: &Link,
    counted: &mut Counted,
) -> Result<Agreed> {
    // What is compiled already is in the directory that is named after its sources.
    let texts: String = program.present().map(|number| program.text(number)).collect();
    let dir = dir.join(&blake3::hash(texts.as_bytes()).to_hex()[..16]);
    if !dir.exists() {
        fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
        program.build(&suite.linkers.tools, &dir)?;
    }
    link.write(&dir)?;
    let args = link.args(program, &suite.surroundings);
    let agreed = suite.linkers.compare(&dir, &args, None)?;
    match &agreed {
        Agreed::Linked => counted.linked += 1,
        Agreed::Refused => counted.refused += 1,
        Agreed::Died => bail!("lld dies of it"),
    }
    Ok(agreed)
}
