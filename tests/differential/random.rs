//! Small programs and links of them, each made from a seed alone.

use fastrand::Rng;

use crate::link::{Choice, Link, Output};
use crate::program::{Entry, Format, Module, Place, Program};
use crate::symbol::{Home, Model, Shape, Style, Symbol, Use, Visibility};

/// How many links there are of each program. Compiling costs more than linking.
const LINKS: usize = 4;

/// The program of a seed, and its links.
pub fn case(seed: u64) -> (Program, Vec<Link>) {
    let mut dice = Dice(Rng::with_seed(seed));
    let program = dice.program();
    let links = (0..LINKS).map(|_| dice.link(&program)).collect();
    (program, links)
}

/// What uses symbols.
#[derive(Clone, Copy)]
struct User {
    module: usize,
    cxx: bool,
    outside: bool,
}

impl User {
    fn of(number: usize, module: &Module) -> Self {
        User { module: number, cxx: module.cxx, outside: module.place == Place::SharedLibrary }
    }

    /// C knows nothing of C++, and a shared library neither sees what is hidden nor has local-exec data.
    fn may_use(self, symbol: &Symbol) -> bool {
        let is_seen = symbol.visibility == Visibility::Default || symbol.home == Home::Module(self.module);
        let is_seen = is_seen && symbol.shape != Shape::ThreadLocal(Model::LocalExec);
        let is_all = !symbol.shape.is_inline() || symbol.uses.is_empty();
        (self.cxx || !symbol.shape.is_cxx()) && (!self.outside || (is_seen && is_all))
    }
}

/// Options under which code that follows its own options is the code of lld's default ones.
const RECORDED: [&str; 4] = ["-O2", "-ffunction-sections", "-fdata-sections", "-frecord-command-line"];

struct Dice(Rng);

impl Dice {
    /// True `percent` times of a hundred.
    fn chance(&mut self, percent: u32) -> bool {
        self.0.u32(0..100) < percent
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0.usize(0..bound)
    }

    fn one<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    fn program(&mut self) -> Program {
        let mode = self.one(&["-fPIE", "-fPIE", "-fPIC", "-fno-pic"]);
        let mut flags = vec![mode.to_owned(), "-fcommon".to_owned()];
        let recorded = mode != "-fno-pic" && self.chance(12);
        if recorded {
            flags.extend(RECORDED.map(str::to_owned));
        }
        let of_all: [(u32, &[&str]); 6] = [
            (8, &["-fwhole-program-vtables", "-fsplit-lto-unit"]),
            (5, &["-fsplit-lto-unit"]),
            (4, &["-g1"]),
            (3, &["-fno-plt"]),
            (3, &["-mcmodel=medium"]),
            (3, &["-fvisibility=protected"]),
        ];
        for (percent, words) in of_all {
            if self.chance(percent) && !recorded {
                flags.extend(words.iter().map(|&word| word.to_owned()));
            }
        }
        let count = 2 + self.below(3);
        let modules = (0..count).map(|number| self.module(number, recorded)).collect();
        let mut program = Program { entry: Entry::Main, flags, modules, symbols: Vec::new() };
        for number in 0..3 + self.below(10) {
            let symbol = self.symbol(number, &program);
            program.symbols.push(symbol);
        }
        for number in 0..count {
            let module = &program.modules[number];
            let (user, all) = (User::of(number, module), program.symbols.len());
            let wanted = if number == 0 { all } else { self.below(all) };
            let uses = self.uses(wanted, all, user, &program.symbols);
            program.modules[number].uses = uses;
        }
        program
    }

    fn module(&mut self, number: usize, recorded: bool) -> Module {
        let mut module = Module { cxx: self.chance(35), ..Module::thin() };
        let level = self.one(&["-O2", "-O2", "-O2", "-O1", "-O3", "-Os", "-O0"]);
        if !recorded {
            module.flags.push(level.to_owned());
        }
        if self.chance(10) && !recorded {
            module.flags.push(self.one(&["-fPIE", "-fPIC", "-fno-pic"]).to_owned());
        }
        if number > 0 {
            module.format = match self.below(20) {
                0..14 => Format::Thin,
                14 | 15 => Format::Full,
                16 => Format::Fat,
                _ => Format::Native,
            };
            module.place = match self.below(20) {
                0..12 => Place::Object,
                12 | 13 => Place::Archive,
                14 => Place::ThinArchive,
                15 | 16 => Place::Lazy,
                _ => Place::SharedLibrary,
            };
            module.called = self.chance(85);
            if module.format == Format::Native && self.chance(60) {
                module.flags.push("-fPIC".to_owned());
            }
            if module.place == Place::SharedLibrary {
                module.format = Format::Native;
                module.flags.push("-fPIC".to_owned());
                return module;
            }
        }
        let own = [
            (4, "-fvisibility=hidden"),
            (4, "-fno-semantic-interposition"),
            (4, "-fsemantic-interposition"),
            (4, "-fno-direct-access-external-data"),
            (4, "-fdirect-access-external-data"),
            (3, "-ftls-model=initial-exec"),
            (3, "-fno-jump-tables"),
            (3, "-fno-builtin"),
            (3, "-ffunction-sections"),
            (3, "-mavx2"),
            (3, "-fmerge-all-constants"),
            (3, "-fstack-protector-all"),
            (3, "-fno-asynchronous-unwind-tables"),
            (3, "-fpatchable-function-entry=4"),
            (3, "-fcf-protection"),
        ];
        for (percent, flag) in own {
            if self.chance(percent) && !recorded && (number > 0 || flag != "-fvisibility=hidden") {
                module.flags.push(flag.to_owned());
            }
        }
        module
    }

