//! A program as data: modules, symbols and command lines, so that it can be made smaller part by part.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use thinfarm_corpora::{Invocation, Toolchain};

use crate::symbol::{Home, Shape, Symbol, Use};

/// What clang makes of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A ThinLTO module.
    Thin,
    /// A module for regular LTO.
    Full,
    /// An object with native code.
    Native,
    /// An object with native code and a ThinLTO module in it.
    Fat,
}

/// How a module is given to the linker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// By itself.
    Object,
    /// In an archive.
    Archive,
    /// In a thin archive.
    ThinArchive,
    /// Between `--start-lib` and `--end-lib`.
    Lazy,
    /// As a shared library.
    SharedLibrary,
}

/// One source file.
#[derive(Clone, Debug)]
pub struct Module {
    /// Whether it is C++.
    pub cxx: bool,
    /// What it is compiled to.
    pub format: Format,
    /// How the linker gets it.
    pub place: Place,
    /// The options it is compiled with, beside those of all.
    pub flags: Vec<String>,
    /// What its function `check_N` uses.
    pub uses: Vec<Use>,
    /// Whether the main module calls its `check_N`.
    pub called: bool,
}

/// How a program starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// At `main`, which prints what every module computes.
    Main,
    /// At `_start`, without a C library and without printing.
    Start,
}

/// Sources and how to compile them. The first module is the main one.
#[derive(Clone, Debug)]
pub struct Program {
    /// How it starts.
    pub entry: Entry,
    /// Options of every module.
    pub flags: Vec<String>,
    /// The modules.
    pub modules: Vec<Module>,
    /// The symbols, each after those that it uses.
    pub symbols: Vec<Symbol>,
}

/// What gives functions of the compiler's own to programs without a C library.
const RUNTIME: &str = "typedef __SIZE_TYPE__ size;\n\
    void *memcpy(void *to, const void *from, size n) {\n\
    for (volatile size i = 0; i < n; i++) ((char *)to)[i] = ((const char *)from)[i]; return to; }\n\
    void *memset(void *to, int c, size n) {\n\
    for (volatile size i = 0; i < n; i++) ((char *)to)[i] = c; return to; }\n\
    char storage[64]; void *__tls_get_addr(void *x) { return storage; }\n\
    void __aeabi_unwind_cpp_pr0(void) {} void *__aeabi_read_tp(void) { return storage; }\n\
    void abort(void) { for (;;); }\n";

impl Module {
    /// A ThinLTO module of C that is given by itself.
    pub fn thin() -> Self {
        Module {
            cxx: false,
            format: Format::Thin,
            place: Place::Object,
            flags: Vec::new(),
            uses: Vec::new(),
            called: true,
        }
    }

    /// The same as C++.
    pub fn thin_cxx() -> Self {
        Module { cxx: true, ..Self::thin() }
    }

    /// The name of the source.
    pub fn source(&self, number: usize) -> String {
        format!("m{number}.{}", if self.cxx { "cc" } else { "c" })
    }

    /// Options of the format.
    fn format_flags(&self) -> &'static [&'static str] {
        match self.format {
            Format::Thin => &["-flto=thin"],
            Format::Full => &["-flto=full"],
            Format::Native => &[],
            Format::Fat => &["-flto=thin", "-ffat-lto-objects"],
        }
    }
}

impl Program {
    /// Whether the module has anything in it.
    pub fn has(&self, number: usize) -> bool {
        number == 0
            || !self.modules[number].uses.is_empty()
            || self.symbols.iter().any(|symbol| {
                symbol.home == Home::Module(number)
                    || symbol.again == Some(number)
                    || symbol.wrapper == Some(number)
            })
    }

    /// The numbers of the modules that have something in them.
    pub fn present(&self) -> impl Iterator<Item = usize> {
        (0..self.modules.len()).filter(|&number| self.has(number))
    }

