//! The vocabulary of programs: kinds of symbols, and the C and C++ text that defines, declares and uses one.
//!
//! All values are `u` (unsigned) and all functions take one and return one, so that any use is an expression of `x`.
//! Uses go from a symbol to those before it, so nothing recurses.

use std::fmt::Write as _;

/// What a symbol is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A function.
    Function,
    /// An array that is written to.
    Data,
    /// An array that is read only.
    Constant,
    /// A table of addresses of data.
    Pointers,
    /// A table of addresses of functions.
    Functions,
    /// A table of strings.
    Strings,
    /// A tentative definition under `-fcommon`; in C++ plain data.
    Common,
    /// A second name of a function.
    FunctionAlias,
    /// A second name of data.
    DataAlias,
    /// A function that a resolver chooses.
    Ifunc,
    /// An array per thread.
    ThreadLocal(Model),
    /// An inline function of C++, in a COMDAT group of each module that uses it.
    InlineFunction,
    /// An inline variable of C++.
    InlineData,
    /// A class of C++ with virtual functions.
    Class,
}

/// How thread-local data is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// What the compiler thinks best.
    Unsaid,
    /// `global-dynamic`.
    GlobalDynamic,
    /// `local-dynamic`.
    LocalDynamic,
    /// `initial-exec`.
    InitialExec,
    /// `local-exec`.
    LocalExec,
}

/// Who may see a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// Everyone, and it may be replaced by another.
    Default,
    /// This output only.
    Hidden,
    /// Everyone, but it is not replaced.
    Protected,
}

/// Where a symbol is defined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// In the module of that number.
    Module(usize),
    /// Nowhere.
    Nowhere,
    /// On the linker's command line, as another name of the symbol of that number.
    Defsym(usize),
}

/// One way to use a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// A call or a read.
    Plain,
    /// By an address that the compiler cannot see through.
    Address,
    /// A write; of functions, as [`Style::Address`].
    Write,
    /// By a constant table of addresses in the module that uses it.
    Table,
}

/// A use of the symbol of that number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Use {
    /// The number of the symbol.
    pub symbol: usize,
    /// How.
    pub style: Style,
}

/// One symbol.
#[derive(Clone, Debug)]
pub struct Symbol {
    /// Its name, an identifier of C.
    pub name: String,
    /// What it is.
    pub shape: Shape,
    /// Whether its definition, or its declaration if it has none, is weak.
    pub weak: bool,
    /// Who sees it.
    pub visibility: Visibility,
    /// Whether its users know of the visibility.
    pub declared: bool,
    /// Where it is defined.
    pub home: Home,
    /// Another module that has a weak definition of it.
    pub again: Option<usize>,
    /// The module with the function that `--wrap` puts before it.
    pub wrapper: Option<usize>,
    /// Whether it is too large or too special to be inlined.
    pub noinline: bool,
    /// What its definition uses: symbols of smaller numbers.
    pub uses: Vec<Use>,
}

impl Shape {
    /// Whether it is called.
    pub fn is_function(self) -> bool {
        matches!(self, Shape::Function | Shape::FunctionAlias | Shape::Ifunc | Shape::InlineFunction)
    }

    /// Whether its address is a constant that points to numbers.
    pub fn is_data(self) -> bool {
        matches!(self, Shape::Data | Shape::Constant | Shape::Common | Shape::DataAlias | Shape::InlineData)
    }

    /// Whether only C++ has it.
    pub fn is_cxx(self) -> bool {
        matches!(self, Shape::InlineFunction | Shape::InlineData | Shape::Class)
    }

    /// Whether each module that uses it defines it.
    pub fn is_inline(self) -> bool {
        matches!(self, Shape::InlineFunction | Shape::InlineData)
    }
}

impl Symbol {
    /// A strong symbol of default visibility that uses nothing.
    pub fn new(name: impl Into<String>, shape: Shape, home: Home) -> Self {
        Symbol {
            name: name.into(),
            shape,
            weak: false,
            visibility: Visibility::Default,
            declared: true,
            home,
            again: None,
            wrapper: None,
            noinline: false,
            uses: Vec::new(),
        }
    }