    fn symbol(&mut self, number: usize, program: &Program) -> Symbol {
        let home = self.below(program.modules.len());
        let module = &program.modules[home];
        let shape = match self.below(if module.cxx { 26 } else { 21 }) {
            0..6 => Shape::Function,
            6..9 => Shape::Data,
            9 => Shape::Constant,
            10 => Shape::Pointers,
            11 => Shape::Functions,
            12 => Shape::Strings,
            13 => Shape::Common,
            14 => Shape::FunctionAlias,
            15 => Shape::DataAlias,
            16 => Shape::Ifunc,
            17..21 => Shape::ThreadLocal(self.one(&[
                Model::Unsaid,
                Model::Unsaid,
                Model::Unsaid,
                Model::GlobalDynamic,
                Model::GlobalDynamic,
                Model::LocalDynamic,
                Model::InitialExec,
                Model::InitialExec,
                Model::LocalExec,
            ])),
            21 | 22 => Shape::InlineFunction,
            23 => Shape::InlineData,
            _ => Shape::Class,
        };
        let mut symbol = Symbol::new(format!("s{number}"), shape, Home::Module(home));
        let outside = module.place == Place::SharedLibrary;
        symbol.weak = self.chance(20);
        symbol.noinline = self.chance(60);
        symbol.declared = self.chance(75);
        symbol.visibility = match self.below(20) {
            0..2 if !outside => Visibility::Hidden,
            2 if !outside => Visibility::Protected,
            _ => Visibility::Default,
        };
        let simple = matches!(shape, Shape::Function | Shape::Data | Shape::Common | Shape::Strings);
        if simple && self.chance(10) {
            let inside = |&again: &usize| program.modules[again].place != Place::SharedLibrary;
            let other = self.below(program.modules.len());
            symbol.again = Some(other).filter(|&again| again != home).filter(inside);
        }
        if shape == Shape::Function && self.chance(6) {
            symbol.wrapper = Some(self.below(program.modules.len()));
        }
        if (shape == Shape::Function || shape == Shape::Data) && symbol.again.is_none() {
            if self.chance(6) {
                symbol.weak |= !self.chance(5);
                symbol.home = Home::Nowhere;
            } else if self.chance(6) {
                let same = |&other: &usize| {
                    let other = &program.symbols[other];
                    other.shape == shape && matches!(other.home, Home::Module(_))
                };
                let targets: Vec<usize> = (0..number).filter(same).collect();
                if !targets.is_empty() {
                    symbol.home = Home::Defsym(self.one(&targets));
                }
            }
        }
        let wanted = self.below(4);
        let user = User::of(home, module);
        let user = User { cxx: user.cxx && symbol.again.is_none(), ..user };
        symbol.uses = self.uses(wanted, number, user, &program.symbols);
        symbol
    }

    /// Some of the first `bound` symbols, in some ways.
    fn uses(&mut self, wanted: usize, bound: usize, user: User, symbols: &[Symbol]) -> Vec<Use> {
        let mut uses = Vec::new();
        for _ in 0..if bound == 0 { 0 } else { wanted } {
            let symbol = self.below(bound);
            let style = self.one(&[Style::Plain, Style::Plain, Style::Address, Style::Write, Style::Table]);
            if user.may_use(&symbols[symbol]) {
                uses.push(Use { symbol, style });
            }
        }
        uses
    }