    /// The program without the symbols for which `keep` is false, and without any use of them.
    pub fn with_symbols(&self, keep: impl Fn(usize) -> bool) -> Program {
        let mut smaller = self.clone();
        let kept = |symbol: usize| {
            keep(symbol) && !matches!(self.symbols[symbol].home, Home::Defsym(target) if !keep(target))
        };
        let mut new = vec![None; self.symbols.len()];
        let mut count = 0;
        for (number, place) in new.iter_mut().enumerate() {
            if kept(number) {
                *place = Some(count);
                count += 1;
            }
        }
        let renumber = |uses: &mut Vec<Use>| {
            *uses = uses
                .iter()
                .filter_map(|used| Some(Use { symbol: new[used.symbol]?, style: used.style }))
                .collect();
        };
        smaller.symbols = Vec::new();
        for (number, symbol) in self.symbols.iter().enumerate() {
            if new[number].is_some() {
                let mut symbol = symbol.clone();
                renumber(&mut symbol.uses);
                if let Home::Defsym(target) = symbol.home {
                    symbol.home = Home::Defsym(new[target].expect("a target that is kept"));
                }
                smaller.symbols.push(symbol);
            }
        }
        for module in &mut smaller.modules {
            renumber(&mut module.uses);
        }
        smaller
    }

    /// The text of module `number`.
    pub fn text(&self, number: usize) -> String {
        let module = &self.modules[number];
        let defined = |symbol: &Symbol| symbol.home == Home::Module(number) || symbol.again == Some(number);
        let mut needed: BTreeSet<usize> = module.uses.iter().map(|used| used.symbol).collect();
        // From the last to the first: uses go to smaller numbers.
        for (index, symbol) in self.symbols.iter().enumerate().rev() {
            let inline = symbol.shape.is_inline() && needed.contains(&index);
            if defined(symbol) || inline {
                needed.extend(symbol.uses.iter().map(|used| used.symbol));
            }
            if defined(symbol) || symbol.wrapper == Some(number) {
                needed.insert(index);
            }
        }
        let mut text = "typedef unsigned u;\n".to_owned();
        if module.cxx {
            text += "extern \"C\" {\n";
        }
        text += "static void *volatile sink;\n";
        for &index in &needed {
            let symbol = &self.symbols[index];
            text += &symbol.declaration();
            if defined(symbol) || symbol.shape.is_inline() {
                text += &symbol.definition(number, &self.symbols);
            }
            if symbol.wrapper == Some(number) {
                text += &symbol.wrapper_definition();
            }
        }
        let _ = writeln!(text, "u check_{number}(u x) {{ u s = {number};");
        for used in &module.uses {
            let _ = writeln!(text, "s = s * 17 + {};", self.symbols[used.symbol].used(used.style));
        }
        text += "return s; }\n";
        if number == 0 {
            text += &self.main();
        }
        if module.cxx {
            text += "}\n";
        }
        text
    }

    /// The function that the program starts with.
    fn main(&self) -> String {
        let checks: Vec<usize> = self.present().filter(|&number| self.modules[number].called).collect();
        let mut text = checks.iter().skip(1).fold(String::new(), |mut text, number| {
            let _ = writeln!(text, "u check_{number}(u);");
            text
        });
        match self.entry {
            Entry::Main => text += "int printf(const char *, ...);\nint main(void) {\n",
            Entry::Start => text += "u result; void _start(void) {\n",
        }
        for number in checks {
            let _ = match self.entry {
                Entry::Main => {
                    writeln!(
                        text,
                        "for (u i = 0; i < 3; i++) printf(\"{number}: %u\\n\", check_{number}(i));"
                    )
                }
                Entry::Start => writeln!(text, "result += check_{number}(result);"),
            };
        }
        text += match self.entry {
            Entry::Main => "return 0; }\n",
            Entry::Start => "for (;;); }\n",
        };
        text
    }

    /// The options of all for module `number`: clang refuses some without LTO.
    fn flags_of(&self, number: usize) -> impl Iterator<Item = &String> {
        let native = self.modules[number].format == Format::Native;
        self.flags.iter().filter(move |flag| !native || *flag != "-fwhole-program-vtables")
    }