    /// What a module that uses it says of it first.
    pub fn declaration(&self) -> String {
        let (name, attributes) = (&self.name, self.declared_attributes());
        let text = match self.shape {
            Shape::Function | Shape::FunctionAlias | Shape::Ifunc => {
                format!("extern u {name}(u) {attributes};")
            }
            Shape::Data | Shape::Common | Shape::DataAlias => format!("extern u {name}[4] {attributes};"),
            Shape::Constant => format!("extern const u {name}[4] {attributes};"),
            Shape::Pointers => format!("extern u *{name}[2] {attributes};"),
            Shape::Functions => format!("extern u (*const {name}[2])(u) {attributes};"),
            Shape::Strings => format!("extern const char *const {name}[3] {attributes};"),
            Shape::ThreadLocal(model) => {
                format!("extern __thread u {name}[4] {attributes} {};", model.attribute())
            }
            Shape::Class => format!(
                "struct {attributes} {name} {{ u field = 1; virtual u first(u); virtual u second(u); }};\n\
                 {name} *{name}_pick(u) {attributes};"
            ),
            Shape::InlineFunction | Shape::InlineData => String::new(),
        };
        match self.wrapper {
            Some(_) => format!("{text}\nextern u __real_{name}(u); extern u __wrap_{name}(u);\n"),
            None => text + "\n",
        }
    }

    /// The definition in module `module`, which follows its declaration. `all` are the symbols of the program.
    pub fn definition(&self, module: usize, all: &[Symbol]) -> String {
        let name = &self.name;
        let mut attributes = self.visibility.attribute().to_owned();
        if self.weak || self.home != Home::Module(module) {
            attributes += " __attribute__((weak))";
        }
        if self.noinline {
            attributes += " __attribute__((noinline))";
        }
        let number = 3 + 2 * module + name.len();
        let body = self.body(all, number);
        let four = format!("{{ {number}, 2, 3, {} }}", number + 4);
        match self.shape {
            Shape::Function => format!("{attributes} u {name}(u x) {body}\n"),
            Shape::Data => format!("{attributes} u {name}[4] = {four};\n"),
            Shape::Constant => format!("{attributes} const u {name}[4] = {four};\n"),
            Shape::Common => format!("{attributes} u {name}[4];\n"),
            Shape::Pointers => {
                let own = format!("static u {name}_own[4] = {four};\n");
                let targets = self.targets(all, |shape| shape.is_data());
                let value = |i: usize| match targets.get(i) {
                    Some(target) => format!("(u *)&{}[{i}]", target.name),
                    None => format!("{name}_own"),
                };
                format!("{own}{attributes} u *{name}[2] = {{ {}, {} }};\n", value(0), value(1))
            }
            Shape::Functions => {
                let own = format!("static u {name}_own(u x) {{ return x + {number}; }}\n");
                let targets = self.targets(all, |shape| shape.is_function());
                let value = |i: usize| targets.get(i).map_or(format!("{name}_own"), |it| it.name.clone());
                format!("{own}{attributes} u (*const {name}[2])(u) = {{ {}, {} }};\n", value(0), value(1))
            }
            Shape::Strings => format!(
                "{attributes} const char *const {name}[3] = {{ \"{name} one\", \"two of {number}\", \"three\" }};\n"
            ),
            Shape::FunctionAlias => format!(
                "u {name}_target(u x) {body}\nextern u {name}(u) {attributes} __attribute__((alias(\"{name}_target\")));\n"
            ),
            Shape::DataAlias => format!(
                "u {name}_target[4] = {four};\n\
                 extern u {name}[4] {attributes} __attribute__((alias(\"{name}_target\")));\n"
            ),
            Shape::Ifunc => format!(
                "static u {name}_one(u x) {body}\n\
                 void *{name}_resolve(void) {{ return (void *){name}_one; }}\n\
                 {attributes} u {name}(u) __attribute__((ifunc(\"{name}_resolve\")));\n"
            ),
            Shape::ThreadLocal(_) => format!("{attributes} __thread u {name}[4] = {four};\n"),
            Shape::InlineFunction => {
                let attributes = attributes.replace("__attribute__((weak))", "");
                format!(
                    "{attributes} inline u {name}(u x) {{ static u count = 2; count += x & 7;\n\
                     return count + ({{ u x = count; u s = 0; {}s; }}); }}\n",
                    self.sum(all)
                )
            }
            Shape::InlineData => {
                let attributes = attributes.replace("__attribute__((weak))", "");
                format!("{attributes} inline u {name}[4] = {{ 5, 2, 3, 9 }};\n")
            }
            Shape::Class => format!(
                "u {name}::first(u x) {body}\nu {name}::second(u x) {{ return x * field + {number}; }}\n\
                 struct {name}_more : {name} {{ u second(u x) override {{ return x * 3 + field; }} }};\n\
                 static {name} {name}_a; static {name}_more {name}_b;\n\
                 {name} *{name}_pick(u x) {{ return x & 1 ? &{name}_a : &{name}_b; }}\n"
            ),
        }
    }

    /// The function that `--wrap` puts before it.
    pub fn wrapper_definition(&self) -> String {
        format!("u __wrap_{0}(u x) {{ return __real_{0}(x) + 58; }}\n", self.name)
    }