    fn link(&mut self, program: &Program) -> Link {
        let is_pic = program.flags.iter().any(|flag| flag == "-fPIC");
        let recorded = program.flags.iter().any(|flag| flag == "-frecord-command-line");
        let outputs: &[Output] = match is_pic || self.chance(15) {
            _ if recorded => &[Output::Pie, Output::Pie, Output::StaticPie, Output::Relocatable],
            true => &Output::ALL,
            false => &[Output::Pie, Output::Pie, Output::StaticPie, Output::NoPie, Output::Relocatable],
        };
        let mut link = Link::new(self.one(outputs));
        for options in OPTIONS {
            let is_against_r =
                ["--icf", "--gdb-index", "--export-dynamic"].iter().any(|word| options.contains(word));
            let is_of_code = options.contains("--lto-unique");
            if recorded && is_of_code {
                continue;
            }
            if self.chance(if is_against_r && link.output == Output::Relocatable { 1 } else { 4 }) {
                let words: Vec<&str> = options.split_whitespace().collect();
                link.options.push(Choice::of(&words));
            }
        }
        if self.chance(25) && !recorded {
            let level = self.below(4);
            link.options.push(Choice::of(&[&*format!("--lto-O{level}")]));
        }
        if self.chance(15) && !recorded {
            let level = self.below(4);
            link.options.push(Choice::of(&[&*format!("--lto-CGO{level}")]));
        }
        let name = |dice: &mut Self| format!("s{}", dice.below(program.symbols.len()));
        for option in ["-u", "--export-dynamic-symbol=", "--trace-symbol=", "--retain-symbols-file="] {
            if self.chance(4) {
                let name = name(self);
                link.options.push(match option {
                    "--retain-symbols-file=" => {
                        Choice::with_file("--retain-symbols-file=", "retained", format!("{name}\nmain\n"))
                    }
                    _ => Choice::of(&[&*format!("{option}{name}")]),
                });
            }
        }
        if self.chance(12) {
            let (one, other) = (name(self), name(self));
            let rest = self.one(&["local: *;", ""]);
            let text = match self.chance(50) {
                true => format!("V1 {{ global: {one}; check_*; {rest} }};\n"),
                false => format!("V1 {{ global: {one}; }};\nV2 {{ global: s1*; local: {other}; }} V1;\n"),
            };
            link.options.push(Choice::with_file("--version-script=", "versions", text));
        }
        if self.chance(12) {
            let text = format!("{{ {}; s1*; }};\n", name(self));
            link.options.push(Choice::with_file("--dynamic-list=", "list", text));
        }
        if self.chance(6) {
            let text = format!("{}\nmain\n{}\n", name(self), name(self));
            link.options.push(Choice::with_file("--symbol-ordering-file=", "order", text));
        }
        link
    }
}

/// Options that depend on nothing.
const OPTIONS: [&str; 62] = [
    "--gc-sections",
    "--gc-sections --print-gc-sections",
    "--gc-sections -z start-stop-gc",
    "--icf=all",
    "--icf=all --print-icf-sections",
    "--icf=safe",
    "-Bsymbolic",
    "-Bsymbolic-functions",
    "-Bsymbolic-non-weak",
    "-Bsymbolic-non-weak-functions",
    "--export-dynamic",
    "--export-dynamic",
    "--exclude-libs=ALL",
    "-z now",
    "-z norelro",
    "-z notext",
    "-z text",
    "-z nocopyreloc",
    "-z defs",
    "-z separate-code",
    "-z keep-text-section-prefix",
    "-z nodynamic-undefined-weak",
    "-z dynamic-undefined-weak",
    "-z pack-relative-relocs",
    "--pack-dyn-relocs=relr",
    "-z rel",
    "-z combreloc",
    "-z force-ibt",
    "-z nognustack",
    "--no-relax",
    "--emit-relocs",
    "--build-id=sha1",
    "--hash-style=both",
    "--strip-all",
    "--strip-debug",
    "--discard-all",
    "--thinlto-jobs=1",
    "--thinlto-jobs=2",
    "--thinlto-jobs=all",
    "--lto-partitions=2",
    "--lto-whole-program-visibility",
    "--lto-whole-program-visibility --no-lto-whole-program-visibility",
    "--lto-unique-basic-block-section-names",
    "-Map=out/map",
    "-Map=out/map --cref",
    "--trace",
    "--allow-multiple-definition",
    "--unresolved-symbols=ignore-all",
    "--warn-unresolved-symbols",
    "--no-undefined-version",
    "--undefined-version",
    "--warn-backrefs",
    "--no-gnu-unique",
    "--sort-section=name",
    "--call-graph-profile-sort=none",
    "--compress-debug-sections=zlib",
    "--gdb-index",
    "--fatal-warnings",
    "--no-dynamic-linker",
    "--lto-obj-path=out/object",
    "--orphan-handling=warn",
    "-O2",
];