    /// The commands that make `mN.o` of each module, and libraries and archives of those, in `dir`.
    pub fn commands(&self, tools: &Toolchain, dir: &Path) -> Vec<Invocation> {
        let compile = || Invocation::new(&tools.clang, dir).args(["-w", "-c"]);
        let mut commands = Vec::new();
        for number in self.present() {
            let module = &self.modules[number];
            let mut command =
                compile().args(self.flags_of(number)).args(&module.flags).args(module.format_flags());
            if module.cxx {
                command =
                    command.args(["-std=c++17", "-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics"]);
            }
            let object = format!("m{number}.o");
            commands.push(command.args([&*module.source(number), "-o", &object]));
            let lld = || Invocation::new(&tools.lld, dir);
            let archive = |how: &str| {
                let ar = tools.tool("llvm-ar").expect("llvm-ar lies beside clang");
                Invocation::new(ar, dir).args([how, &format!("m{number}.a"), &object])
            };
            match module.place {
                Place::Object | Place::Lazy => {}
                Place::Archive => commands.push(archive("rc")),
                Place::ThinArchive => commands.push(archive("rcT")),
                Place::SharedLibrary => {
                    let library = format!("libm{number}.so");
                    commands.push(lld().args(["-shared", "-soname", &library, &object, "-o", &library]));
                }
            }
        }
        if self.entry == Entry::Start {
            commands.push(compile().args(&self.flags).args(["-fPIC", "runtime.c", "-o", "runtime.o"]));
        }
        commands
    }

    /// Writes the sources to `dir`.
    pub fn write(&self, dir: &Path) -> Result<()> {
        let write = |name: &str, text: &str| {
            let path = dir.join(name);
            fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
        };
        for number in self.present() {
            write(&self.modules[number].source(number), &self.text(number))?;
        }
        match self.entry {
            Entry::Main => Ok(()),
            Entry::Start => write("runtime.c", RUNTIME),
        }
    }

    /// Writes the sources to `dir`, compiles them, and returns the commands.
    pub fn build(&self, tools: &Toolchain, dir: &Path) -> Result<Vec<Invocation>> {
        self.write(dir)?;
        let commands = self.commands(tools, dir);
        for command in &commands {
            command.capture()?;
        }
        Ok(commands)
    }

    /// The inputs of a link. Where an output takes no shared library, the object of one stands for it.
    pub fn inputs(&self, takes_shared_libraries: bool) -> Vec<String> {
        let mut inputs = Vec::new();
        for number in self.present() {
            match self.modules[number].place {
                Place::Archive | Place::ThinArchive => inputs.push(format!("m{number}.a")),
                Place::Lazy => {
                    inputs.extend(["--start-lib".to_owned(), format!("m{number}.o"), "--end-lib".to_owned()]);
                }
                Place::SharedLibrary if takes_shared_libraries => inputs.push(format!("libm{number}.so")),
                Place::Object | Place::SharedLibrary => inputs.push(format!("m{number}.o")),
            }
        }
        if self.entry == Entry::Start {
            inputs.push("runtime.o".to_owned());
        }
        inputs
    }

    /// The options that the symbols ask for.
    pub fn symbol_options(&self) -> Vec<String> {
        let mut options = Vec::new();
        for symbol in &self.symbols {
            if let Home::Defsym(target) = symbol.home {
                options.push(format!("--defsym={}={}", symbol.name, self.symbols[target].name));
            }
            if symbol.wrapper.is_some() {
                options.push(format!("--wrap={}", symbol.name));
            }
        }
        if self.modules.iter().any(|module| module.format == Format::Fat) {
            options.push("--fat-lto-objects".to_owned());
        }
        options
    }

    /// Whether a symbol of that shape is in it.
    pub fn has_shape(&self, suits: impl Fn(Shape) -> bool) -> bool {
        self.symbols.iter().any(|symbol| suits(symbol.shape))
    }
}