    /// An expression of `x`.
    pub fn used(&self, style: Style) -> String {
        let name = &self.name;
        let expression = match self.shape {
            shape if shape.is_function() => match style {
                Style::Plain => format!("{name}(x)"),
                Style::Address | Style::Write => {
                    format!("({{ sink = (void *){name}; ((u (*)(u))sink)(x); }})")
                }
                Style::Table => {
                    format!("({{ static u (*const t[2])(u) = {{ {name}, {name} }}; t[x & 1](x + 1); }})")
                }
            },
            Shape::Pointers => match style {
                Style::Plain | Style::Table => format!("*{name}[x & 1]"),
                Style::Write => format!("({name}[1] = {name}[0], *{name}[1])"),
                Style::Address => format!("({{ sink = (void *){name}; **(u **)sink; }})"),
            },
            Shape::Functions => match style {
                Style::Plain | Style::Table => format!("{name}[x & 1](x)"),
                Style::Write | Style::Address => {
                    format!("({{ sink = (void *){name}; (*(u (**)(u))sink)(x); }})")
                }
            },
            Shape::Strings => match style {
                Style::Plain | Style::Table => format!("(u){name}[x % 3][2]"),
                Style::Write | Style::Address => {
                    format!("({{ sink = (void *){name}; (u)**(const char **)sink; }})")
                }
            },
            Shape::Class => match style {
                Style::Plain | Style::Write => format!("{name}_pick(x)->first(x)"),
                Style::Table => format!("{name}_pick(x)->second(x)"),
                Style::Address => format!(
                    "({{ struct Own : {name} {{ u second(u y) override {{ return y + field; }} }} own;\n\
                     {name} *volatile p = x & 1 ? &own : {name}_pick(x); p->second(x); }})"
                ),
            },
            shape => match style {
                Style::Write if shape != Shape::Constant => format!("({name}[x & 3] += x + 1)"),
                Style::Address => format!("({{ sink = (void *)&{name}[1]; *(u *)sink; }})"),
                Style::Table if shape.is_data() => {
                    format!("({{ static const u *const t[2] = {{ {name} + 1, {name} + 2 }}; *t[x & 1]; }})")
                }
                _ => format!("{name}[x & 3]"),
            },
        };
        match self.home {
            Home::Nowhere if self.weak => format!("({name} ? {expression} : {}u)", name.len()),
            _ => expression,
        }
    }

    /// Statements that add what is used to `s`.
    fn sum(&self, all: &[Symbol]) -> String {
        self.uses.iter().fold(String::new(), |mut text, used| {
            let _ = write!(text, "s += {}; ", all[used.symbol].used(used.style));
            text
        })
    }

    /// The body of a function.
    fn body(&self, all: &[Symbol], number: usize) -> String {
        let turn = match number % 3 {
            0 => format!(
                "switch (x & 7) {{ case 0: s += {number}; break; case 1: s ^= 77; break; case 2: s *= 5; break; case 3: s -= 9; break; case 5: s += 1000; break; }}"
            ),
            1 => "for (u i = 0; i < (x & 15); i++) s = s * 31 + i;".to_owned(),
            _ => String::new(),
        };
        format!("{{ u s = x * {number}u + 1; {turn} {}return s; }}", self.sum(all))
    }

    /// What a table points to.
    fn targets<'a>(&self, all: &'a [Symbol], suits: impl Fn(Shape) -> bool) -> Vec<&'a Symbol> {
        let used = self.uses.iter().map(|used| &all[used.symbol]);
        used.filter(|symbol| suits(symbol.shape) && !(symbol.home == Home::Nowhere && symbol.weak)).collect()
    }

    fn declared_attributes(&self) -> String {
        let mut text = String::new();
        if self.declared {
            text += self.visibility.attribute();
        }
        if self.weak && self.home == Home::Nowhere {
            text += " __attribute__((weak))";
        }
        text
    }
}

impl Model {
    fn attribute(self) -> &'static str {
        match self {
            Model::Unsaid => "",
            Model::GlobalDynamic => "__attribute__((tls_model(\"global-dynamic\")))",
            Model::LocalDynamic => "__attribute__((tls_model(\"local-dynamic\")))",
            Model::InitialExec => "__attribute__((tls_model(\"initial-exec\")))",
            Model::LocalExec => "__attribute__((tls_model(\"local-exec\")))",
        }
    }
}

impl Visibility {
    fn attribute(self) -> &'static str {
        match self {
            Visibility::Default => "",
            Visibility::Hidden => "__attribute__((visibility(\"hidden\")))",
            Visibility::Protected => "__attribute__((visibility(\"protected\")))",
        }
    }
}
